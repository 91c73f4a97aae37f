// SPDX-License-Identifier: MIT
// Pads control; see gpio_pads.h.

#include "gpio_pads.h"
#include "mmio.h"

#define PADS            (0x2c) // a word for each group

#define PASSWORD        (0x5a000000) // writes without it are ignored
#define PASSWORD_MASK   (0xff000000)
#define DRIVE_MASK      (7)          // 0: one step

#define GROUPS (3)

static const uint8_t group_ends[GROUPS] = { 28, 46, 54 };

// GROUPS if the pin is in none.
static uint32_t group_of(uint32_t pin) {
    uint32_t group = 0;
    while (group < GROUPS && pin >= group_ends[group]) {
        ++group;
    }
    return group;
}

uint64_t gpio_pads_group(uint32_t pin) {
    uint32_t group = group_of(pin);
    if (group == GROUPS) {
        return 0;
    }
    uint64_t below = group == 0 ? 0 : (1ull << group_ends[group - 1]) - 1;
    return ((1ull << group_ends[group]) - 1) & ~below;
}

static uintptr_t address_of(uintptr_t base, uint32_t pin) {
    return base + PADS + 4 * group_of(pin);
}

static uint32_t drive_of(uint32_t word) {
    return GPIO_PADS_STEP_MA * ((word & DRIVE_MASK) + 1);
}

uint32_t gpio_pads_drive(uintptr_t base, uint32_t pin) {
    uint32_t word = mmio_read(address_of(base, pin));
    // The firmware leaves hysteresis enabled: 0 is what a block without these registers reads as.
    return word == 0 ? 0 : drive_of(word);
}

bool gpio_pads_set_drive(uintptr_t base, uint32_t pin, uint32_t ma) {
    uintptr_t address = address_of(base, pin);
    uint32_t word = mmio_read(address);
    if (word == 0) {
        return false;
    }
    uint32_t others = word & ~(uint32_t)(PASSWORD_MASK | DRIVE_MASK);
    mmio_write(address, PASSWORD | others | (ma / GPIO_PADS_STEP_MA - 1));
    return drive_of(mmio_read(address)) == ma;
}
