// SPDX-License-Identifier: MIT
// Writes each violation as one line of JSON, at once: the process may be killed at any time.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "decode.h"
#include "event.h"

#define MOST 1000 // reports of a run: what follows is the consequence of what came before

typedef struct {
    const char *rule;
    uint64_t pc;
    uint64_t cause;
} told_t;

typedef struct report {
    FILE *out;
    unsigned count;
    told_t told[MOST];
    struct {
        char text[40];
        uint64_t pc;
        unsigned core;
    } recent[HW_RECENT];
    unsigned next;
} report_t;

report_t *report_new(const hw_t *hw) {
    report_t *report = calloc(1, sizeof *report);
    if (report && hw->config.out[0]) {
        report->out = fopen(hw->config.out, "a");
        if (!report->out) {
            fprintf(stderr, "hwcheck: cannot write out=%s\n", hw->config.out);
            free(report);
            return NULL;
        }
    }
    return report;
}

void report_free(report_t *report) {
    if (report && report->out) {
        fclose(report->out);
    }
    free(report);
}

void hw_remember(hw_t *hw, const hw_event_t *event) {
    report_t *report = hw->report;
    unsigned slot = report->next++ % HW_RECENT;
    decode_text(event->insn, report->recent[slot].text, sizeof report->recent[slot].text);
    report->recent[slot].pc = event->pc;
    report->recent[slot].core = event->core;
}

static void number(FILE *out, const char *name, uint64_t value) {
    if (value != HW_NOWHERE) {
        fprintf(out, ", \"%s\": \"0x%" PRIx64 "\"", name, value);
    }
}

static void write_recent(const report_t *report) {
    fputs(", \"recent\": [", report->out);
    unsigned first = report->next > HW_RECENT ? report->next - HW_RECENT : 0;
    for (unsigned i = first; i < report->next; i++) {
        fprintf(report->out, "%s{\"text\": \"%s\", \"pc\": \"0x%" PRIx64 "\", \"core\": %u}", i > first ? ", " : "",
            report->recent[i % HW_RECENT].text, report->recent[i % HW_RECENT].pc, report->recent[i % HW_RECENT].core);
    }
    fputs("]", report->out);
}

// Whether it was told before; remembers it otherwise.
static bool told(report_t *report, const char *rule, uint64_t pc, uint64_t cause) {
    for (unsigned i = 0; i < report->count; i++) {
        if (!strcmp(report->told[i].rule, rule) && report->told[i].pc == pc && report->told[i].cause == cause) {
            return true;
        }
    }
    if (report->count == MOST) {
        return true;
    }
    report->told[report->count++] = (told_t) {rule, pc, cause};
    return false;
}

// The reader empties the file when it has read it: what was told is told again then.
static void forget_if_read(report_t *report) {
    struct stat status;
    if (report->out && report->count && fstat(fileno(report->out), &status) == 0 && status.st_size == 0) {
        report->count = 0;
    }
}

void hw_report(hw_t *hw, const hw_event_t *event, const char *rule, const hw_insn_t *cause, const char *format, ...) {
    report_t *report = hw->report;
    uint64_t by = cause ? hw_insn_va(cause) : HW_NOWHERE;
    forget_if_read(report);
    if (told(report, rule, event->pc, by) || !report->out) {
        return;
    }
    flock(fileno(report->out), LOCK_EX); // the reader reads and empties it in one step
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(report->out, "{\"rule\": \"%s\", \"text\": \"%s\", \"core\": %u, \"el\": %u", rule, text, event->core,
        hw->core[event->core].el);
    number(report->out, "pc", event->pc);
    number(report->out, "va", event->va);
    number(report->out, "pa", event->pa);
    number(report->out, "cause", by);
    write_recent(report);
    fputs("}\n", report->out);
    fflush(report->out);
    flock(fileno(report->out), LOCK_UN);
}
