// SPDX-License-Identifier: MIT
// Devices that read and write RAM by themselves. QEMU tells a plugin nothing of that: what they do is
// taken from the registers that start them. They are the VideoCore, with its mailbox and the frame
// buffer that it answers with, the Raspberry Pi's DMA engine, and SD host controllers.
#include <stdlib.h>

#include "lines.h"

#define BUS_ADDRESS 0x3fffffff // of an address as the VideoCore has it
#define CHANNELS 16
#define BLOCKS_MOST 256 // of a chain
#define CONTROLLERS 4
#define SDHCI_WORDS 24

// The mailbox's channels and tags: raspberrypi/firmware wiki, "Mailbox property interface".
enum { FRAMEBUFFER_CHANNEL = 1, PROPERTY_CHANNEL = 8 };
#define TAG_ALLOCATE 0x40001
#define TAG_DONE 0x80000000u
#define REQUEST_MOST (1 << 20)

// BCM2835 ARM Peripherals, 4.2.1.2 "Register map": offsets, and bits of TI.
enum { DMA_CS = 0, DMA_CONBLK_AD = 4, DMA_ACTIVE = 1, DMA_CHANNEL_SIZE = 0x100 };
enum { TI_TDMODE = 1 << 1, TI_DEST_INC = 1 << 4, TI_DEST_IGNORE = 1 << 7 };
enum { TI_SRC_INC = 1 << 8, TI_SRC_IGNORE = 1 << 11 };

// SD Host Controller Simplified Specification, 2.2: words, and bits of the transfer mode and command.
enum { SD_ADDRESS = 0, SD_BLOCKS = 1, SD_COMMAND = 3, SD_CONTROL = 10, SD_ADMA = 22 };
enum { SD_DMA = 1 << 0, SD_COUNT = 1 << 1, SD_READ = 1 << 4, SD_MULTIPLE = 1 << 5, SD_DATA = 1 << 21 };
enum { ADMA_VALID = 1 << 0, ADMA_END = 1 << 1, ADMA_ACT = 3 << 4, ADMA_TRANSFER = 2 << 4, ADMA_LINK = 3 << 4 };

typedef struct readers {
    hw_range_t framebuffer;
    unsigned drawers; // a bit for each core but 0 that stored into it
    uint32_t chain[CHANNELS]; // CONBLK_AD
    uint32_t sdhci[CONTROLLERS][SDHCI_WORDS];
} readers_t;

readers_t *readers_new(const hw_t *hw) {
    (void)hw;
    return calloc(1, sizeof(readers_t));
}

void readers_free(readers_t *readers) {
    free(readers);
}

static uint32_t read32(const hw_t *hw, uint64_t pa) {
    return hw_read64(hw, pa) >> (pa % 8 * 8);
}

// --- the VideoCore ---

// It is RAM that the guest was told to use; rule 7a has to know.
static void set_framebuffer(hw_t *hw, uint64_t pa, uint64_t size) {
    hw_range_t buffer = {pa & ~(HW_PAGE - 1ull), (pa + size + HW_PAGE - 1) & ~(HW_PAGE - 1ull)};
    if (!pa || !size || !hw_is_ram(hw, pa) || !hw_is_ram(hw, pa + size - 1)) {
        return;
    }
    hw->readers->framebuffer = buffer;
    for (int i = 0; i < HW_RANGES; i++) {
        hw_range_t *range = &hw->config.ram[i];
        if (i > 0 && (!range->end || range->start == buffer.start)) {
            *range = buffer;
            return;
        }
    }
}

// The answer: QEMU has written it when the store to the mailbox is done.
static void find_framebuffer(hw_t *hw, uint64_t pa, uint32_t size) {
    for (uint64_t tag = pa + 8; tag + 12 <= pa + size && read32(hw, tag);) {
        uint32_t length = read32(hw, tag + 4), done = read32(hw, tag + 8);
        if (read32(hw, tag) == TAG_ALLOCATE && done & TAG_DONE && length >= 8) {
            set_framebuffer(hw, read32(hw, tag + 12) & BUS_ADDRESS, read32(hw, tag + 16));
        }
        tag += 12 + (((uint64_t)length + 3) & ~3ull);
    }
}

// A store to the mailbox: the VideoCore reads the buffer, and answers into it.
static void mailbox(hw_t *hw, const hw_event_t *event) {
    uint64_t pa = event->value & BUS_ADDRESS & ~15ull;
    unsigned channel = event->value & 15;
    uint32_t size = channel == FRAMEBUFFER_CHANNEL ? 40 : channel == PROPERTY_CHANNEL ? read32(hw, pa) : 0;
    if (!hw_is_ram(hw, pa) || size > REQUEST_MOST) {
        return;
    }
    lines_device_reads(hw, event, pa, size, "the VideoCore");
    lines_device_writes(hw, event, pa, size, "the VideoCore");
    if (channel == PROPERTY_CHANNEL) {
        find_framebuffer(hw, pa, size);
    } else if (size) {
        set_framebuffer(hw, read32(hw, pa + 32) & BUS_ADDRESS, read32(hw, pa + 36));
    }
}

bool readers_wait(const hw_t *hw) {
    return hw->readers->framebuffer.end;
}

// Plain stores of core 0 are no events: it draws where no other core does.
static bool draws(const hw_t *hw, unsigned core) {
    unsigned drawers = hw->readers->drawers;
    return core ? drawers >> core & 1 : !drawers;
}

// The display reads all the time. What is drawn and not cleaned counts once the core that draws has no
// more to do; others wait meanwhile.
static void idle(hw_t *hw, const hw_event_t *event) {
    const hw_range_t *buffer = &hw->readers->framebuffer;
    bool done = buffer->end && draws(hw, event->core);
    const line_t *line = done ? lines_first_dirty(hw, buffer->start, buffer->end) : NULL;
    if (line) {
        hw_report(hw, event, "4a", line->writer,
            "the core waits, and the display reads a frame buffer that the cache has newer bytes of");
    }
}

// --- the DMA engine ---

// One side of a transfer in two dimensions: `stride` is added after each row.
typedef struct {
    uint64_t pa;
    uint32_t row, rows;
    int16_t stride;
    bool store;
} side_t;

static void move(hw_t *hw, const hw_event_t *event, side_t side, const char *who) {
    for (; side.rows && hw_is_ram(hw, side.pa); side.rows--) {
        (side.store ? lines_device_writes : lines_device_reads)(hw, event, side.pa, side.row, who);
        side.pa += side.row + side.stride;
    }
}

// A control block: TI, source, destination, length, stride, next.
static uint32_t run_block(hw_t *hw, const hw_event_t *event, uint64_t pa) {
    static const char who[] = "the DMA engine";
    lines_device_reads(hw, event, pa, 32, who);
    uint32_t info = read32(hw, pa), length = read32(hw, pa + 12), stride = read32(hw, pa + 16);
    uint32_t row = info & TI_TDMODE ? length & 0xffff : length;
    uint32_t rows = info & TI_TDMODE ? (length >> 16 & 0x3fff) + 1 : 1;
    side_t from = {read32(hw, pa + 4) & BUS_ADDRESS, info & TI_SRC_INC ? row : 4, rows, 0, false};
    side_t to = {read32(hw, pa + 8) & BUS_ADDRESS, info & TI_DEST_INC ? row : 4, rows, 0, true};
    if (info & TI_TDMODE) {
        from.stride = stride;
        to.stride = stride >> 16;
    }
    from.rows = info & TI_SRC_IGNORE ? 0 : rows;
    to.rows = info & TI_DEST_IGNORE ? 0 : rows;
    move(hw, event, from, who);
    move(hw, event, to, who);
    return read32(hw, pa + 20);
}

static void dma_store(hw_t *hw, const hw_event_t *event) {
    uint64_t offset = event->pa - hw->config.dma[0].start;
    uint64_t channel = offset / DMA_CHANNEL_SIZE, at = offset % DMA_CHANNEL_SIZE;
    if (channel >= CHANNELS) {
        return;
    }
    if (at == DMA_CONBLK_AD) {
        hw->readers->chain[channel] = event->value;
    } else if (at == DMA_CS && event->value & DMA_ACTIVE) {
        uint32_t block = hw->readers->chain[channel];
        for (int left = BLOCKS_MOST; block && left && hw_is_ram(hw, block & BUS_ADDRESS); left--) {
            block = run_block(hw, event, block & BUS_ADDRESS);
        }
        hw->readers->chain[channel] = 0;
    }
}

// --- SD host controllers ---

static void sd_move(hw_t *hw, const hw_event_t *event, uint64_t pa, uint64_t size) {
    bool to_memory = event->value & SD_READ;
    (to_memory ? lines_device_writes : lines_device_reads)(hw, event, pa, size, "the SD controller");
}

static void sd_descriptors(hw_t *hw, const hw_event_t *event, uint64_t pa) {
    for (int left = BLOCKS_MOST; left && hw_is_ram(hw, pa); left--, pa += 8) {
        lines_device_reads(hw, event, pa, 8, "the SD controller");
        uint32_t word = read32(hw, pa), address = read32(hw, pa + 4), length = word >> 16;
        if (!(word & ADMA_VALID)) {
            return;
        }
        if ((word & ADMA_ACT) == ADMA_TRANSFER) {
            sd_move(hw, event, address, length ? length : 1 << 16);
        } else if ((word & ADMA_ACT) == ADMA_LINK) {
            pa = address - 8ull;
        }
        if (word & ADMA_END) {
            return;
        }
    }
}

static void sd_store(hw_t *hw, const hw_event_t *event, int number) {
    uint32_t *word = hw->readers->sdhci[number];
    uint64_t at = (event->pa - hw->config.sdhci[number].start) / 4;
    if (at >= SDHCI_WORDS || event->size != 4) {
        return;
    }
    word[at] = event->value;
    if (at != SD_COMMAND || !(event->value & SD_DMA) || !(event->value & SD_DATA)) {
        return;
    }
    bool several = event->value & SD_MULTIPLE && event->value & SD_COUNT;
    uint64_t size = (word[SD_BLOCKS] & 0xfff) * (several ? word[SD_BLOCKS] >> 16 : 1ull);
    switch (word[SD_CONTROL] >> 3 & 3) {
        case 0:
            sd_move(hw, event, word[SD_ADDRESS], size);
            break;
        case 2: // of 32 bits
            sd_descriptors(hw, event, word[SD_ADMA]);
            break;
    }
}

// --- events ---

static void store(hw_t *hw, const hw_event_t *event) {
    const hw_range_t *buffer = &hw->readers->framebuffer;
    if (event->core && event->pa >= buffer->start && event->pa < buffer->end) {
        hw->readers->drawers |= 1u << event->core;
    } else if (hw->config.mailbox && event->pa == hw->config.mailbox) {
        mailbox(hw, event);
    } else if (hw_in(hw->config.dma, event->pa)) {
        dma_store(hw, event);
    }
    for (int i = 0; i < CONTROLLERS && hw->config.sdhci[i].end; i++) {
        if (event->pa >= hw->config.sdhci[i].start && event->pa < hw->config.sdhci[i].end) {
            sd_store(hw, event, i);
        }
    }
}

void readers_event(hw_t *hw, const hw_event_t *event) {
    if (event->kind == HW_ACCESS) {
        if (event->store && event->pa != HW_NOWHERE) {
            store(hw, event);
        }
    } else if (event->kind == HW_IDLE) {
        idle(hw, event);
    } else if (event->kind == HW_RESET) {
        *hw->readers = (readers_t) {0};
    }
}
