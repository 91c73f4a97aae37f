// SPDX-License-Identifier: MIT
// eMMC; see mmc_identify.h. Of the eight data lines four are used, as of an SD card's.

#include "mmc_identify.h"
#include "sd_registers.h"
#include "timer.h"

#define GO_IDLE             SDHCI_COMMAND(0, SDHCI_R0)
#define SEND_OP_COND        SDHCI_COMMAND(1, SDHCI_R3)
#define ALL_SEND_CID        SDHCI_COMMAND(2, SDHCI_R2)
#define SET_RELATIVE_ADDR   SDHCI_COMMAND(3, SDHCI_R1)
#define SWITCH              SDHCI_COMMAND(6, SDHCI_R1B)
#define SELECT_CARD         SDHCI_COMMAND(7, SDHCI_R1B)
#define SEND_EXT_CSD        (8)
#define SEND_CSD            SDHCI_COMMAND(9, SDHCI_R2)

#define ADDRESS             (1u << 16)      // given by the host
#define OCR                 (0x40ff8000)    // 2.7 to 3.6 V, and addresses may be numbers of blocks
#define OCR_BY_BLOCKS       (1u << 30)
#define OCR_READY           (1u << 31)
// SWITCH: write a byte of EXT_CSD.
#define SET_BUS_WIDTH_4     (0x03b70100)
#define SET_HIGH_SPEED      (0x03b90100)
#define STATUS_SWITCH_ERROR (1u << 7)
#define SEC_COUNT           (212)           // in EXT_CSD

#define READY_US            (1000000)
#define READY_STEP_US       (1000)

static sd_result_t wait_ready(sd_card_t *card) {
    uint64_t deadline = timer_deadline_us(READY_US);
    for (;;) {
        bool expired = timer_expired(deadline);
        if (sdhci_command(&card->host, SEND_OP_COND, OCR) != SD_OK) {
            return SD_NO_CARD;
        }
        if (card->host.response[0] & OCR_READY) {
            card->by_blocks = card->host.response[0] & OCR_BY_BLOCKS;
            return SD_OK;
        }
        if (expired) {
            return SD_TIMEOUT;
        }
        timer_sleep_us(READY_STEP_US);
    }
}

static sd_result_t select(sd_card_t *card) {
    sdhci_t *host = &card->host;
    sd_result_t result = sdhci_command(host, ALL_SEND_CID, 0);
    if (result == SD_OK) {
        sd_register_store(host, card->cid);
        card->rca = ADDRESS;
        result = sdhci_command(host, SET_RELATIVE_ADDR, card->rca);
    }
    if (result == SD_OK) {
        result = sdhci_command(host, SEND_CSD, card->rca);
    }
    if (result == SD_OK) {
        sd_register_store(host, card->csd);
        card->write_protected = sd_register_bits(host, 13, 12) != 0;
        card->blocks = sd_register_blocks_1(host);
        result = sdhci_command(host, SELECT_CARD, card->rca);
    }
    return result;
}

static sd_result_t switch_to(sd_card_t *card, uint32_t argument) {
    sd_result_t result = sdhci_command(&card->host, SWITCH, argument);
    uint32_t status = 0;
    if (result == SD_OK) {
        result = sd_status(card, &status);
    }
    return result == SD_OK && status & STATUS_SWITCH_ERROR ? SD_REFUSED : result;
}

// A chip with more than 2 GB has its size in EXT_CSD only.
static sd_result_t read_size(sd_card_t *card) {
    uint8_t ext_csd[SD_BLOCK_SIZE];
    sdhci_transfer_t transfer = { .index = SEND_EXT_CSD, .size = sizeof(ext_csd), .count = 1, .read = ext_csd };
    sd_result_t result = sdhci_transfer(&card->host, &transfer);
    if (result == SD_OK && card->by_blocks) {
        const uint8_t *size = ext_csd + SEC_COUNT;
        card->blocks = size[0] | size[1] << 8 | size[2] << 16 | (uint32_t)size[3] << 24;
    }
    return result;
}

static sd_result_t set_bus(sd_card_t *card) {
    sdhci_t *host = &card->host;
    uint32_t hz = card->max_hz < SD_DEFAULT_HZ ? card->max_hz : SD_DEFAULT_HZ;
    sd_result_t result = switch_to(card, SET_BUS_WIDTH_4);
    if (result == SD_OK) {
        sdhci_set_wide(host);
    }
    if (result == SD_OK && card->max_hz > SD_DEFAULT_HZ && switch_to(card, SET_HIGH_SPEED) == SD_OK) {
        sdhci_set_high_speed(host);
        hz = card->max_hz;
    }
    return result == SD_OK && !sdhci_set_clock(host, hz) ? SD_TIMEOUT : result;
}

sd_result_t mmc_identify(sd_card_t *card) {
    sdhci_reset_lines(&card->host);
    (void)sdhci_command(&card->host, GO_IDLE, 0);
    sd_result_t result = wait_ready(card);
    if (result == SD_OK) {
        result = select(card);
    }
    if (result == SD_OK) {
        result = set_bus(card);
    }
    return result == SD_OK ? read_size(card) : result;
}
