// SPDX-License-Identifier: MIT
// The frame allocator against one byte per frame: what it hands out was free and fits the request; what it refuses was
// really not there.

#include "core/frames/frames.h"
#include "fuzz.h"

// Two banks with a hole of 10 MiB between them, the first across the end of the DMA zone, ends not at blocks.
#define FIRST ((FRAMES_DMA_LIMIT >> MEM_PAGE_SHIFT) - 700)
#define FRAMES (4096)
#define HOLE_START (1900)
#define HOLE_END (4460)
#define SPAN (HOLE_END + FRAMES - HOLE_START)

enum { HOLE, FREE, USED, RESERVED };

static uint8_t model[SPAN];
static frames_t frames;
static uint64_t metadata[1024];

static mem_pa_t pa_of(size_t index) {
    return (mem_pa_t)(FIRST + index) << MEM_PAGE_SHIFT;
}

static void set_up(void) {
    mem_range_t banks[] = { { pa_of(HOLE_END), pa_of(SPAN) }, { pa_of(0), pa_of(HOLE_START) } };
    FUZZ_CHECK(frames_metadata_size(banks, 2) <= sizeof(metadata));
    memset(metadata, 0xa5, sizeof(metadata));
    FUZZ_CHECK(frames_init(&frames, banks, 2, metadata, sizeof(metadata)) == MEM_OK);
    memset(model, FREE, sizeof(model));
    memset(model + HOLE_START, HOLE, HOLE_END - HOLE_START);
}

static bool is_all(size_t index, size_t count, uint8_t state) {
    for (size_t i = 0; i < count; ++i) {
        if (index + i >= SPAN || model[index + i] != state) {
            return false;
        }
    }
    return true;
}

// Whether there is an aligned run of free frames that ends by `below`.
static bool is_there(size_t count, size_t align, mem_pa_t below) {
    size_t start = 0; // the lowest aligned place after the last frame that is not free
    for (size_t i = 0; i < SPAN && pa_of(i + 1) <= below; ++i) {
        if (model[i] != FREE) {
            start = ((FIRST + i + 1 + align - 1) & ~(align - 1)) - FIRST;
        } else if (i == 0) {
            start = ((FIRST + align - 1) & ~(align - 1)) - FIRST;
        }
        if (model[i] == FREE && i + 1 >= start + count) {
            return true;
        }
    }
    return false;
}

static void alloc(fuzz_input_t *in) {
    unsigned kind = fuzz_byte(in);
    size_t count = kind & 1 ? fuzz_byte(in) % 70 : (size_t)1 << fuzz_byte(in) % 11;
    count += kind & 2 ? fuzz_byte(in) * 3 : 0;
    frames_request_t request = FRAMES_REQUEST_ANY;
    request.align = kind & 4 ? (size_t)1 << fuzz_byte(in) % 12 : 1;
    request.below = kind & 8 ? pa_of(fuzz_word(in) % (SPAN + 600)) : MEM_ADDR_NONE;
    mem_pa_t pa = MEM_ADDR_NONE;
    frames_error_t why = { .result = MEM_OK };
    int result = frames_alloc(&frames, count, kind & 16 ? NULL : &request, &pa, &why);
    if (kind & 16) {
        request = (frames_request_t)FRAMES_REQUEST_ANY;
    }
    if (result == MEM_OK) {
        size_t index = (size_t)(pa >> MEM_PAGE_SHIFT) - FIRST;
        FUZZ_CHECK(pa >= pa_of(0) && pa % (request.align << MEM_PAGE_SHIFT) == 0);
        FUZZ_CHECK(is_all(index, count, FREE) && pa_of(index + count) <= request.below);
        memset(model + index, USED, count);
    } else {
        FUZZ_CHECK(pa == MEM_ADDR_NONE && result == why.result && result == (count == 0 ? MEM_EINVAL : MEM_ENOMEM));
        FUZZ_CHECK(count == 0 || !is_there(count, request.align, request.below));
    }
}

static void alloc_at(fuzz_input_t *in) {
    size_t index = fuzz_word(in) % SPAN;
    size_t count = 1 + fuzz_byte(in);
    frames_request_t request = { .align = 1, .at = pa_of(index), .below = MEM_ADDR_NONE };
    mem_pa_t pa;
    frames_error_t why;
    int result = frames_alloc(&frames, count, &request, &pa, &why);
    FUZZ_CHECK((result == MEM_OK) == is_all(index, count, FREE));
    FUZZ_CHECK(result == MEM_OK || is_all(index, (size_t)(why.pa >> MEM_PAGE_SHIFT) - FIRST - index, FREE));
    if (result == MEM_OK) {
        FUZZ_CHECK(pa == request.at);
        memset(model + index, USED, count);
    }
}

static void alloc_some(fuzz_input_t *in) {
    size_t most = fuzz_word(in) % 3000;
    mem_pa_t pa;
    size_t count = frames_alloc_some(&frames, most, &pa);
    FUZZ_CHECK(count <= most && !is_there(count + 1 <= most ? count + 1 : SPAN + 1, 1, MEM_ADDR_NONE));
    if (count != 0) {
        size_t index = (size_t)(pa >> MEM_PAGE_SHIFT) - FIRST;
        FUZZ_CHECK(is_all(index, count, FREE));
        memset(model + index, USED, count);
    }
}

static void give_back(fuzz_input_t *in) {
    size_t index = fuzz_word(in) % (SPAN + 16);
    size_t count = fuzz_byte(in) & 1 ? 1 : fuzz_byte(in) * 5;
    if (fuzz_byte(in) & 1) {
        // More often than not, something that is in use.
        while (index < SPAN && model[index] != USED) {
            ++index;
        }
    }
    frames_error_t why = { 0 };
    int result = frames_free(&frames, pa_of(index), count, &why);
    FUZZ_CHECK((result == MEM_OK) == (count != 0 && is_all(index, count, USED)));
    if (result == MEM_OK) {
        memset(model + index, FREE, count);
    } else {
        FUZZ_CHECK(why.kind != FRAMES_NO_ERROR);
    }
}

static void reserve(fuzz_input_t *in) {
    size_t index = fuzz_word(in) % SPAN;
    size_t count = 1 + fuzz_byte(in);
    uint64_t size = (uint64_t)count << MEM_PAGE_SHIFT;
    bool clean = true;
    for (size_t i = index; i < index + count && i < SPAN; ++i) {
        clean = clean && model[i] != USED && model[i] != RESERVED;
    }
    int result = frames_reserve(&frames, pa_of(index), size, "fuzz", NULL);
    FUZZ_CHECK(result != MEM_OK || clean);
    for (size_t i = index; result == MEM_OK && i < index + count && i < SPAN; ++i) {
        model[i] = model[i] == FREE ? RESERVED : model[i];
    }
}

static void compare(void) {
    size_t counts[4] = { 0 };
    frames_stats_t stats;
    for (size_t i = 0; i < SPAN; ++i) {
        counts[model[i]]++;
    }
    FUZZ_CHECK(frames_check(&frames) == 0);
    frames_stats(&frames, &stats);
    FUZZ_CHECK(stats.free == counts[FREE] && stats.used == counts[USED] && stats.reserved == counts[RESERVED]);
}

typedef void (*step_t)(fuzz_input_t *in);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const step_t steps[] = {
        alloc, give_back, alloc, give_back, alloc_at, alloc_some, reserve, give_back,
    };
    fuzz_input_t in = { data, data + size };
    set_up();
    while (fuzz_more(&in)) {
        steps[fuzz_byte(&in) % 8](&in);
    }
    compare();
    return 0;
}
