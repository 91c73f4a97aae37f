// SPDX-License-Identifier: MIT
// The frame allocators that are compared, behind one interface. Each manages frames 0 to n - 1.

#ifndef TOOLS_BENCH_FRAMES_SUBJECT_H
#define TOOLS_BENCH_FRAMES_SUBJECT_H

#include "bench.h"

#define FRAMES_NONE (SIZE_MAX)

typedef struct _frames_subject_t {
    const char *name;
    void (*init)(size_t n);                        // all frames free
    size_t (*alloc)(unsigned order);               // 2^order aligned frames, or FRAMES_NONE
    bool (*free)(size_t frame, unsigned order);    // false when it notices a mistake
} frames_subject_t;

// Floor: a stack of frame numbers. Order 0 only.
extern const frames_subject_t frames_lifo;
// One bit per frame, searched from the start, a word at a time. Order 0 only.
extern const frames_subject_t frames_scan;
// Classic buddy system: free lists per order through records of each frame.
extern const frames_subject_t frames_buddy;
// modules/memory/core/frames/frames.h
extern const frames_subject_t frames_ours;

// Bits of metadata per frame of ours, without the map of managed frames.
double frames_ours_metadata(size_t n);

#endif // TOOLS_BENCH_FRAMES_SUBJECT_H
