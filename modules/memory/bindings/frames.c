// SPDX-License-Identifier: MIT
// _memory.Frames: physical memory that Python owns, its view as a buffer, and the frame allocator's functions.

#include <string.h>

#include "common.h"
#include "frames.h"
#include "space.h"

// Frames that Python owns. What the finaliser needs is in the frame owner, which is no object of the collector.
typedef struct _frames_obj_t {
    mp_obj_base_t base;
    frame_owner_t *owner;    // NULL when closed
    mem_pa_t pa;
    size_t count;
    mem_va_t view;   // where the buffer is mapped; 0 until the first use as a buffer
} frames_obj_t;

// --- errors ---

// Raises what is true of one frame, if that is the reason.
static void raise_frame(const frames_error_t *why) {
    switch (why->kind) {
        case FRAMES_NEVER_MANAGED:
            bind_raise_os(why->result, MP_ERROR_TEXT("frame 0x%016lx is not in RAM"), why->pa);
        case FRAMES_RESERVED:
            bind_raise_os(why->result, MP_ERROR_TEXT("frame 0x%016lx is reserved for %s"), why->pa, why->name);
        case FRAMES_IN_USE:
            bind_raise_os(why->result, MP_ERROR_TEXT("frame 0x%016lx is in use"), why->pa);
        default:
            break;
    }
}

// `q` may be NULL: any frames.
static void __attribute__((noreturn)) raise_alloc(const frames_error_t *why, size_t count, const frames_request_t *q) {
    static const frames_request_t any = FRAMES_REQUEST_ANY;
    q = q != NULL ? q : &any;
    raise_frame(why);
    int result = why->result;
    if (why->kind == FRAMES_BAD_ALIGN) {
        bind_raise_value(MP_ERROR_TEXT("at 0x%016lx is not aligned to %lu frames, as align asks"), q->at, q->align);
    }
    if (why->kind == FRAMES_NOT_BELOW) {
        bind_raise_os(result, MP_ERROR_TEXT("%lu frames at 0x%016lx are not below 0x%016lx"), count, q->at, q->below);
    }
    size_t largest = frames_largest_run(memory_system_frames(), SIZE_MAX);
    if (q->below != MEM_ADDR_NONE) {
        bind_raise_os(result, MP_ERROR_TEXT("no %lu free frames, aligned to %lu, below 0x%016lx"), count, q->align,
            q->below);
    }
    bind_raise_os(result, MP_ERROR_TEXT("no %lu free frames, aligned to %lu: the longest free run has %lu"), count,
        q->align, largest);
}

static void __attribute__((noreturn)) raise_reserve(const frames_error_t *why, mem_pa_t pa, uint64_t size) {
    raise_frame(why);
    if (why->kind == FRAMES_TABLE_FULL) {
        bind_raise_os(why->result, MP_ERROR_TEXT("no room for a region at 0x%016lx: all %u are taken"), pa,
            FRAMES_MAX_REGIONS);
    }
    bind_raise_os(why->result, MP_ERROR_TEXT("0x%016lx +0x%lx is not physical memory"), pa, size);
}

// --- allocation ---

frames_t *bind_frames_allocator(void) {
    bind_need_kernel();
    return memory_system_frames();
}

typedef struct _take_t {
    size_t count;
    const frames_request_t *request;
    mem_pa_t pa;
    frames_error_t why;
} take_t;

static int try_take(void *args) {
    take_t *t = args;
    return frames_alloc(memory_system_frames(), t->count, t->request, &t->pa, &t->why);
}

mem_pa_t bind_frames_take(size_t count, const frames_request_t *request) {
    take_t t;
    t.count = count;
    t.request = request;
    bind_need_kernel();
    if (bind_retry(try_take, &t) != MEM_OK) {
        raise_alloc(&t.why, count, request);
    }
    return t.pa;
}

static int try_own(void *args) {
    frames_obj_t *self = args;
    self->owner = frame_owner_open(memory_system_spaces(), self->pa, self->count);
    return self->owner != NULL ? MEM_OK : MEM_ENOMEM;
}

// What alloc() was asked for.
typedef struct _alloc_t {
    size_t count;
    bool zero;
    bool any;                // frames: the request need not be looked at
    frames_request_t request;
} alloc_t;

static void get_alloc(alloc_t *a, size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_count, ARG_align, ARG_at, ARG_below, ARG_zero };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_count, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_INT(1)} },
        { MP_QSTR_align, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_INT(1)} },
        { MP_QSTR_at, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_below, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_zero, MP_ARG_KW_ONLY | MP_ARG_BOOL, {.u_bool = true} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);

    a->count = bind_get_size(args[ARG_count].u_obj, "count");
    a->request.align = bind_get_size(args[ARG_align].u_obj, "align");
    if ((a->request.align & (a->request.align - 1)) != 0) {
        bind_raise_value(MP_ERROR_TEXT("align %lu is not a power of two"), a->request.align);
    }
    a->request.at = args[ARG_at].u_obj != mp_const_none ? bind_get_page(args[ARG_at].u_obj, "at") : MEM_ADDR_NONE;
    a->request.below = bind_get_u64_or(args[ARG_below].u_obj, "below", MEM_ADDR_NONE);
    a->any = a->request.align == 1 && a->request.at == MEM_ADDR_NONE && a->request.below == MEM_ADDR_NONE;
    a->zero = args[ARG_zero].u_bool;
}

static mp_obj_t memory_frames_alloc(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    alloc_t a;
    a.count = 1;
    a.zero = true;
    a.any = true;
    // Most calls ask for nothing, or only for frames that are not cleared.
    if (n_args == 0 && kw_args->used == 1 && kw_args->table[0].key == MP_OBJ_NEW_QSTR(MP_QSTR_zero)) {
        a.zero = mp_obj_is_true(kw_args->table[0].value);
    } else if (n_args + kw_args->used != 0) {
        get_alloc(&a, n_args, pos_args, kw_args);
    }

    // The object is made first: after the frames are taken, only the record can fail.
    frames_obj_t *self = mp_obj_malloc_with_finaliser(frames_obj_t, &memory_frames_type);
    self->owner = NULL;
    self->count = a.count;
    self->view = 0;
    self->pa = bind_frames_take(a.count, a.any ? NULL : &a.request);
    if (bind_retry(try_own, self) != MEM_OK) {
        frames_free(memory_system_frames(), self->pa, a.count, NULL);
        bind_raise_os(MEM_ENOMEM, MP_ERROR_TEXT("no frame for the record of %lu frames"), a.count);
    }
    if (a.zero) {
        memset(memory_system_at(self->pa), 0, bind_frames_bytes(a.count));
    }
    return MP_OBJ_FROM_PTR(self);
}
MP_DEFINE_CONST_FUN_OBJ_KW(memory_frames_alloc_obj, 0, memory_frames_alloc);

static mp_obj_t memory_frames_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    bind_raise_type(MP_ERROR_TEXT("Frames cannot be made directly: use memory.frames.alloc()"));
}

// --- the object ---

static frames_obj_t *get_open(mp_obj_t self_in) {
    frames_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->owner == NULL) {
        bind_raise_closed("Frames", self->pa);
    }
    return self;
}

frame_owner_t *bind_frames_get_owner(mp_obj_t obj) {
    if (!mp_obj_is_type(obj, &memory_frames_type)) {
        bind_raise_type(MP_ERROR_TEXT("Frames wanted, not %s"), mp_obj_get_type_str(obj));
    }
    return get_open(obj)->owner;
}

static void memory_frames_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const frames_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "<Frames 0x%lx +%lu%s>", self->pa, self->count, self->owner == NULL ? " closed" : "");
}

static void memory_frames_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be stored or deleted
    }
    if (attr == MP_QSTR_pa) {
        dest[0] = bind_new_u64(get_open(self_in)->pa);
    } else if (attr == MP_QSTR_count) {
        dest[0] = bind_new_u64(get_open(self_in)->count);
    } else if (attr == MP_QSTR_size) {
        dest[0] = bind_new_u64(bind_frames_bytes(get_open(self_in)->count));
    } else {
        dest[1] = MP_OBJ_SENTINEL; // not an attribute: MicroPython looks among the methods
    }
}

static mp_obj_t memory_frames_unary_op(mp_unary_op_t op, mp_obj_t self_in) {
    if (op == MP_UNARY_OP_LEN) {
        return bind_new_u64(bind_frames_bytes(get_open(self_in)->count));
    }
    return MP_OBJ_NULL;
}

// --- the view: the mapping behind the buffer protocol ---

static int try_view(void *args) {
    bind_view_t *view = args;
    spaces_t *s = memory_system_spaces();
    space_request_t *r = &view->change.request;
    window_t *window = window_named(s, "view");
    if (window == NULL) {
        return space_fail(&view->change.why, (space_error_t) {
            .kind = SPACE_NO_WINDOW, .va = MEM_ADDR_NONE, .pa = r->pa, .name = "view",
        });
    }
    window_request_t place = {.size = r->size, .align = view->align, .guard = MEM_PAGE_SIZE};
    int result = window_alloc(s, window, &place, &r->va, &view->change.why);
    return result == MEM_OK ? space_map(s, memory_system_kernel(), r, &view->change.why) : result;
}

// One collection closes the views of objects that were dropped; the next one finds that nothing points to them.
int bind_frames_map_view(bind_view_t *view) {
    int result = bind_retry(try_view, view);
    bool full = result != MEM_OK && view->change.why.kind == SPACE_NO_ADDRESS;
    return full ? bind_retry(try_view, view) : result;
}

// A view is mapped at addresses of its own, so that a memoryview that outlives the frames faults and never touches
// another owner's memory. Like the linear map it is not judged for W^X (REGION_BOOT): code may be written through it
// and then be mapped for execution somewhere else. Kernel text and rodata cannot get here, they are never free.
static void map_view(frames_obj_t *self) {
    if (window_named(memory_system_spaces(), "view") == NULL) {
        bind_raise_os(MEM_ENOENT, MP_ERROR_TEXT("there is no view window to map Frames 0x%016lx in"), self->pa);
    }
    bind_view_t view = {.align = MEM_PAGE_SIZE};
    space_request_t *r = &view.change.request;
    *r = (space_request_t) {
        .pa = self->pa,
        .size = bind_frames_bytes(self->count),
        .attrs = MEM_PROT_R | MEM_PROT_W | MEM_TYPE_NORMAL,
        .flags = REGION_BOOT | REGION_LOCKED,
        .name = "view",
        .owner = self->owner,
    };
    if (mem_is_aligned(r->pa, MEM_BLOCK2M_SIZE) && r->size >= MEM_BLOCK2M_SIZE) {
        view.align = MEM_BLOCK2M_SIZE;
    }
    bind_space_check(bind_frames_map_view(&view), &view.change.why);
    self->view = r->va;
}

static void unmap_view(frames_obj_t *self) {
    if (self->view != 0) {
        uint64_t size = bind_frames_bytes(self->count);
        (void)space_unmap(memory_system_spaces(), memory_system_kernel(), self->view, size, SPACE_FORCE, NULL);
        self->view = 0;
    }
}

static mp_int_t memory_frames_get_buffer(mp_obj_t self_in, mp_buffer_info_t *info, mp_uint_t flags) {
    frames_obj_t *self = get_open(self_in);
    if (self->view == 0) {
        map_view(self);
    }
    info->buf = (void *)(uintptr_t)self->view;
    info->len = bind_frames_bytes(self->count);
    info->typecode = 'B';
    return 0;
}

// --- the end ---

// A mapping of the frames other than the object's own view.
static const region_t *find_user(const frames_obj_t *self) {
    const region_t *r = self->owner->regions;
    while (r != NULL && r->space == memory_system_kernel() && r->start == self->view) {
        r = r->owner_next;
    }
    return r;
}

static mp_obj_t memory_frames_close(mp_obj_t self_in) {
    frames_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->owner == NULL) {
        return mp_const_none;
    }
    const region_t *r = find_user(self);
    if (r != NULL) {
        bind_raise_os(MEM_EBUSY, MP_ERROR_TEXT("Frames 0x%016lx is mapped at 0x%016lx"), self->pa, r->start);
    }
    unmap_view(self);
    frame_owner_t *owner = self->owner;
    self->owner = NULL;
    frame_owner_close(memory_system_spaces(), owner, NULL);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_frames_close_obj, memory_frames_close);

frame_owner_t *bind_frames_detach_begin(mp_obj_t obj) {
    frame_owner_t *owner = bind_frames_get_owner(obj);
    unmap_view(MP_OBJ_TO_PTR(obj));
    return owner;
}

void bind_frames_detach_commit(mp_obj_t obj) {
    ((frames_obj_t *)MP_OBJ_TO_PTR(obj))->owner = NULL;
}

// The finaliser cannot refuse: mappings that still use the frames inherit them.
static mp_obj_t memory_frames_del(mp_obj_t self_in) {
    frames_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->owner != NULL) {
        unmap_view(self);
        frame_owner_orphan(memory_system_spaces(), self->owner);
        self->owner = NULL;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_frames_del_obj, memory_frames_del);

static mp_obj_t memory_frames_enter(mp_obj_t self_in) {
    return MP_OBJ_FROM_PTR(get_open(self_in));
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_frames_enter_obj, memory_frames_enter);

static mp_obj_t memory_frames_exit(size_t n_args, const mp_obj_t *args) {
    return memory_frames_close(args[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_frames_exit_obj, 4, 4, memory_frames_exit);

static const mp_rom_map_elem_t frames_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&memory_frames_close_obj) },
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&memory_frames_del_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&memory_frames_enter_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&memory_frames_exit_obj) },
};
static MP_DEFINE_CONST_DICT(frames_locals, frames_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    memory_frames_type,
    MP_QSTR_Frames,
    MP_TYPE_FLAG_NONE,
    make_new, memory_frames_make_new,
    print, memory_frames_print,
    attr, memory_frames_attr,
    unary_op, memory_frames_unary_op,
    buffer, memory_frames_get_buffer,
    locals_dict, &frames_locals
    );

// --- the allocator's functions ---

static mp_obj_t memory_frames_reserve(mp_obj_t pa_in, mp_obj_t size_in, mp_obj_t name_in) {
    mem_pa_t pa = bind_get_u64(pa_in, "pa");
    uint64_t size = bind_get_size(size_in, "size");
    if (!mem_range_ok(pa, size)) {
        bind_raise_value(MP_ERROR_TEXT("size 0x%lx at 0x%016lx passes the end of memory"), size, pa);
    }
    frames_error_t why;
    if (frames_reserve(memory_system_frames(), pa, size, bind_get_name(name_in, "name"), &why) != MEM_OK) {
        raise_reserve(&why, pa, size);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(memory_frames_reserve_obj, memory_frames_reserve);

static mp_obj_t memory_frames_stats(void) {
    frames_stats_t stats;
    frames_stats(memory_system_frames(), &stats);
    mp_obj_t orders[FRAMES_ORDERS];
    for (size_t i = 0; i < FRAMES_ORDERS; ++i) {
        orders[i] = bind_new_u64(stats.free_by_order[i]);
    }
    mp_obj_t dict = mp_obj_new_dict(7);
    bind_store_u64(dict, MP_QSTR_total, stats.total);
    bind_store_u64(dict, MP_QSTR_free, stats.free);
    bind_store_u64(dict, MP_QSTR_used, stats.used);
    bind_store_u64(dict, MP_QSTR_reserved, stats.reserved);
    bind_store_u64(dict, MP_QSTR_peak_used, stats.peak_used);
    bind_store_u64(dict, MP_QSTR_largest_run, stats.largest_run);
    bind_store(dict, MP_QSTR_free_by_order, mp_obj_new_tuple(FRAMES_ORDERS, orders));
    return dict;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_frames_stats_obj, memory_frames_stats);

static mp_obj_t state_text(frames_state_t state) {
    static const qstr_short_t texts[] = {
        [FRAMES_STATE_FREE] = MP_QSTR_free,
        [FRAMES_STATE_USED] = MP_QSTR_used,
        [FRAMES_STATE_RESERVED] = MP_QSTR_reserved,
        [FRAMES_STATE_UNMANAGED] = MP_QSTR_unmanaged,
    };
    return MP_OBJ_NEW_QSTR(texts[state]);
}

static mp_obj_t name_or_none(const char *name) {
    return name != NULL ? bind_new_text(name) : mp_const_none;
}

static mp_obj_t memory_frames_runs(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    frames_run_t run = {.end = 0};
    while (frames_next_run(memory_system_frames(), run.end, &run)) {
        mp_obj_t items[] = {
            bind_new_u64(run.start), bind_new_u64(run.end), state_text(run.state), name_or_none(run.name),
        };
        mp_obj_list_append(list, mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
    }
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_frames_runs_obj, memory_frames_runs);

static mp_obj_t memory_frames_state(mp_obj_t pa_in) {
    const char *name;
    frames_state_t state = frames_state(memory_system_frames(), bind_get_u64(pa_in, "pa"), &name);
    mp_obj_t items[] = {state_text(state), name_or_none(name)};
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
MP_DEFINE_CONST_FUN_OBJ_1(memory_frames_state_obj, memory_frames_state);

// --- soft reset ---

// What is still mapped in the view window: the view of an object whose finaliser did not run.
static void clear_views(const window_t *window) {
    spaces_t *s = memory_system_spaces();
    space_t *kernel = memory_system_kernel();
    const region_t *r;
    while ((r = region_from(kernel, window->start)) != NULL && r->start < window->end) {
        if (space_unmap(s, kernel, r->start, r->last - r->start + 1, SPACE_FORCE, NULL) != MEM_OK) {
            return; // its address is then not given out again
        }
    }
}

size_t bind_frames_reset(void) {
    spaces_t *s = memory_system_spaces();
    size_t owned = 0;
    for (const frame_owner_t *owner = s->frame_owners; owner != NULL; owner = owner->next) {
        owned += owner->count;
    }
    frame_owner_orphan_all(s);
    window_t *window = window_named(s, "view");
    if (memory_system_kernel() != NULL && window != NULL) {
        clear_views(window);
        (void)window_reset(s, window);
    }
    return owned;
}
