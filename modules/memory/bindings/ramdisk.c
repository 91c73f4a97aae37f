// SPDX-License-Identifier: MIT
// _memory.RamDisk: a block device in frames that survives soft resets.

#include <string.h>

#include "extmod/vfs.h"

#include "common.h"
#include "frames.h"
#include "pager.h"
#include "ramdisk.h"

// The sector size of FAT.
#define BLOCK_SIZE ((size_t)512)

// The disk is no object of the collector, so a soft reset leaves it alone: objects are handles of it. It is reached
// through the linear map.
static struct {
    mem_pa_t pa;
    size_t count;      // frames; 0: there is no disk
    size_t generation; // number of disks made so far: handles of closed ones have another number
} disk;

typedef struct _ramdisk_obj_t {
    mp_obj_base_t base;
    size_t generation;
} ramdisk_obj_t;

size_t bind_ramdisk_frames(void) {
    return disk.count;
}

static bool is_open(mp_obj_t self_in) {
    const ramdisk_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return disk.count != 0 && self->generation == disk.generation;
}

static void check_open(mp_obj_t self_in) {
    if (!is_open(self_in)) {
        const ramdisk_obj_t *self = MP_OBJ_TO_PTR(self_in);
        bind_raise_value(MP_ERROR_TEXT("RamDisk number %lu is closed"), self->generation);
    }
}

// --- making and closing ---

static void make_disk(uint64_t size) {
    size_t count = size >> MEM_PAGE_SHIFT;
    disk.pa = bind_frames_take(count, NULL);
    disk.count = count;
    ++disk.generation;
    // Old contents must not be taken for a filesystem.
    memset(memory_system_at(disk.pa), 0, size);
}

static mp_obj_t memory_ramdisk(size_t n_args, const mp_obj_t *args) {
    bool look = n_args == 0 || args[0] == mp_const_none;
    if (look && disk.count == 0) {
        return mp_const_none;
    }
    ramdisk_obj_t *self = mp_obj_malloc(ramdisk_obj_t, &memory_ramdisk_type);
    if (!look) {
        uint64_t size = bind_get_page_size(args[0], "size");
        uint64_t have = bind_frames_bytes(disk.count);
        if (disk.count != 0 && size != have) {
            bind_raise_os(MEM_EEXIST, MP_ERROR_TEXT("there is a ramdisk of %lu bytes, not %lu"), have, size);
        }
        if (disk.count == 0) {
            make_disk(size);
        }
    }
    self->generation = disk.generation;
    return MP_OBJ_FROM_PTR(self);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_ramdisk_obj, 0, 1, memory_ramdisk);

static mp_obj_t memory_ramdisk_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    bind_raise_type(MP_ERROR_TEXT("RamDisk cannot be made directly: use memory.ramdisk()"));
}

static mp_obj_t memory_ramdisk_close(mp_obj_t self_in) {
    if (is_open(self_in)) {
        frames_free(memory_system_frames(), disk.pa, disk.count, NULL);
        disk.count = 0;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_ramdisk_close_obj, memory_ramdisk_close);

static void memory_ramdisk_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    if (is_open(self_in)) {
        mp_printf(print, "<RamDisk 0x%lx +%lu>", disk.pa, bind_frames_bytes(disk.count));
    } else {
        mp_print_str(print, "<RamDisk closed>");
    }
}

static void memory_ramdisk_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be stored or deleted
    }
    if (attr == MP_QSTR_size) {
        check_open(self_in);
        dest[0] = bind_new_u64(bind_frames_bytes(disk.count));
    } else {
        dest[1] = MP_OBJ_SENTINEL; // go on with the methods
    }
}

// --- the block device protocol, simple and extended (with an offset into the block) ---

// Where `size` bytes from an offset in block `args[1]` on are; the buffer is checked against the disk's end.
static void *locate(size_t n_args, const mp_obj_t *args, size_t size) {
    check_open(args[0]);
    uint64_t total = bind_frames_bytes(disk.count);
    uint64_t block = bind_get_u64(args[1], "block");
    uint64_t offset = n_args == 4 ? bind_get_u64(args[3], "offset") : 0;
    if (block >= total / BLOCK_SIZE || offset > total - block * BLOCK_SIZE
        || size > total - block * BLOCK_SIZE - offset) {
        bind_raise_value(MP_ERROR_TEXT("block %lu, offset %lu, %lu bytes: the disk has %lu blocks"), block, offset,
            size, total / BLOCK_SIZE);
    }
    return (char *)memory_system_at(disk.pa) + block * BLOCK_SIZE + offset;
}

static mp_obj_t memory_ramdisk_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    const char *from = locate(n_args, args, buffer.len);
    for (size_t done = 0, piece; done < buffer.len; done += piece) {
        bind_pager_pin_t pin;
        piece = bind_pager_pin(&pin, (char *)buffer.buf + done, buffer.len - done, true);
        check_open(args[0]); // a pager may have closed it
        memcpy((char *)buffer.buf + done, from + done, piece);
        bind_pager_unpin(&pin);
    }
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_ramdisk_readblocks_obj, 3, 4, memory_ramdisk_readblocks);

static mp_obj_t memory_ramdisk_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    char *to = locate(n_args, args, buffer.len);
    for (size_t done = 0, piece; done < buffer.len; done += piece) {
        bind_pager_pin_t pin;
        piece = bind_pager_pin(&pin, (const char *)buffer.buf + done, buffer.len - done, false);
        check_open(args[0]); // a pager may have closed it
        memcpy(to + done, (const char *)buffer.buf + done, piece);
        bind_pager_unpin(&pin);
    }
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_ramdisk_writeblocks_obj, 3, 4, memory_ramdisk_writeblocks);

static mp_obj_t memory_ramdisk_ioctl(mp_obj_t self_in, mp_obj_t op_in, mp_obj_t arg_in) {
    check_open(self_in);
    switch (bind_get_u64(op_in, "op")) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC:
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
            return MP_OBJ_NEW_SMALL_INT(0); // memory needs none of these
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return bind_new_u64(bind_frames_bytes(disk.count) / BLOCK_SIZE);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(BLOCK_SIZE);
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(memory_ramdisk_ioctl_obj, memory_ramdisk_ioctl);

static const mp_rom_map_elem_t ramdisk_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&memory_ramdisk_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&memory_ramdisk_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&memory_ramdisk_ioctl_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&memory_ramdisk_close_obj) },
};
static MP_DEFINE_CONST_DICT(ramdisk_locals, ramdisk_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    memory_ramdisk_type,
    MP_QSTR_RamDisk,
    MP_TYPE_FLAG_NONE,
    make_new, memory_ramdisk_make_new,
    print, memory_ramdisk_print,
    attr, memory_ramdisk_attr,
    locals_dict, &ramdisk_locals
    );
