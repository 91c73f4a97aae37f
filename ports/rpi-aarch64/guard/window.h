// SPDX-License-Identifier: MIT
// The window of a FAT, through which all but the contents of files is read and written, is a block of its own without
// pointers. In the fetched code it is the end of the filesystem's object: the collector would look through it, and
// what is on the disk would keep memory.

#ifndef PORTS_RPI_AARCH64_GUARD_WINDOW_H
#define PORTS_RPI_AARCH64_GUARD_WINDOW_H

// Declared as a pointer to the bytes, and used as they are.
#define win (*win)
#include "lib/oofatfs/ff.h"
#undef win

static inline void guard_window_set(FATFS *fs, void *bytes) {
    fs->win = bytes;
}

#define win win[0]

#endif // PORTS_RPI_AARCH64_GUARD_WINDOW_H
