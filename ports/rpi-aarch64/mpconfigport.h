// SPDX-License-Identifier: MIT
// How MicroPython is configured for this port.

#include <stdint.h>
#include <alloca.h>

#include "mpconfigboard.h"

#define MICROPY_CONFIG_ROM_LEVEL            (MICROPY_CONFIG_ROM_LEVEL_FULL_FEATURES)

// Memory. The collector's heap starts in a small arena of the image and takes frames from the frame
// allocator as Python needs them (gc_areas.c of the bindings). Blocks of 64 bytes use more RAM and make allocation and
// collection faster.
#define MICROPY_ENABLE_GC                   (1)
#define MICROPY_BYTES_PER_GC_BLOCK          (64)
#define MICROPY_GC_SPLIT_HEAP               (1)
#define MICROPY_GC_SPLIT_HEAP_AUTO          (1)
#define MICROPY_ALLOC_GC_STACK_SIZE         (1) // the bindings' collector has its own
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF (1)
#define MICROPY_STACK_CHECK_MARGIN          (4096)

// nlraarch64.c does not save d8 to d15, which the ABI makes callee-saved: a double held there would
// be wrong after a caught exception. picolibc's setjmp saves them.
#define MICROPY_NLR_SETJMP                  (1)

// Integers and floating point.
// The parser's stacks grow by a part of themselves: each time they are measured.
#define MICROPY_ALLOC_PARSE_RULE_INC        (16 + parser->rule_stack_alloc / 4)
#define MICROPY_ALLOC_PARSE_RESULT_INC      (16 + parser->result_stack_alloc / 4)
#define MICROPY_LONGINT_IMPL                (MICROPY_LONGINT_IMPL_MPZ)
#define MPZ_DIG_SIZE                        (32) // every kernel address is a long integer
#define MICROPY_FLOAT_IMPL                  (MICROPY_FLOAT_IMPL_DOUBLE)
typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef intptr_t mp_off_t;
#define MP_SSIZE_MAX                        (0x7fffffffffffffff)

// Speed: see the measurements in docs/.
#define MICROPY_OPT_COMPUTED_GOTO           (1)
#define MICROPY_OPT_MAP_LOOKUP_CACHE_SIZE   (1024)
#define MICROPY_MODULE_DICT_SIZE            (12) // names of most modules, so that the table grows once at most

// There is no native code emitter for AArch64 in this release.
#define MICROPY_PERSISTENT_CODE_LOAD        (1)

// REPL and console.
#define MICROPY_HELPER_REPL                 (1)
#define MICROPY_SCHEDULER_STATIC_NODES      (1) // of interrupts' callbacks
#define MICROPY_KBD_EXCEPTION               (1)
#define MICROPY_PY_BUILTINS_HELP_TEXT       help_general_text
#define MICROPY_PY_SYS_STDFILES             (1)
#define MICROPY_PY_SYS_STDIO_BUFFER         (1)
#define MICROPY_REPL_STDIN_BUFFER_MAX       (4096)

// Modules and their port files.
#define MICROPY_PY_SYS_PLATFORM             "rpi-aarch64"
#define MICROPY_PY_SYS_ATEXIT               (1)
#define MP_EDEADLK                          (35) // of a pager that waits for itself; not in py/mperrno.h
#define MICROPY_PY_ERRNO_LIST \
    X(EPERM) X(ENOENT) X(EIO) X(EBADF) X(EAGAIN) X(ENOMEM) X(EACCES) X(EFAULT) X(EBUSY) X(EEXIST) \
    X(ENODEV) X(EISDIR) X(EINVAL) X(ERANGE) X(EOPNOTSUPP) X(EADDRINUSE) X(ECONNABORTED) \
    X(ECONNRESET) X(ENOBUFS) X(ENOTCONN) X(ETIMEDOUT) X(ECONNREFUSED) X(EHOSTUNREACH) X(EALREADY) \
    X(EINPROGRESS) X(EDEADLK) X(ENOSPC) X(EROFS)
#define MICROPY_PY_OS_INCLUDEFILE           "machine/modos_port.c"
#define MICROPY_PY_OS_URANDOM               (1)
#define MICROPY_PY_OS_UNAME                 (1)
#define MICROPY_PY_OS_SYNC                  (1)
#define MICROPY_PY_RANDOM_SEED_INIT_FUNC    (mp_hal_random_seed())
#define MICROPY_EPOCH_IS_1970               (1)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS        (1)
#define MICROPY_PY_TIME_INCLUDEFILE         "machine/modtime_port.c"
#define MICROPY_PY_MACHINE                  (1)
#define MICROPY_PY_MACHINE_INCLUDEFILE      "machine/modmachine_port.c"
#define MICROPY_PY_MACHINE_RESET            (1)
#define MICROPY_PY_MACHINE_BOOTLOADER       (1)
#define MICROPY_PY_MACHINE_BARE_METAL_FUNCS (1)
#define MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ (1)
#define MICROPY_PY_MACHINE_FREQ_NUM_ARGS_MAX (1)
#define MICROPY_PY_MACHINE_MEMX             (0)
#define MICROPY_PY_MACHINE_PIN_MAKE_NEW     mp_pin_make_new
#define MICROPY_PY_MACHINE_PULSE            (0) // machine_pulse.c
#define MICROPY_PY_MACHINE_I2C_TRANSFER_WRITE1 (1)
#define MICROPY_PY_CRYPTOLIB                (0)
#define MICROPY_PY_SSL                      (0)
#define MICROPY_PY_THREAD                   (0)

// Filesystems.
#define MICROPY_VFS                         (1)
#define MICROPY_VFS_ROM                     (1)
#define MICROPY_READER_VFS                  (1)
#define MICROPY_FATFS_ENABLE_LFN            (2)
#define MICROPY_FATFS_USE_LABEL             (1)
#define MICROPY_FATFS_RPATH                 (2)
#define MICROPY_FATFS_LFN_CODE_PAGE         437
#define MICROPY_FATFS_MAX_SS                (4096)

#define MP_STATE_PORT MP_STATE_VM

// Idle: sleep until an interrupt was handled, at most timeout_ms.
#define MICROPY_INTERNAL_WFE(timeout_ms) mp_hal_wait_event(timeout_ms)

#include <stdbool.h>
#include <stddef.h>
void mp_hal_wait_event(int timeout_ms);
uint32_t mp_hal_random_seed(void);

#include "aarch64/cpu.h"
#define MICROPY_BEGIN_ATOMIC_SECTION()      cpu_irq_save()
#define MICROPY_END_ATOMIC_SECTION(state)   cpu_irq_restore(state)
