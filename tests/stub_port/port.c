// SPDX-License-Identifier: MIT
// The stub port's answers to port.h: a machine without devices, programs or faults.

#include <string.h>

#include "port.h"

boot_info_t boot_info = {
    .ram = {{0x40000000, 0x48000000}},
    .ram_count = 1,
    .source = "stub",
    .soc = "stub",
    .entry_el = 1,
    .cores = 1,
    .linear = UINT64_C(0xffff000000000000),
    .window = {0x40200000, 0x40400000},
};

const char *port_version(void) {
    return "stub";
}

const char *port_board_name(void) {
    return "stub";
}

const char *port_missing_device(unsigned index) {
    (void)index;
    return NULL;
}

uint32_t port_arm_clock(void) {
    return 0;
}

const char *port_safe_mode_reason(void) {
    return NULL;
}

void port_safe_mode_enter(const char *why) {
    (void)why;
}

size_t port_frames(void) {
    return 0;
}

bool port_probe_read(uint64_t address, unsigned size, uint64_t *value) {
    memcpy(value, (const void *)(uintptr_t)address, size);
    return true;
}

bool port_probe_write(uint64_t address, unsigned size, uint64_t value) {
    memcpy((void *)(uintptr_t)address, &value, size);
    return true;
}

bool port_is_exclusive(const trap_frame_t *trap) {
    (void)trap;
    return false;
}

const char *port_last_crash(void) {
    return NULL;
}

void port_set_crash_resets(bool resets) {
    (void)resets;
}

void port_read_registers(port_registers_t *registers) {
    memset(registers, 0, sizeof(*registers));
}

bool port_irq_is_masked(void) {
    return false;
}

uint64_t port_ticks(void) {
    return 0;
}

uint64_t port_us_to_ticks(uint64_t us) {
    return us;
}

const char *port_random_source(void) {
    return "weak: none";
}

uint32_t port_random_seed(void) {
    return 1;
}

uint64_t port_dropped_calls(void) {
    return 0;
}

const uart_stats_t *port_uart_stats(void) {
    static const uart_stats_t stats;
    return &stats;
}

user_exit_t port_user_enter(user_state_t *state, uint64_t deadline) {
    (void)state;
    (void)deadline;
    return USER_TIME;
}
