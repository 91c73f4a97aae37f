// SPDX-License-Identifier: MIT
// Transfers of the SD card's blocks; see sd_blocks.h.

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

#include "boot/soc.h"
#include "drivers/board.h"
#include "hooks.h"
#include "claims.h"
#include "sd_blocks.h"

// Not of Python's heap: a card stays what it is over a soft reset.
static sd_slot_t slot;
static uint32_t generation; // 0: no card has been found yet

static int errno_of(sd_result_t result) {
    switch (result) {
        case SD_OK:
            return 0;
        case SD_NO_CARD:
        case SD_CHANGED:
        case SD_UNSUPPORTED:
            return MP_ENODEV;
        case SD_PROTECTED:
            return MP_EROFS;
        case SD_RANGE:
            return MP_EINVAL;
        default:
            return MP_EIO;
    }
}

// --- the card ---

static void set_up(void) {
    if (soc->sdhci == 0 || (soc->sdhci_is_arasan && soc->gpio == 0)) {
        bind_raise_os(-MP_ENODEV, MP_ERROR_TEXT("this machine has no SD host controller"));
    }
    if (soc->sdhci_is_arasan) {
        claims_take(CLAIMS_CARD, SD_SLOT_PINS);
    }
    slot.mailbox = &board_mailbox;
    slot.gpio = &board_gpio;
    slot.card.host.base = soc_mmio(soc->sdhci);
    slot.card.host.arasan = soc->sdhci_is_arasan;
    if (slot.card.max_hz == 0) {
        slot.card.max_hz = SD_DEFAULT_HZ;
    }
}

static NORETURN void raise(sd_result_t result) {
    static const char *const texts[] = {
        [SD_NO_CARD] = "no SD card answers",
        [SD_TIMEOUT] = "the SD card does not answer in time",
        [SD_CRC] = "what the SD card answers is damaged",
        [SD_REFUSED] = "the SD card tells of an error",
        [SD_UNSUPPORTED] = "the SD card is of an unknown kind",
    };
    // Identifying a card reads blocks as well, and may be refused as those are.
    const char *text = texts[result] != NULL ? texts[result] : texts[SD_REFUSED];
    bind_raise_os(-errno_of(result), MP_ERROR_TEXT("%s"), text);
}

void sd_blocks_find(uint32_t hz) {
    sd_card_t *card = &slot.card;
    set_up();
    if (hz != 0 && hz != card->max_hz) {
        card->max_hz = hz;
        card->ready = false;
    }
    sd_result_t result = card->ready ? sd_card_check(card) : sd_slot_start(&slot);
    if (result == SD_CHANGED) {
        sd_card_forget(card);
        result = sd_slot_start(&slot);
        ++generation;
    }
    if (result != SD_OK) {
        raise(result);
    }
    generation += generation == 0;
}

bool sd_blocks_present(const sd_blocks_obj_t *self) {
    return self->generation == generation && sd_card_check(&slot.card) == SD_OK;
}

const sd_card_t *sd_blocks_card(void) {
    return &slot.card;
}

uint32_t sd_blocks_generation(void) {
    return generation;
}

// --- transfers ---

// What is moved between the card and memory.
typedef struct _move_t {
    const sd_blocks_obj_t *of;
    uint64_t block;         // of the object's
    uint8_t *buf;
    bool write;             // to the card
} move_t;

// Moves whole blocks; the buffer is present.
static int move_blocks(const move_t *move, size_t count) {
    const sd_blocks_obj_t *self = move->of;
    if (self->generation != generation) {
        return -MP_ENODEV;
    }
    if (move->block > self->count || count > self->count - move->block) {
        return -MP_EINVAL;
    }
    uint64_t block = self->first + move->block;
    return -errno_of(move->write ? sd_card_write(&slot.card, block, (uint32_t)count, move->buf)
        : sd_card_read(&slot.card, block, (uint32_t)count, move->buf));
}

int sd_blocks_read(const sd_blocks_obj_t *self, uint64_t block, uint8_t buf[SD_BLOCK_SIZE]) {
    move_t move = { .of = self, .block = block, .buf = buf };
    return move_blocks(&move, 1);
}

// Copies page by page; a pager may run before each.
static void copy_present(uint8_t *to, const uint8_t *from, size_t size, bool to_is_buffer) {
    for (size_t piece; size != 0; to += piece, from += piece, size -= piece) {
        bind_pager_pin_t pin;
        piece = bind_pager_pin(&pin, to_is_buffer ? to : from, size, to_is_buffer);
        memcpy(to, from, piece);
        bind_pager_unpin(&pin);
    }
}

// Writes a part of a block over what is there. No pager runs meanwhile, so one buffer is enough.
static int write_over(const move_t *move, size_t offset, const uint8_t *part, size_t size) {
    static uint8_t whole[SD_BLOCK_SIZE];
    move_t inner = { .of = move->of, .block = move->block, .buf = whole };
    int result = size == SD_BLOCK_SIZE ? 0 : move_blocks(&inner, 1);
    if (result != 0) {
        return result;
    }
    memcpy(whole + offset, part, size);
    inner.write = true;
    return move_blocks(&inner, 1);
}

// Moves a part of one block. Pagers run before a write and after a read.
static int move_part(const move_t *move, size_t offset, size_t size) {
    uint8_t part[SD_BLOCK_SIZE];
    if (move->write) {
        copy_present(part, move->buf, size, false);
        return write_over(move, offset, part, size);
    }
    move_t inner = { .of = move->of, .block = move->block, .buf = part };
    int result = move_blocks(&inner, 1);
    if (result == 0) {
        copy_present(move->buf, part + offset, size, true);
    }
    return result;
}

// Moves as many whole blocks as are present without a further pager: one at least, in two parts where it has to be.
static int move_some(const move_t *move, size_t size, size_t *moved) {
    bind_pager_pin_t pin;
    size_t present = bind_pager_pin(&pin, move->buf, size, !move->write) / SD_BLOCK_SIZE * SD_BLOCK_SIZE;
    int result = present != 0 ? move_blocks(move, present / SD_BLOCK_SIZE) : 0;
    bind_pager_unpin(&pin);
    *moved = present;
    if (present == 0) {
        *moved = SD_BLOCK_SIZE;
        result = move_part(move, 0, SD_BLOCK_SIZE);
    }
    return result;
}

// Moves `size` bytes from an offset in the first block on.
static int move_bytes(move_t *move, uint64_t offset, size_t size) {
    move->block += offset / SD_BLOCK_SIZE;
    offset %= SD_BLOCK_SIZE;
    while (size != 0) {
        size_t moved = SD_BLOCK_SIZE - offset < size ? SD_BLOCK_SIZE - offset : size;
        int result = moved < SD_BLOCK_SIZE ? move_part(move, offset, moved)
            : move_some(move, size - size % SD_BLOCK_SIZE, &moved);
        if (result != 0) {
            return result;
        }
        move->block += (offset + moved) / SD_BLOCK_SIZE;
        move->buf += moved;
        size -= moved;
        offset = 0;
    }
    return 0;
}

// --- the block protocol ---

static uint64_t get_number(mp_obj_t obj, const char *what) {
    mp_int_t value = mp_obj_get_int(obj);
    if (value < 0) {
        bind_raise_value(MP_ERROR_TEXT("%s %ld is negative"), what, (long)value);
    }
    return (uint64_t)value;
}

static mp_obj_t move(size_t n_args, const mp_obj_t *args, bool write) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, write ? MP_BUFFER_READ : MP_BUFFER_WRITE);
    uint64_t offset = n_args == 4 ? get_number(args[3], "offset") : 0;
    if (n_args != 4 && buffer.len % SD_BLOCK_SIZE != 0) {
        bind_raise_value(MP_ERROR_TEXT("%lu bytes are no whole blocks of %d bytes"), buffer.len, SD_BLOCK_SIZE);
    }
    move_t move = {
        .of = MP_OBJ_TO_PTR(args[0]), .block = get_number(args[1], "block"), .buf = buffer.buf, .write = write,
    };
    return MP_OBJ_NEW_SMALL_INT(move_bytes(&move, offset, buffer.len));
}

static mp_obj_t sd_blocks_readblocks(size_t n_args, const mp_obj_t *args) {
    return move(n_args, args, false);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(sd_blocks_readblocks_obj, 3, 4, sd_blocks_readblocks);

static mp_obj_t sd_blocks_writeblocks(size_t n_args, const mp_obj_t *args) {
    return move(n_args, args, true);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(sd_blocks_writeblocks_obj, 3, 4, sd_blocks_writeblocks);

static mp_obj_t sd_blocks_ioctl(mp_obj_t self_in, mp_obj_t op_in, mp_obj_t arg_in) {
    const sd_blocks_obj_t *self = MP_OBJ_TO_PTR(self_in);
    switch (mp_obj_get_int(op_in)) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_SYNC: // a write has ended when the card is no longer busy
            return MP_OBJ_NEW_SMALL_INT(sd_blocks_present(self) ? 0 : -MP_ENODEV);
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE: // a block is written without
            return MP_OBJ_NEW_SMALL_INT(0);
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return mp_obj_new_int_from_ull(self->count);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(SD_BLOCK_SIZE);
        default:
            return mp_const_none;
    }
}
MP_DEFINE_CONST_FUN_OBJ_3(sd_blocks_ioctl_obj, sd_blocks_ioctl);
