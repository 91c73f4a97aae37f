// SPDX-License-Identifier: MIT
// SPI0 and the masters like it; see spi0.h.

#include "mmio.h"
#include "spi0.h"
#include "timer.h"

#define CS              (0x00)
#define FIFO            (0x04)
#define CLK             (0x08)
#define DLEN            (0x0c)

#define CS_RXD          (1u << 17)
#define CS_TXD          (1u << 18)
#define CS_DONE         (1u << 16)
#define CS_TA           (1u << 7)
#define CS_CLEAR        (3u << 4) // of both FIFOs
#define CS_CPOL         (1u << 3)
#define CS_CPHA         (1u << 2)
#define CS_NONE         (3u << 0) // the chip select without a pin

#define FIFO_SIZE       (64)
#define DLEN_MAX        (0xffff)

static uint32_t read(const spi0_t *spi, uint32_t offset) {
    return mmio_read(spi->base + offset);
}

static void write(const spi0_t *spi, uint32_t offset, uint32_t value) {
    mmio_write(spi->base + offset, value);
}

spi_result_t spi0_start(spi0_t *spi, uint32_t core_hz, spi_mode_t *mode) {
    uint32_t divider = (core_hz + mode->hz - 1) / mode->hz;
    divider += divider % 2;
    divider = divider < SPI0_MIN_DIVIDER ? SPI0_MIN_DIVIDER : divider;
    divider = divider > SPI0_MAX_DIVIDER ? SPI0_MAX_DIVIDER : divider;
    mode->hz = core_hz / divider;
    spi->mode = CS_NONE | (mode->polarity ? CS_CPOL : 0) | (mode->phase ? CS_CPHA : 0);
    write(spi, CS, CS_CLEAR | spi->mode);
    write(spi, CLK, divider % SPI0_MAX_DIVIDER); // 0: 65536
    return read(spi, CLK) == divider % SPI0_MAX_DIVIDER ? SPI_OK : SPI_ABSENT;
}

void spi0_stop(const spi0_t *spi) {
    write(spi, CS, CS_CLEAR);
}

// Moves as many bytes as the FIFOs take; never more are in transit than the receive FIFO holds. Returns whether a byte
// was received.
static bool move(const spi0_t *spi, spi_bytes_t *bytes) {
    size_t before = bytes->to_receive;
    while (bytes->to_send != 0 && bytes->to_receive - bytes->to_send < FIFO_SIZE && read(spi, CS) & CS_TXD) {
        write(spi, FIFO, *bytes->out++);
        --bytes->to_send;
    }
    while (bytes->to_receive != bytes->to_send && read(spi, CS) & CS_RXD) {
        uint8_t byte = (uint8_t)read(spi, FIFO);
        if (bytes->in != NULL) {
            *bytes->in++ = byte;
        }
        --bytes->to_receive;
    }
    return bytes->to_receive != before;
}

static spi_result_t move_all(const spi0_t *spi, spi_bytes_t *bytes) {
    uint64_t deadline = timer_deadline_us(SPI_STALLED_US);
    for (bool late = false; bytes->to_receive != 0; late = timer_expired(deadline)) {
        if (move(spi, bytes)) {
            deadline = timer_deadline_us(SPI_STALLED_US);
        } else if (late) {
            return SPI_TIMEOUT; // the registers were read after the deadline: no interrupt has used up the time
        }
    }
    bool done = timer_wait_register(spi->base + CS, CS_DONE, CS_DONE, SPI_STALLED_US);
    return done ? SPI_OK : SPI_TIMEOUT;
}

spi_result_t spi0_transfer(const spi0_t *spi, const uint8_t *out, uint8_t *in, size_t size) {
    spi_bytes_t bytes = { out, in, size, size };
    write(spi, CS, CS_CLEAR | spi->mode);
    write(spi, DLEN, size < DLEN_MAX ? (uint32_t)size : DLEN_MAX); // otherwise a gap follows each byte
    write(spi, CS, CS_TA | spi->mode);
    spi_result_t result = move_all(spi, &bytes);
    write(spi, CS, CS_CLEAR | spi->mode); // idle, also after an error
    return result;
}
