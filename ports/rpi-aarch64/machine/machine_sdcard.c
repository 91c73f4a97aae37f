// SPDX-License-Identifier: MIT
// machine.SDCard and machine.Partition; see machine_sdcard.h.

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"

#include "hooks.h"
#include "machine_sdcard.h"
#include "sd_blocks.h"

// The partition table of the first block (a "master boot record").
#define TABLE               (446)
#define ENTRY_SIZE          (16)
#define ENTRY_TYPE          (4)
#define ENTRY_FIRST         (8)
#define ENTRY_COUNT         (12)
#define PARTITIONS          (4)
#define SIGNATURE           (510)

#define NAME_IN_CID         (3)
#define NAME_SIZE           (5)

MP_REGISTER_ROOT_POINTER(mp_obj_t machine_sdcard);

void machine_sdcard_deinit(void) {
    MP_STATE_VM(machine_sdcard) = MP_OBJ_NULL;
}

static sd_blocks_obj_t *new_blocks(const mp_obj_type_t *type, uint64_t first, uint64_t count) {
    sd_blocks_obj_t *self = mp_obj_malloc(sd_blocks_obj_t, type);
    self->generation = sd_blocks_generation();
    self->number = self->type = 0;
    self->first = first;
    self->count = count;
    return self;
}

// --- SDCard ---

// The one object of the card that is there.
static mp_obj_t machine_sdcard_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    enum { ARG_slot, ARG_freq };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_slot, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
    };
    mp_arg_val_t values[MP_ARRAY_SIZE(allowed)];
    mp_arg_check_num(n_args, n_kw, 0, 1, true);
    mp_arg_parse_all_kw_array(n_args, n_kw, args, MP_ARRAY_SIZE(allowed), allowed, values);
    mp_int_t hz = values[ARG_freq].u_int;
    if (values[ARG_slot].u_int != 0) {
        bind_raise_value(MP_ERROR_TEXT("there is no slot %ld, only slot 0"), (long)values[ARG_slot].u_int);
    }
    if (hz != 0 && (hz < SD_LEAST_HZ || hz > SD_HIGH_SPEED_HZ)) {
        bind_raise_value(MP_ERROR_TEXT("freq %ld is not in %d to %d"), (long)hz, SD_LEAST_HZ, SD_HIGH_SPEED_HZ);
    }
    sd_blocks_find((uint32_t)hz);
    sd_blocks_obj_t *known = MP_OBJ_TO_PTR(MP_STATE_VM(machine_sdcard));
    if (MP_STATE_VM(machine_sdcard) == MP_OBJ_NULL || known->generation != sd_blocks_generation()) {
        known = new_blocks(type, 0, sd_blocks_card()->blocks);
        MP_STATE_VM(machine_sdcard) = MP_OBJ_FROM_PTR(known);
    }
    return MP_OBJ_FROM_PTR(known);
}

static void require_current(const sd_blocks_obj_t *self) {
    if (self->generation != sd_blocks_generation()) {
        bind_raise_os(-MP_ENODEV, MP_ERROR_TEXT("another SD card is there"));
    }
}

static void machine_sdcard_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const sd_blocks_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->generation != sd_blocks_generation()) {
        mp_print_str(print, "<SDCard gone>");
        return;
    }
    mp_print_str(print, "<SDCard '");
    for (unsigned i = 0; i < NAME_SIZE; ++i) {
        uint8_t c = sd_blocks_card()->cid[NAME_IN_CID + i];
        mp_printf(print, "%c", c >= ' ' && c < 0x7f ? c : '?');
    }
    mp_printf(print, "' %lu blocks>", (unsigned long)self->count);
}

static void machine_sdcard_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be stored or deleted
    }
    if (attr == MP_QSTR_cid || attr == MP_QSTR_csd) {
        require_current(MP_OBJ_TO_PTR(self_in));
        const sd_card_t *card = sd_blocks_card();
        dest[0] = mp_obj_new_bytes(attr == MP_QSTR_cid ? card->cid : card->csd, SD_REGISTER_SIZE);
    } else {
        dest[1] = MP_OBJ_SENTINEL; // go on with the methods
    }
}

static mp_obj_t machine_sdcard_present(mp_obj_t self_in) {
    return mp_obj_new_bool(sd_blocks_present(MP_OBJ_TO_PTR(self_in)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(machine_sdcard_present_obj, machine_sdcard_present);

static mp_obj_t machine_sdcard_info(mp_obj_t self_in) {
    const sd_blocks_obj_t *self = MP_OBJ_TO_PTR(self_in);
    require_current(self);
    mp_obj_t items[] = {
        mp_obj_new_int_from_ull(self->count * SD_BLOCK_SIZE), MP_OBJ_NEW_SMALL_INT(SD_BLOCK_SIZE),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(machine_sdcard_info_obj, machine_sdcard_info);

static const mp_rom_map_elem_t machine_sdcard_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_present), MP_ROM_PTR(&machine_sdcard_present_obj) },
    { MP_ROM_QSTR(MP_QSTR_info), MP_ROM_PTR(&machine_sdcard_info_obj) },
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&sd_blocks_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&sd_blocks_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&sd_blocks_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(machine_sdcard_locals, machine_sdcard_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_sdcard_type,
    MP_QSTR_SDCard,
    MP_TYPE_FLAG_NONE,
    make_new, machine_sdcard_make_new,
    print, machine_sdcard_print,
    attr, machine_sdcard_attr,
    locals_dict, &machine_sdcard_locals
    );

// --- Partition ---

static uint32_t get_u32(const uint8_t *bytes) {
    return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

// The first block of a FAT or exFAT filesystem has the same signature, and code where the table would be.
static bool has_table(const uint8_t *block) {
    bool signed_block = block[SIGNATURE] == 0x55 && block[SIGNATURE + 1] == 0xaa;
    bool filesystem = memcmp(block + 54, "FAT", 3) == 0 || memcmp(block + 82, "FAT", 3) == 0
        || memcmp(block + 3, "EXFAT", 5) == 0;
    return signed_block && !filesystem;
}

static mp_obj_t new_partition(const sd_blocks_obj_t *card, mp_int_t number) {
    uint8_t block[SD_BLOCK_SIZE];
    int result = sd_blocks_read(card, 0, block);
    if (result != 0) {
        bind_raise_os(result, MP_ERROR_TEXT("the partition table cannot be read"));
    }
    if (!has_table(block)) {
        bind_raise_os(-MP_ENODEV, MP_ERROR_TEXT("the card has no partition table"));
    }
    const uint8_t *entry = block + TABLE + ENTRY_SIZE * (number - 1);
    uint64_t first = get_u32(entry + ENTRY_FIRST);
    uint64_t count = get_u32(entry + ENTRY_COUNT);
    if (entry[ENTRY_TYPE] == 0 || first == 0 || count == 0) {
        bind_raise_os(-MP_ENODEV, MP_ERROR_TEXT("the card has no partition %ld"), (long)number);
    }
    if (first + count > card->count) {
        bind_raise_os(-MP_ENODEV, MP_ERROR_TEXT("partition %ld ends at block %lu, the card at %lu"), (long)number,
            (unsigned long)(first + count), (unsigned long)card->count);
    }
    sd_blocks_obj_t *self = new_blocks(&machine_partition_type, first, count);
    self->generation = card->generation;
    self->number = (uint8_t)number;
    self->type = entry[ENTRY_TYPE];
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t machine_partition_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 2, 2, false);
    if (!mp_obj_is_type(args[0], &machine_sdcard_type)) {
        bind_raise_type(MP_ERROR_TEXT("a partition is of an SDCard, not of a %s"), mp_obj_get_type_str(args[0]));
    }
    mp_int_t number = mp_obj_get_int(args[1]);
    if (number < 1 || number > PARTITIONS) {
        bind_raise_value(MP_ERROR_TEXT("partition %ld is not one of 1 to %d"), (long)number, PARTITIONS);
    }
    return new_partition(MP_OBJ_TO_PTR(args[0]), number);
}

static void machine_partition_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const sd_blocks_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "<Partition %d, type 0x%02x, blocks %lu to %lu>", self->number, self->type,
        (unsigned long)self->first, (unsigned long)(self->first + self->count));
}

static void machine_partition_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    const sd_blocks_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be stored or deleted
    }
    if (attr == MP_QSTR_number) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(self->number);
    } else if (attr == MP_QSTR_type) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(self->type);
    } else if (attr == MP_QSTR_first) {
        dest[0] = mp_obj_new_int_from_ull(self->first);
    } else if (attr == MP_QSTR_count) {
        dest[0] = mp_obj_new_int_from_ull(self->count);
    } else {
        dest[1] = MP_OBJ_SENTINEL; // go on with the methods
    }
}

static const mp_rom_map_elem_t machine_partition_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&sd_blocks_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&sd_blocks_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&sd_blocks_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(machine_partition_locals, machine_partition_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_partition_type,
    MP_QSTR_Partition,
    MP_TYPE_FLAG_NONE,
    make_new, machine_partition_make_new,
    print, machine_partition_print,
    attr, machine_partition_attr,
    locals_dict, &machine_partition_locals
    );
