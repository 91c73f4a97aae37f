// SPDX-License-Identifier: MIT
// machine.UART: the functions that the rest of the port calls.

#ifndef PORTS_RPI_AARCH64_MACHINE_MACHINE_UART_H
#define PORTS_RPI_AARCH64_MACHINE_MACHINE_UART_H

// Soft reset: stops all but the console; their pins become inputs.
void machine_uart_deinit_all(void);

#endif // PORTS_RPI_AARCH64_MACHINE_MACHINE_UART_H
