// SPDX-License-Identifier: MIT
// Changing what an address space maps: map, unmap, protect, compact; and boot's own mappings and guards.

#include "common.h"
#include "frames.h"
#include "pager.h"
#include "space.h"

static mem_attrs_t get_memtype(mp_obj_t text, bool boot) {
    if (text == MP_OBJ_NEW_QSTR(MP_QSTR_normal)) { // the same text, and the usual one
        return MEM_TYPE_NORMAL;
    }
    if (!mp_obj_is_str(text)) {
        bind_raise_type(MP_ERROR_TEXT("memtype must be a str, not %s"), mp_obj_get_type_str(text));
    }
    if (bind_text_is(text, "normal")) {
        return MEM_TYPE_NORMAL;
    }
    if (bind_text_is(text, "device")) {
        return MEM_TYPE_DEVICE;
    }
    if (boot && bind_text_is(text, "noncached")) {
        return MEM_TYPE_NONCACHED;
    }
    bind_raise_value(MP_ERROR_TEXT("memtype %s is not 'normal' or 'device'"), bind_quoted(text));
}

static mem_attrs_t get_attrs(mp_obj_t prot, mp_obj_t memtype, bool boot) {
    mem_attrs_t attrs = bind_space_get_prot(prot) | get_memtype(memtype, boot);
    if (!desc_attrs_ok(attrs)) {
        bind_raise_value(MP_ERROR_TEXT("prot '%s' is not possible with memtype '%s'"), mp_obj_str_get_str(prot),
            mp_obj_str_get_str(memtype));
    }
    return attrs;
}

// --- map ---

// Physical address, size and owner of what is to be mapped.
static void get_memory(mp_obj_t memory, mp_obj_t size, space_request_t *request) {
    request->owner = NULL;
    if (!mp_obj_is_type(memory, &memory_frames_type)) {
        request->pa = bind_get_page(memory, "physical address");
        if (size == mp_const_none) {
            bind_raise_type(MP_ERROR_TEXT("size is needed with physical address 0x%016lx"), request->pa);
        }
        request->size = bind_get_page_size(size, "size");
        return;
    }
    frame_owner_t *owner = bind_frames_get_owner(memory);
    uint64_t all = bind_frames_bytes(owner->count);
    request->owner = owner;
    request->pa = owner->pa;
    request->size = size == mp_const_none ? all : bind_get_page_size(size, "size");
    if (request->size > all) {
        bind_raise_value(MP_ERROR_TEXT("size %lu is more than the %lu bytes of the Frames"), request->size, all);
    }
}

int bind_space_try_map(void *change) {
    bind_space_change_t *c = change;
    return space_map(memory_system_spaces(), c->space, &c->request, &c->why);
}

static mp_obj_t memory_space_map(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_va, ARG_memory, ARG_size, ARG_prot, ARG_memtype };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_va, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_frames_or_pa, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_size, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_prot, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_rw)} },
        { MP_QSTR_memtype, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_normal)} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    space_t *space = bind_space_get(pos_args[0]);
    bind_space_change_t change = {.space = space, .request.va = bind_get_page(args[ARG_va].u_obj, "address")};
    get_memory(args[ARG_memory].u_obj, args[ARG_size].u_obj, &change.request);
    change.request.attrs = get_attrs(args[ARG_prot].u_obj, args[ARG_memtype].u_obj, false);
    bind_space_change(bind_space_try_map, &change);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(memory_space_map_obj, 1, memory_space_map);

// --- unmap, protect, compact ---

static int try_unmap(void *args) {
    bind_space_change_t *c = args;
    return space_unmap(memory_system_spaces(), c->space, c->request.va, c->request.size, 0, &c->why);
}

static mp_obj_t memory_space_unmap(mp_obj_t self, mp_obj_t address, mp_obj_t size) {
    bind_space_change_t change = {.space = bind_space_get(self)};
    change.request.va = bind_get_page(address, "address");
    change.request.size = bind_get_page_size(size, "size");
    const region_t *r = region_find(change.space, change.request.va);
    bool paged = region_is_paged(r);
    uint32_t pager = paged ? r->pager : 0;
    bind_space_change(try_unmap, &change);
    if (paged) {
        bind_pager_forget_unused(MP_OBJ_TO_PTR(self), pager);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(memory_space_unmap_obj, memory_space_unmap);

static int try_protect(void *args) {
    bind_space_change_t *c = args;
    return space_protect(memory_system_spaces(), c->space, &c->request, &c->why);
}

static mp_obj_t memory_space_protect(size_t n_args, const mp_obj_t *args) {
    bind_space_change_t change = {.space = bind_space_get(args[0])};
    change.request.va = bind_get_page(args[1], "address");
    change.request.size = bind_get_page_size(args[2], "size");
    change.request.attrs = bind_space_get_prot(args[3]);
    bind_space_change(try_protect, &change);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_space_protect_obj, 4, 4, memory_space_protect);

// Rejoins blocks, everywhere or in a range; returns the number of table frames given back.
static mp_obj_t memory_space_compact(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_va, ARG_size };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_va, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_size, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    space_t *space = bind_space_get(pos_args[0]);
    mp_obj_t address = args[ARG_va].u_obj;
    mp_obj_t size = args[ARG_size].u_obj;
    if ((address == mp_const_none) != (size == mp_const_none)) {
        bind_raise_type(MP_ERROR_TEXT("compact() takes va and size together"));
    }
    bool all = address == mp_const_none;
    mem_va_t va = all ? 0 : bind_get_page(address, "address");
    uint64_t bytes = all ? DESC_HALF_SIZE : bind_get_page_size(size, "size");
    if (space->paging.upper) {
        bind_raise_os(MEM_EPERM, MP_ERROR_TEXT("blocks of the kernel half are neither split nor rejoined"));
    }
    if (!desc_va_is_lower(va) || bytes > DESC_HALF_SIZE - va) {
        bind_raise_os(MEM_ERANGE, MP_ERROR_TEXT("0x%016lx with size 0x%016lx is not inside this half of the address "
            "space"), va, bytes);
    }
    return mp_obj_new_int_from_uint(paging_compact(&space->paging, va, bytes));
}
MP_DEFINE_CONST_FUN_OBJ_KW(memory_space_compact_obj, 1, memory_space_compact);

// --- boot's mappings ---

// _boot_map(va, pa, size, prot, memtype, name, locked): maps without the check for W^X, and by blocks in the kernel
// half too.
static mp_obj_t memory_space_boot_map(size_t n_args, const mp_obj_t *args) {
    bind_space_change_t change = {.space = bind_space_get(args[0])};
    change.request = (space_request_t) {
        .va = bind_get_page(args[1], "address"),
        .pa = bind_get_page(args[2], "physical address"),
        .size = bind_get_page_size(args[3], "size"),
        .attrs = get_attrs(args[4], args[5], true),
        .flags = REGION_BOOT | (mp_obj_is_true(args[7]) ? REGION_LOCKED : 0),
        .name = bind_get_name(args[6], "name"),
    };
    bind_space_change(bind_space_try_map, &change);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_space_boot_map_obj, 8, 8, memory_space_boot_map);

int bind_space_try_reserve(void *change) {
    bind_space_change_t *c = change;
    return space_reserve(memory_system_spaces(), c->space, &c->request, &c->why);
}

// _reserve(va, size, name): makes a guard, a range where nothing can be mapped.
static mp_obj_t memory_space_reserve_guard(size_t n_args, const mp_obj_t *args) {
    bind_space_change_t change = {.space = bind_space_get(args[0])};
    change.request = (space_request_t) {
        .va = bind_get_page(args[1], "address"),
        .size = bind_get_page_size(args[2], "size"),
        .flags = REGION_LOCKED,
        .name = bind_get_name(args[3], "name"),
    };
    bind_space_change(bind_space_try_reserve, &change);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_space_reserve_guard_obj, 4, 4, memory_space_reserve_guard);
