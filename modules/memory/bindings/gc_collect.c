// SPDX-License-Identifier: MIT
// A collection, step by step, as gc_collect() of the port asks for it. It calls nothing of the other bindings.

#include "py/gc.h"
#include "py/runtime.h"

#include "gc_collect.h"
#include "hooks.h"

#define MARK_WORDS (384)

collector_t gc_heap;
gc_times_t gc_times;

static uintptr_t mark_stack[MARK_WORDS];

// Dead objects whose finaliser may run Python code, which can reach all that they refer to and may keep it: so that is
// kept in this round, and the next one frees it. Those that find no room wait for the next round.
#define DYING (32)

static void *dying[DYING];
static size_t dying_count;
static bool others_die; // objects whose finaliser is code of ours
static bool ran_python;

void gc_collect_init(void) {
    collector_init(&gc_heap, mark_stack, MARK_WORDS);
    gc_times = (gc_times_t) {0};
}

// --- time ---

// Once for all rounds of a collection.
void gc_collect_time(void) {
    gc_times = (gc_times_t) {.count = gc_times.count + 1, .last = port_ticks()};
}

void gc_times_add(gc_part_t part) {
    uint64_t now = port_ticks();
    gc_times.ticks[part] += now - gc_times.last;
    gc_times.last = now;
}

// --- the steps ---

static void begin(void) {
    MP_STATE_THREAD(gc_lock_depth) |= GC_COLLECT_FLAG;
    ran_python = false;
    others_die = false;
    dying_count = 0;
    collector_begin(&gc_heap);
}

// MicroPython's state is a structure whose pointers are together.
void gc_collect_start(void) {
    begin();
    #if MICROPY_GC_ALLOC_THRESHOLD
    MP_STATE_MEM(gc_alloc_amount) = 0;
    #endif
    size_t first = offsetof(mp_state_ctx_t, thread.dict_locals);
    size_t end = offsetof(mp_state_ctx_t, vm.qstr_last_chunk);
    gc_collect_root((void **)((byte *)&mp_state_ctx + first), (end - first) / sizeof(void *));
}

void gc_collect_root(void **pointers, size_t count) {
    collector_mark(&gc_heap, (const uintptr_t *)pointers, count);
}

void gc_mark_stack(const uintptr_t *low, const uintptr_t *high) {
    collector_mark_inside(&gc_heap, low, (size_t)(high - low));
}

// --- finalisers ---

// The finaliser of a stream closes it: a file is written to its block device, which may be a Python object. Without a
// type: its constructor raised an exception.
static bool may_run_python(const mp_obj_base_t *object) {
    return object->type != NULL && MP_OBJ_TYPE_HAS_SLOT(object->type, protocol);
}

void gc_collect_keep_python_finalisers(void) {
    for (void *start = NULL; (start = collector_next_final(&gc_heap, start)) != NULL;) {
        if (may_run_python(start)) {
            gc_collect_root(&start, 1);
        }
    }
}

static bool note_dying(void *start) {
    if (!may_run_python(start)) {
        others_die = true;
        return false;
    }
    ran_python = true;
    if (dying_count == DYING) {
        gc_collect_root(&start, 1);
        return false;
    }
    dying[dying_count++] = start;
    return true;
}

static bool run_finaliser(void *start) {
    const mp_obj_base_t *object = start;
    if (object->type == NULL) {
        return true;
    }
    mp_obj_t method[2];
    mp_load_method_maybe(MP_OBJ_FROM_PTR(object), MP_QSTR___del__, method);
    if (method[0] != MP_OBJ_NULL) {
        mp_sched_lock();
        mp_call_function_1_protected(method[0], method[1]);
        mp_sched_unlock();
    }
    return true;
}

// What the Python code of others can reach is not finalised before it.
static void run_finalisers(void) {
    collector_finalise(&gc_heap, note_dying);
    if (dying_count != 0) {
        gc_collect_root(dying, dying_count);
        collector_trace(&gc_heap);
    }
    for (size_t i = 0; i < dying_count; ++i) {
        run_finaliser(dying[i]);
    }
    if (others_die) {
        collector_finalise(&gc_heap, run_finaliser);
    }
}

bool gc_collect_ran_python(void) {
    return ran_python;
}

void gc_collect_end(void) {
    gc_times_add(GC_ROOTS);
    collector_trace(&gc_heap);
    gc_times_add(GC_MARK);
    run_finalisers();
    gc_times_add(GC_FINALISERS);
    collector_sweep(&gc_heap);
    gc_times_add(GC_SWEEP);
    MP_STATE_THREAD(gc_lock_depth) &= ~GC_COLLECT_FLAG;
}

void gc_sweep_all(void) {
    do {
        begin();
        gc_collect_end();
    } while (ran_python);
}
