// SPDX-License-Identifier: MIT
// Shared devices of the machine; see board.h.

#include <string.h>

#include "aarch64/cpu.h"
#include "core/arch.h"
#include "core/fault/fault.h"
#include "board.h"
#include "psci.h"
#include "boot/soc.h"
#include "port.h"
#include "watchdog.h"

// Plausible rates of the core's clock. Where the firmware answers none the highest is taken: a bus is then too slow,
// which its devices tolerate.
#define CORE_MIN_HZ (100000000)
#define CORE_MAX_HZ (600000000)

mailbox_t board_mailbox;
gpio_t board_gpio;

// The buffer is part of the image, so it is in the first GiB on the Pis, and it shares no cache line. Since it is
// aligned to its size, it lies within one page, and one translation gives its physical address.
static uint32_t mailbox_buffer[MAILBOX_BUFFER_SIZE / 4]
__attribute__((aligned(MAILBOX_BUFFER_SIZE)));

static board_model_t model;
static bool model_known;

static void init_mailbox(void) {
    uint64_t va = (uintptr_t)mailbox_buffer;
    uint64_t par = arch_at_s1e1r(va);
    if (soc->mailbox != 0 && fault_par_is_mapped(par)) {
        mailbox_init(&board_mailbox, soc_mmio(soc->mailbox), mailbox_buffer, fault_par_pa(par, va));
    }
}

void board_init(void) {
    if (soc->gpio != 0) {
        board_gpio = (gpio_t) {
            .base = soc_mmio(soc->gpio),
            .count = soc->gpio_count,
            .pulls_2711 = soc->gpio_pulls_2711,
        };
    }
    if (board_mailbox.base == 0) {
        init_mailbox();
    }
}

void board_raise_clock(void) {
    (void)mailbox_raise_clock(&board_mailbox, MAILBOX_CLOCK_ARM);
}

uint32_t board_core_clock(void) {
    uint32_t hz = 0;
    (void)mailbox_clock_rate(&board_mailbox, MAILBOX_CLOCK_CORE, &hz);
    return hz >= CORE_MIN_HZ && hz <= CORE_MAX_HZ ? hz : CORE_MAX_HZ;
}

uint32_t board_firmware(void) {
    uint32_t revision = 0;
    (void)mailbox_firmware_revision(&board_mailbox, &revision);
    return revision;
}

uint32_t port_arm_clock(void) {
    uint32_t hz = 0;
    (void)mailbox_clock_rate(&board_mailbox, MAILBOX_CLOCK_ARM, &hz);
    return hz;
}

board_model_t board_model(void) {
    if (!model_known) {
        uint32_t revision;
        model = BOARD_MODEL_UNKNOWN;
        if (mailbox_board_revision(&board_mailbox, &revision) == MAILBOX_OK
            && revision & (1u << 23)) {
            model = (board_model_t)(revision >> 4 & 0xff);
        }
        model_known = true;
    }
    return model;
}

const char *board_name(void) {
    for (size_t i = 0; i < board_name_count; ++i) {
        const board_name_t *entry = &board_names[i];
        if (strcmp(entry->soc, soc->name) == 0
            && (entry->model == BOARD_MODEL_ANY || entry->model == board_model())) {
            return entry->name;
        }
    }
    return soc->name;
}

static void __attribute__((noreturn)) sleep_endlessly(void) {
    cpu_irq_save();
    for (;;) {
        cpu_wait_for_interrupt();
    }
}

void board_reset(void) {
    if (soc->watchdog != 0) {
        watchdog_reset(soc_mmio(soc->watchdog));
    } else {
        psci_reset();
    }
    sleep_endlessly();
}

void board_off(void) {
    if (soc->watchdog != 0) {
        watchdog_halt(soc_mmio(soc->watchdog));
    } else {
        psci_off();
    }
    sleep_endlessly();
}

board_reset_cause_t board_reset_cause(void) {
    if (soc->watchdog == 0) {
        return BOARD_RESET_UNKNOWN;
    }
    uint32_t status = watchdog_status(soc_mmio(soc->watchdog));
    if (status & WATCHDOG_HAD_POWER_ON) {
        return BOARD_RESET_POWER_ON;
    }
    return status & (WATCHDOG_HAD_WATCHDOG | WATCHDOG_HAD_SOFTWARE)
        ? BOARD_RESET_SOFTWARE : BOARD_RESET_UNKNOWN;
}
