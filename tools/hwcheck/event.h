// SPDX-License-Identifier: MIT
// What the state machines get: instructions, events, the registers of each core, the machine's
// memory, and report(). Nothing here or in a state machine calls QEMU: plugin.c makes events from
// what QEMU runs, host tests make them by hand.
#ifndef HWCHECK_EVENT_H
#define HWCHECK_EVENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HW_CORES 8
#define HW_LINE 64
#define HW_PAGE 4096
#define HW_RANGES 48
#define HW_RECENT 6
#define HW_NOWHERE UINT64_MAX
#define HW_WATCH_TABLES 1 // descriptors are on their way: tables_in_doubt()
#define HW_WATCH_CONTEXT 2
#define HW_WATCH_CORE 4 // plugin.c: core 0 comes back from an exception or a pause
#define HW_WATCH_SHARED 8 // another core than 0 has its MMU on
#define HW_WATCH_ALL (HW_WATCH_CONTEXT | HW_WATCH_CORE | HW_WATCH_SHARED)

// --- instructions (decode.c) ---

typedef enum {
    HW_OP_OTHER,
    HW_OP_MEMORY, // a plain load or store, also LDAR and STLR
    HW_OP_EXCLUSIVE, // LDXR, STXR and their kin
    HW_OP_ATOMIC, // LSE: no Pi 3 or 4 has it
    HW_OP_CACHE, // DC or IC, but for DC ZVA
    HW_OP_ZVA,
    HW_OP_TLBI,
    HW_OP_AT,
    HW_OP_DSB,
    HW_OP_DMB,
    HW_OP_ISB,
    HW_OP_MSR,
    HW_OP_MRS,
    HW_OP_ERET,
    HW_OP_TRAP, // SVC, HVC, SMC, BRK
    HW_OP_BRANCH,
    HW_OP_SEV,
    HW_OP_WFE, // WFI too
} hw_op_t;

// Which of a machine's registers or operations an MSR, MRS, DC, IC, AT or TLBI names.
#define HW_SYS(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define HW_SYS_OP1(sys) ((sys) >> 11 & 7)

struct hw_block;

// What each run of a block needs, apart from the rest: those of all blocks are side by side.
typedef struct {
    uint64_t fetched; // hw->written_code when lines_fetched() said yes; 0: it has to be looked at
    struct hw_block *block;
} hw_hot_t;

typedef struct {
    struct hw_block *block;
    uint32_t word;
    uint16_t sys; // HW_SYS() of HW_OP_MSR, _MRS, _CACHE, _ZVA, _AT and _TLBI; CRm of a barrier
    uint8_t op;
    uint8_t rt;
    uint8_t element; // bytes of one element of a load or store
    bool fp; // uses FP or SIMD registers, or FPCR and FPSR
    bool crypto; // AES, SHA or PMULL (64 bit)
    bool pair;
} hw_insn_t;

// Instructions that run one after the other: only the last one can be a branch.
typedef struct hw_block {
    uint64_t va; // of the first alias that ran
    uint64_t pa; // HW_NOWHERE: not in RAM
    uint32_t count;
    hw_hot_t *hot;
    bool ran; // the first time it runs is always an event
    bool aligned; // to 128 bytes, as the entries of a vector table
    uint16_t lines; // lines.h: how many, which, and the bytes of the first and the last one
    struct line *line;
    uint64_t first, last;
    bool fp;
    hw_insn_t *insn;
} hw_block_t;

// --- translations (walk.c) ---

typedef enum { HW_DEVICE, HW_NORMAL_NC, HW_NORMAL_WT, HW_NORMAL_WB } hw_memory_t;
enum { HW_SH_NONE = 0, HW_SH_OUTER = 2, HW_SH_INNER = 3 };

typedef struct {
    bool valid;
    bool mmu; // false: the MMU is off, VA = PA, Device (data)
    uint64_t pa;
    uint64_t entry[4]; // physical address of the descriptor of each level that was read
    uint64_t descriptor; // the leaf's
    uint8_t level; // the leaf's, or of the entry that is not valid
    uint8_t memory; // hw_memory_t
    uint8_t share;
    bool foreign; // by tables that are not followed: no longer than for this access
} hw_map_t;

// --- events ---

typedef enum {
    HW_ACCESS, // after a load or store: va, pa, size, store, map; value = what is stored, up to 8 bytes
    HW_CACHE, // before DC or IC: value = the operand, pa and map of it
    HW_ZVA, // before DC ZVA: va, pa, size, store, map as of HW_ACCESS
    HW_TLBI, // before it: value = the operand
    HW_AT, // before it: va = the operand
    HW_DSB, // the domain and kind are in insn->sys: CRm
    HW_DMB,
    HW_ISB,
    HW_SYSREG, // before MSR: value = what is written; the core's registers have the old value
    HW_FETCH, // before a block: block, va, pa; value = number of the first instruction
    HW_EXCEPTION, // before the first instruction of a vector: va = FAR, value = ESR, other = ELR
    HW_ERET,
    HW_WAKE, // before SEV
    HW_RESET, // the machine was reset: caches and TLB are empty, RAM is what it was
    HW_IDLE, // before WFE, WFI or a branch to itself: what the core had to do is done
    HW_DMA, // a device read (store = false) or wrote RAM: pa, size
} hw_kind_t;

typedef struct {
    hw_kind_t kind;
    unsigned core;
    const hw_insn_t *insn; // may be NULL
    const hw_block_t *block;
    uint64_t pc;
    uint64_t va;
    uint64_t pa; // HW_NOWHERE: not known
    uint64_t value;
    uint64_t other;
    uint32_t size;
    bool store;
    hw_map_t map;
} hw_event_t;

// --- the machine ---

typedef struct {
    uint8_t el;
    bool known; // registers below are those of the core
    // By exception level. TTBR0, TCR and MAIR of EL2 and EL3 have no second half.
    uint64_t sctlr[4], vbar[4], ttbr0[4], ttbr1, tcr[4], mair[4], cpacr, hcr;
} hw_core_t;

typedef struct {
    uint64_t start, end;
} hw_range_t;

typedef struct {
    hw_range_t ram[HW_RANGES]; // what the guest was told that it may use
    hw_range_t mmio[HW_RANGES];
    hw_range_t device[HW_RANGES]; // parts of mmio in which registers answer; none: everywhere
    hw_range_t gic[HW_RANGES];
    hw_range_t widths[HW_RANGES]; // devices that take aligned accesses of all sizes
    hw_range_t image[HW_RANGES]; // loaded anew at each reset
    uint64_t mailbox; // the VideoCore's: the register that a request is written to; 0: none
    hw_range_t dma[HW_RANGES]; // channels of the Raspberry Pi's DMA engine, 0x100 each
    hw_range_t sdhci[HW_RANGES]; // registers of SD host controllers, one range each
    uint64_t ram_base; // where the RAM object begins, physically
    char out[256];
} hw_config_t;

struct lines;
struct tables;
struct context;
struct readers;

typedef struct hw {
    hw_config_t config;
    hw_core_t core[HW_CORES];
    uint8_t *ram; // the machine's memory as QEMU has it, newest bytes
    uint64_t ram_size;
    pthread_mutex_t lock;
    uint32_t generation; // of translations: changes whenever one may be another
    // HW_WATCH_: while it has one of HW_WATCH_ALL, each block and each access is an event; while it has
    // HW_WATCH_TABLES, those are for which tables_in_doubt() is true.
    unsigned watch;
    uint64_t written_code; // one more whenever a line that was fetched as code may be another
    uint32_t epoch; // one more at each barrier that orders stores
    uint32_t completed; // the epoch after the last DSB: older stores are complete
    struct lines *lines;
    struct tables *tables;
    struct context *context;
    struct readers *readers;
    struct report *report;
} hw_t;

// options.c: one option, "name=value"; false if it cannot be understood.
bool hw_option(hw_config_t *config, const char *option);
// Where the RAM object that the launcher makes is mapped in this process; its size, 0: nowhere.
uint64_t hw_find_ram(uint8_t **ram);

// One event to all state machines, in the order in which the hardware has to hold them.
void hw_event(hw_t *hw, const hw_event_t *event);
hw_t *hw_new(const hw_config_t *config, uint8_t *ram, uint64_t ram_size);
void hw_free(hw_t *hw);

// machine.c: the registers of the event's core once its MSR has run.
hw_core_t hw_after(const hw_t *hw, const hw_event_t *event);

// walk.c: where the walk of half `high` of a regime begins; level 4: there is no walk.
typedef struct {
    uint64_t root;
    uint64_t va; // that its first descriptor translates
    uint16_t entries;
    uint8_t level;
} hw_root_t;
hw_root_t hw_root(const hw_core_t *core, unsigned regime, bool high);
// The bits of an address within a page: 12, 14 or 16. Tables of 12 only are followed (rules 5 and 7).
unsigned hw_granule(const hw_core_t *core, unsigned regime, bool high);
// walk.c: the translation of `va` by the tables as memory has them now.
hw_map_t hw_walk(const hw_t *hw, unsigned core, uint64_t va);
bool hw_mmu_on(const hw_core_t *core);
unsigned hw_regime(const hw_core_t *core); // the exception level whose registers translate

static inline bool hw_is_ram(const hw_t *hw, uint64_t pa) {
    return pa - hw->config.ram_base < hw->ram_size;
}
// What RAM holds at `pa`, aligned to 8; 0 outside of RAM.
static inline uint64_t hw_read64(const hw_t *hw, uint64_t pa) {
    return hw_is_ram(hw, pa) ? *(const uint64_t *)(hw->ram + ((pa - hw->config.ram_base) & ~7ull)) : 0;
}
static inline bool hw_in(const hw_range_t *ranges, uint64_t pa) {
    for (int i = 0; i < HW_RANGES && ranges[i].end; i++) {
        if (pa >= ranges[i].start && pa < ranges[i].end) {
            return true;
        }
    }
    return false;
}
// Whether a DC, IC or AT has an address for its operand.
static inline bool hw_by_address(const hw_insn_t *insn) {
    return insn->op == HW_OP_ZVA || insn->op == HW_OP_AT || (insn->op == HW_OP_CACHE && (insn->sys & 7) == 1);
}
static inline uint64_t hw_insn_va(const hw_insn_t *insn) {
    return insn ? insn->block->va + 4 * (uint64_t)(insn - insn->block->insn) : 0;
}

// report.c. `cause` is the instruction that made it so (NULL: not known), text a sentence.
// One report for each rule, pc and cause.
void hw_report(hw_t *hw, const hw_event_t *event, const char *rule, const hw_insn_t *cause, const char *format, ...)
__attribute__((format(printf, 5, 6)));
// A system instruction, for the "recent" of reports.
void hw_remember(hw_t *hw, const hw_event_t *event);

// blocks.c: the block of these instructions; the same one each time they are translated.
hw_block_t *block_of(uint64_t va, uint64_t pa, const uint32_t *words, uint32_t count);

// The state machines. Each gets every event but the plain accesses that lines.h answers itself.
struct lines *lines_new(const hw_t *hw);
void lines_event(hw_t *hw, const hw_event_t *event);
void lines_free(struct lines *lines);
struct tables *tables_new(const hw_t *hw);
void tables_event(hw_t *hw, const hw_event_t *event);
void tables_free(struct tables *tables);
struct context *context_new(const hw_t *hw);
void context_event(hw_t *hw, const hw_event_t *event);
void context_free(struct context *context);
// Devices that read and write RAM by themselves.
struct readers *readers_new(const hw_t *hw);
void readers_event(hw_t *hw, const hw_event_t *event);
void readers_free(struct readers *readers);
// Whether HW_IDLE is of interest.
bool readers_wait(const hw_t *hw);
struct report *report_new(const hw_t *hw);
void report_free(struct report *report);

#endif
