// SPDX-License-Identifier: MIT
// The places that boot passes with the MMU on; see place.h.

#include <string.h>

#include "boot/early.h"
#include "boot/soc.h"
#include "machine/uart.h"
#include "place.h"

static unsigned last;

unsigned boot_place_last(void) {
    return last;
}

void boot_place(unsigned place) {
    last = place;
    #if BOOT_BRINGUP
    if (place != 0) {
        const char *line = early_place_line(place);
        uart_early_write(line, strlen(line));
        if (soc->gpio != 0) {
            early_blink(soc_mmio(soc->gpio), soc->led);
        }
    }
    #endif
}
