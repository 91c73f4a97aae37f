// SPDX-License-Identifier: MIT
// The one gate through which a page gets rights: no other file calls the functions that write rights into tables, but
// for the trampoline page of spaces_switch(). spaces_check() applies the same rules, by rights_check().

#ifndef MODULES_MEMORY_CORE_SPACE_RIGHTS_H
#define MODULES_MEMORY_CORE_SPACE_RIGHTS_H

#include "wx.h"

// Whether the mapping may have its attributes together with everything that is mapped outside of `change`. With
// REGION_BOOT in its flags it is not judged for W^X.
int rights_check(const spaces_t *s, const wx_change_t *change, const space_request_t *mapping, space_error_t *why);

// Judges the mapping, makes it, and makes its code visible to instruction fetches; `flags` are PAGING_*.
// With PAGING_PAGED a single page replaces what is mapped there.
int rights_map(spaces_t *s, space_t *space, const space_request_t *mapping, unsigned flags, space_error_t *why);

// Judges all that is mapped in the range of the request with its protection, changes it, and makes its code visible to
// instruction fetches. The range is whole regions or their parts, all mapped, or inside one range with a pager. Boot's
// mappings are not judged for W^X if the caller forces the change (SPACE_FORCE).
int rights_protect(spaces_t *s, space_t *space, const space_request_t *request, space_error_t *why);

// Flags of a region after its protection was changed by a call with these flags.
uint32_t rights_flags(const region_t *r, uint32_t call_flags);

#endif // MODULES_MEMORY_CORE_SPACE_RIGHTS_H
