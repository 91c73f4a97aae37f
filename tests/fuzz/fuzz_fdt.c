// SPDX-License-Identifier: MIT
// Device trees as no firmware would write them: reading one must stay within it and within our tables. Of one that is
// well formed, whatever it says, all that it reserves is reserved and no bank is RAM that it does not have.

#include <libfdt.h>

#include "boot/boot.h"
#include "fdt_reading.h"
#include "fuzz.h"

#define MAX_PA ((uint64_t)1 << 48)

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

// The first address in [start, end) that no range of the list has; `end` when they have all of it.
static uint64_t first_outside(const mem_range_t *list, size_t n, uint64_t start, uint64_t end) {
    for (bool moved = true; moved && start < end;) {
        moved = false;
        for (size_t i = 0; i < n; ++i) {
            if (list[i].start <= start && start < list[i].end) {
                start = list[i].end;
                moved = true;
            }
        }
    }
    return start < end ? start : end;
}

static void check_reserved(const reading_t *reading) {
    mem_range_t got[BOOT_MAX_RESERVED];
    for (size_t i = 0; i < boot_info.reserved_count; ++i) {
        got[i] = boot_info.reserved[i].range;
    }
    for (size_t i = 0; i < reading->n_reserved; ++i) {
        uint64_t last = reading->reserved[i].last;
        uint64_t end = last < MAX_PA ? last + 1 : MAX_PA;
        if (reading->reserved[i].start < end) {
            FUZZ_CHECK(first_outside(got, boot_info.reserved_count, reading->reserved[i].start, end) == end);
        }
    }
}

static void check_banks(const reading_t *reading) {
    mem_range_t ram[READING_MAX];
    size_t n = 0;
    for (size_t i = 0; i < reading->n_ram; ++i) {
        if (reading->ram[i].last != UINT64_MAX) {
            ram[n++] = (mem_range_t) {reading->ram[i].start, reading->ram[i].last + 1};
        }
    }
    for (size_t i = 0; i < boot_info.ram_count; ++i) {
        const mem_range_t *bank = &boot_info.ram[i];
        FUZZ_CHECK(first_outside(ram, n, bank->start, bank->end) == bank->end);
    }
    FUZZ_CHECK(boot_info.ram_count == (n < BOOT_MAX_BANKS ? n : BOOT_MAX_BANKS));
}

static bool read_tree(const void *blob) {
    memset(&boot_info, 0, sizeof(boot_info));
    boot_info.dtb = blob;
    bool usable = boot_fdt_read(&boot_info);
    FUZZ_CHECK(!usable || boot_info.ram_count != 0);
    FUZZ_CHECK(boot_info.ram_count <= BOOT_MAX_BANKS && boot_info.reserved_count <= BOOT_MAX_RESERVED);
    for (size_t i = 0; i < boot_info.ram_count; ++i) {
        FUZZ_CHECK(boot_info.ram[i].start < boot_info.ram[i].end);
    }
    for (size_t i = 0; i < boot_info.reserved_count; ++i) {
        const boot_reserved_t *entry = &boot_info.reserved[i];
        FUZZ_CHECK(entry->range.start < entry->range.end && entry->range.end <= MAX_PA);
        FUZZ_CHECK(entry->name[BOOT_NAME_SIZE - 1] == '\0');
    }
    for (const char *c = boot_info.model; c == boot_info.model || c[-1] != '\0'; ++c) {
        FUZZ_CHECK(c < boot_info.model + BOOT_MODEL_SIZE && (*c == '\0' || (*c >= ' ' && *c <= '~')));
    }
    return usable;
}

// boot keeps the part in use only, in memory of that size.
static void check_copy(const uint8_t *blob, size_t size, bool usable) {
    size_t used = boot_fdt_used_size(blob, size);
    FUZZ_CHECK(used <= size && used >= sizeof(struct fdt_header));
    boot_info_t before = boot_info;
    uint8_t *copy = malloc(used);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, blob, used);
    fdt_set_totalsize(copy, (uint32_t)used);
    FUZZ_CHECK(fdt_check_header(copy) == 0 && read_tree(copy) == usable);
    FUZZ_CHECK(boot_info.ram_count == before.ram_count && boot_info.cores == before.cores);
    FUZZ_CHECK(memcmp(boot_info.ram, before.ram, sizeof(before.ram)) == 0);
    FUZZ_CHECK(memcmp(boot_info.model, before.model, sizeof(before.model)) == 0);
    free(copy);
}

// Half of the mutations change one cell and leave all else as it is: others seldom leave a tree that is well formed.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
    static const uint32_t cells[] = {
        0, 1, 2, 3, 4, 5, 8, 9, 40, 0x80, 0xff8, 0x1000, 0x80000, 0x3b400000, 0x3fffffff, 0x40000000, 0x7fffffff,
        0x80000000, 0xfc000000, 0xfffffff0, 0xfffff000, 0xffffffff,
    };
    if (seed % 2 == 0 || size < 4) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    uint32_t random = seed * 2654435761u;
    size_t at = (random >> 4) % (size / 4) * 4;
    uint32_t value = cells[(seed >> 1) % (sizeof(cells) / sizeof(cells[0]))];
    if (seed & 64) {
        size_t from = (random >> 10) % (size / 4) * 4;
        memmove(data + at, data + from, 4);
    } else {
        value = __builtin_bswap32(seed & 128 ? value : random);
        memcpy(data + at, &value, 4);
    }
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < sizeof(struct fdt_header)) {
        return 0;
    }
    // In memory of its own, so that the sanitiser sees a step over its end. The caller of boot_fdt_read() has checked
    // the header in the same way.
    uint8_t *blob = malloc(size);
    FUZZ_CHECK(blob != NULL);
    memcpy(blob, data, size);
    size_t used = fdt_check_header(blob) == 0 ? boot_fdt_used_size(blob, fdt_totalsize(blob)) : 0;
    if (used != 0 && fdt_totalsize(blob) <= size) {
        bool usable = read_tree(blob);
        reading_t reading;
        if (fdt_reading(blob, size, &reading)) {
            check_reserved(&reading);
            check_banks(&reading);
        }
        check_copy(blob, fdt_totalsize(blob), usable);
    }
    free(blob);
    return 0;
}
