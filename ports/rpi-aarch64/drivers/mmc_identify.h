// SPDX-License-Identifier: MIT
// How the eMMC chip of a Compute Module is set up, by JEDEC's standard (JESD84); for sd_identify.c.

#ifndef PORTS_RPI_AARCH64_DRIVERS_MMC_IDENTIFY_H
#define PORTS_RPI_AARCH64_DRIVERS_MMC_IDENTIFY_H

#include "sd_card.h"

// For a controller that was started and a card that did not answer as an SD card: brings the chip to the transfer
// state, as sd_identify() does. SD_NO_CARD if nothing answers.
sd_result_t mmc_identify(sd_card_t *card);

#endif // PORTS_RPI_AARCH64_DRIVERS_MMC_IDENTIFY_H
