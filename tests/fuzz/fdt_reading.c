// SPDX-License-Identifier: MIT
// See fdt_reading.h. One pass over the structure block, with a stack of the nodes that are open.

#include "fdt_reading.h"

#include <string.h>

#define MAGIC (0xd00dfeedu)
#define HEADER_SIZE (40)
enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };
enum { DEPTH = 16, ROOT = 1 };

typedef struct _value_t {
    const uint8_t *data;
    uint32_t size;              // of data; NULL: there is no such property
} value_t;

typedef struct _node_t {
    const char *name;
    value_t reg, status, device_type, address_cells, size_cells;
} node_t;

typedef struct _walk_t {
    const uint8_t *blob, *next, *end;
    const char *strings;
    uint32_t strings_size;
    node_t nodes[DEPTH];
    unsigned depth;             // of the open node; ROOT for the root
    value_t initrd_start, initrd_end, memreserve;
    bool bad;
    reading_t *out;
} walk_t;

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t number(const uint8_t *p, uint32_t cells) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < cells; ++i) {
        value = value << 32 | be32(p + 4 * i);
    }
    return value;
}

static bool add(reading_range_t *list, size_t *n, uint64_t start, uint64_t size) {
    if (size == 0) {
        return true;
    }
    if (*n == READING_MAX) {
        return false;
    }
    list[(*n)++] = (reading_range_t) {start, size - 1 > UINT64_MAX - start ? UINT64_MAX : start + size - 1};
    return true;
}

static bool is_text(value_t value, const char *text) {
    return value.data != NULL && value.size == strlen(text) + 1 && memcmp(value.data, text, value.size) == 0;
}

// The name up to its unit address.
static bool is_named(const char *name, const char *base) {
    size_t n = strlen(base);
    return strncmp(name, base, n) == 0 && (name[n] == '\0' || name[n] == '@');
}

// A number of cells that the reading understands; 0 for any other.
static uint32_t cells_of(value_t value, uint32_t usual) {
    uint32_t cells = value.data == NULL ? usual : value.size == 4 ? be32(value.data) : 0;
    return cells <= 2 ? cells : 0;
}

static void add_reg(walk_t *w, const node_t *node, const node_t *parent, bool ram) {
    uint32_t address_cells = cells_of(parent->address_cells, 2);
    uint32_t size_cells = cells_of(parent->size_cells, 1);
    uint32_t entry = 4 * (address_cells + size_cells);
    value_t reg = node->reg;
    if (reg.data == NULL || address_cells == 0 || size_cells == 0 || reg.size % entry != 0) {
        w->bad |= reg.data != NULL;
        return;
    }
    reading_t *out = w->out;
    for (uint32_t at = 0; at < reg.size; at += entry) {
        uint64_t start = number(reg.data + at, address_cells);
        uint64_t size = number(reg.data + at + 4 * address_cells, size_cells);
        w->bad |= ram ? !add(out->ram, &out->n_ram, start, size) : !add(out->reserved, &out->n_reserved, start, size);
    }
}

static void end_node(walk_t *w) {
    const node_t *node = &w->nodes[w->depth];
    const node_t *parent = &w->nodes[w->depth - 1];
    bool unused = node->status.data != NULL && !is_text(node->status, "okay") && !is_text(node->status, "ok");
    bool ram = is_named(node->name, "memory") || is_text(node->device_type, "memory");
    if (w->depth == ROOT + 1 && ram && !unused) {
        add_reg(w, node, parent, true);
    } else if (w->depth == ROOT + 2 && strcmp(parent->name, "reserved-memory") == 0) {
        w->bad |= is_text(parent->device_type, "memory");
        add_reg(w, node, parent, false);
    }
    --w->depth;
}

static const uint8_t *take(walk_t *w, uint32_t size) {
    uint32_t padded = (size + 3) & ~3u;
    if (padded < size || padded > (size_t)(w->end - w->next)) {
        w->bad = true;
        return NULL;
    }
    const uint8_t *at = w->next;
    w->next += padded;
    return at;
}

static void begin_node(walk_t *w) {
    size_t room = (size_t)(w->end - w->next);
    const char *name = (const char *)w->next;
    size_t n = strnlen(name, room);
    if (n == room || w->depth + 1 == DEPTH || take(w, (uint32_t)n + 1) == NULL) {
        w->bad = true;
        return;
    }
    w->nodes[++w->depth] = (node_t) {.name = name};
}

// A node that has a property twice is not well formed.
static void once(walk_t *w, value_t *place, value_t value) {
    w->bad |= place->data != NULL;
    *place = value;
}

static void once_text(walk_t *w, value_t *place, value_t value) {
    once(w, place, value);
    w->bad |= value.size == 0 || strnlen((const char *)value.data, value.size) != value.size - 1;
}

static void property(walk_t *w) {
    const uint8_t *head = take(w, 8);
    uint32_t size = head != NULL ? be32(head) : 0;
    uint32_t name_at = head != NULL ? be32(head + 4) : 0;
    value_t value = {take(w, size), size};
    if (w->bad || w->depth < ROOT || name_at >= w->strings_size
        || memchr(w->strings + name_at, '\0', w->strings_size - name_at) == NULL) {
        w->bad = true;
        return;
    }
    const char *name = w->strings + name_at;
    node_t *node = &w->nodes[w->depth];
    bool chosen = w->depth == ROOT + 1 && strcmp(node->name, "chosen") == 0;
    if (strcmp(name, "reg") == 0) {
        once(w, &node->reg, value);
    } else if (strcmp(name, "status") == 0) {
        once_text(w, &node->status, value);
    } else if (strcmp(name, "device_type") == 0) {
        once_text(w, &node->device_type, value);
    } else if (strcmp(name, "#address-cells") == 0) {
        once(w, &node->address_cells, value);
    } else if (strcmp(name, "#size-cells") == 0) {
        once(w, &node->size_cells, value);
    } else if (chosen && strcmp(name, "linux,initrd-start") == 0) {
        once(w, &w->initrd_start, value);
    } else if (chosen && strcmp(name, "linux,initrd-end") == 0) {
        once(w, &w->initrd_end, value);
    } else if (w->depth == ROOT && strcmp(name, "memreserve") == 0) {
        once(w, &w->memreserve, value);
        for (uint32_t at = 0; at + 8 <= size; at += 8) {
            w->bad |= !add(w->out->reserved, &w->out->n_reserved, be32(value.data + at), be32(value.data + at + 4));
        }
    }
}

static bool walk(walk_t *w) {
    bool seen_root = false;
    while (!w->bad) {
        const uint8_t *token = take(w, 4);
        switch (token != NULL ? be32(token) : 0) {
            case BEGIN_NODE:
                w->bad |= w->depth == 0 && seen_root;
                seen_root = true;
                begin_node(w);
                break;
            case END_NODE:
                if (w->depth == 0) {
                    return false;
                }
                end_node(w);
                break;
            case PROP:
                property(w);
                break;
            case NOP:
                break;
            case END:
                return !w->bad && w->depth == 0 && seen_root;
            default:
                return false;
        }
    }
    return false;
}

static bool read_reserve_map(const uint8_t *blob, uint32_t at, uint32_t end, reading_t *out) {
    for (; at % 8 == 0 && at <= end && end - at >= 16; at += 16) {
        uint64_t start = number(blob + at, 2), size = number(blob + at + 8, 2);
        if (size == 0) {
            return start == 0;
        }
        if (!add(out->reserved, &out->n_reserved, start, size)) {
            return false;
        }
    }
    return false;
}

static bool read_initrd(const walk_t *w, reading_t *out) {
    value_t start = w->initrd_start, end = w->initrd_end;
    if (start.data == NULL || end.data == NULL) {
        return start.data == end.data;
    }
    if ((start.size != 4 && start.size != 8) || (end.size != 4 && end.size != 8)) {
        return false;
    }
    uint64_t first = number(start.data, start.size / 4), after = number(end.data, end.size / 4);
    return first >= after || add(out->reserved, &out->n_reserved, first, after - first);
}

bool fdt_reading(const uint8_t *blob, size_t size, reading_t *out) {
    *out = (reading_t) {.n_ram = 0};
    uint32_t field[10];
    for (size_t i = 0; i < 10 && size >= HEADER_SIZE; ++i) {
        field[i] = be32(blob + 4 * i);
    }
    if (size < HEADER_SIZE || field[0] != MAGIC || field[1] > size || field[5] < 17 || field[6] > 17) {
        return false;
    }
    uint32_t total = field[1], at = field[2], strings = field[3], length = field[9], strings_length = field[8];
    if (at % 4 != 0 || at < HEADER_SIZE || at > total || length > total - at || strings > total
        || strings_length > total - strings || field[4] < HEADER_SIZE) {
        return false;
    }
    walk_t w = {.blob = blob, .next = blob + at, .end = blob + at + length, .out = out};
    w.strings = (const char *)blob + strings;
    w.strings_size = strings_length;
    w.nodes[0] = (node_t) {.name = ""};
    // The map ends before the structure begins, as the specification has it.
    return read_reserve_map(blob, field[4], at, out) && walk(&w) && read_initrd(&w, out);
}
