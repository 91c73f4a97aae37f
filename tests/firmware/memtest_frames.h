// SPDX-License-Identifier: MIT
// Functions of _memtest about the frame allocator.

#ifndef TESTS_FIRMWARE_MEMTEST_FRAMES_H
#define TESTS_FIRMWARE_MEMTEST_FRAMES_H

#include "py/obj.h"

MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memtest_frames_costs_obj);
MP_DECLARE_CONST_FUN_OBJ_0(memtest_frames_states_obj);

#endif // TESTS_FIRMWARE_MEMTEST_FRAMES_H
