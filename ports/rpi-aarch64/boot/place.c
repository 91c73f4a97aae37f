// SPDX-License-Identifier: MIT
// The places that boot passes with the MMU on; see place.h.

#include "boot/early.h"
#include "boot/soc.h"
#include "machine/uart.h"
#include "place.h"

static unsigned last;

unsigned boot_place_last(void) {
    return last;
}

#if BOOT_BRINGUP

static void put_number(unsigned value) {
    char digits[3] = {(char)('0' + value / 10), (char)('0' + value % 10), '\0'};
    uart_early_puts(value < 10 ? digits + 1 : digits);
}

void boot_place(unsigned place) {
    last = place;
    if (place == 0) {
        return;
    }
    uart_early_puts("[boot ");
    put_number(place);
    uart_early_puts(" of ");
    put_number(PLACE_COUNT);
    uart_early_puts(": ");
    uart_early_puts(early_place_name(place));
    uart_early_puts("]\n");
    if (soc->gpio != 0) {
        early_blink(soc_mmio(soc->gpio), soc->led);
    }
}

#else

void boot_place(unsigned place) {
    last = place;
}

#endif // BOOT_BRINGUP
