// SPDX-License-Identifier: MIT
// Block devices in Python; see lend.h and busy.h.

#include "py/nlr.h"
#include "extmod/vfs.h"

#include "guard/busy.h"
#include "guard/guard.h"
#include "guard/lend.h"
#include "hooks.h"

// C code neither keeps the buffer nor makes it longer.
static bool guard_is_c_code(mp_obj_t method) {
    const mp_obj_type_t *type = mp_obj_get_type(method);
    return type == &mp_type_fun_builtin_var || type == &mp_type_fun_builtin_2 || type == &mp_type_fun_builtin_3;
}

static mp_obj_t guard_call(size_t n_args, size_t n_kw, mp_obj_t *args) {
    if (n_args < 2 || guard_is_c_code(args[0]) || !mp_obj_is_type(args[3], &mp_type_bytearray)) {
        return (mp_call_method_n_kw)(n_args, n_kw, args);
    }
    mp_obj_array_t *buffer = MP_OBJ_TO_PTR(args[3]);
    return guard_call_with_buffer(n_args, args, 3, buffer->items, buffer->len);
}

#define mp_call_method_n_kw(n_args, n_kw, args) guard_call((n_args), (n_kw), (args))

// A device whose method runs, on the stack of the call.
typedef struct _guard_busy_t {
    nlr_jump_callback_node_t callback;
    struct _guard_busy_t *outer;
    mp_vfs_blockdev_t *device;
} guard_busy_t;

static guard_busy_t *guard_busy;

void guard_busy_refuse(const mp_vfs_blockdev_t *device) {
    for (const guard_busy_t *busy = guard_busy; busy != NULL; busy = busy->outer) {
        mp_obj_t object = device->readblocks[1];
        if (busy->device == device || (object != MP_OBJ_NULL && busy->device->readblocks[1] == object)) {
            mp_raise_OSError(MP_EBUSY);
        }
    }
}

void guard_busy_collect(void) {
    if (guard_busy != NULL) {
        gc_collect_keep_python_finalisers();
    }
    for (const guard_busy_t *busy = guard_busy; busy != NULL; busy = busy->outer) {
        guard_lfs_collect(busy->device);
    }
}

static void guard_exception(void *callback) {
    guard_busy_t *busy = callback;
    guard_busy = busy->outer;
    guard_lfs_exception(busy->device);
}

static void guard_begin(guard_busy_t *busy, mp_vfs_blockdev_t *device) {
    guard_busy_refuse(device);
    busy->outer = guard_busy;
    busy->device = device;
    nlr_push_jump_callback(&busy->callback, guard_exception);
    guard_busy = busy;
}

static void guard_end(guard_busy_t *busy) {
    nlr_pop_jump_callback(false);
    guard_busy = busy->outer;
}

int fetched_read(mp_vfs_blockdev_t *self, size_t block, size_t n, uint8_t *buf);
int fetched_read_ext(mp_vfs_blockdev_t *self, size_t block, size_t off, size_t len, uint8_t *buf);
int fetched_write(mp_vfs_blockdev_t *self, size_t block, size_t n, const uint8_t *buf);
int fetched_write_ext(mp_vfs_blockdev_t *self, size_t block, size_t off, size_t len, const uint8_t *buf);
mp_obj_t fetched_ioctl(mp_vfs_blockdev_t *self, uintptr_t command, uintptr_t arg);

#define mp_vfs_blockdev_read(...) fetched_read(__VA_ARGS__)
#define mp_vfs_blockdev_read_ext(...) fetched_read_ext(__VA_ARGS__)
#define mp_vfs_blockdev_write(...) fetched_write(__VA_ARGS__)
#define mp_vfs_blockdev_write_ext(...) fetched_write_ext(__VA_ARGS__)
#define mp_vfs_blockdev_ioctl(...) fetched_ioctl(__VA_ARGS__)
#include "extmod/vfs_blockdev.c"
#undef mp_vfs_blockdev_read
#undef mp_vfs_blockdev_read_ext
#undef mp_vfs_blockdev_write
#undef mp_vfs_blockdev_write_ext
#undef mp_vfs_blockdev_ioctl

int mp_vfs_blockdev_read(mp_vfs_blockdev_t *self, size_t block, size_t n, uint8_t *buf) {
    guard_busy_t busy;
    guard_begin(&busy, self);
    int result = fetched_read(self, block, n, buf);
    guard_end(&busy);
    return result;
}

int mp_vfs_blockdev_read_ext(mp_vfs_blockdev_t *self, size_t block, size_t off, size_t len, uint8_t *buf) {
    guard_busy_t busy;
    guard_begin(&busy, self);
    int result = fetched_read_ext(self, block, off, len, buf);
    guard_end(&busy);
    return result;
}

int mp_vfs_blockdev_write(mp_vfs_blockdev_t *self, size_t block, size_t n, const uint8_t *buf) {
    guard_busy_t busy;
    guard_begin(&busy, self);
    int result = fetched_write(self, block, n, buf);
    guard_end(&busy);
    return result;
}

int mp_vfs_blockdev_write_ext(mp_vfs_blockdev_t *self, size_t block, size_t off, size_t len, const uint8_t *buf) {
    guard_busy_t busy;
    guard_begin(&busy, self);
    int result = fetched_write_ext(self, block, off, len, buf);
    guard_end(&busy);
    return result;
}

mp_obj_t mp_vfs_blockdev_ioctl(mp_vfs_blockdev_t *self, uintptr_t command, uintptr_t arg) {
    guard_busy_t busy;
    guard_begin(&busy, self);
    mp_obj_t result = fetched_ioctl(self, command, arg);
    guard_end(&busy);
    return result;
}
