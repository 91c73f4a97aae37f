// SPDX-License-Identifier: MIT
// What the device tree says about memory (Devicetree Specification 3.4, 3.5, 5.3). Cells are parsed
// generically: firmware of the Pi uses 1 or 2 address cells and 1 or 2 size cells.

#include <stdbool.h>
#include <string.h>

#include <libfdt.h>

#include "boot.h"
#include "fdt_reader.h"

// Reads one number of `cells` 32-bit big-endian cells and advances *cursor. One that has more than 64 bits gives
// UINT64_MAX: without its upper cells it would be a number that the tree does not have.
static uint64_t read_cells(const fdt32_t **cursor, unsigned cells) {
    uint64_t value = 0;
    bool fits = true;
    for (unsigned i = 0; i < cells; ++i) {
        fits &= value >> 32 == 0;
        value = value << 32 | fdt32_ld((*cursor)++);
    }
    return fits ? value : UINT64_MAX;
}

// The properties of a node that are asked for; data is NULL where the node has none of that name.
typedef struct _node_t {
    const char *name;
    fdt_value_t address_cells, size_cells, reg, status, device_type, enable_method, model, memreserve;
    fdt_value_t initrd_start, initrd_end;
} node_t;

#define PROPERTY(name, field) {name, sizeof(name), offsetof(node_t, field)}

static const struct {
    const char *name;
    size_t size;
    size_t offset;
} properties[] = {
    PROPERTY("#address-cells", address_cells), PROPERTY("#size-cells", size_cells), PROPERTY("reg", reg),
    PROPERTY("status", status), PROPERTY("device_type", device_type), PROPERTY("enable-method", enable_method),
    PROPERTY("model", model), PROPERTY("memreserve", memreserve), PROPERTY("linux,initrd-start", initrd_start),
    PROPERTY("linux,initrd-end", initrd_end),
};

// Of two properties with a name the first one counts.
static void keep_property(const fdt_reader_t *r, node_t *node, const fdt_value_t *value) {
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); ++i) {
        fdt_value_t *place = (fdt_value_t *)((char *)node + properties[i].offset);
        if (place->data == NULL && fdt_reader_has_name(r, value, properties[i].name, properties[i].size)) {
            *place = *value;
            return;
        }
    }
}

// The properties of a node come before its children (Devicetree Specification 5.4.2): what follows the last of them is
// returned.
static fdt_item_t read_properties(fdt_reader_t *r, node_t *node, fdt_value_t *value) {
    *node = (node_t) {.name = value->name};
    fdt_item_t item;
    while ((item = fdt_reader_next(r, value)) == FDT_ITEM_PROPERTY) {
        keep_property(r, node, value);
    }
    return item;
}

// The value of #address-cells or #size-cells, `usual` without one; 0 for a number that is not allowed.
static unsigned cells_of(const fdt_value_t *value, unsigned usual) {
    if (value->data == NULL) {
        return usual;
    }
    uint32_t cells = value->size == sizeof(fdt32_t) ? fdt32_ld(value->data) : 0;
    return cells <= FDT_MAX_NCELLS ? cells : 0;
}

// Calls visit(start, size, arg) for every entry of the node's "reg".
static void each_reg(const node_t *node, const node_t *parent,
    void (*visit)(uint64_t start, uint64_t size, void *arg), void *arg) {
    unsigned address_cells = cells_of(&parent->address_cells, 2);
    unsigned size_cells = cells_of(&parent->size_cells, 1);
    const fdt32_t *cursor = node->reg.data;
    if (cursor == NULL || address_cells == 0 || size_cells == 0) {
        return;
    }
    size_t entry = (address_cells + size_cells) * sizeof(fdt32_t);
    for (size_t length = node->reg.size; length >= entry; length -= entry) {
        uint64_t start = read_cells(&cursor, address_cells);
        uint64_t size = read_cells(&cursor, size_cells);
        visit(start, size, arg);
    }
}

// A property that is a string, or NULL: one without its end would be read beyond the blob.
static const char *get_string(const fdt_value_t *value) {
    const char *text = value->data;
    return text != NULL && value->size > 0 && text[value->size - 1] == '\0' ? text : NULL;
}

static bool is_text(const fdt_value_t *value, const char *wanted) {
    const char *text = get_string(value);
    return text != NULL && strcmp(text, wanted) == 0;
}

// In a device tree on disk, which no firmware has filled in, the size is 0: that is no bank. Nor is one without an end.
static void add_bank(uint64_t start, uint64_t size, void *arg) {
    boot_info_t *info = arg;
    if (size != 0 && size <= UINT64_MAX - start && info->ram_count < BOOT_MAX_BANKS) {
        info->ram[info->ram_count++] = (mem_range_t) {start, start + size};
    }
}

// A size that goes beyond the last address means all RAM from there on: what is kept back must not be handed out.
static void add_reserved(uint64_t start, uint64_t size, void *name) {
    boot_reserve(start, size < UINT64_MAX - start ? start + size : UINT64_MAX, name);
}

// Devicetree Specification 2.3.4: without "status" a node is in use. Memory that only firmware may touch is not: QEMU's
// virt has such a node for its secure RAM.
static bool in_use(const node_t *node) {
    return get_string(&node->status) == NULL || is_text(&node->status, "okay") || is_text(&node->status, "ok");
}

// Memory nodes are called "memory" or "memory@…", and there may be several.
static bool is_memory(const node_t *node) {
    if (!in_use(node)) {
        return false;
    }
    const char *name = node->name;
    if (strncmp(name, "memory", 6) == 0 && (name[6] == '\0' || name[6] == '@')) {
        return true;
    }
    return is_text(&node->device_type, "memory");
}

// /memreserve/ entries of the blob's header, up to the empty one or the blob's end: a list whose end is missing is kept
// as far as it goes.
static void read_memreserve_block(const void *dtb) {
    uint64_t start, size;
    for (int i = 0; fdt_get_mem_rsv(dtb, i, &start, &size) == 0 && size != 0; ++i) {
        add_reserved(start, size, (void *)"memreserve");
    }
}

// The Pi's firmware adds memreserve = <start size> to the root node: VideoCore's share.
static void read_root_memreserve(const node_t *root) {
    const fdt32_t *cursor = root->memreserve.data;
    for (size_t length = cursor != NULL ? root->memreserve.size : 0; length >= 8; length -= 8) {
        uint64_t start = read_cells(&cursor, 1);
        uint64_t size = read_cells(&cursor, 1);
        add_reserved(start, size, (void *)"videocore");
    }
}

// A /chosen property of 4 or 8 bytes; 0 when absent.
static uint64_t chosen_number(const fdt_value_t *value) {
    const fdt32_t *cursor = value->data;
    size_t length = value->size;
    return cursor == NULL || (length != 4 && length != 8) ? 0 : read_cells(&cursor, (unsigned)length / 4);
}

static void read_model(boot_info_t *info, const node_t *root) {
    const char *model = get_string(&root->model);
    if (model != NULL && model[0] != '\0') {
        boot_copy_name(info->model, model, BOOT_MODEL_SIZE);
    }
}

// The nodes from the root to the one that is read; those below a child of a child are not asked for anything.
enum { ROOT, CHILD, GRANDCHILD, LEVELS };

typedef struct _tree_t {
    boot_info_t *info;
    node_t nodes[LEVELS];
    bool in_reserved, in_cpus; // what the child is
    unsigned cores;            // so far, of the node "cpus"
} tree_t;

static void read_child(tree_t *t) {
    const node_t *node = &t->nodes[CHILD];
    t->in_reserved = t->in_cpus = false;
    if (is_memory(node)) {
        each_reg(node, &t->nodes[ROOT], add_bank, t->info);
    } else if (strcmp(node->name, "reserved-memory") == 0) {
        t->in_reserved = true;
    } else if (strcmp(node->name, "chosen") == 0) {
        boot_reserve(chosen_number(&node->initrd_start), chosen_number(&node->initrd_end), "initrd");
    } else if (strcmp(node->name, "cpus") == 0) {
        t->in_cpus = true;
        t->cores = 0;
    }
}

// Children of /reserved-memory that have a place ("reg"); those with a size only are for an operating system to place,
// and are ignored. Children of /cpus: counts the cores, and notes whether firmware calls start them.
static void read_grandchild(tree_t *t) {
    const node_t *node = &t->nodes[GRANDCHILD];
    if (t->in_reserved) {
        each_reg(node, &t->nodes[CHILD], add_reserved, (void *)node->name);
    } else if (t->in_cpus) {
        if (is_text(&node->device_type, "cpu")) {
            t->info->cores = ++t->cores;
        }
        t->info->uses_psci |= is_text(&node->enable_method, "psci");
    }
}

// Reads the nodes up to the end of the root, or to where the tree is damaged.
static void read_nodes(tree_t *t, fdt_reader_t *r) {
    fdt_value_t value;
    unsigned depth = 0; // nodes that are open
    fdt_item_t item = fdt_reader_next(r, &value);
    while (item != FDT_ITEM_END && (item == FDT_ITEM_NODE || depth != 0)) {
        if (item == FDT_ITEM_NODE && depth < LEVELS) {
            item = read_properties(r, &t->nodes[depth], &value);
            if (depth == CHILD) {
                read_child(t);
            } else if (depth == GRANDCHILD) {
                read_grandchild(t);
            }
            ++depth;
            continue;
        }
        depth += item == FDT_ITEM_NODE ? 1 : item == FDT_ITEM_NODE_END ? -1 : 0;
        if (depth == 0) {
            return;
        }
        item = fdt_reader_next(r, &value);
    }
}

// One pass over the tree, every access inside it: a damaged blob may give wrong values only.
bool boot_fdt_read(boot_info_t *info) {
    static tree_t tree; // too large for the stack
    memset(&tree, 0, sizeof(tree));
    tree.info = info;
    fdt_reader_t reader;
    fdt_reader_open(&reader, info->dtb);
    read_nodes(&tree, &reader);
    read_memreserve_block(info->dtb);
    read_root_memreserve(&tree.nodes[ROOT]);
    read_model(info, &tree.nodes[ROOT]);
    return info->ram_count != 0;
}

// A blob claims more than it uses: QEMU's 1 MiB for 8 KiB. One of before version 17 does not say how long its structure
// is, and one whose reservations do not come first, as the specification has it, may end with them.
size_t boot_fdt_used_size(const void *dtb, size_t total) {
    if (fdt_check_header(dtb) != 0) {
        return 0;
    }
    if (fdt_version(dtb) < 17 || fdt_off_mem_rsvmap(dtb) > fdt_off_dt_struct(dtb)) {
        return total;
    }
    size_t structure = (size_t)fdt_off_dt_struct(dtb) + fdt_size_dt_struct(dtb);
    size_t strings = (size_t)fdt_off_dt_strings(dtb) + fdt_size_dt_strings(dtb);
    size_t used = structure > strings ? structure : strings;
    return used <= total ? used : 0;
}
