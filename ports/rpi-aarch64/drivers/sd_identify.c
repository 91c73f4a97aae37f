// SPDX-License-Identifier: MIT
// Finding and setting up a card; see sd_identify.h. The order of commands is that of the specification's chapter "SD
// Card Functional Description", "Card Identification Mode".

#include "mmc_identify.h"
#include "sd_identify.h"
#include "sd_registers.h"
#include "timer.h"

#define GO_IDLE             SDHCI_COMMAND(0, SDHCI_R0)
#define ALL_SEND_CID        SDHCI_COMMAND(2, SDHCI_R2)
#define SEND_RELATIVE_ADDR  SDHCI_COMMAND(3, SDHCI_R6)
#define SET_BUS_WIDTH       SDHCI_COMMAND(6, SDHCI_R1)  // after APP_CMD
#define SWITCH_FUNC         (6)
#define SELECT_CARD         SDHCI_COMMAND(7, SDHCI_R1B)
#define SEND_IF_COND        SDHCI_COMMAND(8, SDHCI_R7)
#define SEND_CSD            SDHCI_COMMAND(9, SDHCI_R2)
#define SET_BLOCKLEN        SDHCI_COMMAND(16, SDHCI_R1)
#define SD_SEND_OP_COND     SDHCI_COMMAND(41, SDHCI_R3) // after APP_CMD
#define SEND_SCR            (51)                        // after APP_CMD
#define APP_CMD             SDHCI_COMMAND(55, SDHCI_R1)

#define IF_COND             (0x1aa)      // 2.7 to 3.6 V, and a pattern that comes back
#define OCR_VOLTAGES        (0x00ff8000) // never bit 24, 1.8 V: neither driver nor board switches back
#define OCR_HIGH_CAPACITY   (1u << 30)
#define OCR_READY           (1u << 31)
#define BUS_WIDTH_4         (2)
#define SWITCH_CHECK_HIGH   (0x00fffff1)
#define SWITCH_SET_HIGH     (0x80fffff1)

#define READY_US            (1000000)    // from the first ACMD41 on
#define READY_STEP_US       (1000)
#define TRIES               (3)          // EMMC2 loses the first data of a card now and then
#define SCR_SIZE            (8)
#define SWITCH_SIZE         (64)

static sd_result_t app_command(sd_card_t *card, uint32_t command, uint32_t argument) {
    sd_result_t result = sdhci_command(&card->host, APP_CMD, card->rca);
    return result == SD_OK ? sdhci_command(&card->host, command, argument) : result;
}

// A card of version 1 does not know the command, and answers nothing.
static bool is_version_2(sdhci_t *host) {
    if (sdhci_command(host, SEND_IF_COND, IF_COND) == SD_OK) {
        return (host->response[0] & 0xfff) == IF_COND;
    }
    sdhci_reset_lines(host);
    return false;
}

// Waits until the card has powered up.
static sd_result_t wait_ready(sd_card_t *card, uint32_t argument) {
    uint64_t deadline = timer_deadline_us(READY_US);
    for (;;) {
        bool expired = timer_expired(deadline);
        sd_result_t result = app_command(card, SD_SEND_OP_COND, argument);
        if (result != SD_OK) {
            return result == SD_TIMEOUT ? SD_NO_CARD : result;
        }
        if (card->host.response[0] & OCR_READY) {
            card->by_blocks = card->host.response[0] & OCR_HIGH_CAPACITY;
            return SD_OK;
        }
        if (expired) {
            return SD_TIMEOUT;
        }
        timer_sleep_us(READY_STEP_US);
    }
}

static sd_result_t read_csd(sd_card_t *card) {
    sd_result_t result = sdhci_command(&card->host, SEND_CSD, card->rca);
    if (result != SD_OK) {
        return result;
    }
    const sdhci_t *host = &card->host;
    sd_register_store(host, card->csd);
    card->write_protected = sd_register_bits(host, 13, 12) != 0;
    switch (sd_register_bits(host, 127, 126)) {
        case 0:
            card->blocks = sd_register_blocks_1(host);
            return SD_OK;
        case 1:
            card->blocks = (uint64_t)(sd_register_bits(host, 69, 48) + 1) * 1024;
            return SD_OK;
        default:
            return SD_UNSUPPORTED;
    }
}

// From idle to the transfer state.
static sd_result_t select(sd_card_t *card) {
    sdhci_t *host = &card->host;
    sd_result_t result = sdhci_command(host, ALL_SEND_CID, 0);
    if (result != SD_OK) {
        return result;
    }
    sd_register_store(host, card->cid);
    result = sdhci_command(host, SEND_RELATIVE_ADDR, 0);
    if (result != SD_OK) {
        return result;
    }
    card->rca = host->response[0] & 0xffff0000;
    result = read_csd(card);
    return result == SD_OK ? sdhci_command(host, SELECT_CARD, card->rca) : result;
}

static sd_result_t set_width(sd_card_t *card) {
    uint8_t scr[SCR_SIZE];
    sdhci_transfer_t transfer = { .index = SEND_SCR, .size = SCR_SIZE, .count = 1, .read = scr };
    sd_result_t result = sdhci_command(&card->host, APP_CMD, card->rca);
    if (result == SD_OK) {
        result = sdhci_transfer(&card->host, &transfer);
    }
    if (result == SD_OK && scr[1] & 4) {
        result = app_command(card, SET_BUS_WIDTH, BUS_WIDTH_4);
        if (result == SD_OK) {
            sdhci_set_wide(&card->host);
        }
    }
    return result;
}

static bool switch_function(sd_card_t *card, uint32_t argument, uint8_t status[SWITCH_SIZE]) {
    sdhci_transfer_t transfer = {
        .index = SWITCH_FUNC, .argument = argument, .size = SWITCH_SIZE, .count = 1, .read = status,
    };
    if (sdhci_transfer(&card->host, &transfer) == SD_OK) {
        return true;
    }
    sdhci_reset_lines(&card->host);
    return false;
}

// A card that cannot, or does not answer, stays at the default speed.
static bool set_high_speed(sd_card_t *card) {
    uint8_t status[SWITCH_SIZE];
    return switch_function(card, SWITCH_CHECK_HIGH, status) && status[13] & 2
           && switch_function(card, SWITCH_SET_HIGH, status) && (status[16] & 0xf) == 1;
}

static sd_result_t set_bus(sd_card_t *card) {
    uint32_t hz = card->max_hz < SD_DEFAULT_HZ ? card->max_hz : SD_DEFAULT_HZ;
    if (!sdhci_set_clock(&card->host, hz)) {
        return SD_TIMEOUT;
    }
    sd_result_t result = card->by_blocks ? SD_OK : sdhci_command(&card->host, SET_BLOCKLEN, SD_BLOCK_SIZE);
    if (result == SD_OK) {
        result = set_width(card);
    }
    if (result == SD_OK && card->max_hz > hz && set_high_speed(card)) {
        sdhci_set_high_speed(&card->host);
        hz = card->max_hz < SD_HIGH_SPEED_HZ ? card->max_hz : SD_HIGH_SPEED_HZ;
        result = sdhci_set_clock(&card->host, hz) ? SD_OK : SD_TIMEOUT;
    }
    return result;
}

static sd_result_t identify_once(sd_card_t *card) {
    card->rca = 0;
    if (!sdhci_start(&card->host)) {
        return SD_TIMEOUT;
    }
    (void)sdhci_command(&card->host, GO_IDLE, 0);
    bool version_2 = is_version_2(&card->host);
    sd_result_t result = wait_ready(card, OCR_VOLTAGES | (version_2 ? OCR_HIGH_CAPACITY : 0));
    if (result == SD_NO_CARD && !card->host.arasan) {
        return mmc_identify(card);
    }
    if (result == SD_OK) {
        result = select(card);
    }
    return result == SD_OK ? set_bus(card) : result;
}

sd_result_t sd_identify(sd_card_t *card) {
    sd_result_t result = SD_NO_CARD;
    for (unsigned n = 0; n < TRIES; ++n) {
        result = identify_once(card);
        if (result != SD_TIMEOUT && result != SD_CRC) {
            break;
        }
    }
    // The argument of a transfer has 32 bits: with more bytes than that a card counts its addresses in blocks.
    if (result == SD_OK && !card->by_blocks && card->blocks > UINT32_MAX / SD_BLOCK_SIZE + 1) {
        return SD_UNSUPPORTED;
    }
    return result;
}
