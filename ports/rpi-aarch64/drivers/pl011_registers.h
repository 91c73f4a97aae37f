// SPDX-License-Identifier: MIT
// The registers of Arm's PL011 UART (DDI 0183), and the pins that a Raspberry Pi has it on.

#ifndef PORTS_RPI_AARCH64_DRIVERS_PL011_REGISTERS_H
#define PORTS_RPI_AARCH64_DRIVERS_PL011_REGISTERS_H

#define DR          (0x00)
#define FR          (0x18)
#define IBRD        (0x24)
#define FBRD        (0x28)
#define LCRH        (0x2c)
#define CR          (0x30)
#define IFLS        (0x34)
#define IMSC        (0x38)
#define ICR         (0x44)
#define DMACR       (0x48)

#define FR_BUSY         (1u << 3)
#define FR_RXFE         (1u << 4)
#define FR_TXFF         (1u << 5)
#define FR_TXFE         (1u << 7)
#define LCRH_8BIT_FIFO  (0x70)
#define LCRH_BREAK      (1u << 0)
#define LCRH_PARITY     (1u << 1)
#define LCRH_EVEN       (1u << 2)
#define LCRH_2_STOP     (1u << 3)
#define LCRH_FIFO       (1u << 4)
#define LCRH_BITS       (5) // the lowest bit of: data bits - 5
#define CR_ENABLE       (0x301) // UARTEN, TXE, RXE
#define INT_ALL         (0x7ff)

// The function GPIO_ALT0 connects the UART to the header's pins 8 and 10.
#define PL011_PIN_TX            (14)
#define PL011_PIN_RX            (15)
// Where the firmware connects it to the Bluetooth chip.
#define PL011_PIN_BLUETOOTH_TX  (32)
#define PL011_PIN_BLUETOOTH_RX  (33)

#endif // PORTS_RPI_AARCH64_DRIVERS_PL011_REGISTERS_H
