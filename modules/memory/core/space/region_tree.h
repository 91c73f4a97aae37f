// SPDX-License-Identifier: MIT
// The tree of a space's regions: finds the region at an address in a number of steps that grows with the logarithm of
// their number. The list in region_t has the same regions, in the same order.

#ifndef MODULES_MEMORY_CORE_SPACE_REGION_TREE_H
#define MODULES_MEMORY_CORE_SPACE_REGION_TREE_H

#include "region.h"

// The first region that ends at or after va, or NULL.
region_t *region_tree_find(const space_t *space, mem_va_t va);

// The region with the highest addresses, or NULL.
region_t *region_tree_last(const space_t *space);

// Adds a region that overlaps no other one; removes one that is in the tree.
void region_tree_insert(space_t *space, region_t *r);
void region_tree_remove(space_t *space, region_t *r);

// Whether the tree is balanced, and has the regions of the list in the order of the list, which is sound. True when
// `stop` (may be NULL), asked once a region, ends it.
bool region_tree_is_sound(const space_t *space, mem_stop_t stop);

#endif // MODULES_MEMORY_CORE_SPACE_REGION_TREE_H
