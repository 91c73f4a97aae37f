// SPDX-License-Identifier: MIT
// Device trees as no firmware would write them: reading one must stay within it, and within our tables.

#include <libfdt.h>

#include "boot/boot.h"
#include "fuzz.h"

boot_info_t boot_info;

static size_t n_reserved;

void boot_reserve(uint64_t start, uint64_t end, const char *name) {
    FUZZ_CHECK(strlen(name) < 65536 && (start != end || n_reserved != SIZE_MAX));
    ++n_reserved;
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
    if (fdt_check_header(blob) == 0 && fdt_totalsize(blob) <= size) {
        memset(&boot_info, 0, sizeof(boot_info));
        boot_info.dtb = blob;
        n_reserved = 0;
        bool usable = boot_fdt_read(&boot_info);
        FUZZ_CHECK(usable == (boot_info.ram_count != 0) || !usable);
        FUZZ_CHECK(boot_info.ram_count <= BOOT_MAX_BANKS && boot_info.model[BOOT_MODEL_SIZE - 1] == '\0');
        for (size_t i = 0; i < boot_info.ram_count; ++i) {
            FUZZ_CHECK(boot_info.ram[i].start < boot_info.ram[i].end);
        }
    }
    free(blob);
    return 0;
}
