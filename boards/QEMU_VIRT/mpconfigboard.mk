# SPDX-License-Identifier: MIT
# An image of its own: soc.c cannot tell this machine from a Pi 4 by its CPU.
CFLAGS += -DBOARD_QEMU_VIRT=1
