// SPDX-License-Identifier: MIT
// What a port provides to the bindings of the memory system, beside core/arch.h: what boot found out, the state of the
// processor, accesses that may fault, time, and programs at EL0. hooks.h is the other direction. A port for another
// AArch64 machine that defines what is declared here can take modules/memory as a user C module.
//
// Declarations only, and each type has this one definition: the port includes this header and fills these structures.

#ifndef MODULES_MEMORY_PORT_H
#define MODULES_MEMORY_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mem_types.h"
#include "core/paging/descriptor.h"

// --- what boot found out ---

#define BOOT_MAX_BANKS (8)
#define BOOT_MAX_RESERVED (16)
#define BOOT_MAX_SECTIONS (12)
#define BOOT_MAX_KEPT (8)
#define BOOT_NAME_SIZE (24)
#define BOOT_MODEL_SIZE (64)

// A part of RAM that is never handed out, and the reason.
typedef struct _boot_reserved_t {
    mem_range_t range;          // bytes, not necessarily page aligned
    char name[BOOT_NAME_SIZE];
} boot_reserved_t;

// A range of addresses with a name: virtual in the layout of the kernel half, physical for devices.
typedef struct _boot_range_t {
    uint64_t start;
    uint64_t end;
    const char *name;
} boot_range_t;

// A part of the image: whole pages, mapped by themselves with these rights.
typedef struct _boot_section_t {
    const char *name;           // "text"
    const char *protected_name; // "kernel text" when no mapping may ever write it, else NULL
    mem_va_t va;
    mem_pa_t pa;
    uint64_t size;
    mem_attrs_t prot;           // MEM_PROT_R, _W, _X
} boot_section_t;

// The facts about the machine. Complete before memory_system_init(), and constant after it but for
// `dtb` and `prompt_ticks`.
typedef struct _boot_info_t {
    mem_range_t ram[BOOT_MAX_BANKS];
    size_t ram_count;
    boot_reserved_t reserved[BOOT_MAX_RESERVED];
    size_t reserved_count;
    mem_range_t image;          // physical, stacks and boot tables included
    const void *dtb;            // the device tree: the firmware's, then a packed copy; NULL without one
    size_t dtb_size;            // bytes used of it, at most its totalsize
    const char *source;         // of the RAM banks: "device tree", "mailbox" or "board default"
    char model[BOOT_MODEL_SIZE];
    const char *soc;            // the chip's name
    uint32_t firmware;          // build time of the board's firmware, seconds since 1970; 0 where there is none
    uint64_t x0;                // as received at entry
    uint64_t start_ticks;       // port_ticks() at the first instruction
    uint64_t prompt_ticks;      // and when the REPL first waited for input; 0 before
    uint64_t asleep_ticks;      // of the time between the two
    unsigned entry_el;
    uint64_t entry_serror;      // ESR_EL1 of an SError that was pending at entry; 0: there was none
    unsigned cores;             // cores the machine has; only one runs
    bool uses_psci;             // they are started by firmware calls, not by the spin table
    bool reset_asked;           // the run before this one ended by machine.reset()
    unsigned pa_range;          // ID_AA64MMFR0_EL1.PARange
    mem_va_t linear;            // RAM at physical address PA is mapped at linear + PA
    mem_range_t window;         // the only RAM that the boot map maps there (physical)
    mem_range_t stack;          // of the thread: the addresses below what boot maps, for pages that come later
    mem_pa_t trampoline;        // the page with the code that replaces TTBR1 (core/arch.h)
    mem_va_t kept[BOOT_MAX_KEPT]; // what must be the same memory before and after the switch: stacks, the console
    size_t kept_count;
    boot_section_t sections[BOOT_MAX_SECTIONS];
    size_t section_count;
    const boot_range_t *layout; // the windows of the kernel half
    size_t layout_count;
    const boot_range_t *mmio;   // the device windows, to be mapped as device memory
    size_t mmio_count;
} boot_info_t;

extern boot_info_t boot_info;

// The version of pimem, such as "1.0.0".
const char *port_version(void);

// The name of the board; several that share an image have one each.
const char *port_board_name(void);

// The name of missing device number `index`: one that the board has and that does not answer. NULL after the last.
const char *port_missing_device(unsigned index);

// Where random bytes come from: the name of a generator, or a text that begins with "weak".
const char *port_random_source(void);

// The clock of the processor in Hz as it is now; 0 when it is not known.
uint32_t port_arm_clock(void);

// Why boot.py and main.py were left out or the kernel map could not be made; NULL when all went well. The first reason
// of a start stays.
const char *port_safe_mode_reason(void);
void port_safe_mode_enter(const char *why);

// Frames that the port itself took from bind_frames_allocator() and still has.
size_t port_frames(void);

// --- exceptions ---

// The complete register state at an exception. A handler that returns resumes from it, so what it changes here takes
// effect.
typedef struct _trap_frame_t {
    uint64_t x[31];
    uint64_t sp;        // SP_EL0 where the thread or EL0 was interrupted, else SP_EL1 before the entry
    uint64_t elr;
    uint64_t spsr;
    uint64_t esr;
    uint64_t far;
    uint64_t vector;    // index 0 to 15 into the vector table (Arm ARM, "Exception vectors")
    uint64_t unused;
    uint64_t fpcr;
    uint64_t fpsr;
    __uint128_t q[32];
} trap_frame_t;

// Reads or writes `size` bytes (1, 2, 4 or 8) at an aligned address. False: the access faulted, also when
// the bus reports that later (SError), and *value is unchanged.
bool port_probe_read(uint64_t address, unsigned size, uint64_t *value);
bool port_probe_write(uint64_t address, unsigned size, uint64_t value);

// Whether the interrupted instruction is a load or store exclusive, which cannot be stepped: the exception after the
// load clears the monitor, so that the store fails and the program repeats both endlessly.
bool port_is_exclusive(const trap_frame_t *trap);

// One line about the crash that ended the previous run; NULL when it ended without one.
const char *port_last_crash(void);

// What follows a crash report: the board halts (the default), or resets.
void port_set_crash_resets(bool resets);

// --- the processor and its surroundings ---

// System registers as read, by their names in the Arm ARM, "AArch64 System Register Descriptions".
typedef struct _port_registers_t {
    uint64_t el;        // CurrentEL as a number
    uint64_t ttbr0, ttbr1, tcr, mair, sctlr, vbar, midr, mpidr, cntfrq, daif, spsel;
    uint64_t sp;        // the stack pointer in use
} port_registers_t;

void port_read_registers(port_registers_t *registers);

// Whether IRQ is masked.
bool port_irq_is_masked(void);

// The counter, and how many of its ticks a time has.
uint64_t port_ticks(void);
uint64_t port_us_to_ticks(uint64_t us);

// A number that differs from start to start.
uint32_t port_random_seed(void);

// Counters of the console since it was set up. Input was lost if `overruns` is not 0.
typedef struct _uart_stats_t {
    uint32_t received;      // good bytes, those taken by the interrupt handler (Ctrl-C) included
    uint32_t overruns;      // times that the hardware lost bytes because its FIFO was full
    uint32_t ring_full;     // times that reception stopped because the ring was full
    uint32_t line_errors;   // bytes dropped for a framing or parity error or a break
    uint32_t tx_dropped;    // bytes not sent because the FIFO never drained
} uart_stats_t;

const uart_stats_t *port_uart_stats(void);

// Calls of timers and pins that came while too many were due already, and were dropped.
uint64_t port_dropped_calls(void);

// --- programs at EL0 ---

// PSTATE.NZCV, the only part of `trap.spsr` that is the program's own.
#define USER_FLAGS_SHIFT (28)
#define USER_FLAGS_MASK (UINT64_C(15) << USER_FLAGS_SHIFT)

// All registers that a program has. `trap` is used as in an exception: sp is SP_EL0, elr the PC; esr and far are
// outputs.
typedef struct _user_state_t {
    trap_frame_t trap;
    uint64_t tpidr;         // TPIDR_EL0
} user_state_t;

// Why a program is no longer running.
typedef enum {
    USER_CALL,              // SVC: its number is in trap.esr, trap.elr is after it
    USER_FAULT,             // any other synchronous exception; trap.elr is the instruction
    USER_TIME,              // the deadline passed
    USER_PENDING,           // Python has something to do: Ctrl-C, or a scheduled callback
} user_exit_t;

// Runs the program of *state in the tables that TTBR0 has, at most until port_ticks() is `deadline`, and brings its
// registers back. The port handles interrupts during that time. Call it from the thread, with IRQ unmasked. It does not
// raise, but for the SError of an earlier access of the thread.
user_exit_t port_user_enter(user_state_t *state, uint64_t deadline);

#endif // MODULES_MEMORY_PORT_H
