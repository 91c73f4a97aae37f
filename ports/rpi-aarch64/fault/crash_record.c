// SPDX-License-Identifier: MIT
// Keeps one line about a crash over a reset: a checksum tells it from what RAM holds at power-on.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/arch.h"
#include "crash_record.h"

#define MAGIC (0x637261736865640a)
#define LINE_SIZE (240)
// The first character in the place of a line: no report begins like this.
#define RESET_MARK ('\n')
#define WATCHDOG_MARK ('\t')

typedef struct _record_t {
    uint64_t magic;
    uint64_t checksum;
    char line[LINE_SIZE];
} record_t;

static record_t kept __attribute__((section(".noinit.crash"), aligned(64)));
static char last[LINE_SIZE];
static bool reset_asked, watchdog_ran;

// FNV-1a, 64 bits.
static uint64_t checksum_of(const char *line) {
    uint64_t sum = 0xcbf29ce484222325;
    for (size_t i = 0; i < LINE_SIZE; ++i) {
        sum = (sum ^ (uint8_t)line[i]) * 0x100000001b3;
    }
    return sum;
}

static void seal(void) {
    kept.checksum = checksum_of(kept.line);
    kept.magic = MAGIC;
    arch_clean_inval_poc((uintptr_t)&kept, sizeof(kept));
}

void crash_record_keep(const char *line) {
    memset(kept.line, 0, sizeof(kept.line));
    for (size_t i = 0; i < LINE_SIZE - 1 && line[i] != '\0'; ++i) {
        kept.line[i] = line[i];
    }
    seal();
}

// One place for tests/hwcheck/plants.toml.
static void __attribute__((noinline)) keep_mark(char mark) {
    memset(kept.line, 0, sizeof(kept.line));
    kept.line[0] = mark;
    seal();
}

void crash_record_keep_reset(void) {
    keep_mark(RESET_MARK);
}

void crash_record_keep_watchdog(void) {
    keep_mark(WATCHDOG_MARK);
}

void crash_record_take(void) {
    if (kept.magic == MAGIC && kept.checksum == checksum_of(kept.line)) {
        reset_asked = kept.line[0] == RESET_MARK;
        watchdog_ran = kept.line[0] == WATCHDOG_MARK;
        if (!reset_asked && !watchdog_ran) {
            memcpy(last, kept.line, sizeof(last));
            last[LINE_SIZE - 1] = '\0';
        }
    }
    kept.magic = 0;
    arch_clean_inval_poc((uintptr_t)&kept, sizeof(kept));
}

const char *crash_record_last(void) {
    return last[0] != '\0' ? last : NULL;
}

bool crash_record_reset_asked(void) {
    return reset_asked;
}

bool crash_record_watchdog_ran(void) {
    return watchdog_ran;
}
