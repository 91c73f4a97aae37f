// SPDX-License-Identifier: MIT
// asyncio: queues hold tasks only, and each task once; the context is a dictionary with a queue and a task.

#include "guard/guard.h"
#include "py/runtime.h"

static mp_obj_t task_queue_push(size_t n_args, const mp_obj_t *args);
static mp_obj_t task_queue_remove(mp_obj_t self_in, mp_obj_t task_in);
static mp_obj_t task_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args);
static mp_obj_t task_cancel(mp_obj_t self_in);
static mp_obj_t task_iternext(mp_obj_t self_in);

#define task_queue_push(...) fetched_task_queue_push(__VA_ARGS__)
#define task_queue_remove(...) fetched_task_queue_remove(__VA_ARGS__)
#define task_make_new(...) fetched_task_make_new(__VA_ARGS__)
#define task_cancel(...) fetched_task_cancel(__VA_ARGS__)
#define task_iternext(...) fetched_task_iternext(__VA_ARGS__)
#include "extmod/modasyncio.c"
#undef task_queue_push
#undef task_queue_remove
#undef task_make_new
#undef task_cancel
#undef task_iternext

// Of exactly that type: an instance of a derived class has another layout.
static void guard_type(mp_obj_t o, const mp_obj_type_t *type) {
    if (o == MP_OBJ_NULL || mp_obj_get_type(o) != type) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%q expected"), (qstr)type->name);
    }
}

static void guard_context(qstr name, const mp_obj_type_t *type) {
    guard_type(mp_asyncio_context, &mp_type_dict);
    guard_type(mp_obj_dict_get(mp_asyncio_context, MP_OBJ_NEW_QSTR(name)), type);
}

static mp_obj_t task_queue_push(size_t n_args, const mp_obj_t *args) {
    guard_type(args[1], &task_type);
    const mp_obj_task_queue_t *self = MP_OBJ_TO_PTR(args[0]);
    const mp_obj_task_t *task = MP_OBJ_TO_PTR(args[1]);
    if (task == self->heap || task->pairheap.next != NULL || task->pairheap.child != NULL) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("task is in a queue"));
    }
    return fetched_task_queue_push(n_args, args);
}

static mp_obj_t task_queue_remove(mp_obj_t self_in, mp_obj_t task_in) {
    guard_type(task_in, &task_type);
    return fetched_task_queue_remove(self_in, task_in);
}

static mp_obj_t task_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    if (n_args == 2) {
        guard_type(args[1], &mp_type_dict);
    }
    return fetched_task_make_new(type, n_args, n_kw, args);
}

static mp_obj_t task_cancel(mp_obj_t self_in) {
    guard_type(self_in, &task_type);
    if (!TASK_IS_DONE((mp_obj_task_t *)MP_OBJ_TO_PTR(self_in))) {
        guard_context(MP_QSTR__task_queue, &task_queue_type);
    }
    return fetched_task_cancel(self_in);
}

static mp_obj_t task_iternext(mp_obj_t self_in) {
    const mp_obj_task_t *self = MP_OBJ_TO_PTR(self_in);
    if (!TASK_IS_DONE(self)) {
        guard_type(self->state, &task_queue_type);
        guard_context(MP_QSTR_cur_task, &task_type);
    } else if (!mp_obj_is_exception_instance(self->data)) {
        mp_raise_TypeError(MP_ERROR_TEXT("exceptions must derive from BaseException"));
    }
    return fetched_task_iternext(self_in);
}
