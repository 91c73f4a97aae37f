// SPDX-License-Identifier: MIT
// SPI1 of the auxiliary block; see aux_spi.h.

#include "aux_spi.h"
#include "mmio.h"
#include "timer.h"

#define ENABLES             (0x04)
#define ENABLE_SPI1         (1u << 1)

#define CNTL0               (0x80)
#define CNTL1               (0x84)
#define STAT                (0x88)
#define IO                  (0xa0)
#define TXHOLD              (0xb0)

#define CNTL0_SPEED         (20)
#define CNTL0_NO_SELECT     (7u << 17)
#define CNTL0_VAR_WIDTH     (1u << 14)  // each entry says how many bits it has
#define CNTL0_ENABLE        (1u << 11)
#define CNTL0_IN_RISING     (1u << 10)
#define CNTL0_CLEAR         (1u << 9)
#define CNTL0_OUT_RISING    (1u << 8)
#define CNTL0_CPOL          (1u << 7)
#define CNTL0_MSB_OUT       (1u << 6)
#define CNTL1_MSB_IN        (1u << 1)

#define STAT_TX_FULL        (1u << 10)
#define STAT_RX_LEVEL       (0xffu << 16) // of whole entries; the bit "empty" goes before an entry is whole
#define STAT_BUSY           (1u << 6)

#define ENTRY_BYTES         (3)
#define UNDER_WAY           (4 * ENTRY_BYTES) // at most: the FIFOs have four entries

static uint32_t read(const aux_spi_t *spi, uint32_t offset) {
    return mmio_read(spi->base + offset);
}

static void write(const aux_spi_t *spi, uint32_t offset, uint32_t value) {
    mmio_write(spi->base + offset, value);
}

static void clear(const aux_spi_t *spi) {
    write(spi, CNTL0, spi->control | CNTL0_CLEAR); // the FIFOs stay empty while the bit is set
    write(spi, CNTL0, spi->control);
}

spi_result_t aux_spi_start(aux_spi_t *spi, uint32_t core_hz, spi_mode_t *mode) {
    uint32_t half = core_hz / 2;
    uint32_t divider = (half + mode->hz - 1) / mode->hz;
    divider = divider < 1 ? 1 : divider > AUX_SPI_MAX_DIVIDER / 2 ? AUX_SPI_MAX_DIVIDER / 2 : divider;
    mode->hz = half / divider;
    spi->control = (divider - 1) << CNTL0_SPEED | CNTL0_NO_SELECT | CNTL0_VAR_WIDTH | CNTL0_ENABLE | CNTL0_MSB_OUT
        | (mode->polarity ? CNTL0_CPOL | CNTL0_OUT_RISING : CNTL0_IN_RISING);
    mmio_set_bits(spi->base + ENABLES, ENABLE_SPI1); // its registers cannot be written before
    write(spi, CNTL1, CNTL1_MSB_IN);
    clear(spi);
    return read(spi, CNTL0) == spi->control ? SPI_OK : SPI_ABSENT;
}

void aux_spi_stop(const aux_spi_t *spi) {
    write(spi, CNTL0, CNTL0_CLEAR);
    write(spi, CNTL0, 0);
    mmio_clear_bits(spi->base + ENABLES, ENABLE_SPI1);
}

static size_t next_entry(size_t left) {
    return left < ENTRY_BYTES ? left : ENTRY_BYTES;
}

// The bytes are left-aligned in the 24 bits of data; the bits above hold their number of bits. TXHOLD: more follow.
static void send_entry(const aux_spi_t *spi, spi_bytes_t *bytes) {
    size_t count = next_entry(bytes->to_send);
    uint32_t entry = (uint32_t)(8 * count) << 24;
    for (size_t i = 0; i < count; ++i) {
        entry |= (uint32_t)*bytes->out++ << (16 - 8 * i);
    }
    bytes->to_send -= count;
    write(spi, bytes->to_send != 0 ? TXHOLD : IO, entry);
}

// Received bits are right-aligned.
static void receive_entry(const aux_spi_t *spi, spi_bytes_t *bytes) {
    uint32_t entry = read(spi, IO);
    for (size_t i = next_entry(bytes->to_receive); i-- > 0; --bytes->to_receive) {
        if (bytes->in != NULL) {
            *bytes->in++ = (uint8_t)(entry >> 8 * i);
        }
    }
}

// Returns whether bytes were received.
static bool move(const aux_spi_t *spi, spi_bytes_t *bytes) {
    size_t before = bytes->to_receive;
    while (bytes->to_send != 0 && bytes->to_receive - bytes->to_send + ENTRY_BYTES <= UNDER_WAY
           && !(read(spi, STAT) & STAT_TX_FULL)) {
        send_entry(spi, bytes);
    }
    while (bytes->to_receive != bytes->to_send && read(spi, STAT) & STAT_RX_LEVEL) {
        receive_entry(spi, bytes);
    }
    return bytes->to_receive != before;
}

spi_result_t aux_spi_transfer(const aux_spi_t *spi, const uint8_t *out, uint8_t *in, size_t size) {
    spi_bytes_t bytes = { out, in, size, size };
    clear(spi);
    uint64_t deadline = timer_deadline_us(SPI_STALLED_US);
    for (bool late = false; bytes.to_receive != 0; late = timer_expired(deadline)) {
        if (move(spi, &bytes)) {
            deadline = timer_deadline_us(SPI_STALLED_US);
        } else if (late) {
            break; // the registers were read after the deadline: no interrupt has used up the time
        }
    }
    bool idle = timer_wait_register(spi->base + STAT, STAT_BUSY, 0, SPI_STALLED_US);
    clear(spi);
    return idle && bytes.to_receive == 0 ? SPI_OK : SPI_TIMEOUT;
}
