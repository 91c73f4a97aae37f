// SPDX-License-Identifier: MIT
// _memory.RamDisk: block devices in frames that survive soft resets.

#include <string.h>

#include "py/mperrno.h"
#include "extmod/vfs.h"

#include "common.h"
#include "core/disk/blank_fat.h"
#include "core/disk/sparse.h"
#include "frames.h"
#include "pager.h"
#include "ramdisk.h"

// The sector size of FAT.
#define BLOCK_SIZE ((size_t)512)

// Of the RAM, the disk at / takes this part at most.
#define ROOT_PART (4)

// A disk is no object of the collector, so a soft reset leaves it alone: objects are handles of it. Its frames are
// reached through the linear map.
typedef struct _disk_t {
    sparse_t bytes;
    size_t generation; // number of disks made so far in its place: handles of closed ones have another number
    bool open;
    bool blank;        // reads as an empty FAT, of which nothing was written yet
} disk_t;

static disk_t root_disk; // what is at / without a card
static disk_t user_disk; // that of memory.ramdisk()

typedef struct _ramdisk_obj_t {
    mp_obj_base_t base;
    disk_t *disk;
    size_t generation;
} ramdisk_obj_t;

size_t bind_ramdisk_frames(void) {
    return sparse_count(&root_disk.bytes) + sparse_count(&user_disk.bytes);
}

static bool is_open(mp_obj_t self_in) {
    const ramdisk_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return self->disk->open && self->generation == self->disk->generation;
}

// The disk of an object that is open.
static disk_t *get_open(mp_obj_t self_in) {
    const ramdisk_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (!is_open(self_in)) {
        bind_raise_value(MP_ERROR_TEXT("RamDisk number %lu is closed"), self->generation);
    }
    return self->disk;
}

// --- bytes of a disk ---

static void read_bytes(const disk_t *disk, uint64_t at, uint8_t *to, size_t size) {
    sparse_read(&disk->bytes, at, to, size);
    if (disk->blank && at < BLANK_FAT_BYTES) {
        uint8_t first[BLANK_FAT_BYTES];
        blank_fat_bytes(disk->bytes.size, first);
        size_t count = BLANK_FAT_BYTES - at;
        memcpy(to, first + at, count < size ? count : size);
    }
}

// Before [at, ...) is changed: writes what was only made up.
static int write_blank(disk_t *disk, uint64_t at) {
    if (!disk->blank || at >= MEM_PAGE_SIZE) {
        return MEM_OK;
    }
    uint8_t first[BLANK_FAT_BYTES];
    blank_fat_bytes(disk->bytes.size, first);
    int result = sparse_write(&disk->bytes, 0, first, sizeof(first));
    disk->blank = result != MEM_OK;
    return result;
}

static int write_bytes(disk_t *disk, uint64_t at, const uint8_t *from, size_t size) {
    int result = write_blank(disk, at);
    return result != MEM_OK ? result : sparse_write(&disk->bytes, at, from, size);
}

void bind_ramdisk_discard(mp_obj_t obj, uint64_t first, uint64_t last) {
    if (!mp_obj_is_type(obj, &memory_ramdisk_type) || !is_open(obj)) {
        return;
    }
    disk_t *disk = ((ramdisk_obj_t *)MP_OBJ_TO_PTR(obj))->disk;
    if (first <= last && last < disk->bytes.size / BLOCK_SIZE && write_blank(disk, first * BLOCK_SIZE) == MEM_OK) {
        sparse_clear(&disk->bytes, first * BLOCK_SIZE, (last - first + 1) * BLOCK_SIZE);
    }
}

// --- making and closing ---

static void make_disk(disk_t *disk, uint64_t size, bool blank) {
    bind_need_kernel();
    sparse_init(&disk->bytes, &memory_system_spaces()->source, size);
    disk->open = true;
    disk->blank = blank;
    ++disk->generation;
}

static mp_obj_t new_handle(disk_t *disk) {
    ramdisk_obj_t *self = mp_obj_malloc(ramdisk_obj_t, &memory_ramdisk_type);
    self->disk = disk;
    self->generation = disk->generation;
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t memory_root_disk(void) {
    if (!root_disk.open) {
        uint64_t size = mem_align_down(bind_frames_bytes(frames_total(memory_system_frames())) / ROOT_PART,
            MEM_PAGE_SIZE);
        size = size < BLANK_FAT_MIN_SIZE ? BLANK_FAT_MIN_SIZE : size;
        make_disk(&root_disk, size > BLANK_FAT_MAX_SIZE ? BLANK_FAT_MAX_SIZE : size, true);
    }
    return new_handle(&root_disk);
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_root_disk_obj, memory_root_disk);

static void check_new(uint64_t size) {
    uint64_t ram = bind_frames_bytes(frames_total(memory_system_frames()));
    if (size > ram) {
        bind_raise_os(MEM_ENOMEM, MP_ERROR_TEXT("no %lu bytes for a ramdisk: the RAM has %lu"), size, ram);
    }
}

static mp_obj_t memory_ramdisk(size_t n_args, const mp_obj_t *args) {
    disk_t *disk = &user_disk;
    if (n_args == 0 || args[0] == mp_const_none) {
        return disk->open ? new_handle(disk) : mp_const_none;
    }
    uint64_t size = bind_get_page_size(args[0], "size");
    if (disk->open && size != disk->bytes.size) {
        bind_raise_os(MEM_EEXIST, MP_ERROR_TEXT("there is a ramdisk of %lu bytes, not %lu"), disk->bytes.size, size);
    }
    if (!disk->open) {
        check_new(size);
        make_disk(disk, size, false);
    }
    return new_handle(disk);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_ramdisk_obj, 0, 1, memory_ramdisk);

static mp_obj_t memory_ramdisk_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    bind_raise_type(MP_ERROR_TEXT("RamDisk cannot be made directly: use memory.ramdisk()"));
}

static mp_obj_t memory_ramdisk_close(mp_obj_t self_in) {
    if (is_open(self_in)) {
        disk_t *disk = get_open(self_in);
        sparse_clear(&disk->bytes, 0, disk->bytes.size);
        disk->open = false;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_ramdisk_close_obj, memory_ramdisk_close);

static void memory_ramdisk_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    if (is_open(self_in)) {
        const sparse_t *bytes = &get_open(self_in)->bytes;
        mp_printf(print, "<RamDisk +%lu, %lu in use>", bytes->size, bind_frames_bytes(sparse_count(bytes)));
    } else {
        mp_print_str(print, "<RamDisk closed>");
    }
}

static void memory_ramdisk_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be stored or deleted
    }
    if (attr == MP_QSTR_size) {
        dest[0] = bind_new_u64(get_open(self_in)->bytes.size);
    } else {
        dest[1] = MP_OBJ_SENTINEL; // go on with the methods
    }
}

// --- the block device protocol, simple and extended (with an offset into the block) ---

// Where block `args[1]`, with an offset, is in the disk; `size` bytes from there are checked against its end.
static uint64_t locate(size_t n_args, const mp_obj_t *args, size_t size) {
    uint64_t total = get_open(args[0])->bytes.size;
    uint64_t block = bind_get_u64(args[1], "block");
    uint64_t offset = n_args == 4 ? bind_get_u64(args[3], "offset") : 0;
    if (block >= total / BLOCK_SIZE || offset > total - block * BLOCK_SIZE
        || size > total - block * BLOCK_SIZE - offset) {
        bind_raise_value(MP_ERROR_TEXT("block %lu, offset %lu, %lu bytes: the disk has %lu blocks"), block, offset,
            size, total / BLOCK_SIZE);
    }
    return block * BLOCK_SIZE + offset;
}

static mp_obj_t memory_ramdisk_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    uint64_t from = locate(n_args, args, buffer.len);
    for (size_t done = 0, piece; done < buffer.len; done += piece) {
        uint8_t *to = (uint8_t *)buffer.buf + done;
        bind_pager_pin_t pin;
        piece = bind_pager_pin(&pin, to, buffer.len - done, true);
        read_bytes(get_open(args[0]), from + done, to, piece); // a pager may have closed it
        bind_pager_unpin(&pin);
    }
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_ramdisk_readblocks_obj, 3, 4, memory_ramdisk_readblocks);

// Without a frame for what is written the filesystem is told that there is no space, as an exception would leave it in
// the middle of a change. A collection cannot be tried: it may close files of this filesystem.
static mp_obj_t memory_ramdisk_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    uint64_t to = locate(n_args, args, buffer.len);
    int result = MEM_OK;
    for (size_t done = 0, piece; done < buffer.len && result == MEM_OK; done += piece) {
        const uint8_t *from = (const uint8_t *)buffer.buf + done;
        bind_pager_pin_t pin;
        piece = bind_pager_pin(&pin, from, buffer.len - done, false);
        result = write_bytes(get_open(args[0]), to + done, from, piece); // a pager may have closed it
        bind_pager_unpin(&pin);
    }
    return MP_OBJ_NEW_SMALL_INT(result != MEM_OK ? -MP_ENOSPC : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_ramdisk_writeblocks_obj, 3, 4, memory_ramdisk_writeblocks);

static mp_obj_t memory_ramdisk_ioctl(mp_obj_t self_in, mp_obj_t op_in, mp_obj_t arg_in) {
    const disk_t *disk = get_open(self_in);
    switch (bind_get_u64(op_in, "op")) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC:
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
            return MP_OBJ_NEW_SMALL_INT(0); // memory needs none of these
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return bind_new_u64(disk->bytes.size / BLOCK_SIZE);
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
