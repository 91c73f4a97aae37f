// SPDX-License-Identifier: MIT
// A stack in the kernel half whose pages come on first touch. What touches it may be any code, the frame allocator too:
// so a page takes its frame from a reserve, and its entry is in a table that exists (space_open_range()).

#ifndef MODULES_MEMORY_CORE_SPACE_SPACE_STACK_H
#define MODULES_MEMORY_CORE_SPACE_SPACE_STACK_H

#include "space.h"

#define SPACE_STACK_RESERVE (16) // frames

// The pages from `low` up are mapped, without a gap. space_stack_reach() runs in exception context, at any access of
// the others to the stack that they run on: so they read and write `count` and `frames` in one go. All 0: not open.
typedef struct _space_stack_t {
    space_t *kernel;
    mem_range_t window;
    mem_va_t low;
    mem_attrs_t attrs;          // of its pages
    volatile size_t count;
    volatile mem_pa_t frames[SPACE_STACK_RESERVE];
} space_stack_t;

// Makes the tables of the range of `request` (va, size, attrs, name), for a stack that grows down from its end. Errors
// as space_map(); the stack is not open then. The reserve is empty.
int space_stack_open(space_stack_t *stack, spaces_t *s, space_t *kernel, const space_request_t *request,
    space_error_t *why);

// The lowest address that can be mapped without the frame allocator.
mem_va_t space_stack_end(const space_stack_t *stack);

// Maps all pages down to that of `va`, none when the reserve has too few frames: false.
bool space_stack_reach(space_stack_t *stack, mem_va_t va);

// Fills the reserve with cleared frames, for no more pages than the window has, as far as there are frames.
void space_stack_refill(space_stack_t *stack);

// Unmaps the pages below `keep`, a page's start, and frees their frames.
void space_stack_release(space_stack_t *stack, mem_va_t keep);

// Frames of pages and of the reserve.
size_t space_stack_frames(const space_stack_t *stack);

#endif // MODULES_MEMORY_CORE_SPACE_SPACE_STACK_H
