// SPDX-License-Identifier: MIT
// The life cycle of MicroPython: the last call of the boot code.

#ifndef PORTS_RPI_AARCH64_MAIN_H
#define PORTS_RPI_AARCH64_MAIN_H

// Starts MicroPython, runs the REPL, and starts over at each soft reset. Does not return.
void main_loop(void) __attribute__((noreturn));

#endif // PORTS_RPI_AARCH64_MAIN_H
