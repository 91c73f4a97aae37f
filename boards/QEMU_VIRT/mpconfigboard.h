// SPDX-License-Identifier: MIT
// QEMU's virt machine.

#define MICROPY_HW_BOARD_NAME "QEMU virt"
#define MICROPY_HW_MCU_NAME "Cortex-A72"
