// SPDX-License-Identifier: MIT
// machine.mem8, mem16, mem32 and mem64: memory and device registers by virtual address.

#ifndef PORTS_RPI_AARCH64_MACHINE_MACHINE_MEM_H
#define PORTS_RPI_AARCH64_MACHINE_MACHINE_MEM_H

#include "py/obj.h"

typedef struct _machine_word_obj_t {
    mp_obj_base_t base;
    uint8_t size; // of an access, in bytes
} machine_word_obj_t;

extern const machine_word_obj_t machine_word8_obj;
extern const machine_word_obj_t machine_word16_obj;
extern const machine_word_obj_t machine_word32_obj;
extern const machine_word_obj_t machine_word64_obj;

#endif // PORTS_RPI_AARCH64_MACHINE_MACHINE_MEM_H
