// SPDX-License-Identifier: MIT
// Ranges with a pager (space_reserve() with REGION_PAGED): pages come and go one by one.
//
// Such a range is one region however many pages it has. A page is owned (its frame was given to the space and is freed
// with the page) or mapped by bare address; the descriptor says which. space_map(), space_unmap() and space_protect()
// change pages of such a range too.

#ifndef MODULES_MEMORY_CORE_SPACE_SPACE_PAGED_H
#define MODULES_MEMORY_CORE_SPACE_SPACE_PAGED_H

#include "space.h"

// Maps all frames of an owner that no region maps, from va on, and takes them over: the owner is freed on success. A
// single page replaces what is mapped at va; several must all be unmapped (MEM_EEXIST).
int space_paged_in(spaces_t *s, space_t *space, mem_va_t va, frame_owner_t *owner, space_error_t *why);

// Unmaps the pages that are mapped and frees the frames they own; the range stays.
int space_paged_evict(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, space_error_t *why);

// The number of frames that pages of such ranges own.
size_t space_paged_frames(const space_t *space);

// A range of va, size, attrs and name in the kernel half whose tables are there before its pages: paging_fill() maps
// these one by one, paging_evict() takes them away. Nothing else may change it.
int space_open_range(spaces_t *s, space_t *kernel, const space_request_t *request, space_error_t *why);

#endif // MODULES_MEMORY_CORE_SPACE_SPACE_PAGED_H
