// SPDX-License-Identifier: MIT
// memory.Fault, an OSError: its arguments are EFAULT and a record of the fault, which becomes a
// sentence only when it is printed.

#include "py/mperrno.h"
#include "py/objexcept.h"
#include "py/runtime.h"

#include "core/arch.h"
#include "common.h"
#include "fault.h"
#include "core/fault/fault.h"
#include "memory_system.h"

typedef struct _record_obj_t {
    mp_obj_base_t base;
    bind_fault_t fault;
    uint64_t ttbr0;    // of the space that was active: another one may be when it is printed
    const char *why;   // NULL, or a reason at the end of the sentence
} record_obj_t;

// --- the record: prints as a sentence ---

// The name of the read-only memory that is mapped there ("kernel text"), through any alias;
// NULL for other memory.
static const char *protected_name(space_t *space, uint64_t va) {
    const spaces_t *s = memory_system_spaces();
    mem_pa_t pa;
    if (paging_translate(&space->paging, va, &pa, NULL) != MEM_OK) {
        return NULL;
    }
    for (size_t i = 0; i < s->n_protected; ++i) {
        const space_range_t *range = &s->protected_ranges[i];
        if (range->never & MEM_PROT_W && pa >= range->start && pa < range->end) {
            return range->name;
        }
    }
    return NULL;
}

// The space whose tables were used; NULL when it is closed.
static space_t *find_space(const record_obj_t *self) {
    if (desc_va_is_upper(self->fault.far)) {
        return memory_system_kernel();
    }
    space_t *space = memory_system_next_space(NULL);
    while (space != NULL && desc_ttbr(space->paging.root, space->paging.asid) != self->ttbr0) {
        space = memory_system_next_space(space);
    }
    return space;
}

// The state of the region of an address that faulted; NULL when the region does not explain the fault, because it has
// been changed since.
static const char *region_text(const region_t *region, const fault_info_t *info) {
    if (region == NULL) {
        return info->kind == FAULT_TRANSLATION ? "nothing is mapped there" : NULL;
    }
    if (region->flags & REGION_PAGED) {
        return "in a range with a pager";
    }
    if (region->flags & REGION_RESERVED) {
        return info->kind == FAULT_TRANSLATION ? "reserved, nothing is mapped" : NULL;
    }
    if (info->kind == FAULT_TRANSLATION) {
        return NULL;
    }
    return info->access == FAULT_ACCESS_EXECUTE ? "page is not executable" : "page is read-only";
}

// Prints in brackets what is at the address in the tables of its half; nothing when that does not explain the fault.
static void print_place(const mp_print_t *print, const record_obj_t *self, const fault_info_t *info) {
    if (self->fault.el == 0) { // the program's space may be closed by now
        mp_print_str(print, desc_va_is_upper(info->far) ? " (the kernel's half)" : "");
        return;
    }
    if (!desc_va_is_upper(info->far) && !desc_va_is_lower(info->far)) {
        mp_print_str(print, " (in neither half of the address space)");
        return;
    }
    space_t *space = find_space(self);
    const region_t *region = space != NULL ? region_find(space, info->far) : NULL;
    const char *text = space != NULL ? region_text(region, info) : NULL;
    if (text == NULL) {
        return;
    }
    const char *name = region != NULL ? protected_name(space, info->far) : NULL;
    name = name == NULL && region != NULL ? region->name : name;
    mp_printf(print, " (%s%s%s)", text, name != NULL ? ", " : "", name != NULL ? name : "");
}

static void record_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    record_obj_t *self = MP_OBJ_TO_PTR(self_in);
    char sentence[FAULT_SENTENCE_SIZE];
    fault_info_t info;
    fault_decode(self->fault.esr, self->fault.far, &info);
    fault_sentence(&info, sentence, sizeof(sentence));
    mp_print_str(print, sentence);
    if (info.far_valid && (info.kind == FAULT_TRANSLATION || info.kind == FAULT_PERMISSION)) {
        print_place(print, self, &info);
    }
    if (self->fault.pc != 0) {
        mp_printf(print, ", pc 0x%016lx", self->fault.pc);
    }
    if (self->why != NULL) {
        mp_printf(print, ": %s", self->why);
    }
}

static MP_DEFINE_CONST_OBJ_TYPE(record_type, MP_QSTR_fault, MP_TYPE_FLAG_NONE, print, record_print);

// --- the exception ---

// The record of a Fault that the machine raised; NULL for one that Python code made by hand.
static const bind_fault_t *get_record(mp_obj_t self_in) {
    mp_obj_exception_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->args == NULL || self->args->len != 2 || !mp_obj_is_type(self->args->items[1], &record_type)) {
        return NULL;
    }
    return &((record_obj_t *)MP_OBJ_TO_PTR(self->args->items[1]))->fault;
}

static void memory_fault_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    mp_print_kind_t k = kind & ~PRINT_EXC_SUBCLASS;
    if (get_record(self_in) == NULL) {
        mp_obj_exception_print(print, self_in, kind);
        return;
    }
    if (k != PRINT_STR) {
        mp_print_str(print, k == PRINT_EXC ? "memory.Fault: " : "Fault(");
    }
    mp_obj_print_helper(print, ((mp_obj_exception_t *)MP_OBJ_TO_PTR(self_in))->args->items[1], PRINT_STR);
    if (k == PRINT_REPR) {
        mp_print_str(print, ")");
    }
}

// An attribute of the record; MP_OBJ_NULL for another name.
static mp_obj_t record_attr(const bind_fault_t *fault, qstr attr) {
    fault_info_t info;
    fault_decode(fault->esr, fault->far, &info);
    switch (attr) {
        case MP_QSTR_address:
            return info.far_valid ? bind_new_u64(fault->far) : mp_const_none;
        case MP_QSTR_access:
            return info.access != FAULT_ACCESS_NONE ? bind_new_text(fault_access_text(info.access)) : mp_const_none;
        case MP_QSTR_kind:
            return bind_new_text(info.kind_text);
        case MP_QSTR_level:
            return info.level >= 0 ? MP_OBJ_NEW_SMALL_INT(info.level) : mp_const_none;
        case MP_QSTR_esr:
            return bind_new_u64(fault->esr);
        case MP_QSTR_pc:
            return bind_new_u64(fault->pc);
        case MP_QSTR_el:
            return MP_OBJ_NEW_SMALL_INT(fault->el);
        default:
            return MP_OBJ_NULL;
    }
}

static void memory_fault_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    const bind_fault_t *fault = get_record(self_in);
    if (dest[0] == MP_OBJ_NULL && fault != NULL) {
        dest[0] = record_attr(fault, attr);
    }
    if (dest[0] == MP_OBJ_NULL) {
        mp_obj_exception_attr(self_in, attr, dest);
    }
}

MP_DEFINE_CONST_OBJ_TYPE(
    memory_fault_type, MP_QSTR_Fault, MP_TYPE_FLAG_NONE,
    make_new, mp_obj_exception_make_new,
    print, memory_fault_print,
    attr, memory_fault_attr,
    parent, &mp_type_OSError
    );

// --- raising ---

void bind_fault_raise(const bind_fault_t *fault) {
    bind_fault_raise_because(fault, MP_EFAULT, NULL);
}

void bind_fault_raise_because(const bind_fault_t *fault, int error, const char *why) {
    bind_fault_t copy = *fault; // a further fault, for example in the allocation below, would overwrite it
    record_obj_t *record = mp_obj_malloc(record_obj_t, &record_type);
    record->fault = copy;
    record->ttbr0 = arch_read_ttbr0();
    record->why = why;
    mp_obj_t args[2] = {MP_OBJ_NEW_SMALL_INT(error), MP_OBJ_FROM_PTR(record)};
    nlr_raise(mp_obj_exception_make_new(&memory_fault_type, 2, 0, args));
}

void bind_fault_raise_recursion(void) {
    mp_raise_recursion_depth();
}

// --- accesses that may fail ---

// Size in bytes, 4 when not given, and the address aligned to it.
static unsigned get_access(size_t n_args, const mp_obj_t *args, size_t size_index, uint64_t *address) {
    uint64_t size = n_args > size_index ? bind_get_u64(args[size_index], "size") : 4;
    if (size == 0 || size > 8 || (size & (size - 1)) != 0) {
        bind_raise_value(MP_ERROR_TEXT("size %lu is not 1, 2, 4 or 8"), size);
    }
    *address = bind_get_u64(args[0], "address");
    if (!mem_is_aligned(*address, size)) {
        bind_raise_value(MP_ERROR_TEXT("address 0x%016lx is not aligned to %lu bytes"), *address, size);
    }
    return (unsigned)size;
}

// probe(address, size=4): the value read there, or None when the access faults.
static mp_obj_t memory_probe(size_t n_args, const mp_obj_t *args) {
    uint64_t address, value;
    unsigned size = get_access(n_args, args, 1, &address);
    return port_probe_read(address, size, &value) ? bind_new_u64(value) : mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_probe_obj, 1, 2, memory_probe);

// poke(address, value, size=4): whether the write succeeded.
static mp_obj_t memory_poke(size_t n_args, const mp_obj_t *args) {
    uint64_t address;
    unsigned size = get_access(n_args, args, 2, &address);
    uint64_t value = bind_get_u64(args[1], "value");
    if (size < 8 && value >> (8 * size) != 0) {
        bind_raise_value(MP_ERROR_TEXT("value 0x%lx does not fit %u bytes"), value, size);
    }
    return mp_obj_new_bool(port_probe_write(address, size, value));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_poke_obj, 2, 3, memory_poke);
