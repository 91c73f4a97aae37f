// SPDX-License-Identifier: MIT
// Workloads on translation tables: 1 GiB of a lower half that the hardware is taken to be using.

#include <string.h>

#include "bench.h"
#include "core/paging/paging.h"

#define AREA (MEM_BLOCK1G_SIZE) // where it is mapped: virtual, physical, and how much
#define PAGES ((size_t)1 << 18)
#define TABLES ((size_t)513) // for PAGES: one of level 2, 512 of level 3
#define SPARE_TABLES ((size_t)64)
#define POOL (TABLES + SPARE_TABLES)
#define LOOKUPS ((size_t)1 << 16)
#define LOOKUP_ROUNDS (8)
#define BLOCK_ROUNDS (200)

enum { FLOOR, OURS };

// ---- where the tables come from: frames of an arena at physical address 0, last freed first ------------------------

static uint8_t *arena;
static mem_pa_t pool[POOL];
static size_t pool_count;
static mem_source_t source;
static mem_va_t lookups[LOOKUPS];

static int pool_alloc(void *ctx, mem_pa_t *pa) {
    (void)ctx;
    if (pool_count == 0) {
        return MEM_ENOMEM;
    }
    *pa = pool[--pool_count];
    return MEM_OK;
}

static void pool_free(void *ctx, mem_pa_t pa, size_t count) {
    (void)ctx;
    for (size_t i = 0; i < count; ++i) {
        pool[pool_count++] = pa + i * MEM_PAGE_SIZE;
    }
}

static void must(int result) {
    if (result != MEM_OK) {
        bench_fail("a call that must succeed failed", "paging");
    }
}

static void set_up(paging_t *p) {
    if (arena == NULL) {
        arena = bench_memory(POOL * MEM_PAGE_SIZE);
        for (size_t i = 0; i < POOL; ++i) {
            pool[pool_count++] = (POOL - 1 - i) * MEM_PAGE_SIZE;
        }
        source = (mem_source_t) { NULL, pool_alloc, pool_free, (uint64_t)(uintptr_t)arena };
    }
    for (size_t i = 0; i < LOOKUPS; ++i) {
        lookups[i] = AREA + ((mem_va_t)(bench_random() % PAGES) << MEM_PAGE_SHIFT);
    }
    must(paging_init(p, &source, false, 1, (mem_pa_t)1 << 40));
    p->live = true;
}

// All tables are to be back.
static void tear_down(paging_t *p) {
    if (paging_check(p, NULL, NULL) != 0) {
        bench_fail("the tables are not sound", "paging");
    }
    paging_destroy(p);
    if (pool_count != POOL) {
        bench_fail("tables are lost", "paging");
    }
}

// Maps AREA bytes at AREA to physical address `pa`.
static int map_area(paging_t *p, mem_pa_t pa, unsigned flags) {
    const paging_run_t run = {.va = AREA, .size = AREA, .pa = pa, .attrs = MEM_PROT_R | MEM_PROT_W};
    return paging_map(p, &run, flags, NULL);
}

static void map_pages(paging_t *p) {
    must(map_area(p, AREA, PAGING_PAGES_ONLY));
}

// ---- changing ------------------------------------------------------------------------------------------------------

// Clears the tables and stores every descriptor.
static double run_floor(void) {
    static uint64_t *tables;
    if (tables == NULL) {
        tables = bench_memory(TABLES * MEM_PAGE_SIZE);
    }
    double start = bench_now();
    for (size_t i = 0; i < TABLES; ++i) {
        memset(&tables[i * DESC_ENTRIES], 0, MEM_PAGE_SIZE);
        bench_use(tables[i * DESC_ENTRIES]);
    }
    for (size_t i = 0; i < PAGES; ++i) {
        tables[DESC_ENTRIES + i] = desc_leaf(3, i << MEM_PAGE_SHIFT, MEM_PROT_R | MEM_PROT_W, false);
    }
    double end = bench_now();
    bench_use(tables[bench_random() % PAGES]);
    return (end - start) / (double)PAGES;
}

static double run_map(const bench_work_t *work, unsigned who) {
    paging_t p;
    (void)work;
    if (who == FLOOR) {
        return run_floor();
    }
    set_up(&p);
    double start = bench_now();
    map_pages(&p);
    double end = bench_now();
    tear_down(&p);
    return (end - start) / (double)PAGES;
}

static double run_protect(const bench_work_t *work, unsigned who) {
    paging_t p;
    (void)work;
    if (who == FLOOR) {
        return run_floor();
    }
    set_up(&p);
    map_pages(&p);
    double start = bench_now();
    must(paging_protect(&p, AREA, AREA, MEM_PROT_R, 0, NULL));
    double end = bench_now();
    tear_down(&p);
    return (end - start) / (double)PAGES;
}

static double run_unmap(const bench_work_t *work, unsigned who) {
    paging_t p;
    (void)work;
    if (who == FLOOR) {
        return run_floor();
    }
    set_up(&p);
    map_pages(&p);
    double start = bench_now();
    must(paging_unmap(&p, AREA, AREA, 0, NULL));
    double end = bench_now();
    tear_down(&p);
    return (end - start) / (double)PAGES;
}

// Maps and unmaps by the largest blocks: 1 GiB blocks, or (from a physical address 2 MiB further) 512 of 2 MiB.
static double run_blocks(const bench_work_t *work, unsigned who) {
    paging_t p;
    (void)who;
    set_up(&p);
    double start = bench_now();
    for (unsigned i = 0; i < BLOCK_ROUNDS; ++i) {
        must(map_area(&p, AREA + work->size, 0));
        must(paging_unmap(&p, AREA, AREA, 0, NULL));
    }
    double end = bench_now();
    tear_down(&p);
    return (end - start) / BLOCK_ROUNDS;
}

// Makes the first page of each of 512 blocks of 2 MiB read-only.
static double run_split(const bench_work_t *work, unsigned who) {
    paging_t p;
    (void)who;
    set_up(&p);
    must(map_area(&p, AREA + MEM_BLOCK2M_SIZE, 0));
    double start = bench_now();
    for (size_t i = 0; i < work->size; ++i) {
        must(paging_protect(&p, AREA + i * MEM_BLOCK2M_SIZE, MEM_PAGE_SIZE, MEM_PROT_R, 0, NULL));
    }
    double end = bench_now();
    tear_down(&p);
    return (end - start) / (double)work->size;
}

// ---- looking -------------------------------------------------------------------------------------------------------

// Two loads, the second at an address that the first gives: the last two levels, nothing checked.
static uint64_t look_floor(const paging_t *p) {
    const uint64_t *root = mem_source_va(&source, p->root);
    const uint64_t *level1 = mem_source_va(&source, desc_table_pa(root[desc_index(AREA, 0)]));
    const uint64_t *level2 = mem_source_va(&source, desc_table_pa(level1[desc_index(AREA, 1)]));
    uint64_t sum = 0;
    for (size_t i = 0; i < LOOKUPS; ++i) {
        const uint64_t *level3 = mem_source_va(&source, desc_table_pa(level2[desc_index(lookups[i], 2)]));
        sum += level3[desc_index(lookups[i], 3)];
    }
    return sum;
}

static uint64_t look_ours(paging_t *p) {
    uint64_t sum = 0;
    for (size_t i = 0; i < LOOKUPS; ++i) {
        mem_pa_t pa;
        must(paging_translate(p, lookups[i], &pa, NULL));
        sum += pa;
    }
    return sum;
}

static double run_translate(const bench_work_t *work, unsigned who) {
    paging_t p;
    (void)work;
    set_up(&p);
    map_pages(&p);
    bench_use(who == FLOOR ? look_floor(&p) : look_ours(&p));
    double start = bench_now();
    for (unsigned i = 0; i < LOOKUP_ROUNDS; ++i) {
        bench_use(who == FLOOR ? look_floor(&p) : look_ours(&p));
    }
    double end = bench_now();
    tear_down(&p);
    return (end - start) / (double)(LOOKUPS * LOOKUP_ROUNDS);
}

// Finds that all pages are one run, from their descriptors.
static double run_walk(const bench_work_t *work, unsigned who) {
    paging_t p;
    paging_run_t run;
    (void)work;
    (void)who;
    set_up(&p);
    map_pages(&p);
    double start = bench_now();
    bool found = paging_next_run(&p, 0, 0, &run);
    double end = bench_now();
    if (!found || run.va != AREA || run.size != AREA) {
        bench_fail("the run is not found", "paging");
    }
    tear_down(&p);
    return (end - start) / (double)PAGES;
}

#define BOTH { "floor", "ours" }

const bench_work_t bench_paging[] = {
    { "paging.map", "ns", run_map, BOTH, 0, 0, 0 },
    { "paging.protect", "ns", run_protect, BOTH, 0, 0, 0 },
    { "paging.unmap", "ns", run_unmap, BOTH, 0, 0, 0 },
    { "paging.translate", "ns", run_translate, BOTH, 0, 0, 0 },
    { "paging.walk", "ns", run_walk, { "ours" }, 0, 0, 0 },
    { "paging.blocks.2m", "ns", run_blocks, { "ours" }, MEM_BLOCK2M_SIZE, 0, 0 },
    { "paging.blocks.1g", "ns", run_blocks, { "ours" }, 0, 0, 0 },
    { "paging.split", "ns", run_split, { "ours" }, SPARE_TABLES - 4, 0, 0 },
    { NULL },
};
