// SPDX-License-Identifier: MIT
// Dictionaries: a table that Python code makes them leave is not freed while C code reads it.

#include "guard/keep.h"
#include "py/objdict.c"
