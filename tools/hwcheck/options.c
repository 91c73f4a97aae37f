// SPDX-License-Identifier: MIT
// Options of the plugin, and where QEMU keeps the machine's RAM.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"

// start-end, hexadecimal, end exclusive
static bool add_range(hw_range_t *ranges, const char *text) {
    char *rest;
    hw_range_t range = {strtoull(text, &rest, 16), 0};
    if (rest == text || *rest != '-') {
        return false;
    }
    range.end = strtoull(rest + 1, &rest, 16);
    for (unsigned i = 0; i < HW_RANGES && *rest == 0 && range.end > range.start; i++) {
        if (!ranges[i].end) {
            ranges[i] = range;
            return true;
        }
    }
    return false;
}

bool hw_option(hw_config_t *config, const char *option) {
    const char *value = strchr(option, '=');
    if (!value) {
        return false;
    }
    size_t length = value++ - option;
    char name[16];
    if (length >= sizeof name) {
        return false;
    }
    memcpy(name, option, length);
    name[length] = 0;
    if (!strcmp(name, "out")) {
        return snprintf(config->out, sizeof config->out, "%s", value) < (int)sizeof config->out;
    }
    if (!strcmp(name, "ram_base") || !strcmp(name, "mailbox")) {
        char *rest;
        *(name[0] == 'r' ? &config->ram_base : &config->mailbox) = strtoull(value, &rest, 16);
        return rest != value && !*rest;
    }
    return !strcmp(name, "ram") ? add_range(config->ram, value) :
           !strcmp(name, "mmio") ? add_range(config->mmio, value) :
           !strcmp(name, "gic") ? add_range(config->gic, value) :
           !strcmp(name, "widths") ? add_range(config->widths, value) :
           !strcmp(name, "dma") ? add_range(config->dma, value) :
           !strcmp(name, "sdhci") ? add_range(config->sdhci, value) :
           !strcmp(name, "device") ? add_range(config->device, value) :
           !strcmp(name, "image") ? add_range(config->image, value) : false;
}

uint64_t hw_find_ram(uint8_t **ram) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    uint64_t size = 0;
    while (maps && !size && fgets(line, sizeof line, maps)) {
        uint64_t start, end;
        if (strstr(line, "/memfd:memory-backend-memfd") && sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) == 2) {
            *ram = (uint8_t *)(uintptr_t)start;
            size = end - start;
        }
    }
    if (maps) {
        fclose(maps);
    }
    return size;
}
