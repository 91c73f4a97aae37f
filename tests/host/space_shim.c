// SPDX-License-Identifier: MIT
// The size of a structure that tests only pass on, a part of it, and a symbol for an inline function.

#include "core/space/space.h"

size_t spaces_size(void);
size_t shim_spaces_record_frames(const spaces_t *s);
quarantine_t *shim_spaces_quarantine(spaces_t *s);

size_t spaces_size(void) {
    return sizeof(spaces_t);
}

size_t shim_spaces_record_frames(const spaces_t *s) {
    return spaces_record_frames(s);
}

quarantine_t *shim_spaces_quarantine(spaces_t *s) {
    return &s->quarantine;
}
