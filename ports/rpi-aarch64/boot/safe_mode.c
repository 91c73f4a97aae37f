// SPDX-License-Identifier: MIT
// Keeps the reason of safe mode, and looks for the keys that ask for it.

#include <string.h>

#include "py/mphal.h"

#include "safe_mode.h"
#include "machine/uart.h"

#define WAIT_US (500000)
#define REASON_SIZE (160)

static char reason[REASON_SIZE];

void safe_mode_clear(void) {
    reason[0] = '\0';
}

void safe_mode_enter(const char *why) {
    if (reason[0] == '\0') {
        strncpy(reason, why, sizeof(reason) - 1);
    }
}

const char *safe_mode_reason(void) {
    return reason[0] != '\0' ? reason : NULL;
}

uint8_t safe_mode_key(uint64_t since, bool wait) {
    uint64_t deadline = since + timer_us_to_ticks(WAIT_US);
    while (!uart_take(SAFE_MODE_KEY, 1)) {
        if (wait && uart_take(SAFE_MODE_HELD_KEY, SAFE_MODE_HELD)) {
            return SAFE_MODE_HELD_KEY;
        }
        if (!wait || timer_expired(deadline)) {
            return 0;
        }
        timer_wait_until(deadline); // or until a byte arrives
    }
    return SAFE_MODE_KEY;
}
