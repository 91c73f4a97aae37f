// SPDX-License-Identifier: MIT
// What plugin.c and lines.c ask about translation tables.
#ifndef HWCHECK_TABLES_H
#define HWCHECK_TABLES_H

#include "event.h"

// A walk for `va` read these descriptors: their pages are tables from now on, and every store to
// them is an event.
void tables_walked(hw_t *hw, uint64_t va, const hw_map_t *map);
bool tables_is_table(const hw_t *hw, uint64_t pa);

#endif
