// SPDX-License-Identifier: MIT
// CID, CSD and status; see sd_registers.h.

#include "sd_registers.h"

// The controller leaves the checksum out: bit 8 of the register is bit 0 of response[0].
#define CHECKSUM_BITS (8)

#define SEND_STATUS SDHCI_COMMAND(13, SDHCI_R1)

uint32_t sd_register_bits(const sdhci_t *host, unsigned high, unsigned low) {
    uint32_t value = 0;
    for (unsigned bit = high + 1; bit-- > low;) {
        unsigned at = bit - CHECKSUM_BITS;
        value = value << 1 | (host->response[at / 32] >> (at % 32) & 1);
    }
    return value;
}

void sd_register_store(const sdhci_t *host, uint8_t bytes[SD_REGISTER_SIZE]) {
    for (unsigned i = 0; i < SD_REGISTER_SIZE - 1; ++i) {
        bytes[i] = (uint8_t)sd_register_bits(host, 127 - 8 * i, 120 - 8 * i);
    }
    bytes[SD_REGISTER_SIZE - 1] = 0;
}

uint64_t sd_register_blocks_1(const sdhci_t *host) {
    uint32_t shift = sd_register_bits(host, 49, 47) + 2 + sd_register_bits(host, 83, 80);
    return ((uint64_t)(sd_register_bits(host, 73, 62) + 1) << shift) / SD_BLOCK_SIZE;
}

sd_result_t sd_status(sd_card_t *card, uint32_t *status) {
    sd_result_t result = sdhci_command(&card->host, SEND_STATUS, card->rca);
    *status = card->host.response[0];
    return result;
}
