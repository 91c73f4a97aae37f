// SPDX-License-Identifier: MIT
// Safe mode: the REPL comes up although the frozen boot code, boot.py or main.py fails, or without
// boot.py and main.py because a key asks for it or they came to no prompt several times. The banner gives the reason.

#ifndef PORTS_RPI_AARCH64_BOOT_SAFE_MODE_H
#define PORTS_RPI_AARCH64_BOOT_SAFE_MODE_H

#include <stdbool.h>
#include <stdint.h>

// Ctrl-X (CAN). MicroPython and its tools, which may type as soon as the port is open, send others:
// Ctrl-A to Ctrl-F, Return.
#define SAFE_MODE_KEY (0x18)
// Ctrl-C, if it is held: tools send two of it when they open a port.
#define SAFE_MODE_HELD_KEY (0x03)
#define SAFE_MODE_HELD (3)
// Starts that ran boot.py or main.py and came to no prompt, after which the next one does not run them.
#define SAFE_MODE_STARTS (3)

// Forgets the last start's reason, and keeps the first of this one's (cut to 159 bytes).
void safe_mode_clear(void);
void safe_mode_enter(const char *why);

// Why this is safe mode; NULL when it is not.
const char *safe_mode_reason(void);

// The key that is among the bytes received, or, if `wait`, arrives within half a second of the counter's value `since`:
// SAFE_MODE_KEY, or with `wait` SAFE_MODE_HELD_KEY; 0 if there is none. What was received before it is dropped with it;
// without a key, nothing is.
uint8_t safe_mode_key(uint64_t since, bool wait);

#endif // PORTS_RPI_AARCH64_BOOT_SAFE_MODE_H
