// SPDX-License-Identifier: MIT
// What plugin.c and lines.c ask about translation tables.
#ifndef HWCHECK_TABLES_H
#define HWCHECK_TABLES_H

#include "event.h"

// A walk for `va` read these descriptors. Their tables are known already, but where a core's
// registers changed without an instruction: they are looked for then.
void tables_walked(hw_t *hw, unsigned core, uint64_t va, const hw_map_t *map);
// Whether a store to `pa` may change a descriptor: it has to be an event.
bool tables_is_table(const hw_t *hw, uint64_t pa);
// Whether rules 5c and 5d may apply to a use of this page: as of this generation of translations.
bool tables_in_doubt(const hw_t *hw, unsigned core, uint64_t va);

#endif
