// SPDX-License-Identifier: MIT
// The board around its SD host controller: power, clock, pins.

#ifndef PORTS_RPI_AARCH64_DRIVERS_SD_SLOT_H
#define PORTS_RPI_AARCH64_DRIVERS_SD_SLOT_H

#include "gpio.h"
#include "mailbox.h"
#include "sd_card.h"

// The pins of the card where the host controller is the Arasan; bit n is GPIO n.
#define SD_SLOT_PINS (0x3full << 48)

typedef struct _sd_slot_t {
    mailbox_t *mailbox;
    const gpio_t *gpio;
    bool prepared;
    sd_card_t card;
} sd_slot_t;

// Identifies the card as sd_card_start() does, after what the board needs for it. card.host.base, card.host.arasan and
// card.max_hz are set. Where no card answers and the board can switch its supply off, it does that and tries once more.
sd_result_t sd_slot_start(sd_slot_t *slot);

#endif // PORTS_RPI_AARCH64_DRIVERS_SD_SLOT_H
