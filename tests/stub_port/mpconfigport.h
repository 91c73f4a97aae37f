// SPDX-License-Identifier: MIT
// How MicroPython is configured for the stub port: the little that modules/memory needs beyond the core features.

#include <alloca.h>
#include <stddef.h>
#include <stdint.h>

#define MICROPY_CONFIG_ROM_LEVEL            (MICROPY_CONFIG_ROM_LEVEL_CORE_FEATURES)

// What the bindings rely on: finalisers, areas that come and go, 64-bit addresses as integers, named tuples, doubles.
#define MICROPY_ENABLE_GC                   (1)
#define MICROPY_ENABLE_FINALISER            (1)
#define MICROPY_BYTES_PER_GC_BLOCK          (64)
#define MICROPY_GC_SPLIT_HEAP               (1)
#define MICROPY_GC_SPLIT_HEAP_AUTO          (1)
#define MICROPY_LONGINT_IMPL                (MICROPY_LONGINT_IMPL_MPZ)
#define MICROPY_FLOAT_IMPL                  (MICROPY_FLOAT_IMPL_DOUBLE)
#define MICROPY_STACK_CHECK                 (1)
#define MICROPY_ENABLE_SCHEDULER            (1)
#define MICROPY_PY_ATTRTUPLE                (1)
#define MICROPY_PY_BUILTINS_MEMORYVIEW      (1)
#define MICROPY_MODULE_GETATTR              (1)
#define MICROPY_NLR_SETJMP                  (1)
#define MICROPY_PY_IO                       (0)

typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef intptr_t mp_off_t;
#define MP_SSIZE_MAX                        (0x7fffffffffffffff)

#define MICROPY_HW_BOARD_NAME               "stub"
#define MICROPY_HW_MCU_NAME                 "AArch64"
#define MP_STATE_PORT                       MP_STATE_VM
