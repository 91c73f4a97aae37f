// SPDX-License-Identifier: MIT
// Device register access: aligned 32-bit loads and stores only, which is all that the peripherals
// of these SoCs take.
//
// Each access is ordered against RAM and against accesses to other peripherals: a write comes after
// every earlier memory access, a read before every later one. The BCM283x bus may return data of
// two peripherals out of order, and a driver cannot tell which peripheral was accessed last.
// With MMIO_FAKE (host tests) the accessors are functions of tests/host/fake_hardware.c.

#ifndef PORTS_RPI_AARCH64_DRIVERS_MMIO_H
#define PORTS_RPI_AARCH64_DRIVERS_MMIO_H

#include <stddef.h>
#include <stdint.h>

#ifdef MMIO_FAKE

uint32_t mmio_read(uintptr_t address);
void mmio_write(uintptr_t address, uint32_t value);
void mmio_read_run(uintptr_t address, void *to, size_t count);
void mmio_write_run(uintptr_t address, const void *from, size_t count);

#else

#include "aarch64/cpu.h"

static inline uint32_t mmio_read(uintptr_t address) {
    return cpu_device_read(address);
}

static inline void mmio_write(uintptr_t address, uint32_t value) {
    cpu_device_write(address, value);
}

// A FIFO's register: `count` words to memory or from it, which may be unaligned.
static inline void mmio_read_run(uintptr_t address, void *to, size_t count) {
    cpu_device_read_run(address, to, count);
}

static inline void mmio_write_run(uintptr_t address, const void *from, size_t count) {
    cpu_device_write_run(address, from, count);
}

#endif // MMIO_FAKE

static inline void mmio_set_bits(uintptr_t address, uint32_t bits) {
    mmio_write(address, mmio_read(address) | bits);
}

static inline void mmio_clear_bits(uintptr_t address, uint32_t bits) {
    mmio_write(address, mmio_read(address) & ~bits);
}

#endif // PORTS_RPI_AARCH64_DRIVERS_MMIO_H
