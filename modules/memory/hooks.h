// SPDX-License-Identifier: MIT
// What a port calls: the start and end of MicroPython's life, faults that become Python's, buffers that are made
// present, the collector's areas. port.h is the other direction. Everything here is defined in bindings/, in the file
// that its prefix names: bind_pager_run() in pager.c.

#ifndef MODULES_MEMORY_HOOKS_H
#define MODULES_MEMORY_HOOKS_H

#include "py/mpstate.h"
#include "py/obj.h"

#include "core/frames/frames.h"
#include "port.h"

// --- the thread's stack ---

// An exception of the thread: maps pages and returns true where it is the first touch of its stack.
bool bind_stack_fault(const trap_frame_t *trap);

// Makes the thread's stack present down to `sp`, for an exception handler that stores there. False: it ends above.
bool bind_stack_reach(mem_va_t sp);

// The lowest address of the stack that is mapped, and the lowest that can be mapped without the frame allocator.
mem_va_t bind_stack_low(void);
mem_va_t bind_stack_end(void);

// In the thread, where MicroPython checks its stack: takes frames for what comes below, and sets MicroPython's limit,
// to 0 where an exception is pending. The result is how many bytes the caller can use; 0: the stack ends here.
size_t bind_stack_grow(void);

// --- start and soft reset ---

// Once, before MicroPython: sets frames and spaces up from boot_info. A machine whose RAM cannot be managed goes on
// without frames, so that a REPL still comes up.
void memory_system_init(void);

// The frames that memory_system_init() took for a copy of the device tree, in the boot window; empty without one.
mem_range_t memory_system_device_tree(void);

// After each mp_init(), before any Python runs.
void memory_binding_init(void);

// Before each mp_deinit(): the identity space goes into TTBR0, every finaliser runs, then what the user left is closed:
// spaces, mappings, frames, blocks, heaps. The kernel map, the kernel heap's memory and the ramdisk stay. Prints a line
// about what no finaliser gave back, which would be a mistake of the bindings. No Python object may be used after it.
void memory_binding_deinit(void);

// --- faults of the thread ---

// A fault, as the exception object keeps it.
typedef struct _bind_fault_t {
    uint64_t esr, far, pc;
    unsigned el;
} bind_fault_t;

// Entered in the thread by an exception return, with no caller to return to. Raises memory.Fault, or the RuntimeError
// of a stack that ran out. *fault is copied before anything else.
void bind_fault_raise(const bind_fault_t *fault) __attribute__((noreturn));
void bind_fault_raise_recursion(void) __attribute__((noreturn));

// Whether the exception is a missing page, or one without the right, in a range of the space in TTBR0 that has a pager.
// Looks only: for exception context, when no code of the mechanism was interrupted.
bool bind_pager_wants(const trap_frame_t *trap);

// In the thread: calls the pager of the fault. Returns when the instruction may be tried again: false, or true when it
// is to be stepped, after which bind_pager_stepped() takes its pages away. Raises what the pager raises; Fault with
// EDEADLK for a fault that may not be resolved now, with EFAULT when the pager did not help.
bool bind_pager_run(const trap_frame_t *trap);

// After the step, and when a fault is raised instead.
void bind_pager_stepped(void);

// --- buffers of code that must not fault half way ---

// A page that is kept present, from bind_pager_pin() to bind_pager_unpin().
typedef struct _bind_pager_pin_t {
    nlr_jump_callback_node_t node;
    struct _space_t *space; // NULL: the page stays afterwards; else it is of a range with step
    mem_va_t page;
} bind_pager_pin_t;

// Makes the page of va accessible, by its pager if it has one. Returns for how many of `size` bytes from va on that is
// so now: to the end of the page in the lower half. memory.Fault when it cannot be.
size_t bind_pager_pin(bind_pager_pin_t *pin, const void *va, size_t size, bool write);

// Once after each bind_pager_pin() that returned; also done when something is raised in between.
void bind_pager_unpin(bind_pager_pin_t *pin);

// --- disks in memory ---

// A filesystem does not need blocks [first, last] of its device any more: if that is a RamDisk, their frames are freed.
void bind_ramdisk_discard(mp_obj_t device, uint64_t first, uint64_t last);

// --- the collector (py/gc.h), which the port builds without py/gc.c ---

// Before mp_init(): the heap is [start, end), until gc_areas_collected() adds to it.
void gc_init(void *start, void *end);

// For gc_alloc(), beside MicroPython's own flags: the memory never holds pointers to Python's heap, and is not looked
// through for them. gc_realloc() keeps it.
#define GC_ALLOC_FLAG_PLAIN (0x100)

// First in gc_collect() of the port: its time is counted from here on.
void gc_collect_time(void);

// Between gc_collect_start() and gc_collect_end(), in gc_collect() of the port: the words of [low, high) are roots, and
// so are pointers into objects.
void gc_mark_stack(const uintptr_t *low, const uintptr_t *high);

// Bytes by which the heap could grow now; 0 before the kernel map is in use.
size_t gc_areas_available(void);

// Between gc_collect_start() and gc_collect_end(): marks the objects whose finaliser may run Python code, so that none
// of these runs in this collection.
void gc_collect_keep_python_finalisers(void);

// After gc_collect_end(): the collection ran a finaliser that may have run Python code.
bool gc_collect_ran_python(void);

// Before each gc_collect_start(), and after its gc_collect_end().
void gc_views_collect(void);
void gc_areas_collected(void);

// --- for a port that takes frames and raises exceptions by itself ---

// The allocator of all frames; OSError(EPERM) before the kernel map is in use. port_frames() tells what the port has.
frames_t *bind_frames_allocator(void);

// OSError with the errno -result (a negative MEM_E* or MP_E* value) and a text; ValueError and TypeError with a text.
void bind_raise_os(int result, mp_rom_error_text_t text, ...) __attribute__((noreturn));
void bind_raise_value(mp_rom_error_text_t text, ...) __attribute__((noreturn));
void bind_raise_type(mp_rom_error_text_t text, ...) __attribute__((noreturn));

// For calls that may take long: whether Ctrl-C is waiting, and raises it if so.
bool bind_is_interrupted(void);
void bind_raise_interrupt(void);

// An int of 1 to 2^64 - 1; TypeError or ValueError naming `what`.
uint64_t bind_get_size(mp_obj_t obj, const char *what);

#endif // MODULES_MEMORY_HOOKS_H
