// SPDX-License-Identifier: MIT
// Reading address spaces: translations, walks of the tables, lists of mappings and regions.
// Lists are made one address after the other: making an object may grow the collector's heap, which maps memory in the
// kernel half, so no pointer into the mechanism is kept across it.

#include <string.h>

#include "py/builtin.h"
#include "py/objlist.h"
#include "py/objtuple.h"

#include "common.h"
#include "space.h"

// --- texts ---

mp_obj_t bind_space_prot_text(mem_attrs_t attrs) {
    static const qstr_short_t texts[] = {
        MP_QSTR_r, MP_QSTR_rw, MP_QSTR_rx, MP_QSTR_ru, MP_QSTR_rwu, MP_QSTR_rxu,
    };
    size_t i = attrs & MEM_PROT_W ? 1 : attrs & MEM_PROT_X ? 2 : 0;
    return MP_OBJ_NEW_QSTR(texts[i + (attrs & MEM_PROT_U ? 3 : 0)]);
}

static mp_obj_t memtype_text(mem_attrs_t attrs) {
    switch (attrs & MEM_TYPE_MASK) {
        case MEM_TYPE_NORMAL:
            return MP_OBJ_NEW_QSTR(MP_QSTR_normal);
        case MEM_TYPE_DEVICE:
            return MP_OBJ_NEW_QSTR(MP_QSTR_device);
        default:
            return MP_OBJ_NEW_QSTR(MP_QSTR_noncached);
    }
}

// The text of a name, and the name: neighbours often have the same one.
typedef struct _named_t {
    const char *name;
    mp_obj_t text;
} named_t;

#define NO_NAME {NULL, mp_const_none}

static mp_obj_t name_text(named_t *before, const char *name) {
    if (name != before->name) {
        *before = (named_t) {name, name != NULL ? bind_new_text(name) : mp_const_none};
    }
    return before->text;
}

// One more than the last byte: 2^64 for the end of the upper half.
static mp_obj_t new_end(mem_va_t last) {
    mp_obj_t end = bind_new_u64(last + 1);
    return last != UINT64_MAX ? end : mp_binary_op(MP_BINARY_OP_ADD, bind_new_u64(last), MP_OBJ_NEW_SMALL_INT(1));
}

// --- records: named tuples that print addresses and descriptors in hexadecimal ---

static bool is_hexadecimal(qstr field) {
    switch (field) {
        case MP_QSTR_start:
        case MP_QSTR_end:
        case MP_QSTR_pa:
        case MP_QSTR_table:
        case MP_QSTR_descriptor:
            return true;
        default:
            return false;
    }
}

static void record_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const mp_obj_tuple_t *self = MP_OBJ_TO_PTR(self_in);
    const qstr *fields = MP_OBJ_TO_PTR(self->items[self->len]);
    for (size_t i = 0; i < self->len; ++i) {
        mp_obj_t item = self->items[i];
        mp_printf(print, "%s%q=", i == 0 ? "(" : ", ", fields[i]);
        if (item != mp_const_none && is_hexadecimal(fields[i])) {
            mp_obj_print_helper(print, mp_call_function_1(MP_OBJ_FROM_PTR(&mp_builtin_hex_obj), item), PRINT_STR);
        } else {
            mp_obj_print_helper(print, item, PRINT_REPR);
        }
    }
    mp_print_str(print, ")");
}

static void record_attr(mp_obj_t self, qstr name, mp_obj_t *dest) {
    MP_OBJ_TYPE_GET_SLOT(&mp_type_attrtuple, attr)(self, name, dest);
}

static MP_DEFINE_CONST_OBJ_TYPE(
    record_type, MP_QSTR_tuple, MP_TYPE_FLAG_ITER_IS_GETITER,
    print, record_print,
    unary_op, mp_obj_tuple_unary_op,
    binary_op, mp_obj_tuple_binary_op,
    attr, record_attr,
    subscr, mp_obj_tuple_subscr,
    iter, mp_obj_tuple_getiter
    );

// Has the layout of an attrtuple, whose methods it uses: the field names follow the items. Only the type differs.
static mp_obj_t new_record(const qstr *fields, size_t n, const mp_obj_t *items) {
    mp_obj_tuple_t *self = mp_obj_malloc_var(mp_obj_tuple_t, items, mp_obj_t, n + 1, &record_type);
    self->len = n;
    memcpy(self->items, items, n * sizeof(items[0]));
    self->items[n] = MP_OBJ_FROM_PTR(fields);
    return MP_OBJ_FROM_PTR(self);
}

// An empty list with room for so many items.
static mp_obj_t new_list(size_t room) {
    mp_obj_list_t *list = MP_OBJ_TO_PTR(mp_obj_new_list(room, NULL));
    list->len = 0;
    return MP_OBJ_FROM_PTR(list);
}

// --- translate ---

static mem_va_t get_va(const space_t *space, mp_obj_t obj) {
    mem_va_t va = bind_get_u64(obj, "address");
    if (space->paging.upper ? !desc_va_is_upper(va) : !desc_va_is_lower(va)) {
        bind_raise_os(MEM_ERANGE, MP_ERROR_TEXT("0x%016lx is not in this half of the address space"), va);
    }
    return va;
}

static mp_obj_t memory_space_translate(mp_obj_t self, mp_obj_t address) {
    space_t *space = bind_space_get(self);
    mem_va_t va = get_va(space, address);
    mem_pa_t pa;
    if (paging_translate(&space->paging, va, &pa, NULL) != MEM_OK) {
        bind_raise_os(MEM_EFAULT, MP_ERROR_TEXT("0x%016lx is not mapped"), va);
    }
    return bind_new_u64(pa);
}
MP_DEFINE_CONST_FUN_OBJ_2(memory_space_translate_obj, memory_space_translate);

// --- walk ---

// The fields of a leaf descriptor, by the Arm ARM's names.
static mp_obj_t flags_text(uint64_t desc) {
    static const struct {
        uint64_t bit;
        const char *name;
    } flags[] = {
        {DESC_AF, "AF"}, {DESC_NG, "nG"}, {DESC_CONTIGUOUS, "contiguous"}, {DESC_PXN, "PXN"}, {DESC_UXN, "UXN"},
    };
    vstr_t text;
    mp_print_t print;
    vstr_init_print(&text, 48, &print);
    mp_printf(&print, "AttrIndx=%u AP=%u SH=%u", (unsigned)(desc >> DESC_ATTRINDX_SHIFT) & 7,
        (unsigned)(desc >> 6) & 3, (unsigned)(desc >> 8) & 3);
    for (size_t i = 0; i < MP_ARRAY_SIZE(flags); ++i) {
        if (desc & flags[i].bit) {
            mp_printf(&print, " %s", flags[i].name);
        }
    }
    return mp_obj_new_str_from_vstr(&text);
}

static mp_obj_t new_step(const paging_step_t *step) {
    static const qstr fields[] = {
        MP_QSTR_level, MP_QSTR_table, MP_QSTR_index, MP_QSTR_descriptor, MP_QSTR_kind, MP_QSTR_pa, MP_QSTR_prot,
        MP_QSTR_memtype, MP_QSTR_flags,
    };
    uint64_t desc = step->descriptor;
    mp_obj_t items[MP_ARRAY_SIZE(fields)] = {
        MP_OBJ_NEW_SMALL_INT(step->level), bind_new_u64(step->table), MP_OBJ_NEW_SMALL_INT(step->index),
        bind_new_u64(desc), MP_OBJ_NEW_QSTR(MP_QSTR_invalid), mp_const_none, mp_const_none, mp_const_none,
        mp_const_none,
    };
    if (desc_is_table(desc, step->level)) {
        items[4] = MP_OBJ_NEW_QSTR(MP_QSTR_table);
        items[5] = bind_new_u64(desc_table_pa(desc));
    } else if (desc_is_leaf(desc, step->level)) {
        items[4] = step->level == 3 ? MP_OBJ_NEW_QSTR(MP_QSTR_page) : MP_OBJ_NEW_QSTR(MP_QSTR_block);
        items[5] = bind_new_u64(desc_leaf_pa(desc, step->level));
        items[6] = bind_space_prot_text(desc_attrs(desc));
        items[7] = memtype_text(desc_attrs(desc));
        items[8] = flags_text(desc);
    }
    return new_record(fields, MP_ARRAY_SIZE(fields), items);
}

static mp_obj_t memory_space_walk(mp_obj_t self, mp_obj_t address) {
    const space_t *space = bind_space_get(self);
    paging_step_t steps[DESC_LEVELS];
    unsigned n = paging_walk(&space->paging, get_va(space, address), steps);
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (unsigned i = 0; i < n; ++i) {
        mp_obj_list_append(list, new_step(&steps[i]));
    }
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_2(memory_space_walk_obj, memory_space_walk);

// show() prints the mappings, show(va) the walk to one address.
static mp_obj_t memory_space_show(size_t n_args, const mp_obj_t *args) {
    bind_space_get(args[0]);
    if (n_args == 1) {
        return bind_show(MP_QSTR_space, args[0]);
    }
    return bind_show(MP_QSTR_walk, memory_space_walk(args[0], args[1]));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_space_show_obj, 1, 2, memory_space_show);

// --- mappings ---

static mp_obj_t new_mapping(const paging_run_t *run, mp_obj_t name) {
    static const qstr fields[] = {
        MP_QSTR_start, MP_QSTR_end, MP_QSTR_pa, MP_QSTR_prot, MP_QSTR_memtype, MP_QSTR_name,
    };
    const mp_obj_t items[] = {
        bind_new_u64(run->va), new_end(run->va + run->size - 1), bind_new_u64(run->pa),
        bind_space_prot_text(run->attrs), memtype_text(run->attrs), name,
    };
    return new_record(fields, MP_ARRAY_SIZE(fields), items);
}

// The runs of equal descriptors in the tables, each cut where the region that made it ends.
static mp_obj_t memory_space_mappings(mp_obj_t self) {
    space_t *space = bind_space_get(self);
    mp_obj_t list = new_list(space->region_count);
    named_t named = NO_NAME;
    mem_va_t from = paging_base(&space->paging);
    for (;;) {
        const region_t *r = region_at_or_after(space, from);
        bool inside = r != NULL && r->start <= from;
        mem_va_t end = r == NULL ? 0 : inside ? r->last + 1 : r->start;
        const char *name = inside ? r->name : NULL;
        paging_run_t run;
        if (paging_next_run(&space->paging, from, end, &run)) {
            mp_obj_list_append(list, new_mapping(&run, name_text(&named, name)));
            from = run.va + run.size;
        } else if (end == 0) {
            return list;
        } else {
            from = end;
        }
        if (from == 0 || (!space->paging.upper && from >= DESC_HALF_SIZE)) {
            return list; // the last page of the half was mapped
        }
    }
}
MP_DEFINE_CONST_FUN_OBJ_1(memory_space_mappings_obj, memory_space_mappings);

// --- regions ---

static mp_obj_t new_region(const region_t *r, named_t *named) {
    static const qstr fields[] = {
        MP_QSTR_start, MP_QSTR_end, MP_QSTR_pa, MP_QSTR_prot, MP_QSTR_memtype, MP_QSTR_name, MP_QSTR_locked,
        MP_QSTR_held,
    };
    region_t copy = *r;
    bool mapped = !(copy.flags & REGION_RESERVED);
    bool at_once = mapped && !(copy.flags & REGION_PAGED);
    const mp_obj_t items[] = {
        bind_new_u64(copy.start), new_end(copy.last),
        at_once ? bind_new_u64(copy.pa) : mp_const_none,
        mapped ? bind_space_prot_text(copy.attrs) : mp_const_none,
        mapped ? memtype_text(copy.attrs) : mp_const_none,
        name_text(named, copy.name), mp_obj_new_bool(copy.flags & REGION_LOCKED), mp_obj_new_bool(copy.owner != NULL),
    };
    return new_record(fields, MP_ARRAY_SIZE(fields), items);
}

// What was mapped or reserved, call by call, guards included. Each is looked for, next to the one before: a collection
// may have changed the list.
static mp_obj_t memory_space_regions(mp_obj_t self) {
    space_t *space = bind_space_get(self);
    mp_obj_t list = new_list(space->region_count);
    named_t named = NO_NAME;
    const region_t *r = region_at_or_after(space, paging_base(&space->paging));
    while (r != NULL) {
        mem_va_t last = r->last;
        mp_obj_list_append(list, new_region(r, &named));
        r = last == UINT64_MAX ? NULL : region_at_or_after(space, last + 1);
    }
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_1(memory_space_regions_obj, memory_space_regions);
