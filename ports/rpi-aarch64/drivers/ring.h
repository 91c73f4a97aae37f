// SPDX-License-Identifier: MIT
// A byte ring with one producer and one consumer on the same core (interrupt handler and thread):
// no locks. Indices run freely and wrap at 2^32, so all `size` bytes are usable.

#ifndef PORTS_RPI_AARCH64_DRIVERS_RING_H
#define PORTS_RPI_AARCH64_DRIVERS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct _ring_t {
    uint8_t *data;
    uint32_t mask;  // size - 1
    uint32_t head;  // next byte to put: written by the producer only
    uint32_t tail;  // next byte to get: written by the consumer only
} ring_t;

// size: a power of two, at most 2^31.
static inline void ring_init(ring_t *ring, uint8_t *data, uint32_t size) {
    ring->data = data;
    ring->mask = size - 1;
    ring->head = 0;
    ring->tail = 0;
}

static inline uint32_t ring_count(const ring_t *ring) {
    return __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE)
           - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
}

static inline uint32_t ring_room(const ring_t *ring) {
    return ring->mask + 1 - ring_count(ring);
}

// For a ring that has room.
static inline void ring_append(ring_t *ring, uint8_t byte) {
    uint32_t head = ring->head; // only the producer writes it
    ring->data[head & ring->mask] = byte;
    __atomic_store_n(&ring->head, head + 1, __ATOMIC_RELEASE);
}

// Returns false if the ring is full; the byte is then not stored.
static inline bool ring_put(ring_t *ring, uint8_t byte) {
    if (ring_room(ring) == 0) {
        return false;
    }
    ring_append(ring, byte);
    return true;
}

// Returns the next byte, or -1 if the ring is empty.
static inline int ring_get(ring_t *ring) {
    uint32_t tail = ring->tail; // only the consumer writes it
    if (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == tail) {
        return -1;
    }
    uint8_t byte = ring->data[tail & ring->mask];
    __atomic_store_n(&ring->tail, tail + 1, __ATOMIC_RELEASE);
    return byte;
}

// Takes the bytes up to and including the `nth` that is `byte`. Returns false, and takes nothing, if there are
// fewer.
static inline bool ring_take(ring_t *ring, uint8_t byte, uint32_t nth) {
    uint32_t count = ring_count(ring);
    for (uint32_t n = 0; n < count; ++n) {
        nth -= ring->data[(ring->tail + n) & ring->mask] == byte;
        if (nth == 0) {
            __atomic_store_n(&ring->tail, ring->tail + n + 1, __ATOMIC_RELEASE);
            return true;
        }
    }
    return false;
}

#endif // PORTS_RPI_AARCH64_DRIVERS_RING_H
