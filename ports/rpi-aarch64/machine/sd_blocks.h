// SPDX-License-Identifier: MIT
// The board's SD card, and ranges of its blocks as block devices of MicroPython's filesystems. From the begin of a
// transfer to its end nothing of Python runs: buffers are made present before it (bind_pager_pin()), what waits does so
// by the clock.

#ifndef PORTS_RPI_AARCH64_MACHINE_SD_BLOCKS_H
#define PORTS_RPI_AARCH64_MACHINE_SD_BLOCKS_H

#include "py/obj.h"

#include "drivers/sd_slot.h"

// Blocks [first, first + count) of the card.
typedef struct _sd_blocks_obj_t {
    mp_obj_base_t base;
    uint32_t generation;    // of the card: an object of an earlier card does not reach a later one
    uint8_t number;         // of a partition; 0: the whole card
    uint8_t type;           // of a partition, as its table says
    uint64_t first;
    uint64_t count;
} sd_blocks_obj_t;

// Finds the card that is there now; with another one than before the generation is another. OSError if there is none.
// hz: its highest clock, 0: as before (25 MHz at first).
void sd_blocks_find(uint32_t hz);

// Whether the card of the object is there.
bool sd_blocks_present(const sd_blocks_obj_t *self);

const sd_card_t *sd_blocks_card(void);
uint32_t sd_blocks_generation(void);

// Reads one block. 0, or a negative errno.
int sd_blocks_read(const sd_blocks_obj_t *self, uint64_t block, uint8_t buf[SD_BLOCK_SIZE]);

// The block protocol, simple and extended. 0, or a negative errno: FatFs and littlefs leave their state as it should be
// then, which they would not after an exception.
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(sd_blocks_readblocks_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(sd_blocks_writeblocks_obj);
MP_DECLARE_CONST_FUN_OBJ_3(sd_blocks_ioctl_obj);

#endif // PORTS_RPI_AARCH64_MACHINE_SD_BLOCKS_H
