// SPDX-License-Identifier: MIT
// See fdt_reader.h.

#include <string.h>

#include <libfdt.h>

#include "fdt_reader.h"

// The part of [start, start + size) that is in a blob of `total` bytes.
static size_t part_in(size_t total, size_t start, size_t size) {
    size_t room = start < total ? total - start : 0;
    return size < room ? size : room;
}

void fdt_reader_open(fdt_reader_t *r, const void *dtb) {
    size_t total = fdt_totalsize(dtb);
    size_t structure = fdt_off_dt_struct(dtb);
    size_t strings = fdt_off_dt_strings(dtb);
    bool sizes = fdt_version(dtb) >= 17; // an older blob does not say them
    r->structure = r->next = (const uint8_t *)dtb + structure;
    r->end = r->next + part_in(total, structure, sizes ? fdt_size_dt_struct(dtb) : total);
    r->strings = (const char *)dtb + strings;
    r->strings_size = part_in(total, strings, sizes ? fdt_size_dt_strings(dtb) : total);
    r->before_16 = fdt_version(dtb) < 16;
}

static size_t room(const fdt_reader_t *r) {
    return (size_t)(r->end - r->next);
}

// Takes `size` bytes, of which there is room, and what follows them up to the next tag.
static void take(fdt_reader_t *r, size_t size) {
    r->next += size;
    size_t beyond = (size_t)(r->next - r->structure) % FDT_TAGSIZE;
    size_t padding = beyond != 0 ? FDT_TAGSIZE - beyond : 0;
    r->next += padding < room(r) ? padding : room(r);
}

// Before version 16 a node has its path for a name.
static const char *leaf_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : NULL;
}

static fdt_item_t take_node(fdt_reader_t *r, fdt_value_t *value) {
    const char *name = (const char *)r->next;
    const char *end = memchr(name, '\0', room(r));
    if (end == NULL) {
        return FDT_ITEM_END;
    }
    take(r, (size_t)(end - name) + 1);
    value->name = r->before_16 ? leaf_name(name) : name;
    return value->name != NULL ? FDT_ITEM_NODE : FDT_ITEM_END;
}

static fdt_item_t take_property(fdt_reader_t *r, fdt_value_t *value) {
    if (room(r) < 2 * FDT_TAGSIZE) {
        return FDT_ITEM_END;
    }
    value->size = fdt32_ld((const fdt32_t *)r->next);
    value->name_at = fdt32_ld((const fdt32_t *)(r->next + FDT_TAGSIZE));
    r->next += 2 * FDT_TAGSIZE;
    if (r->before_16 && value->size >= 8 && (r->next - r->structure) % 8 != 0) {
        r->next += FDT_TAGSIZE < room(r) ? FDT_TAGSIZE : room(r);
    }
    if (value->size > room(r)) {
        return FDT_ITEM_END;
    }
    value->data = r->next;
    take(r, value->size);
    return FDT_ITEM_PROPERTY;
}

fdt_item_t fdt_reader_next(fdt_reader_t *r, fdt_value_t *value) {
    while (room(r) >= FDT_TAGSIZE) {
        uint32_t tag = fdt32_ld((const fdt32_t *)r->next);
        r->next += FDT_TAGSIZE;
        switch (tag) {
            case FDT_BEGIN_NODE:
                return take_node(r, value);
            case FDT_END_NODE:
                return FDT_ITEM_NODE_END;
            case FDT_PROP:
                return take_property(r, value);
            case FDT_NOP:
                break;
            default:
                r->next = r->end; // after the end, and after damage, nothing follows
                break;
        }
    }
    return FDT_ITEM_END;
}

bool fdt_reader_has_name(const fdt_reader_t *r, const fdt_value_t *value, const char *name, size_t size) {
    return value->name_at < r->strings_size && size <= r->strings_size - value->name_at
           && r->strings[value->name_at] == name[0] && memcmp(r->strings + value->name_at, name, size) == 0;
}
