// SPDX-License-Identifier: MIT
// Reads the structure of a flattened device tree (Devicetree Specification 5.4) in one pass. libfdt finds a property of
// a node by reading from its start, and checks the header again for every byte of a name: boot reads every node.

#ifndef PORTS_RPI_AARCH64_BOOT_FDT_READER_H
#define PORTS_RPI_AARCH64_BOOT_FDT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct _fdt_reader_t {
    const uint8_t *structure, *next, *end; // of the structure block
    const char *strings;                   // the strings block
    size_t strings_size;
    bool before_16;                        // of the blob's version
} fdt_reader_t;

typedef enum _fdt_item_t {
    FDT_ITEM_END,              // of the tree, or it is damaged here
    FDT_ITEM_NODE,             // a node begins: `name`
    FDT_ITEM_NODE_END,
    FDT_ITEM_PROPERTY,         // `data`, `size`, and the name that fdt_reader_has_name() compares
} fdt_item_t;

typedef struct _fdt_value_t {
    const char *name;          // of the node
    const void *data;          // of the property, without alignment; never NULL then
    size_t size;
    size_t name_at;            // in the strings block, or beyond it
} fdt_value_t;

// The header is one that fdt_check_header() accepts, and all of its totalsize can be read.
void fdt_reader_open(fdt_reader_t *r, const void *dtb);

// The next item. Every access is inside the structure block.
fdt_item_t fdt_reader_next(fdt_reader_t *r, fdt_value_t *value);

// Whether the property that fdt_reader_next() gave has the name, of `size` bytes with its final 0.
bool fdt_reader_has_name(const fdt_reader_t *r, const fdt_value_t *value, const char *name, size_t size);

#endif // PORTS_RPI_AARCH64_BOOT_FDT_READER_H
