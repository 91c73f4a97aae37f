// SPDX-License-Identifier: MIT
// As much of MicroPython's headers as the files need that guard_shim.c and machine_shim.c try on the host.

#ifndef TESTS_HOST_PY_FAKE_MICROPYTHON_H
#define TESTS_HOST_PY_FAKE_MICROPYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MICROPY_BYTES_PER_GC_BLOCK (64)
#define MICROPY_VERSION (0)
#define MP_NOINLINE __attribute__((noinline))
#define MP_EBUSY (16)
#define MP_ENODEV (19)
#define MP_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(x, y) ((x) < (y) ? (x) : (y))
#define MAX(x, y) ((x) > (y) ? (x) : (y))

typedef uint8_t byte;
typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef void *mp_obj_t;
typedef const void *mp_const_obj_t;
typedef const char *mp_rom_error_text_t;
typedef struct _mp_obj_type_t {
    const char *name;
} mp_obj_type_t;

typedef struct _mp_obj_base_t {
    const mp_obj_type_t *type;
} mp_obj_base_t;

// Objects are None or numbers.
#define mp_const_none ((mp_obj_t)0)
mp_int_t mp_obj_get_int(mp_obj_t number);
bool mp_obj_get_int_maybe(mp_const_obj_t number, mp_int_t *value);
const char *mp_obj_get_type_str(mp_const_obj_t object);
void mp_obj_get_array(mp_obj_t tuple, size_t *count, mp_obj_t **items);

typedef struct _vstr_t {
    char *buf;
    size_t len;
} vstr_t;

void vstr_init(vstr_t *vstr, size_t alloc);
void vstr_printf(vstr_t *vstr, const char *format, ...);
char *vstr_null_terminated_str(vstr_t *vstr);

typedef struct _nlr_jump_callback_node_t {
    struct _nlr_jump_callback_node_t *prev;
    void (*fun)(void *node);
} nlr_jump_callback_node_t;

#define MP_ERROR_TEXT(text) (text)
extern const mp_obj_type_t mp_type_OverflowError;
void mp_raise_msg(const mp_obj_type_t *type, mp_rom_error_text_t text) __attribute__((noreturn));
void mp_seq_multiply(const void *items, size_t item_size, size_t len, size_t times, void *dest);

void *m_malloc(size_t size);
void *m_malloc0(size_t size);
void *m_malloc_maybe(size_t size);
void *m_realloc(void *old, size_t size);
void *m_realloc_maybe(void *old, size_t size, bool allow_move);
#define m_new(type, num) ((type *)m_malloc(sizeof(type) * (num)))
#define m_renew(type, ptr, old_num, new_num) ((type *)m_realloc((ptr), sizeof(type) * (new_num)))
#define m_del(type, ptr, num) free(ptr)

typedef struct _fake_state_t {
    void *stack_top;
    size_t gc_lock_depth;
} fake_state_t;

extern fake_state_t fake_state;
#define MP_STATE_THREAD(name) (fake_state.name)
#define GC_COLLECT_FLAG (1)

bool gc_is_locked(void);
void gc_collect(void);
void gc_collect_start(void);
void gc_collect_end(void);

#endif // TESTS_HOST_PY_FAKE_MICROPYTHON_H
