// SPDX-License-Identifier: MIT
// Translation tables against one descriptor-like word per page, with table allocations that fail now and then: a call
// that fails leaves every table as it was.

#include "fuzz.h"
#include "core/paging/paging.h"

#define FRAMES (256)
#define WINDOW ((size_t)2560) // pages that the model covers: five 2 MiB blocks, the first at the end of a GiB
#define FIRST_PAGE (((size_t)1 << 18) - 512)
#define PA_LIMIT ((mem_pa_t)1 << 40)
#define CHANGES (64)

typedef struct _page_t {
    mem_pa_t pa;
    mem_attrs_t attrs; // 0: unmapped
} page_t;

static uint8_t arena[FRAMES * MEM_PAGE_SIZE] __attribute__((aligned(4096)));
static bool taken[FRAMES];
static size_t n_taken;
static size_t budget; // allocations until one fails
static page_t model[WINDOW];
static paging_t paging;

static int source_alloc(void *ctx, mem_pa_t *pa) {
    (void)ctx;
    if (budget == 0) {
        return MEM_ENOMEM;
    }
    --budget;
    for (size_t i = 0; i < FRAMES; ++i) {
        if (!taken[i]) {
            taken[i] = true;
            ++n_taken;
            memset(arena + i * MEM_PAGE_SIZE, 0xa5, MEM_PAGE_SIZE);
            *pa = i * MEM_PAGE_SIZE;
            return MEM_OK;
        }
    }
    return MEM_ENOMEM;
}

static void source_free(void *ctx, mem_pa_t pa, size_t count) {
    (void)ctx;
    for (size_t i = 0; i < count; ++i) {
        FUZZ_CHECK(taken[pa / MEM_PAGE_SIZE + i]);
        taken[pa / MEM_PAGE_SIZE + i] = false;
        --n_taken;
    }
}

static mem_va_t va_of(size_t page) {
    return (mem_va_t)(FIRST_PAGE + page) << MEM_PAGE_SHIFT;
}

// A digest of all tables in use, whatever is in frames that are not.
static uint64_t digest(void) {
    uint64_t sum = n_taken;
    for (size_t i = 0; i < FRAMES; ++i) {
        const uint64_t *words = (const uint64_t *)(arena + i * MEM_PAGE_SIZE);
        for (size_t k = 0; taken[i] && k < DESC_ENTRIES; ++k) {
            sum = (sum ^ words[k] ^ i) * UINT64_C(0x9e3779b97f4a7c15) + k;
        }
    }
    return sum;
}

static mem_attrs_t read_prot(fuzz_input_t *in) {
    static const mem_attrs_t prots[] = {
        MEM_PROT_R, MEM_PROT_R | MEM_PROT_W, MEM_PROT_R | MEM_PROT_X, MEM_PROT_R | MEM_PROT_U,
    };
    return prots[fuzz_byte(in) % 4];
}

static void map(size_t page, size_t n, fuzz_input_t *in, unsigned flags) {
    mem_attrs_t attrs = read_prot(in);
    mem_pa_t pa = (mem_pa_t)(fuzz_byte(in) & 1 ? page + FIRST_PAGE : fuzz_word(in)) << MEM_PAGE_SHIFT;
    bool vacant = true;
    for (size_t i = 0; i < n; ++i) {
        vacant = vacant && model[page + i].attrs == 0;
    }
    uint64_t before = digest();
    const paging_run_t run = {.va = va_of(page), .size = n * MEM_PAGE_SIZE, .pa = pa, .attrs = attrs};
    int result = paging_map(&paging, &run, flags & PAGING_PAGES_ONLY, NULL);
    FUZZ_CHECK(result == (vacant ? MEM_OK : MEM_EEXIST) || (vacant && result == MEM_ENOMEM));
    FUZZ_CHECK(result == MEM_OK || digest() == before);
    for (size_t i = 0; result == MEM_OK && i < n; ++i) {
        model[page + i] = (page_t) {pa + i * MEM_PAGE_SIZE, attrs};
    }
}

// Unmaps, or protects with `attrs` if not 0.
static void change(size_t page, size_t n, mem_attrs_t attrs, unsigned flags) {
    bool present = true;
    for (size_t i = 0; i < n; ++i) {
        present = present && model[page + i].attrs != 0;
    }
    uint64_t size = n * MEM_PAGE_SIZE;
    uint64_t before = digest();
    int result = attrs == 0 ? paging_unmap(&paging, va_of(page), size, flags & PAGING_NO_SPLIT, NULL)
        : paging_protect(&paging, va_of(page), size, attrs, flags & PAGING_NO_SPLIT, NULL);
    FUZZ_CHECK(present || result == MEM_ENOENT || result == MEM_EPERM);
    FUZZ_CHECK(!present || result == MEM_OK || result == MEM_ENOMEM || result == MEM_EPERM);
    FUZZ_CHECK(result == MEM_OK || digest() == before);
    for (size_t i = 0; result == MEM_OK && i < n; ++i) {
        model[page + i].attrs = attrs;
    }
}

static void step(fuzz_input_t *in) {
    unsigned op = fuzz_byte(in);
    size_t page = fuzz_word(in) % WINDOW;
    size_t n = op & 8 ? 512u * (1 + fuzz_byte(in) % 3) : 1u + fuzz_byte(in);
    page = op & 16 ? page & ~(size_t)511 : page;
    n = n < WINDOW - page ? n : WINDOW - page;
    budget = op & 32 ? op >> 6 : SIZE_MAX;
    size_t tables = paging.tables;
    switch (op & 7) {
        case 0:
        case 1:
        case 2:
            map(page, n, in, op & 1 ? PAGING_PAGES_ONLY : 0);
            break;
        case 3:
        case 4:
            change(page, n, 0, op & 1 ? PAGING_NO_SPLIT : 0);
            break;
        case 5:
        case 6:
            change(page, n, read_prot(in), op & 1 ? PAGING_NO_SPLIT : 0);
            break;
        default:
            FUZZ_CHECK(paging_compact(&paging, va_of(page), n * MEM_PAGE_SIZE) == tables - paging.tables);
            break;
    }
    budget = SIZE_MAX;
    FUZZ_CHECK(paging.tables == n_taken);
}

static void compare(void) {
    for (size_t i = 0; i < WINDOW; ++i) {
        mem_pa_t pa;
        mem_attrs_t attrs;
        int result = paging_translate(&paging, va_of(i) + i % MEM_PAGE_SIZE, &pa, &attrs);
        FUZZ_CHECK(result == (model[i].attrs != 0 ? MEM_OK : MEM_ENOENT));
        FUZZ_CHECK(result != MEM_OK || (pa == model[i].pa + i % MEM_PAGE_SIZE && attrs == model[i].attrs));
    }
    FUZZ_CHECK(paging_check(&paging, NULL, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mem_source_t source = { NULL, source_alloc, source_free, (uint64_t)(uintptr_t)arena };
    fuzz_input_t in = { data, data + size };
    memset(taken, 0, sizeof(taken));
    memset(model, 0, sizeof(model));
    n_taken = 0;
    budget = SIZE_MAX;
    FUZZ_CHECK(paging_init(&paging, &source, false, 1, PA_LIMIT) == MEM_OK);
    paging.live = true;
    for (unsigned i = 0; i < CHANGES && fuzz_more(&in); ++i) {
        step(&in);
    }
    compare();
    paging_destroy(&paging);
    FUZZ_CHECK(n_taken == 0);
    return 0;
}
