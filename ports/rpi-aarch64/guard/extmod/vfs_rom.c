// SPDX-License-Identifier: MIT
// A ROMFS may be damaged, and its memory may change: each record, name and pointer is checked before it is followed.
// The object keeps the memory that it had when it was made, even if an array is resized.

#include "py/objtuple.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "extmod/vfs_rom.h"

static mp_uint_t guard_record(const uint8_t **fs, const uint8_t **next, const uint8_t *max);
static int guard_name_length(const uint8_t **at, const uint8_t *max, mp_uint_t *length);
static int guard_data(mp_obj_vfs_rom_t *self, const uint8_t *fs, const uint8_t *top, size_t *size,
    const uint8_t **data);

static bool guard_fits(size_t size, const uint8_t *at, const uint8_t *end) {
    return size <= (size_t)(end - at);
}

// A view may start inside the memory of an array, and an array may be moved to other memory: both are kept.
static mp_obj_t guard_kept(mp_obj_t object, const mp_buffer_info_t *buffer) {
    mp_obj_t items[] = {object, mp_obj_new_memoryview('B', buffer->len, buffer->buf)};
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}

#define mp_get_buffer_raise(object, buffer, flags) \
    (((mp_get_buffer_raise)((object), (buffer), (flags))), (object) = guard_kept((object), (buffer)))

// Functions that the fetched file both defines and calls. Definitions are recognised by `const`, the first word of one
// argument.
#define GUARD_PICK(...) GUARD_SECOND(__VA_ARGS__)
#define GUARD_SECOND(first, second, ...) second

#define GUARD_RECORD_const 0, fetched_record,
#define extract_record(fs, next, max) GUARD_PICK(GUARD_RECORD_##max, guard_record, 0)(fs, next, max)

#define GUARD_DATA_const 0, fetched_data,
#define extract_data(self, fs, top, size, data) GUARD_PICK(GUARD_DATA_##fs, guard_data, 0)(self, fs, top, size, data)

#define GUARD_UINT_index_next 0, guard_name_length,
#define mp_decode_uint_checked(at, max, value) GUARD_PICK(GUARD_UINT_##max, fetched_uint, 0)(at, max, value)

// Where a name is compared, its record ends at fs_next.
#define memcmp(path, name, length) (!guard_fits((length), (name), fs_next) || (memcmp)((path), (name), (length)) != 0)

#include "extmod/vfs_rom.c"
#undef memcmp

// 0, as of a damaged record, if it does not end where the one does that it is in.
static mp_uint_t guard_record(const uint8_t **fs, const uint8_t **next, const uint8_t *max) {
    mp_uint_t kind = fetched_record(fs, next, max);
    return kind != ROMFS_RECORD_KIND_UNUSED && guard_fits(*next - *fs, *fs, max) ? kind : ROMFS_RECORD_KIND_UNUSED;
}

static int guard_name_length(const uint8_t **at, const uint8_t *max, mp_uint_t *length) {
    int result = fetched_uint(at, max, length);
    return result == 0 && guard_fits(*length, *at, max) ? 0 : -1;
}

static int guard_data(mp_obj_vfs_rom_t *self, const uint8_t *fs, const uint8_t *top, size_t *size,
    const uint8_t **data) {
    int result = fetched_data(self, fs, top, size, data);
    if (result == 0 && size != NULL) {
        size_t room = self->filesystem_end - self->filesystem;
        size_t offset = *data - self->filesystem;
        result = offset <= room && *size <= room - offset ? 0 : -MP_EIO;
    }
    return result;
}
