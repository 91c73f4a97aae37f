// SPDX-License-Identifier: MIT
// The crash report: everything that is known about an exception that no code handles, on one screen,
// ended by one line of JSON for tools. Tables and stacks may be damaged: they are read by
// backtrace_peek() only.

#include "py/mpprint.h"
#include "lib/uzlib/uzlib.h"

#include "aarch64/cpu.h"
#include "backtrace.h"
#include "crash.h"
#include "core/arch.h"
#include "boot/boot.h"
#include "boot/boot_map.h"
#include "boot/place.h"
#include "crash_python.h"
#include "crash_record.h"
#include "start_count.h"
#include "core/paging/descriptor.h"
#include "drivers/board.h"
#include "core/fault/fault.h"
#include "boot/layout.h"
#include "boot/soc.h"
#include "machine/uart.h"

#define BACKTRACE_MAX (16)
#define SENTENCE_SIZE (160)
#define PYTHON_SIZE (100)
#define LINE_SIZE (320)

extern char __image_start[], __text_start[], __text_end[];

static bool crash_resets;

void port_set_crash_resets(bool resets) {
    crash_resets = resets;
}

// Rows of the vector table (Arm ARM, "Exception vectors").
static const char *const vector_rows[] = {
    "current EL with SP_EL0", "current EL with SP_EL1", "lower EL, AArch64", "lower EL, AArch32",
};

// The early console takes terminated text only.
static void print_strn(void *data, const char *str, size_t len) {
    (void)data;
    char text[2] = {0, 0};
    for (size_t i = 0; i < len; ++i) {
        text[0] = str[i];
        uart_early_puts(text);
    }
}

static const mp_print_t crash_print = {NULL, print_strn};

#define PRINT(...) mp_printf(&crash_print, __VA_ARGS__)

// Where the table at pa can be read: boot tables are part of the image, the others are in the
// linear map.
static uint64_t table_address(uint64_t pa) {
    uint64_t offset = pa - boot_map.image_pa;
    if (offset < boot_info.image.end - boot_info.image.start) {
        return (uintptr_t)__image_start + offset;
    }
    return LAYOUT_LINEAR + pa;
}

static void print_tables(uint64_t va) {
    if (!desc_va_is_upper(va) && !desc_va_is_lower(va)) {
        PRINT("  no table translates 0x%lx: it is in neither half\n", va);
        return;
    }
    uint64_t ttbr = desc_va_is_upper(va) ? arch_read_ttbr1() : arch_read_ttbr0();
    uint64_t table = ttbr & DESC_ADDR_MASK;
    for (unsigned level = 0; level < DESC_LEVELS; ++level) {
        uint64_t desc;
        if (!backtrace_peek(table_address(table) + 8 * desc_index(va, level), &desc)) {
            PRINT("  level %u: table 0x%lx cannot be read\n", level, table);
            return;
        }
        const char *kind = desc_is_table(desc, level) ? "table" : desc_is_leaf(desc, level) ? "leaf" : "invalid";
        PRINT("  level %u: table 0x%lx [%u] = 0x%016lx %s\n", level, table, desc_index(va, level), desc, kind);
        if (!desc_is_table(desc, level)) {
            return;
        }
        table = desc_table_pa(desc);
    }
}

static void print_registers(const trap_frame_t *trap) {
    for (unsigned i = 0; i < 31; ++i) {
        PRINT("x%-2u %016lx%s", i, trap->x[i], i % 3 == 2 ? "\n" : "  ");
    }
    PRINT("sp  %016lx  pc  %016lx\n", trap->sp, trap->elr);
    PRINT("spsr %08lx  esr %08lx  far %016lx\n", trap->spsr, trap->esr, trap->far);
    PRINT("ttbr0 %016lx  ttbr1 %016lx\n", arch_read_ttbr0(), arch_read_ttbr1());
}

static unsigned collect_backtrace(const trap_frame_t *trap, uint64_t *addresses) {
    backtrace_t b;
    unsigned count = 0;
    backtrace_start(&b, trap, BACKTRACE_MAX);
    while (backtrace_next(&b, &addresses[count])) {
        ++count;
    }
    return count;
}

// Identifies the build: tools look addresses up only in the ELF whose text has this CRC-32.
static uint32_t text_crc(void) {
    return ~uzlib_crc32(__text_start, (unsigned)(__text_end - __text_start), 0xffffffff);
}

static void print_json(const trap_frame_t *trap, const char *why, const char *sentence,
    const char *python, const uint64_t *backtrace, unsigned count) {
    PRINT("CRASH {\"cause\":\"%s\",\"fault\":\"%s\",\"vector\":%u", why, sentence, (unsigned)trap->vector);
    PRINT(",\"pc\":\"0x%lx\",\"esr\":\"0x%lx\",\"far\":\"0x%lx\"", trap->elr, trap->esr, trap->far);
    PRINT(",\"spsr\":\"0x%lx\",\"sp\":\"0x%lx\",\"lr\":\"0x%lx\"", trap->spsr, trap->sp, trap->x[30]);
    if (*python != '\0') {
        PRINT(",\"python\":\"%s\"", python);
    }
    if (boot_place_last() != 0) {
        PRINT(",\"place\":%u", boot_place_last());
    }
    PRINT(",\"soc\":\"%s\",\"text\":\"0x%08x\",\"backtrace\":[", soc->name, (unsigned)text_crc());
    for (unsigned i = 0; i < count; ++i) {
        PRINT("%s\"0x%lx\"", i == 0 ? "" : ",", backtrace[i]);
    }
    PRINT("]}\n");
}

typedef struct _line_t {
    char text[LINE_SIZE];
    size_t length;
} line_t;

static void add_to_line(void *data, const char *str, size_t len) {
    line_t *line = data;
    for (size_t i = 0; i < len && line->length < sizeof(line->text) - 1; ++i) {
        line->text[line->length++] = str[i];
    }
}

// For the next start: what is known, in one line.
static void keep(const trap_frame_t *trap, const char *why, const char *sentence, const char *python) {
    line_t line = {.length = 0};
    const mp_print_t print = {&line, add_to_line};
    mp_printf(&print, "%s: %s, pc 0x%lx", why, sentence, trap->elr);
    if (*python != '\0') {
        mp_printf(&print, ", %s", python);
    }
    crash_record_keep(line.text);
    start_count_end();
}

static void __attribute__((noreturn)) stop(void) {
    if (crash_resets) {
        uart_flush();
        board_reset();
    }
    cpu_stop();
}

void crash_report(const trap_frame_t *trap, const char *why) {
    static unsigned depth;
    if (depth++ != 0) {
        // The report itself failed. Say so in one line, without touching memory again.
        PRINT("\nCRASH {\"cause\":\"exception in the crash report\",\"pc\":\"0x%lx\",\"far\":\"0x%lx\"}\n",
            trap->elr, trap->far);
        stop();
    }
    char sentence[SENTENCE_SIZE];
    fault_info_t info;
    fault_decode(trap->esr, trap->far, &info);
    fault_sentence(&info, sentence, sizeof(sentence));
    uint64_t backtrace[BACKTRACE_MAX];
    unsigned count = collect_backtrace(trap, backtrace);

    PRINT("\n*** crash: %s (%s)\n%s\n", why, vector_rows[trap->vector >> 2 & 3], sentence);
    char python[PYTHON_SIZE] = "";
    keep(trap, why, sentence, python); // in case the rest fails
    if (crash_python_line(trap, python, sizeof(python))) {
        PRINT("Python: %s\n", python);
    }
    keep(trap, why, sentence, python);
    print_registers(trap);
    if (info.far_valid) {
        PRINT("what the tables say about 0x%lx:\n", trap->far);
        print_tables(trap->far);
    }
    PRINT("backtrace:");
    for (unsigned i = 0; i < count; ++i) {
        PRINT("%s %lx", i % 4 == 0 && i != 0 ? "\n          " : "", backtrace[i]);
    }
    PRINT("\n");
    print_json(trap, why, sentence, python, backtrace, count);
    stop();
}
