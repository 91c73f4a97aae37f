// SPDX-License-Identifier: MIT
// Classes: super() of things that do not belong together, and C protocols that would take an instance of a class in
// Python for an object of its native base.

#include "guard/guard.h"
#include "guard/iobase.h"
#include "guard/types.h"
#include "py/objtype.h"
#include "py/runtime.h"

static void super_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest);
static void type_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest);
static mp_int_t instance_get_buffer(mp_obj_t self_in, mp_buffer_info_t *bufinfo, mp_uint_t flags);
static mp_obj_t native_base_init_wrapper(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args);

// A class in Python inherits the protocol of io.IOBase only.
static inline bool guard_inherits(const char *slot, const void *value) {
    return strcmp(slot, "protocol") != 0 || value == guard_iobase_protocol();
}

// A method of a native type that is found through a class in Python checks what it is called with, as if it were taken
// from the native type.
static void guard_member(const mp_obj_type_t *found_in, mp_obj_t self, const mp_obj_type_t *type, mp_obj_t member,
    mp_obj_t *dest) {
    bool is_native = self == MP_OBJ_NULL && mp_obj_is_native_type(found_in);
    mp_convert_member_lookup(self, is_native ? found_in : type, member, dest);
}

// `type` is what mp_obj_class_lookup() searches.
#define mp_convert_member_lookup(self, t, member, dest) guard_member(type, (self), (t), (member), (dest))

#define GUARD_SET_SLOT(t, f, v, n) ((t)->slot_index_##f = (n) + 1, (t)->slots[(n)] = (void *)v)
#undef MP_OBJ_TYPE_SET_SLOT
#define MP_OBJ_TYPE_SET_SLOT(t, f, v, n) \
    (guard_inherits(#f, (const void *)(v)) ? (void)GUARD_SET_SLOT(t, f, v, n) : (void)0)
#define super_attr(...) fetched_super_attr(__VA_ARGS__)
#define type_attr(...) fetched_type_attr(__VA_ARGS__)
#define mp_obj_instance_getiter(...) fetched_mp_obj_instance_getiter(__VA_ARGS__)
#define instance_get_buffer(...) fetched_instance_get_buffer(__VA_ARGS__)
#define mp_obj_cast_to_native_base(...) fetched_mp_obj_cast_to_native_base(__VA_ARGS__)
#define native_base_init_wrapper(...) fetched_native_base_init_wrapper(__VA_ARGS__)
mp_obj_t fetched_mp_obj_instance_getiter(mp_obj_t self_in, mp_obj_iter_buf_t *iter_buf);
mp_obj_t fetched_mp_obj_cast_to_native_base(mp_obj_t self_in, mp_const_obj_t native_type);
#include "py/objtype.c"
#undef super_attr
#undef mp_obj_instance_getiter
#undef instance_get_buffer
#undef mp_obj_cast_to_native_base
#undef type_attr
#undef native_base_init_wrapper

const void *const guard_uninitialised = &native_base_init_wrapper_obj;

// The native base of an instance whose __init__() has called that of the base.
static mp_obj_t guard_native_base(mp_obj_t base) {
    if (guard_is_uninitialised(base)) {
        mp_raise_msg(&mp_type_AttributeError, MP_ERROR_TEXT("call super().__init__() first"));
    }
    return base;
}

mp_obj_t mp_obj_cast_to_native_base(mp_obj_t self_in, mp_const_obj_t native_type) {
    return guard_native_base(fetched_mp_obj_cast_to_native_base(self_in, native_type));
}

static void guard_instance(mp_obj_t self_in) {
    const mp_obj_type_t *native_base = NULL;
    if (instance_count_native_bases(mp_obj_get_type(self_in), &native_base) != 0) {
        guard_native_base(((mp_obj_instance_t *)MP_OBJ_TO_PTR(self_in))->subobj[0]);
    }
}

mp_obj_t mp_obj_instance_getiter(mp_obj_t self_in, mp_obj_iter_buf_t *iter_buf) {
    guard_instance(self_in);
    const mp_obj_type_t *native_base = NULL;
    instance_count_native_bases(mp_obj_get_type(self_in), &native_base);
    if (native_base != NULL && native_base->flags & MP_TYPE_FLAG_ITER_IS_CUSTOM) {
        mp_obj_t method[2];
        mp_load_method_maybe(self_in, MP_QSTR___iter__, method);
        if (method[0] == MP_OBJ_NULL) { // the fetched function takes the table of such a type for a function
            return mp_getiter(((mp_obj_instance_t *)MP_OBJ_TO_PTR(self_in))->subobj[0], iter_buf);
        }
    }
    return fetched_mp_obj_instance_getiter(self_in, iter_buf);
}

static mp_int_t instance_get_buffer(mp_obj_t self_in, mp_buffer_info_t *bufinfo, mp_uint_t flags) {
    guard_instance(self_in);
    return fetched_instance_get_buffer(self_in, bufinfo, flags);
}

static void guard_super_mismatch(void) {
    mp_raise_TypeError(MP_ERROR_TEXT("super(type, obj): obj must be an instance of type"));
}

static bool guard_has_native_base(const mp_obj_type_t *type) {
    const mp_obj_type_t *native_base = NULL;
    return mp_obj_is_instance_type(type) && instance_count_native_bases(type, &native_base) != 0;
}

// super() of a class finds what its bases in Python have; there is no object of a native base.
static void guard_super_of_class(const mp_obj_type_t *type, mp_obj_t class, qstr attr, mp_obj_t *dest) {
    struct class_lookup_data lookup = {.obj = MP_OBJ_TO_PTR(class), .attr = attr, .dest = dest, .is_type = true};
    size_t len = MP_OBJ_TYPE_HAS_SLOT(type, parent) ? 1 : 0;
    mp_obj_t only = MP_OBJ_FROM_PTR(MP_OBJ_TYPE_GET_SLOT_OR_NULL(type, parent));
    mp_obj_t *bases = &only;
    if (len != 0 && mp_obj_is_type(only, &mp_type_tuple)) {
        mp_obj_tuple_get(only, &len, &bases);
    }
    for (size_t i = 0; i < len && dest[0] == MP_OBJ_NULL; i++) {
        mp_obj_class_lookup(&lookup, MP_OBJ_TO_PTR(bases[i]));
    }
    if (dest[0] == MP_OBJ_NULL) {
        mp_obj_class_lookup(&lookup, &mp_type_object);
    }
}

// What the fetched function takes for an instance is one, of that type; or a class, where no native base is met.
static void super_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    const mp_obj_super_t *self = MP_OBJ_TO_PTR(self_in);
    if (!mp_obj_is_type(self->type, &mp_type_type) || self->obj == MP_OBJ_NULL) {
        guard_super_mismatch();
    }
    const mp_obj_type_t *type = MP_OBJ_TO_PTR(self->type);
    const mp_obj_type_t *obj_type = mp_obj_get_type(self->obj);
    if (obj_type == &mp_type_type) {
        if (!mp_obj_is_subclass_fast(self->obj, self->type)) {
            guard_super_mismatch();
        }
        if (guard_has_native_base(type) && dest[0] == MP_OBJ_NULL) {
            guard_super_of_class(type, self->obj, attr, dest);
            return;
        }
    } else if (!mp_obj_is_instance_type(obj_type)) {
        if (!mp_obj_is_subclass_fast(MP_OBJ_FROM_PTR(obj_type), self->type)) {
            guard_super_mismatch();
        }
        return; // an object of a native type has no attributes of a Python class
    } else if (!mp_obj_is_subclass_fast(MP_OBJ_FROM_PTR(obj_type), self->type)) {
        guard_super_mismatch();
    }
    fetched_super_attr(self_in, attr, dest);
}

static mp_obj_t native_base_init_wrapper(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    if (!guard_has_native_base(mp_obj_get_type(args[0]))) {
        guard_super_mismatch();
    }
    return fetched_native_base_init_wrapper(n_args, args, kw_args);
}

// The __dict__ of a native type gives its methods as the type does: they check what they are called with.
static void type_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    fetched_type_attr(self_in, attr, dest);
    if (attr != MP_QSTR___dict__ || dest[0] == MP_OBJ_NULL || !mp_obj_is_type(dest[0], &mp_type_dict)
        || mp_obj_is_instance_type((mp_obj_type_t *)MP_OBJ_TO_PTR(self_in))) {
        return;
    }
    mp_map_t *methods = mp_obj_dict_get_map(dest[0]);
    mp_obj_t checked = mp_obj_new_dict(methods->used);
    for (size_t i = 0; i < methods->alloc; i++) {
        if (mp_map_slot_is_filled(methods, i)) {
            qstr name = mp_obj_str_get_qstr(methods->table[i].key);
            mp_obj_dict_store(checked, methods->table[i].key, mp_load_attr(self_in, name));
        }
    }
    mp_obj_dict_get_map(checked)->is_fixed = 1;
    dest[0] = checked;
}
