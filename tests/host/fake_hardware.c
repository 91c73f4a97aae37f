// SPDX-License-Identifier: MIT
// The hardware under the drivers, for host tests: registers, counter, sleep and cache maintenance
// are callbacks into the test. A driver that never stops asking ends the test run, it cannot hang it.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../ports/rpi-aarch64/aarch64/cpu.h"
#include "../../ports/rpi-aarch64/drivers/mmio.h"
#include "../../ports/rpi-aarch64/drivers/pwm.h"
#include "../../ports/rpi-aarch64/drivers/ring.h"

#define ACCESS_LIMIT (2000000)

typedef struct _fake_hardware_t {
    uint32_t (*read)(uint64_t address);
    void (*write)(uint64_t address, uint32_t value);
    void (*clean)(uint64_t va, uint64_t size);
    void (*sleep)(uint64_t masked);
    uint64_t hz;
    uint64_t step;      // ticks that pass at each look at the counter
    uint64_t ticks;
    uint64_t accesses;
    uint64_t masked;
    uint64_t timer;     // deadline, or UINT64_MAX: off
} fake_hardware_t;

fake_hardware_t fake_hardware;

static void count_access(uint64_t address) {
    if (++fake_hardware.accesses > ACCESS_LIMIT) {
        fprintf(stderr, "the driver does not stop accessing 0x%lx\n", (unsigned long)address);
        abort();
    }
}

uint32_t mmio_read(uintptr_t address) {
    count_access(address);
    return fake_hardware.read(address);
}

void mmio_write(uintptr_t address, uint32_t value) {
    count_access(address);
    fake_hardware.write(address, value);
}

void mmio_read_run(uintptr_t address, void *to, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        uint32_t value = mmio_read(address);
        memcpy((char *)to + 4 * i, &value, sizeof(value));
    }
}

void mmio_write_run(uintptr_t address, const void *from, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        uint32_t value;
        memcpy(&value, (const char *)from + 4 * i, sizeof(value));
        mmio_write(address, value);
    }
}

void arch_clean_inval_poc(uint64_t va, uint64_t size) {
    fake_hardware.clean(va, size);
}

uint64_t cpu_irq_save(void) {
    uint64_t state = fake_hardware.masked;
    fake_hardware.masked = 1;
    return state;
}

void cpu_irq_restore(uint64_t state) {
    fake_hardware.masked = state;
}

bool cpu_irq_is_masked(void) {
    return fake_hardware.masked != 0;
}

void cpu_wait_for_interrupt(void) {
    fake_hardware.sleep(fake_hardware.masked);
}

uint64_t cpu_counter(void) {
    fake_hardware.ticks += fake_hardware.step;
    count_access(0);
    return fake_hardware.ticks;
}

uint64_t cpu_counter_frequency(void) {
    return fake_hardware.hz;
}

void cpu_timer_set(uint64_t deadline) {
    fake_hardware.timer = deadline;
}

void cpu_timer_stop(void) {
    fake_hardware.timer = UINT64_MAX;
}

// Inline functions, which a library does not have.
uint32_t test_pwm_scale(uint64_t a, uint32_t b, uint64_t c) {
    return pwm_scale(a, b, c);
}

void test_ring_init(ring_t *ring, uint8_t *data, uint32_t size) {
    ring_init(ring, data, size);
}

int test_ring_get(ring_t *ring) {
    return ring_get(ring);
}

int test_ring_put(ring_t *ring, uint8_t byte) {
    return ring_put(ring, byte);
}

uint32_t test_ring_count(const ring_t *ring) {
    return ring_count(ring);
}
