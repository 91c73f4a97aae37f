# SPDX-License-Identifier: MIT
# The memory system as a user C module: USER_C_MODULES=<path of modules/>.
# bindings/ knows MicroPython and is searched for its names; core/ is mechanism, which does not.

MEMORY_MOD_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(sort $(wildcard $(MEMORY_MOD_DIR)/bindings/*.c))
SRC_USERMOD_LIB_C += $(sort $(wildcard $(MEMORY_MOD_DIR)/core/*.c $(MEMORY_MOD_DIR)/core/*/*.c))

CFLAGS_USERMOD += -I$(MEMORY_MOD_DIR)
