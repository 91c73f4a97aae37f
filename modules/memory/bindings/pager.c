// SPDX-License-Identifier: MIT
// Pagers: ranges whose pages a Python function provides when they are first accessed; reserve() and evict().

#include "py/mperrno.h"
#include "py/objlist.h"

#include "core/arch.h"
#include "common.h"
#include "fault.h"
#include "frames.h"
#include "pager.h"
#include "core/fault/fault.h"
#include "core/space/space_paged.h"

#ifndef MP_EDEADLK
#define MP_EDEADLK (35) // as in Linux; py/mperrno.h does not define it
#endif

#define STEP_PAGES_EACH (4)  // an instruction touches at most two pages of code and two of data
#define STEP_PAGES (STEP_PAGES_EACH * BIND_PAGER_DEPTH)
// Identical faults in a row after which an instruction is stepped, and after which EDEADLK is raised. At EL0 no
// instruction is stepped.
#define REPEATS_STEP (8)
#define REPEATS_MAX (16)
#define REPEATS_USER (1000)

// Spaces with a pager, linked by `next_paged`. The list keeps them alive until they are closed.
MP_REGISTER_ROOT_POINTER(mp_obj_t bind_pager_spaces);

// A pager that is running.
typedef struct _call_t {
    nlr_jump_callback_node_t node;
    struct _call_t *outer;
    const space_t *space;
    mem_va_t page;
    bool unstep;       // unmap the page at the end: no instruction will be stepped on it
} call_t;

static call_t *innermost;
static unsigned depth;

// The last fault at each depth. A retried instruction that makes no progress repeats it exactly.
static struct {
    uint64_t pc, registers;
    unsigned repeats;
} last[BIND_PAGER_DEPTH];

// Pages to unmap when the instruction has been stepped, the instruction of the innermost pager last.
static struct {
    space_t *space;
    mem_va_t page;
    unsigned depth;
} step_pages[STEP_PAGES];
static size_t n_step_pages;

// --- reserve, evict ---

static bool has_range(const space_t *space, uint32_t pager) {
    const region_t *r = region_from(space, 0);
    while (r != NULL && !(region_is_paged(r) && r->pager == pager)) {
        r = r->next;
    }
    return r != NULL;
}

// The number of a pager is its index in the space's list. An index that no range uses is used again.
static uint32_t add_pager(bind_space_obj_t *self, mp_obj_t pager) {
    if (self->pagers == mp_const_none) {
        self->pagers = mp_obj_new_list(0, NULL);
        self->next_paged = MP_STATE_VM(bind_pager_spaces);
        MP_STATE_VM(bind_pager_spaces) = MP_OBJ_FROM_PTR(self);
    }
    mp_obj_list_t *list = MP_OBJ_TO_PTR(self->pagers);
    for (size_t i = 0; i < list->len; ++i) {
        if (!has_range(self->space, i)) {
            list->items[i] = pager;
            return (uint32_t)i;
        }
    }
    mp_obj_list_append(self->pagers, pager);
    return (uint32_t)(list->len - 1);
}

void bind_pager_forget_unused(bind_space_obj_t *self, uint32_t number) {
    if (self->pagers == mp_const_none || has_range(self->space, number)) {
        return;
    }
    ((mp_obj_list_t *)MP_OBJ_TO_PTR(self->pagers))->items[number] = mp_const_none;
    const region_t *r = region_from(self->space, 0);
    while (r != NULL && !region_is_paged(r)) {
        r = r->next;
    }
    if (r == NULL) {
        bind_space_forget_pagers(self);
    }
}

// A range that a pager fills, or one where nothing can be mapped.
typedef struct _range_t {
    bind_space_change_t change;
    mp_obj_t pager;             // None: without one
} range_t;

static void reserve_range(bind_space_obj_t *self, range_t *range) {
    bool paged = range->pager != mp_const_none;
    space_request_t *r = &range->change.request;
    if (paged) {
        r->flags |= REGION_PAGED;
        r->pager = add_pager(self, range->pager);
    }
    int result = bind_retry(bind_space_try_reserve, &range->change);
    if (paged && result != MEM_OK) {
        bind_pager_forget_unused(self, r->pager);
    }
    bind_space_check(result, &range->change.why);
}

static void check_pager(mp_obj_t pager, bool step) {
    if (pager != mp_const_none && !mp_obj_is_callable(pager)) {
        bind_raise_type(MP_ERROR_TEXT("pager must be callable, not %s"), mp_obj_get_type_str(pager));
    }
    if (step && pager == mp_const_none) {
        bind_raise_type(MP_ERROR_TEXT("step needs a pager"));
    }
}

static mp_obj_t memory_space_reserve(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_va, ARG_size, ARG_prot, ARG_pager, ARG_step };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_va, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_size, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_prot, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_rw)} },
        { MP_QSTR_pager, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_step, MP_ARG_BOOL, {.u_bool = false} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    range_t range = {.change.space = bind_space_get(pos_args[0]), .pager = args[ARG_pager].u_obj};
    space_request_t *r = &range.change.request;
    r->va = bind_get_page(args[ARG_va].u_obj, "address");
    r->size = bind_get_page_size(args[ARG_size].u_obj, "size");
    r->attrs = bind_space_get_prot(args[ARG_prot].u_obj) | MEM_TYPE_NORMAL;
    r->flags = args[ARG_step].u_bool ? REGION_STEP : 0;
    check_pager(range.pager, args[ARG_step].u_bool);
    reserve_range(MP_OBJ_TO_PTR(pos_args[0]), &range);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(memory_space_reserve_obj, 1, memory_space_reserve);

static mp_obj_t memory_space_evict(mp_obj_t self, mp_obj_t address, mp_obj_t size) {
    space_t *space = bind_space_get(self);
    mem_va_t va = bind_get_page(address, "address");
    space_error_t why;
    uint64_t bytes = bind_get_page_size(size, "size");
    bind_space_check(space_paged_evict(memory_system_spaces(), space, va, bytes, &why), &why);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(memory_space_evict_obj, memory_space_evict);

void bind_pager_reset(void) {
    MP_STATE_VM(bind_pager_spaces) = MP_OBJ_NULL;
    innermost = NULL;
    depth = 0;
    n_step_pages = 0;
}

// --- one call of a pager ---

// The range with a pager of the space in TTBR0, or NULL.
static const region_t *find_range(mem_va_t va) {
    const space_t *space = memory_system_active();
    const region_t *r = space != NULL && desc_va_is_lower(va) ? region_find(space, va) : NULL;
    return region_is_paged(r) ? r : NULL;
}

bool bind_pager_has(mem_va_t va) {
    return find_range(va) != NULL;
}

bool bind_pager_wants(const trap_frame_t *trap) {
    fault_info_t info;
    fault_decode(trap->esr, trap->far, &info);
    return fault_is_missing_page(&info) && bind_pager_has(trap->far);
}

// Whether the tables allow this access now.
static bool is_possible(mem_va_t va, fault_access_t access, unsigned el) {
    space_t *space = memory_system_active();
    mem_attrs_t attrs;
    if (paging_translate(&space->paging, va, NULL, &attrs) != MEM_OK) {
        return false;
    }
    bool user = attrs & MEM_PROT_U;
    if (access == FAULT_ACCESS_EXECUTE) {
        return attrs & MEM_PROT_X && user == (el == 0);
    }
    return (el != 0 || user) && (access == FAULT_ACCESS_READ || attrs & MEM_PROT_W);
}

static bool have_step_pages(void) {
    return n_step_pages != 0 && step_pages[n_step_pages - 1].depth >= depth;
}

// The space may be closed by now, and the range unmapped.
static void take_page(const space_t *of, mem_va_t page) {
    space_t *space = NULL;
    do {
        space = memory_system_next_space(space);
    } while (space != NULL && space != of);
    if (space != NULL) {
        (void)space_paged_evict(memory_system_spaces(), space, page, MEM_PAGE_SIZE, NULL);
    }
}

static void leave(void *node) {
    const call_t *call = node;
    if (call->unstep) {
        take_page(call->space, call->page);
    }
    innermost = call->outer;
    --depth;
}

// Unmaps the pages of this depth, and those of deeper pagers that raised.
static void take_step_pages(void) {
    while (have_step_pages()) {
        --n_step_pages;
        take_page(step_pages[n_step_pages].space, step_pages[n_step_pages].page);
    }
}

static void add_step_page(mem_va_t va) {
    if (n_step_pages >= STEP_PAGES_EACH * (depth + 1)) {
        take_step_pages(); // more than one instruction can need: for those it still needs it faults again
    }
    step_pages[n_step_pages].space = memory_system_active();
    step_pages[n_step_pages].page = mem_align_down(va, MEM_PAGE_SIZE);
    step_pages[n_step_pages++].depth = depth;
}

static void refuse(const bind_fault_t *fault) {
    const space_t *space = memory_system_active();
    if (depth == BIND_PAGER_DEPTH) {
        bind_fault_raise_because(fault, MP_EDEADLK, "a pager's own access faults, four pagers deep");
    }
    for (const call_t *call = innermost; call != NULL; call = call->outer) {
        if (call->space == space && call->page == mem_align_down(fault->far, MEM_PAGE_SIZE)) {
            bind_fault_raise_because(fault, MP_EDEADLK, "the pager of this page accessed the page");
        }
    }
}

static mp_obj_t active_object(void) {
    mp_obj_t user = MP_STATE_VM(bind_space_active);
    return user != MP_OBJ_NULL ? user : MP_STATE_VM(bind_space_identity);
}

static int try_page_in(void *args) {
    bind_space_change_t *c = args;
    return space_paged_in(memory_system_spaces(), c->space, c->request.va, c->request.owner, &c->why);
}

// Maps the frames that the pager returned.
static void page_in(mp_obj_t self, mem_va_t page, mp_obj_t frames) {
    bind_space_change_t change = {.space = bind_space_get(self), .request.va = page};
    change.request.owner = bind_frames_detach_begin(frames);
    bind_space_change(try_page_in, &change);
    bind_frames_detach_commit(frames);
}

// Calls the pager and maps what it returns. Returns whether the page is for one instruction only.
static bool resolve(const bind_fault_t *fault, fault_access_t access) {
    static const qstr_short_t texts[] = {
        [FAULT_ACCESS_READ] = MP_QSTR_read, [FAULT_ACCESS_WRITE] = MP_QSTR_write,
        [FAULT_ACCESS_EXECUTE] = MP_QSTR_execute,
    };
    refuse(fault);
    mp_obj_t self_in = active_object();
    bind_space_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const region_t *r = find_range(fault->far);
    mem_va_t page = mem_align_down(fault->far, MEM_PAGE_SIZE);
    bool step = r->flags & REGION_STEP;
    if (step && fault->el == 0) {
        bind_fault_raise_because(fault, MP_EDEADLK, "a range with step is for the kernel's own accesses");
    }
    mp_obj_t pager = ((mp_obj_list_t *)MP_OBJ_TO_PTR(self->pagers))->items[r->pager];
    call_t call = {.outer = innermost, .space = self->space, .page = page, .unstep = step};
    innermost = &call;
    ++depth;
    nlr_push_jump_callback(&call.node, leave);
    mp_obj_t frames = mp_call_function_2(pager, bind_new_u64(fault->far), MP_OBJ_NEW_QSTR(texts[access]));
    if (frames != mp_const_none) {
        if (step) {
            bind_raise_type(MP_ERROR_TEXT("the pager of a range with step maps by address and returns None"));
        }
        page_in(self_in, page, frames);
    }
    bool possible = is_possible(fault->far, access, fault->el);
    call.unstep = step && !possible;
    nlr_pop_jump_callback(true);
    if (!possible) {
        bind_fault_raise_because(fault, MP_EFAULT, "the pager did not make the access possible");
    }
    return step;
}

// --- faults ---

// How many times in a row this instruction faulted with these registers before: each time without progress.
static unsigned count_repeats(const trap_frame_t *trap) {
    uint64_t registers = trap->sp;
    #pragma GCC unroll 31
    for (size_t i = 0; i < 31; ++i) {
        registers = (registers << 7 | registers >> 57) ^ trap->x[i];
    }
    bool same = last[depth].pc == trap->elr && last[depth].registers == registers;
    last[depth].pc = trap->elr;
    last[depth].registers = registers;
    return last[depth].repeats = same ? last[depth].repeats + 1 : 0;
}

static fault_access_t access_of(const trap_frame_t *trap) {
    fault_info_t info;
    fault_decode(trap->esr, trap->far, &info);
    return info.access;
}

static void give_up_step(void *node) {
    (void)node;
    take_step_pages();
}

bool bind_pager_run(const trap_frame_t *trap) {
    bind_fault_t fault = {.esr = trap->esr, .far = trap->far, .pc = trap->elr, .el = 1};
    unsigned repeats = depth < BIND_PAGER_DEPTH ? count_repeats(trap) : 0;
    nlr_jump_callback_node_t node;
    nlr_push_jump_callback(&node, give_up_step);
    if (repeats >= REPEATS_MAX) {
        last[depth].repeats = 0;
        bind_fault_raise_because(&fault, MP_EDEADLK, "the instruction's pages do not stay mapped until it is done");
    }
    bool step = resolve(&fault, access_of(trap));
    if (step) {
        add_step_page(fault.far);
        if (port_is_exclusive(trap)) {
            bind_fault_raise_because(&fault, MP_EDEADLK, "an exclusive access cannot be stepped");
        }
    }
    nlr_pop_jump_callback(false);
    return have_step_pages() || repeats >= REPEATS_STEP;
}

bool bind_pager_run_user(const trap_frame_t *trap) {
    if (!bind_pager_wants(trap)) {
        return false;
    }
    bind_fault_t fault = {.esr = trap->esr, .far = trap->far, .pc = trap->elr, .el = 0};
    if (depth < BIND_PAGER_DEPTH && count_repeats(trap) >= REPEATS_USER) {
        last[depth].repeats = 0;
        bind_fault_raise_because(&fault, MP_EDEADLK, "the instruction's pages do not stay mapped until it is done");
    }
    (void)resolve(&fault, access_of(trap));
    return true;
}

void bind_pager_stepped(void) {
    take_step_pages();
    if (depth < BIND_PAGER_DEPTH) {
        last[depth].repeats = 0;
    }
}

// --- before code that must not fault ---

// The pager may fault like any other code, because its caller, a function of the no-raise section, has not begun its
// work. The chain of frame records ends here during the call, so that the check for such functions does not find the
// caller.
static __attribute__((noinline)) bool resolve_before(const bind_fault_t *fault, fault_access_t access) {
    volatile uintptr_t *record = __builtin_frame_address(0);
    uintptr_t caller = *record;
    *record = 0;
    bool step = resolve(fault, access);
    *record = caller;
    return step;
}

// Unmaps the page of a range with step again.
static void end_pin(void *node) {
    bind_pager_pin_t *pin = node;
    take_page(pin->space, pin->page);
}

// Resolves the page of va as an access by the caller, at `pc`, would.
static void pin_page(bind_pager_pin_t *pin, mem_va_t va, bool write, uint64_t pc) {
    uint64_t par = write ? arch_at_s1e1w(va) : arch_at_s1e1r(va);
    if (fault_par_is_mapped(par)) {
        return;
    }
    bind_fault_t fault = {.esr = fault_esr_of_par(par, write), .far = va, .pc = pc, .el = 1};
    if (!bind_pager_has(va)) {
        bind_fault_raise(&fault);
    }
    if (resolve_before(&fault, write ? FAULT_ACCESS_WRITE : FAULT_ACCESS_READ)) {
        pin->space = memory_system_active();
        pin->page = mem_align_down(va, MEM_PAGE_SIZE);
        nlr_push_jump_callback(&pin->node, end_pin);
    }
}

size_t bind_pager_pin(bind_pager_pin_t *pin, const void *buf, size_t size, bool write) {
    mem_va_t va = (uintptr_t)buf;
    mem_va_t end = va + size;
    uint64_t pc = (uintptr_t)__builtin_return_address(0);
    pin->space = NULL;
    while (va < end) {
        pin_page(pin, va, write, pc);
        va = mem_align_down(va, MEM_PAGE_SIZE) + MEM_PAGE_SIZE;
        if (desc_va_is_lower(va)) {
            break;
        }
    }
    return (va < end ? va : end) - (uintptr_t)buf;
}

void bind_pager_unpin(bind_pager_pin_t *pin) {
    if (pin->space != NULL) {
        nlr_pop_jump_callback(true);
    }
}
