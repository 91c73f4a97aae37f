// SPDX-License-Identifier: MIT
// Names of the image that serves Raspberry Pi 3 and 4. RPI3 and RPI4 are built from the same
// settings, so that their images are the same bytes: nothing here may depend on the board.

#define MICROPY_HW_BOARD_NAME "Raspberry Pi 3/4"
#define MICROPY_HW_MCU_NAME "BCM2837/BCM2711"

// Buses on the header.
#define MICROPY_PY_MACHINE_I2C (1)
#define MICROPY_PY_MACHINE_SOFTI2C (1)
#define MICROPY_PY_MACHINE_UART (1)
#define MICROPY_PY_MACHINE_UART_INCLUDEFILE "machine/modmachine_uart.c"
#define MICROPY_PY_MACHINE_UART_SENDBREAK (1)
#define MICROPY_PY_MACHINE_UART_IRQ (1)
#define MICROPY_PY_MACHINE_PWM (1)
#define MICROPY_PY_MACHINE_PWM_INCLUDEFILE "machine/modmachine_pwm.c"
#define MICROPY_PY_MACHINE_SPI (1)
#define MICROPY_PY_MACHINE_SOFTSPI (1)
