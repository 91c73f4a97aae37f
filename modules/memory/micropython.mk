# SPDX-License-Identifier: MIT
# The memory system as a user C module: USER_C_MODULES=<path of modules/>.
# Bindings (mod*.c, bind_*.c) know MicroPython and are searched for its names; everything else is
# mechanism, which does not.

MEMORY_MOD_DIR := $(USERMOD_DIR)
MEMORY_MOD_BINDINGS := $(sort $(wildcard $(MEMORY_MOD_DIR)/mod*.c $(MEMORY_MOD_DIR)/bind_*.c))

SRC_USERMOD_C += $(MEMORY_MOD_BINDINGS)
SRC_USERMOD_LIB_C += $(sort $(filter-out $(MEMORY_MOD_BINDINGS), $(wildcard $(MEMORY_MOD_DIR)/*.c)))

CFLAGS_USERMOD += -I$(MEMORY_MOD_DIR)
