// SPDX-License-Identifier: MIT
// The texts of help(): what it prints without an argument, and of each public name of memory and machine.

#ifndef PORTS_RPI_AARCH64_MACHINE_HELP_H
#define PORTS_RPI_AARCH64_MACHINE_HELP_H

// What help() prints (MICROPY_PY_BUILTINS_HELP_TEXT).
extern const char help_general_text[];

// Entries sorted by name, each of three strings: name ("memory.frames.alloc"), call with its parameters (empty:
// not a function), text. An empty name ends them. Generated from the type stubs by make_help.py.
extern const char help_texts[];

#endif // PORTS_RPI_AARCH64_MACHINE_HELP_H
