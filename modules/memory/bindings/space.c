// SPDX-License-Identifier: MIT
// _memory.AddressSpace: opened, entered, closed; the handles of the kernel half and the identity space; the switch.

#include "py/objtuple.h"

#include "common.h"
#include "pager.h"
#include "space.h"
#include "stack.h"

// The handles, once they were requested, and the user's space in TTBR0 (NULL: the identity space, or the boot map's).
MP_REGISTER_ROOT_POINTER(mp_obj_t bind_space_kernel);
MP_REGISTER_ROOT_POINTER(mp_obj_t bind_space_identity);
MP_REGISTER_ROOT_POINTER(mp_obj_t bind_space_active);

static inline bind_space_obj_t *get_self(mp_obj_t self) {
    return MP_OBJ_TO_PTR(self);
}

space_t *bind_space_get(mp_obj_t self_in) {
    bind_space_obj_t *self = get_self(self_in);
    if (self->space == NULL) {
        bind_raise_value(MP_ERROR_TEXT("AddressSpace with ASID %u is closed"), (unsigned)self->asid);
    }
    return self->space;
}

mem_attrs_t bind_space_get_prot(mp_obj_t text) {
    static const struct {
        const char *text;
        mem_attrs_t attrs;
    } prots[] = {
        {"r", MEM_PROT_R}, {"rw", MEM_PROT_R | MEM_PROT_W}, {"rx", MEM_PROT_R | MEM_PROT_X},
        {"ru", MEM_PROT_R | MEM_PROT_U}, {"rwu", MEM_PROT_R | MEM_PROT_W | MEM_PROT_U},
        {"rxu", MEM_PROT_R | MEM_PROT_X | MEM_PROT_U},
    };
    if (text == MP_OBJ_NEW_QSTR(MP_QSTR_rw)) { // the same text, and the usual one
        return MEM_PROT_R | MEM_PROT_W;
    }
    if (!mp_obj_is_str(text)) {
        bind_raise_type(MP_ERROR_TEXT("prot must be a str, not %s"), mp_obj_get_type_str(text));
    }
    for (size_t i = 0; i < MP_ARRAY_SIZE(prots); ++i) {
        if (bind_text_is(text, prots[i].text)) {
            return prots[i].attrs;
        }
    }
    bind_raise_value(MP_ERROR_TEXT("prot %s is not 'r', 'rw' or 'rx', with 'u' after it for EL0"), bind_quoted(text));
}

// --- objects ---

static bind_space_obj_t *new_object(const mp_obj_type_t *type, bool handle) {
    bind_space_obj_t *self = mp_obj_malloc_with_finaliser(bind_space_obj_t, type);
    self->space = NULL;
    self->asid = 0;
    self->handle = handle;
    self->with_stack = mp_const_none;
    self->pagers = mp_const_none;
    self->next_paged = MP_OBJ_NULL;
    return self;
}

static int try_open(void *args) {
    bind_space_change_t *change = args;
    return space_open(memory_system_spaces(), false, NULL, &change->space, &change->why);
}

static mp_obj_t memory_space_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    bind_need_kernel();
    bind_space_obj_t *self = new_object(type, false);
    bind_space_change_t change = {.space = NULL};
    bind_space_change(try_open, &change);
    self->space = change.space;
    self->asid = self->space->paging.asid;
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t get_handle(mp_obj_t *root, space_t *space) {
    if (space == NULL) {
        return mp_const_none;
    }
    if (*root == MP_OBJ_NULL) {
        bind_space_obj_t *self = new_object(&memory_space_type, true);
        self->space = space;
        self->asid = space->paging.asid;
        *root = MP_OBJ_FROM_PTR(self);
    }
    return *root;
}

static void memory_space_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    bind_space_obj_t *self = get_self(self_in);
    if (self->space == NULL) {
        mp_printf(print, "<AddressSpace ASID %u, closed>", (unsigned)self->asid);
    } else if (self->space->name != NULL) {
        mp_printf(print, "<AddressSpace %s>", self->space->name);
    } else {
        mp_printf(print, "<AddressSpace ASID %u>", (unsigned)self->asid);
    }
}

static bool is_active(const space_t *space) {
    return space->paging.upper ? memory_system_is_switched() : space == memory_system_active();
}

static void memory_space_attr(mp_obj_t self, qstr name, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be set
    }
    switch (name) {
        case MP_QSTR_asid:
            dest[0] = MP_OBJ_NEW_SMALL_INT(bind_space_get(self)->paging.asid);
            break;
        case MP_QSTR_tables:
            dest[0] = mp_obj_new_int_from_uint(space_tables(bind_space_get(self)));
            break;
        case MP_QSTR_root:
            dest[0] = bind_new_u64(bind_space_get(self)->paging.root);
            break;
        case MP_QSTR_active:
            dest[0] = mp_obj_new_bool(is_active(bind_space_get(self)));
            break;
        case MP_QSTR_name: {
            const char *text = bind_space_get(self)->name;
            dest[0] = text == NULL ? mp_const_none : bind_new_text(text);
            break;
        }
        default:
            dest[1] = MP_OBJ_SENTINEL; // not an attribute: MicroPython looks among the methods
            break;
    }
}

// --- activation ---

static mp_obj_t memory_active_space(void) {
    if (MP_STATE_VM(bind_space_active) != MP_OBJ_NULL) {
        return MP_STATE_VM(bind_space_active);
    }
    bool identity = memory_system_active() != NULL;
    return get_handle(&MP_STATE_VM(bind_space_identity), identity ? memory_system_identity() : NULL);
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_active_space_obj, memory_active_space);

mp_obj_t bind_space_activate(mp_obj_t self) {
    space_t *space = bind_space_get(self);
    bind_need_kernel();
    space_error_t why;
    bind_space_check(space_activate(memory_system_spaces(), space, &why), &why);
    MP_STATE_VM(bind_space_active) = get_self(self)->handle ? MP_OBJ_NULL : self;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_space_activate_obj, bind_space_activate);

// `with` blocks may be nested, of one space and of several: each end activates the space that was active before it.
mp_obj_t bind_space_enter(mp_obj_t self) {
    bind_space_get(self);
    bind_need_kernel();
    mp_obj_t items[] = {memory_active_space(), get_self(self)->with_stack};
    mp_obj_t with_stack = mp_obj_new_tuple(2, items);
    bind_space_activate(self);
    get_self(self)->with_stack = with_stack;
    return self;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_space_enter_obj, bind_space_enter);

mp_obj_t bind_space_exit(mp_obj_t self_in) {
    bind_space_obj_t *self = get_self(self_in);
    if (self->with_stack == mp_const_none) {
        return mp_const_none; // never entered
    }
    mp_obj_tuple_t *top = MP_OBJ_TO_PTR(self->with_stack);
    self->with_stack = top->items[1];
    bool open = get_self(top->items[0])->space != NULL;
    bind_space_activate(open ? top->items[0] : get_handle(&MP_STATE_VM(bind_space_identity), memory_system_identity()));
    return mp_const_none;
}

static mp_obj_t memory_space_exit(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return bind_space_exit(args[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_space_exit_obj, 4, 4, memory_space_exit);

// --- close ---

void bind_space_forget_pagers(bind_space_obj_t *self) {
    mp_obj_t *link = &MP_STATE_VM(bind_pager_spaces);
    while (*link != MP_OBJ_NULL && *link != MP_OBJ_FROM_PTR(self)) {
        link = &((bind_space_obj_t *)MP_OBJ_TO_PTR(*link))->next_paged;
    }
    if (*link != MP_OBJ_NULL) {
        *link = self->next_paged;
        self->next_paged = MP_OBJ_NULL; // otherwise this object would keep the next one alive
    }
    self->pagers = mp_const_none;
}

static mp_obj_t memory_space_close(mp_obj_t self_in) {
    bind_space_obj_t *self = get_self(self_in);
    if (self->space == NULL) {
        return mp_const_none;
    }
    if (self->handle) {
        bind_raise_os(MEM_EPERM, MP_ERROR_TEXT("the %s space is not closed"), self->space->name);
    }
    space_error_t why;
    bind_space_check(space_close(memory_system_spaces(), self->space, &why), &why);
    self->space = NULL;
    bind_space_forget_pagers(self);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_space_close_obj, memory_space_close);

// The finaliser cannot refuse. The active space is a root, so only an explicit call of __del__() can name it: the
// identity space is activated instead of it.
static mp_obj_t memory_space_del(mp_obj_t self_in) {
    bind_space_obj_t *self = get_self(self_in);
    if (!self->handle && self->space != NULL) {
        if (is_active(self->space)) {
            bind_space_leave();
        }
        (void)space_close(memory_system_spaces(), self->space, NULL);
        self->space = NULL;
        bind_space_forget_pagers(self);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_space_del_obj, memory_space_del);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&memory_space_del_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&memory_space_enter_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&memory_space_exit_obj) },
    { MP_ROM_QSTR(MP_QSTR_activate), MP_ROM_PTR(&memory_space_activate_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&memory_space_close_obj) },
    { MP_ROM_QSTR(MP_QSTR_compact), MP_ROM_PTR(&memory_space_compact_obj) },
    { MP_ROM_QSTR(MP_QSTR_evict), MP_ROM_PTR(&memory_space_evict_obj) },
    { MP_ROM_QSTR(MP_QSTR_map), MP_ROM_PTR(&memory_space_map_obj) },
    { MP_ROM_QSTR(MP_QSTR_mappings), MP_ROM_PTR(&memory_space_mappings_obj) },
    { MP_ROM_QSTR(MP_QSTR_protect), MP_ROM_PTR(&memory_space_protect_obj) },
    { MP_ROM_QSTR(MP_QSTR_regions), MP_ROM_PTR(&memory_space_regions_obj) },
    { MP_ROM_QSTR(MP_QSTR_reserve), MP_ROM_PTR(&memory_space_reserve_obj) },
    { MP_ROM_QSTR(MP_QSTR_show), MP_ROM_PTR(&memory_space_show_obj) },
    { MP_ROM_QSTR(MP_QSTR_translate), MP_ROM_PTR(&memory_space_translate_obj) },
    { MP_ROM_QSTR(MP_QSTR_unmap), MP_ROM_PTR(&memory_space_unmap_obj) },
    { MP_ROM_QSTR(MP_QSTR_walk), MP_ROM_PTR(&memory_space_walk_obj) },
    { MP_ROM_QSTR(MP_QSTR__boot_map), MP_ROM_PTR(&memory_space_boot_map_obj) },
    { MP_ROM_QSTR(MP_QSTR__reserve), MP_ROM_PTR(&memory_space_reserve_guard_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    memory_space_type, MP_QSTR_AddressSpace, MP_TYPE_FLAG_NONE,
    make_new, memory_space_make_new,
    print, memory_space_print,
    attr, memory_space_attr,
    locals_dict, &locals
    );

// --- boot ---

static mp_obj_t memory_kernel(void) {
    return get_handle(&MP_STATE_VM(bind_space_kernel), memory_system_kernel());
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_kernel_obj, memory_kernel);

static mp_obj_t memory_identity(void) {
    return get_handle(&MP_STATE_VM(bind_space_identity), memory_system_identity());
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_identity_obj, memory_identity);

static mp_obj_t memory_open_kernel(void) {
    space_error_t why;
    bind_space_check(memory_system_open_kernel(&why), &why);
    return memory_kernel();
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_open_kernel_obj, memory_open_kernel);

static mp_obj_t memory_open_identity(void) {
    space_error_t why;
    bind_space_check(memory_system_open_identity(&why), &why);
    return memory_identity();
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_open_identity_obj, memory_open_identity);

static mp_obj_t memory_window_add(size_t n_args, const mp_obj_t *args) {
    uint64_t start = bind_get_page(args[0], "start");
    uint64_t end = bind_get_page(args[1], "end");
    uint64_t flags = bind_get_u64(args[2], "flags");
    if (flags & ~(uint64_t)(WINDOW_OPEN | WINDOW_QUARANTINE)) {
        bind_raise_value(MP_ERROR_TEXT("flags %lu are not a sum of OPEN (1) and QUARANTINE (2)"), flags);
    }
    mem_range_t range = {start, end};
    space_error_t why;
    const char *name = bind_get_name(args[3], "name");
    bind_space_check(window_add(memory_system_spaces(), range, flags, name, &why), &why);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_window_add_obj, 4, 4, memory_window_add);

static mp_obj_t memory_switch(void) {
    if (memory_system_is_switched() || memory_system_kernel() == NULL || memory_system_identity() == NULL) {
        bind_raise_os(MEM_EPERM, MP_ERROR_TEXT("switch() is for boot: once, after open_kernel() and open_identity()"));
    }
    space_error_t why;
    bind_space_check(memory_system_switch(&why), &why);
    stack_open();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_switch_obj, memory_switch);

// --- soft reset ---

void bind_space_leave(void) {
    if (memory_system_is_switched()) {
        (void)space_activate(memory_system_spaces(), memory_system_identity(), NULL);
    }
    MP_STATE_VM(bind_space_active) = MP_OBJ_NULL;
}

size_t bind_space_reset(void) {
    spaces_t *s = memory_system_spaces();
    MP_STATE_VM(bind_space_kernel) = MP_OBJ_NULL;
    MP_STATE_VM(bind_space_identity) = MP_OBJ_NULL;
    if (!memory_system_is_switched()) {
        return 0; // safe mode: boot did not finish, and its mappings stay
    }
    size_t open = spaces_close_all(s, memory_system_identity());
    space_clear(s, memory_system_kernel(), REGION_BOOT | REGION_LOCKED);
    space_clear(s, memory_system_identity(), 0);
    return open;
}
