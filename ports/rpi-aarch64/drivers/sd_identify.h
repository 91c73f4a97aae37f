// SPDX-License-Identifier: MIT
// How a card is found and set up; for sd_card.c.

#ifndef PORTS_RPI_AARCH64_DRIVERS_SD_IDENTIFY_H
#define PORTS_RPI_AARCH64_DRIVERS_SD_IDENTIFY_H

#include "sd_card.h"

// Resets controller and card, and brings the card to the transfer state with the widest bus and the highest clock that
// both have. Fills cid, csd, rca, blocks and the properties of *card.
sd_result_t sd_identify(sd_card_t *card);

#endif // PORTS_RPI_AARCH64_DRIVERS_SD_IDENTIFY_H
