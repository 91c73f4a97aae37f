// SPDX-License-Identifier: MIT
// What the device tree says about memory (Devicetree Specification 3.4, 3.5, 5.3). Cells are parsed
// generically: firmware of the Pi uses 1 or 2 address cells and 1 or 2 size cells.

#include <stdbool.h>
#include <string.h>

#include <libfdt.h>

#include "boot.h"

#define ROOT (0) // offset of the root node

// Reads one number of `cells` 32-bit big-endian cells and advances *cursor. One that has more than 64 bits gives
// UINT64_MAX: without its upper cells it would be a number that the tree does not have.
static uint64_t read_cells(const fdt32_t **cursor, int cells) {
    uint64_t value = 0;
    bool fits = true;
    for (int i = 0; i < cells; ++i) {
        fits &= value >> 32 == 0;
        value = value << 32 | fdt32_ld((*cursor)++);
    }
    return fits ? value : UINT64_MAX;
}

// Calls visit(start, size, arg) for every entry of the node's "reg".
static void each_reg(const void *dtb, int node, int parent,
    void (*visit)(uint64_t start, uint64_t size, void *arg), void *arg) {
    int address_cells = fdt_address_cells(dtb, parent);
    int size_cells = fdt_size_cells(dtb, parent);
    int length;
    const fdt32_t *cursor = fdt_getprop(dtb, node, "reg", &length);
    if (cursor == NULL || address_cells < 1 || size_cells < 1) {
        return;
    }
    int entry = (address_cells + size_cells) * (int)sizeof(fdt32_t);
    for (; length >= entry; length -= entry) {
        uint64_t start = read_cells(&cursor, address_cells);
        uint64_t size = read_cells(&cursor, size_cells);
        visit(start, size, arg);
    }
}

// A property that is a string, or NULL: one without its end would be read beyond the blob.
static const char *get_string(const void *dtb, int node, const char *name) {
    int length;
    const char *value = fdt_getprop(dtb, node, name, &length);
    return value != NULL && length > 0 && value[length - 1] == '\0' ? value : NULL;
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
static bool in_use(const void *dtb, int node) {
    const char *status = get_string(dtb, node, "status");
    return status == NULL || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

// Memory nodes are called "memory" or "memory@…", and there may be several.
static bool is_memory(const void *dtb, int node, const char *name) {
    if (!in_use(dtb, node)) {
        return false;
    }
    if (strncmp(name, "memory", 6) == 0 && (name[6] == '\0' || name[6] == '@')) {
        return true;
    }
    const char *type = get_string(dtb, node, "device_type");
    return type != NULL && strcmp(type, "memory") == 0;
}

// /memreserve/ entries of the blob's header, up to the empty one or the blob's end: a list whose end is missing is kept
// as far as it goes.
static void read_memreserve_block(const void *dtb) {
    uint64_t start, size;
    for (int i = 0; fdt_get_mem_rsv(dtb, i, &start, &size) == 0 && size != 0; ++i) {
        add_reserved(start, size, (void *)"memreserve");
    }
}

// Children of /reserved-memory that have a place ("reg"); those with a size only are for an
// operating system to place, and are ignored.
static void read_reserved_memory(const void *dtb, int parent) {
    int node;
    fdt_for_each_subnode(node, dtb, parent) {
        const char *name = fdt_get_name(dtb, node, NULL);
        each_reg(dtb, node, parent, add_reserved, (void *)(name != NULL ? name : "reserved-memory"));
    }
}

// The Pi's firmware adds memreserve = <start size> to the root node: VideoCore's share.
static void read_root_memreserve(const void *dtb) {
    int length;
    const fdt32_t *cursor = fdt_getprop(dtb, ROOT, "memreserve", &length);
    for (; cursor != NULL && length >= 8; length -= 8) {
        uint64_t start = read_cells(&cursor, 1);
        uint64_t size = read_cells(&cursor, 1);
        add_reserved(start, size, (void *)"videocore");
    }
}

// A /chosen property of 4 or 8 bytes; 0 when absent.
static uint64_t chosen_number(const void *dtb, int chosen, const char *name) {
    int length;
    const fdt32_t *cursor = fdt_getprop(dtb, chosen, name, &length);
    return cursor == NULL || (length != 4 && length != 8) ? 0 : read_cells(&cursor, length / 4);
}

static void read_initrd(const void *dtb, int chosen) {
    uint64_t start = chosen_number(dtb, chosen, "linux,initrd-start");
    uint64_t end = chosen_number(dtb, chosen, "linux,initrd-end");
    boot_reserve(start, end, "initrd");
}

static void read_model(boot_info_t *info) {
    const char *model = get_string(info->dtb, ROOT, "model");
    if (model != NULL && model[0] != '\0') {
        boot_copy_name(info->model, model, BOOT_MODEL_SIZE);
    }
}

// Counts the cores, and notes whether firmware calls start them.
static void read_cpus(boot_info_t *info, int cpus) {
    unsigned cores = 0;
    int node;
    fdt_for_each_subnode(node, info->dtb, cpus) {
        const char *type = get_string(info->dtb, node, "device_type");
        const char *method = get_string(info->dtb, node, "enable-method");
        cores += type != NULL && strcmp(type, "cpu") == 0;
        info->uses_psci |= method != NULL && strcmp(method, "psci") == 0;
    }
    info->cores = cores != 0 ? cores : info->cores;
}

// One pass over the root's children, since finding a node means reading all before it. libfdt
// checks the bounds of every access, so a damaged blob may give wrong values, but no access outside it.
bool boot_fdt_read(boot_info_t *info) {
    const void *dtb = info->dtb;
    int node;
    fdt_for_each_subnode(node, dtb, ROOT) {
        const char *name = fdt_get_name(dtb, node, NULL);
        if (name == NULL) {
            return false;
        }
        if (is_memory(dtb, node, name)) {
            each_reg(dtb, node, ROOT, add_bank, info);
        } else if (strcmp(name, "reserved-memory") == 0) {
            read_reserved_memory(dtb, node);
        } else if (strcmp(name, "chosen") == 0) {
            read_initrd(dtb, node);
        } else if (strcmp(name, "cpus") == 0) {
            read_cpus(info, node);
        }
    }
    read_memreserve_block(dtb);
    read_root_memreserve(dtb);
    read_model(info);
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
