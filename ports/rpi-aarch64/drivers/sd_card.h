// SPDX-License-Identifier: MIT
// An SD card behind an SD host controller: identification, blocks, recovery. Names are those of the SD Physical Layer
// Simplified Specification. From the thread only; every call ends by the clock.

#ifndef PORTS_RPI_AARCH64_DRIVERS_SD_CARD_H
#define PORTS_RPI_AARCH64_DRIVERS_SD_CARD_H

#include "sdhci.h"

#define SD_BLOCK_SIZE       (512)
#define SD_DEFAULT_HZ       (25000000)
#define SD_HIGH_SPEED_HZ    (50000000)
#define SD_LEAST_HZ         (400000)
#define SD_REGISTER_SIZE    (16)

typedef struct _sd_card_t {
    sdhci_t host;
    uint32_t max_hz;        // highest clock to be used; above SD_DEFAULT_HZ where the card can
    bool ready;             // identified, and no error since has ended that
    bool known;             // cid is that of the card that was identified first
    bool by_blocks;         // addresses are numbers of blocks (SDHC, SDXC), not of bytes (SDSC)
    bool write_protected;   // by its CSD
    uint32_t rca;           // in bits 31 to 16
    uint64_t blocks;
    uint8_t cid[SD_REGISTER_SIZE];  // as in the card, without the checksum
    uint8_t csd[SD_REGISTER_SIZE];
} sd_card_t;

// Identifies the card: the first one, or the one that was there before. SD_CHANGED, SD_NO_CARD and other results leave
// it not ready. host.base, host.base_clock, host.arasan and max_hz are set, all else is 0 before the first call.
sd_result_t sd_card_start(sd_card_t *card);

// Forgets which card it was: the next sd_card_start() takes any.
void sd_card_forget(sd_card_t *card);

// Whether the card that was identified is there and works: asks it, and identifies it again if it does not answer.
sd_result_t sd_card_check(sd_card_t *card);

// Reads or writes blocks. A transfer that fails is repeated; a card that does not answer is identified again, and gets
// no further command if it is another one. What is not SD_OK may have moved a part of the data.
sd_result_t sd_card_read(sd_card_t *card, uint64_t block, uint32_t count, void *buf);
sd_result_t sd_card_write(sd_card_t *card, uint64_t block, uint32_t count, const void *buf);

#endif // PORTS_RPI_AARCH64_DRIVERS_SD_CARD_H
