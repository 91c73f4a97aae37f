// SPDX-License-Identifier: MIT
// Receives a kernel and enters it; see bootloader.h for the protocol and chain.h for the jump.

#include <string.h>

#include <libfdt.h>

#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "lib/uzlib/uzlib.h"
#include "shared/runtime/interrupt_char.h"

#include "aarch64/cpu.h"
#include "core/arch.h"
#include "hooks.h"
#include "boot_map.h"
#include "bootloader.h"
#include "chain.h"
#include "core/paging/descriptor.h"
#include "drivers/irq.h"
#include "drivers/timer.h"
#include "image_mark.h"
#include "layout.h"
#include "machine/machine_pin.h"
#include "parking.h"
#include "soc.h"
#include "machine/uart.h"

#define VERSION (1)
#define MAGIC "PIMBOOT1"
#define BLOCK_SIZE (4096)
#define DEFAULT_TIMEOUT_MS (10000)
#define MAX_TIMEOUT_MS (600000)
#define CTRL_C (3)
#define BLOCK_TRIES (4)

// After an error: until the line is silent for so long, at most for so long, what comes is thrown away.
#define SILENCE_US (200000)
#define DRAIN_US (3000000)

// The header of an arm64 Image.
#define IMAGE_HEADER_SIZE (64)
#define IMAGE_SIZE_AT (16)
#define IMAGE_MAGIC_AT (56)
#define IMAGE_MAGIC "ARM\x64"

// Boot protocol: the next kernel rejects a device tree with less than 2 MiB below 1 GiB.
#define DTB_MAX_SIZE (0x200000)
#define TREE_GROWTH (64) // one more entry in its list of reservations

typedef struct _header_t {
    char magic[8];
    uint32_t packed;
    uint32_t image;
    uint32_t memory;
    uint32_t crc;
    uint32_t header_crc;
} header_t;

// Everything that is needed after the jump, in one run of frames outside both images, by offset: the image (0), the
// device tree, the copier with its plan, the tables that map it; last what has been received.
typedef struct _staging_t {
    mem_pa_t pa;
    size_t count; // frames; 0: there is none
    uint64_t dtb, copier, tables, packed;
    uint64_t tree_room; // bytes for the device tree
} staging_t;

static staging_t staging;

size_t bootloader_frames(void) {
    return staging.count;
}

static void *staged(uint64_t offset) {
    return (void *)(LAYOUT_LINEAR + staging.pa + offset);
}

// --- the line ---

static int get_byte(uint64_t deadline) {
    for (;;) {
        int byte = uart_get();
        if (byte >= 0 || timer_expired(deadline)) {
            return byte;
        }
        timer_wait_until(deadline);
    }
}

static size_t get_bytes(void *to, size_t size, uint64_t deadline) {
    uint8_t *bytes = to;
    for (size_t i = 0; i < size; ++i) {
        int byte = get_byte(deadline);
        if (byte < 0) {
            return i;
        }
        bytes[i] = (uint8_t)byte;
    }
    return size;
}

// Bytes that still arrive must not reach the REPL.
static void drain_line(void) {
    uint64_t end = timer_deadline_us(DRAIN_US);
    while (!timer_expired(end) && get_byte(timer_deadline_us(SILENCE_US)) >= 0) {
    }
}

static uint32_t crc32_of(const void *data, size_t size) {
    return ~uzlib_crc32(data, (unsigned)size, 0xffffffff);
}

// A tool that enters the raw REPL sends a return and Ctrl-C first.
static void get_header(header_t *header, uint64_t timeout_ms) {
    uint64_t deadline = timer_deadline_us(timeout_ms * 1000);
    int byte;
    do {
        byte = get_byte(deadline);
    } while (byte == '\r' || byte == '\n');
    if (byte == CTRL_C) {
        mp_raise_type(&mp_type_KeyboardInterrupt);
    }
    if (byte >= 0 && byte != MAGIC[0]) {
        bind_raise_os(-MP_EINVAL, MP_ERROR_TEXT("bootloader: 0x%02x does not begin a header"), (unsigned)byte);
    }
    header->magic[0] = (char)byte;
    size_t came = byte < 0 ? 0 : 1 + get_bytes(&header->magic[1], sizeof(*header) - 1, deadline);
    if (came != sizeof(*header)) {
        bind_raise_os(-MP_ETIMEDOUT, MP_ERROR_TEXT("bootloader: %lu of %lu header bytes within %lu ms"), came,
            sizeof(*header), timeout_ms);
    }
}

static void check_header(const header_t *header) {
    uint32_t crc = crc32_of(header, offsetof(header_t, header_crc));
    if (memcmp(header->magic, MAGIC, sizeof(header->magic)) != 0 || crc != header->header_crc) {
        bind_raise_os(-MP_EIO, MP_ERROR_TEXT("bootloader: the header's CRC-32 is 0x%08x, not 0x%08x"), (unsigned)crc,
            (unsigned)header->header_crc);
    }
    if (header->image < IMAGE_HEADER_SIZE || header->memory < header->image || header->packed == 0) {
        bind_raise_os(-MP_EINVAL, MP_ERROR_TEXT("bootloader: %lu bytes packed, %lu of image, %lu of memory cannot be"),
            (uint64_t)header->packed, (uint64_t)header->image, (uint64_t)header->memory);
    }
}

// True when the whole block arrived undamaged.
static bool try_block(uint8_t *to, size_t size, size_t number, uint64_t timeout_ms) {
    uint64_t deadline = timer_deadline_us(timeout_ms * 1000);
    uint32_t told;
    size_t came = get_bytes(to, size, deadline);
    came += came == size ? get_bytes(&told, sizeof(told), deadline) : 0;
    if (came == 0) {
        bind_raise_os(-MP_ETIMEDOUT, MP_ERROR_TEXT("bootloader: nothing of block %lu within %lu ms"), number,
            timeout_ms);
    }
    return came == size + sizeof(told) && crc32_of(to, size) == told;
}

static void get_block(uint8_t *to, size_t size, size_t number, uint64_t timeout_ms) {
    for (unsigned tries = 1; !try_block(to, size, number, timeout_ms); ++tries) {
        if (tries == BLOCK_TRIES) {
            bind_raise_os(-MP_EIO, MP_ERROR_TEXT("bootloader: block %lu came wrong %u times"), number, tries);
        }
        mp_printf(&mp_plat_print, "NAK %lu\n", number);
    }
}

static void get_blocks(const header_t *header, uint64_t timeout_ms) {
    uint8_t *to = staged(staging.packed);
    size_t number = 0;
    for (size_t left = header->packed; left != 0;) {
        mp_printf(&mp_plat_print, "ACK %lu\n", number);
        size_t size = left < BLOCK_SIZE ? left : BLOCK_SIZE;
        get_block(to, size, ++number, timeout_ms);
        to += size;
        left -= size;
    }
    mp_printf(&mp_plat_print, "ACK %lu\n", number);
}

// --- the memory ---

// The place of this kernel, large enough for both images.
static mem_range_t target_range(uint64_t memory) {
    uint64_t end = boot_map.image_pa + memory;
    end = end > boot_info.image.end ? end : boot_info.image.end;
    return (mem_range_t) {boot_map.image_pa, mem_align_up(end, MEM_PAGE_SIZE)};
}

// All of it must be RAM. Its present owner does not matter, since this kernel ends.
static void check_target(mem_range_t target) {
    mem_pa_t at = target.start;
    while (at < target.end) {
        frames_run_t run;
        bool known = frames_next_run(bind_frames_allocator(), at, &run) && run.start == at;
        if (!known || (run.state != FRAMES_STATE_FREE && run.state != FRAMES_STATE_USED)) {
            bind_raise_os(MEM_EBUSY, MP_ERROR_TEXT("bootloader: the image would lie over 0x%016lx (%s)"), at,
                known && run.name != NULL ? run.name : "no RAM");
        }
        at = run.end;
    }
}

// The first free run of frames in [from, below).
static mem_pa_t find_run(mem_pa_t from, mem_pa_t below, uint64_t size) {
    frames_run_t run;
    for (mem_pa_t at = from; frames_next_run(bind_frames_allocator(), at, &run) && run.start < below; at = run.end) {
        mem_pa_t end = run.end < below ? run.end : below;
        if (run.state == FRAMES_STATE_FREE && end - run.start >= size) {
            return run.start;
        }
    }
    return MEM_ADDR_NONE;
}

static int take_run(mem_pa_t from, size_t count) {
    mem_pa_t below = soc->ram_start + MEM_BLOCK1G_SIZE - soc->ram_reserve - DTB_MAX_SIZE;
    frames_request_t request = FRAMES_REQUEST_ANY;
    request.at = find_run(from, below, (uint64_t)count << MEM_PAGE_SHIFT);
    if (request.at == MEM_ADDR_NONE) {
        return MEM_ENOMEM;
    }
    return frames_alloc(bind_frames_allocator(), count, &request, &staging.pa, NULL);
}

static void take_staging(const header_t *header, mem_range_t target) {
    staging.dtb = mem_align_up(header->image, MEM_PAGE_SIZE);
    staging.tree_room = boot_info.dtb != NULL ? mem_align_up(boot_info.dtb_size + TREE_GROWTH, MEM_PAGE_SIZE) : 0;
    staging.copier = staging.dtb + staging.tree_room;
    staging.tables = staging.copier + MEM_PAGE_SIZE;
    staging.packed = staging.tables + DESC_LEVELS * MEM_PAGE_SIZE;
    size_t count = mem_align_up(staging.packed + header->packed, MEM_PAGE_SIZE) >> MEM_PAGE_SHIFT;
    int result = take_run(target.end, count);
    if (result == MEM_ENOMEM) {
        gc_collect();
        result = take_run(target.end, count);
    }
    if (result != MEM_OK) {
        bind_raise_os(result, MP_ERROR_TEXT("bootloader: no %lu frames in a run after 0x%016lx"), count, target.end);
    }
    staging.count = count;
}

static void give_staging_back(void) {
    if (staging.count != 0) {
        frames_free(bind_frames_allocator(), staging.pa, staging.count, NULL);
        staging.count = 0;
    }
}

// --- the image ---

static void unpack(const header_t *header) {
    uint8_t *image = staged(0);
    memset(image, 0, staging.dtb);
    uzlib_uncomp_t *state = m_new0(uzlib_uncomp_t, 1);
    uzlib_uncompress_init(state, NULL, 0);
    state->source = staged(staging.packed);
    state->source_limit = state->source + header->packed;
    state->dest_start = state->dest = image;
    state->dest_limit = image + header->image;
    int result = uzlib_uncompress(state);
    size_t size = (size_t)(state->dest - image);
    m_del(uzlib_uncomp_t, state, 1);
    if (result < 0 || size != header->image) {
        bind_raise_os(-MP_EIO, MP_ERROR_TEXT("bootloader: the image ends after %lu of %lu bytes"), size,
            (uint64_t)header->image);
    }
}

static bool is_ours(const uint8_t *image, size_t size) {
    return size >= IMAGE_MARK_AT + IMAGE_MARK_SIZE
           && memcmp(image + IMAGE_MARK_AT, IMAGE_MARK_PREFIX, strlen(IMAGE_MARK_PREFIX)) == 0;
}

// An image of this project must be for this machine; other images are not checked.
static void check_mark(const uint8_t *image, size_t size) {
    const char *mark = (const char *)image + IMAGE_MARK_AT;
    const char *own = (const char *)LAYOUT_LINEAR + boot_map.image_pa + IMAGE_MARK_AT;
    size_t prefix = strlen(IMAGE_MARK_PREFIX);
    if (is_ours(image, size) && strncmp(mark, own, IMAGE_MARK_SIZE) != 0) {
        char name[IMAGE_MARK_SIZE + 1] = "";
        strncpy(name, mark + prefix, IMAGE_MARK_SIZE - prefix);
        bind_raise_os(-MP_EINVAL, MP_ERROR_TEXT("bootloader: an image for %s, and this machine runs the one for %s"),
            name, own + prefix);
    }
}

static void check_image(const header_t *header) {
    const uint8_t *image = staged(0);
    uint32_t crc = crc32_of(image, header->image);
    if (crc != header->crc) {
        bind_raise_os(-MP_EIO, MP_ERROR_TEXT("bootloader: the image's CRC-32 is 0x%08x, not 0x%08x"), (unsigned)crc,
            (unsigned)header->crc);
    }
    uint64_t memory;
    memcpy(&memory, image + IMAGE_SIZE_AT, sizeof(memory));
    if (memcmp(image + IMAGE_MAGIC_AT, IMAGE_MAGIC, 4) != 0 || memory != header->memory) {
        bind_raise_os(-MP_EINVAL, MP_ERROR_TEXT("bootloader: not the header of an arm64 image of %lu bytes"),
            (uint64_t)header->memory);
    }
    check_mark(image, header->image);
}

static mem_range_t receive(uint64_t timeout_ms) {
    header_t header;
    (void)bind_frames_allocator(); // without them nothing is received
    mp_printf(&mp_plat_print, "BOOTLOADER %u %u\n", VERSION, BLOCK_SIZE);
    get_header(&header, timeout_ms);
    check_header(&header);
    mem_range_t target = target_range(header.memory);
    check_target(target);
    take_staging(&header, target);
    get_blocks(&header, timeout_ms);
    unpack(&header);
    check_image(&header);
    return target;
}

// --- the jump ---

// The only address that TTBR0 translates while the MMU is turned off: the copier's.
static void map_copier(void) {
    mem_pa_t page = staging.pa + staging.copier;
    for (unsigned level = 0; level < DESC_LEVELS; ++level) {
        uint64_t offset = staging.tables + level * MEM_PAGE_SIZE;
        uint64_t *table = staged(offset);
        memset(table, 0, MEM_PAGE_SIZE);
        table[desc_index(page, level)] = level < 3
            ? desc_table(staging.pa + offset + MEM_PAGE_SIZE)
            : desc_leaf(3, page, MEM_PROT_R | MEM_PROT_X | MEM_TYPE_NORMAL, false);
    }
}

// A kernel of others does not know of the page that the other cores wait in.
static bool reserve_parking_page(void *tree) {
    return fdt_open_into(boot_info.dtb, tree, (int)staging.tree_room) == 0
           && fdt_add_mem_rsv(tree, PARKING_PAGE, MEM_PAGE_SIZE) == 0 && fdt_pack(tree) == 0;
}

static uint64_t next_x0(bool ours) {
    void *tree = staged(staging.dtb);
    if (boot_info.dtb != NULL) {
        if (ours || !parking_is_used() || !reserve_parking_page(tree)) {
            memcpy(tree, boot_info.dtb, boot_info.dtb_size);
        }
        return staging.pa + staging.dtb;
    }
    // A device tree that was not copied is lost.
    return boot_map.dtb_size != 0 ? 0 : boot_info.x0;
}

static void stage_copier(mem_range_t target) {
    chain_plan_t plan = {
        .linear = {LAYOUT_LINEAR + target.start, LAYOUT_LINEAR + target.end},
        .source = {staging.pa, staging.pa + staging.dtb},
        .target = target,
        .entry = target.start,
        .x0 = next_x0(is_ours(staged(0), staging.dtb)),
        .el = boot_info.entry_el,
    };
    parking_plan(&plan);
    memcpy(staged(staging.copier), chain_copier, (size_t)(chain_copier_end - chain_copier));
    memcpy(staged(staging.copier + CHAIN_PLAN_AT), &plan, sizeof(plan));
    map_copier();
    arch_clean_inval_poc(LAYOUT_LINEAR + staging.pa, staging.packed);
    arch_sync_code((uintptr_t)staged(staging.copier), MEM_PAGE_SIZE);
}

NORETURN static void enter(mem_range_t target) {
    stage_copier(target);
    mp_printf(&mp_plat_print, "RUN\n");
    uart_flush();
    machine_pin_deinit();
    (void)cpu_irq_save();
    cpu_timer_stop();
    irq_init(soc); // every interrupt disabled, none pending
    parking_wake();
    mem_pa_t copier = staging.pa + staging.copier;
    chain_jump(desc_ttbr(staging.pa + staging.tables, 0), copier, copier + CHAIN_PLAN_AT);
}

static uint64_t get_timeout(size_t n_args, const mp_obj_t *args) {
    uint64_t ms = n_args != 0 ? bind_get_size(args[0], "timeout_ms") : DEFAULT_TIMEOUT_MS;
    if (ms > MAX_TIMEOUT_MS) {
        bind_raise_value(MP_ERROR_TEXT("timeout_ms %lu is over %lu"), ms, (uint64_t)MAX_TIMEOUT_MS);
    }
    return ms;
}

// Ctrl-C is a byte like any other in an image.
NORETURN void mp_machine_bootloader(size_t n_args, const mp_obj_t *args) {
    uint64_t timeout_ms = get_timeout(n_args, args);
    int interrupt = mp_interrupt_char;
    nlr_buf_t nlr;
    mp_hal_set_interrupt_char(-1);
    if (nlr_push(&nlr) == 0) {
        enter(receive(timeout_ms));
    }
    give_staging_back();
    if (mp_obj_get_type(MP_OBJ_FROM_PTR(nlr.ret_val)) != &mp_type_KeyboardInterrupt) {
        drain_line(); // input after a Ctrl-C is for the REPL
    }
    mp_hal_set_interrupt_char(interrupt);
    nlr_jump(nlr.ret_val);
}
