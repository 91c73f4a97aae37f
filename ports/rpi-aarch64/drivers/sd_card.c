// SPDX-License-Identifier: MIT
// Blocks of an SD card, and what follows an error; see sd_card.h.

#include <string.h>

#include "sd_card.h"
#include "sd_identify.h"
#include "sd_registers.h"
#include "timer.h"

#define READ_SINGLE         (17)
#define READ_MULTIPLE       (18)
#define WRITE_SINGLE        (24)
#define WRITE_MULTIPLE      (25)
#define STOP_TRANSMISSION   (SDHCI_COMMAND(12, SDHCI_R1B) | SDHCI_ABORT)

#define STATUS_READY        (1u << 8)
#define STATUS_STATE(status) ((status) >> 9 & 15)
#define STATE_TRANSFER      (4)

#define MOST_BLOCKS         (1024)      // of one command
#define TRIES               (3)
#define BUSY_US             (1000000)

sd_result_t sd_card_start(sd_card_t *card) {
    sd_card_t found = *card;
    sd_result_t result = sd_identify(&found);
    if (result == SD_OK && card->known && memcmp(found.cid, card->cid, sizeof(found.cid)) != 0) {
        result = SD_CHANGED;
    }
    // Of another card, or half of one, nothing is kept but what the controller is in.
    card->host = found.host;
    if (result == SD_OK) {
        *card = found;
    }
    card->ready = result == SD_OK;
    card->known |= card->ready;
    return result;
}

void sd_card_forget(sd_card_t *card) {
    card->ready = card->known = false;
}

sd_result_t sd_card_check(sd_card_t *card) {
    uint32_t status;
    if (card->ready && sd_status(card, &status) == SD_OK) {
        return SD_OK;
    }
    return sd_card_start(card);
}

// --- recovery ---

// Ends a transfer that failed. A card that does not answer afterwards is identified again, as it may have lost power.
static sd_result_t recover(sd_card_t *card, sd_result_t failed) {
    uint32_t status;
    sdhci_reset_lines(&card->host);
    if (sd_status(card, &status) == SD_OK && STATUS_STATE(status) != STATE_TRANSFER) {
        (void)sdhci_command(&card->host, STOP_TRANSMISSION, 0);
        sdhci_reset_lines(&card->host);
    }
    if (failed == SD_CRC && card->max_hz > SD_DEFAULT_HZ) {
        card->max_hz = SD_DEFAULT_HZ;
        return sd_card_start(card);
    }
    if (sd_status(card, &status) == SD_OK && STATUS_STATE(status) == STATE_TRANSFER) {
        return SD_OK;
    }
    return sd_card_start(card);
}

// Waits until the card has written what it got; its errors come with its status.
static sd_result_t wait_written(sd_card_t *card) {
    uint64_t deadline = timer_deadline_us(BUSY_US);
    sd_result_t failed = SD_OK;
    for (;;) {
        bool expired = timer_expired(deadline);
        uint32_t status;
        sd_result_t result = sd_status(card, &status);
        if (result != SD_OK) {
            return result;
        }
        if (failed == SD_OK) { // reading the status clears them
            failed = sdhci_r1_result(status);
        }
        if (status & STATUS_READY && STATUS_STATE(status) == STATE_TRANSFER) {
            return failed;
        }
        if (expired) {
            return SD_TIMEOUT;
        }
    }
}

// --- blocks ---

static sd_result_t move_once(sd_card_t *card, const sdhci_transfer_t *transfer) {
    sd_result_t result = sdhci_transfer(&card->host, transfer);
    return result == SD_OK && transfer->write != NULL ? wait_written(card) : result;
}

// One command, repeated where that may help. The result is that of the transfer; that of the recovery where the card
// is gone.
static sd_result_t move(sd_card_t *card, const sdhci_transfer_t *transfer) {
    sd_result_t result = SD_OK;
    for (unsigned n = 0; result == SD_OK && n < TRIES; ++n) {
        sd_result_t moved = move_once(card, transfer);
        if (moved == SD_OK) {
            return SD_OK;
        }
        result = recover(card, moved);
        if (moved == SD_PROTECTED || moved == SD_RANGE || (result == SD_OK && n + 1 == TRIES)) {
            return moved;
        }
    }
    return result;
}

static sd_result_t move_all(sd_card_t *card, uint64_t block, uint32_t count, void *to, const void *from) {
    sd_result_t result = card->ready ? SD_OK : sd_card_start(card);
    if (result == SD_OK && (block > card->blocks || count > card->blocks - block)) {
        result = SD_RANGE;
    }
    if (result == SD_OK && from != NULL && card->write_protected) {
        result = SD_PROTECTED;
    }
    while (count != 0 && result == SD_OK) {
        uint32_t now = count < MOST_BLOCKS ? count : MOST_BLOCKS;
        unsigned single = to != NULL ? READ_SINGLE : WRITE_SINGLE;
        sdhci_transfer_t transfer = {
            .index = now == 1 ? single : single + 1,
            .argument = (uint32_t)(card->by_blocks ? block : block * SD_BLOCK_SIZE),
            .size = SD_BLOCK_SIZE,
            .count = now,
            .read = to,
            .write = from,
        };
        result = move(card, &transfer);
        block += now;
        count -= now;
        to = to != NULL ? (uint8_t *)to + now * SD_BLOCK_SIZE : NULL;
        from = from != NULL ? (const uint8_t *)from + now * SD_BLOCK_SIZE : NULL;
    }
    return result;
}

sd_result_t sd_card_read(sd_card_t *card, uint64_t block, uint32_t count, void *buf) {
    return move_all(card, block, count, buf, NULL);
}

sd_result_t sd_card_write(sd_card_t *card, uint64_t block, uint32_t count, const void *buf) {
    return move_all(card, block, count, NULL, buf);
}
