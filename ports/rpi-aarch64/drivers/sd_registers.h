// SPDX-License-Identifier: MIT
// What a card's registers CID and CSD, which are responses of 136 bits, and its status say.

#ifndef PORTS_RPI_AARCH64_DRIVERS_SD_REGISTERS_H
#define PORTS_RPI_AARCH64_DRIVERS_SD_REGISTERS_H

#include "sd_card.h"

// Bits high to low of the register in the last response; 32 at most, 8 the lowest.
uint32_t sd_register_bits(const sdhci_t *host, unsigned high, unsigned low);

// All of it, first byte first, without the checksum.
void sd_register_store(const sdhci_t *host, uint8_t bytes[SD_REGISTER_SIZE]);

// The size in blocks as a CSD of version 1 tells it.
uint64_t sd_register_blocks_1(const sdhci_t *host);

// CMD13: the card's status.
sd_result_t sd_status(sd_card_t *card, uint32_t *status);

#endif // PORTS_RPI_AARCH64_DRIVERS_SD_REGISTERS_H
