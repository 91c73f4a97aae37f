# SPDX-License-Identifier: MIT
# Nothing of its own: see rpi_common.mk.
include $(BOARD_DIR)/../rpi_common.mk
