// SPDX-License-Identifier: MIT
// What all bindings share: arguments checked against 64 bits before the mechanism sees them, and exceptions that
// name the offending value. For bindings only: the mechanism does not know MicroPython.
//
// ValueError and TypeError are for arguments that can never be right, OSError(errno, text) for what the state
// forbids. In texts an address is printed as "0x%016lx", a number as "%lu", the way people write them.

#ifndef MODULES_MEMORY_BINDINGS_COMMON_H
#define MODULES_MEMORY_BINDINGS_COMMON_H

#include "py/obj.h"
#include "py/runtime.h"

#include "hooks.h"
#include "memory_system.h"
#include "retry.h"

// --- arguments; `what` is the argument's name in the message ---

// An int from 0 to 2^64 - 1. TypeError for anything else (bool and float too), ValueError when it is negative or
// needs more than 64 bits.
uint64_t bind_get_u64(mp_obj_t obj, const char *what);

// The same, but None gives `none`.
uint64_t bind_get_u64_or(mp_obj_t obj, const char *what, uint64_t none);

// An int that is a multiple of 4096: an address (0 is one), or with bind_get_page_size() a size (0 is none).
uint64_t bind_get_page(mp_obj_t obj, const char *what);
uint64_t bind_get_page_size(mp_obj_t obj, const char *what);

// Whether a str is this text, byte for byte: a zero byte inside it does not end it.
bool bind_text_is(mp_obj_t str, const char *text);

// A str that no choice of an argument is, quoted and escaped for the message.
const char *bind_quoted(mp_obj_t str);

// A str as text that is kept for good, across soft resets: for names in the mechanism. 1 to 31 bytes. The same text
// gives the same pointer. OSError(ENOMEM) when the table of names is full.
const char *bind_get_name(mp_obj_t obj, const char *what);

// --- results ---

mp_obj_t bind_new_u64(uint64_t value);
void bind_store(mp_obj_t dict, qstr key, mp_obj_t value);
void bind_store_u64(mp_obj_t dict, qstr key, uint64_t value);

// A str as a dict key or value: not a qstr, since names come and go.
mp_obj_t bind_new_text(const char *text);

// --- exceptions, beside those of hooks.h; the texts go through MP_ERROR_TEXT() ---

// ValueError: "Frames 0x0000000040000000 is closed".
void bind_raise_closed(const char *type, uint64_t address) __attribute__((noreturn));

// OSError(EPERM) before the kernel map is in use: until then memory beyond the boot window cannot be reached.
void bind_need_kernel(void);

// Pictures are policy: calls memory._show.<picture>(what), which frozen Python provides.
mp_obj_t bind_show(qstr picture, mp_obj_t what);

#endif // MODULES_MEMORY_BINDINGS_COMMON_H
