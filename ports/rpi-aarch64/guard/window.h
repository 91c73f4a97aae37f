// SPDX-License-Identifier: MIT
// The window of a FAT, the buffer for everything but the contents of files, is a separate block without pointers. In
// the fetched code it is part of the filesystem's object: the collector would scan it, and data from the disk could
// keep memory alive.

#ifndef PORTS_RPI_AARCH64_GUARD_WINDOW_H
#define PORTS_RPI_AARCH64_GUARD_WINDOW_H

// Declared as a pointer, and used as the array that it points to.
#define win (*win)
#include "lib/oofatfs/ff.h"
#undef win

static inline void guard_window_set(FATFS *fs, void *bytes) {
    fs->win = bytes;
}

#define win win[0]

#endif // PORTS_RPI_AARCH64_GUARD_WINDOW_H
