// SPDX-License-Identifier: MIT
// Sparse arrays. An entry of a table is 0, or the address of a frame; that of a table has in its low bits how many of
// the table's entries are not 0, so that a table is freed with its last page.

#include "sparse.h"

#include <string.h>

#define INDEX_BITS (9)
#define ENTRIES ((size_t)1 << INDEX_BITS)
#define COUNT_MASK (MEM_PAGE_MASK)

// The entries on the way to a page: entry[levels] is that of the highest table, entry[0] that of the page.
typedef struct _sparse_path_t {
    uint64_t *entry[SPARSE_MAX_LEVELS + 1];
} sparse_path_t;

static uint64_t *table_at(const sparse_t *sparse, uint64_t entry) {
    return mem_source_va(sparse->source, entry & ~COUNT_MASK);
}

static size_t index_of(uint64_t page, unsigned level) {
    return (page >> (level * INDEX_BITS)) & (ENTRIES - 1);
}

// The frame of a page, NULL if it has none.
static uint8_t *find_page(const sparse_t *sparse, uint64_t page) {
    uint64_t entry = sparse->top;
    for (unsigned level = sparse->levels; level-- != 0 && entry != 0;) {
        entry = table_at(sparse, entry)[index_of(page, level)];
    }
    return entry != 0 ? mem_source_va(sparse->source, entry) : NULL;
}

// Fills path->entry[] from the highest table down to the first entry that is 0, and returns that one's level; 0 also
// when the page has a frame.
static unsigned find_path(sparse_t *sparse, uint64_t page, sparse_path_t *path) {
    unsigned level = sparse->levels;
    path->entry[level] = &sparse->top;
    while (level != 0 && *path->entry[level] != 0) {
        uint64_t *table = table_at(sparse, *path->entry[level]);
        --level;
        path->entry[level] = &table[index_of(page, level)];
    }
    return level;
}

// Frees what the entry at `level` leads to, which is empty, and the tables above it that are empty then.
static void prune(sparse_t *sparse, const sparse_path_t *path, unsigned level) {
    for (; level <= sparse->levels; ++level) {
        uint64_t *entry = path->entry[level];
        sparse->source->free(sparse->source->ctx, *entry & ~COUNT_MASK, 1);
        *entry = 0;
        if (level == sparse->levels || (--*path->entry[level + 1] & COUNT_MASK) != 0) {
            return;
        }
    }
}

// A frame of zeros for the entry at `level`.
static int take_frame(sparse_t *sparse, const sparse_path_t *path, unsigned level) {
    mem_pa_t pa;
    int result = sparse->source->alloc(sparse->source->ctx, &pa);
    if (result != MEM_OK) {
        return result;
    }
    memset(mem_source_va(sparse->source, pa), 0, MEM_PAGE_SIZE);
    *path->entry[level] = pa;
    if (level != sparse->levels) {
        ++*path->entry[level + 1];
    }
    return MEM_OK;
}

// The frame of a page, with the tables on the way; NULL when one of them cannot be had, and nothing has changed.
static uint8_t *make_page(sparse_t *sparse, uint64_t page) {
    sparse_path_t path;
    unsigned level = find_path(sparse, page, &path);
    while (*path.entry[level] == 0) {
        if (take_frame(sparse, &path, level) != MEM_OK) {
            if (level != sparse->levels && (*path.entry[level + 1] & COUNT_MASK) == 0) {
                prune(sparse, &path, level + 1);
            }
            return NULL;
        }
        level = find_path(sparse, page, &path);
    }
    return mem_source_va(sparse->source, *path.entry[0]);
}

static bool is_zero(const uint8_t *bytes, size_t size) {
    // All bytes are equal to the first, which is 0.
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

// How many of `size` bytes from `at` on are in the same page.
static size_t in_page(uint64_t at, uint64_t size) {
    uint64_t room = MEM_PAGE_SIZE - (at & MEM_PAGE_MASK);
    return size < room ? size : room;
}

void sparse_init(sparse_t *sparse, const mem_source_t *source, uint64_t size) {
    unsigned levels = 1;
    while (size > (uint64_t)1 << (MEM_PAGE_SHIFT + INDEX_BITS * levels)) {
        ++levels;
    }
    *sparse = (sparse_t) {.source = source, .size = size, .levels = levels};
}

bool sparse_has_page(const sparse_t *sparse, uint64_t at) {
    return find_page(sparse, at >> MEM_PAGE_SHIFT) != NULL;
}

void sparse_read(const sparse_t *sparse, uint64_t at, void *to, size_t size) {
    for (size_t piece; size != 0; at += piece, to = (uint8_t *)to + piece, size -= piece) {
        piece = in_page(at, size);
        const uint8_t *page = find_page(sparse, at >> MEM_PAGE_SHIFT);
        if (page != NULL) {
            memcpy(to, page + (at & MEM_PAGE_MASK), piece);
        } else {
            memset(to, 0, piece);
        }
    }
}

// A part of one page that has a frame.
static void clear_part(sparse_t *sparse, const sparse_path_t *path, uint64_t at, size_t size) {
    uint8_t *page = mem_source_va(sparse->source, *path->entry[0]);
    memset(page + (at & MEM_PAGE_MASK), 0, size);
    if (size == MEM_PAGE_SIZE || is_zero(page, MEM_PAGE_SIZE)) {
        prune(sparse, path, 0);
    }
}

void sparse_clear(sparse_t *sparse, uint64_t at, uint64_t size) {
    for (uint64_t piece; size != 0; at += piece, size -= piece) {
        sparse_path_t path;
        unsigned level = find_path(sparse, at >> MEM_PAGE_SHIFT, &path);
        // The whole range of an entry that is 0 is skipped.
        uint64_t span = MEM_PAGE_SIZE << (level * INDEX_BITS);
        uint64_t room = span - (at & (span - 1));
        piece = size < room ? size : room;
        if (*path.entry[level] != 0) {
            clear_part(sparse, &path, at, piece);
        }
    }
}

int sparse_write(sparse_t *sparse, uint64_t at, const void *from, size_t size) {
    for (size_t piece; size != 0; at += piece, from = (const uint8_t *)from + piece, size -= piece) {
        piece = in_page(at, size);
        if (is_zero(from, piece)) {
            sparse_clear(sparse, at, piece);
            continue;
        }
        uint8_t *page = make_page(sparse, at >> MEM_PAGE_SHIFT);
        if (page == NULL) {
            return MEM_ENOMEM;
        }
        memcpy(page + (at & MEM_PAGE_MASK), from, piece);
    }
    return MEM_OK;
}

// The frame of an entry and what is below it.
static size_t count_below(const sparse_t *sparse, uint64_t entry, unsigned level) {
    size_t count = entry != 0;
    for (size_t i = 0; level != 0 && entry != 0 && i < ENTRIES; ++i) {
        count += count_below(sparse, table_at(sparse, entry)[i], level - 1);
    }
    return count;
}

size_t sparse_count(const sparse_t *sparse) {
    return count_below(sparse, sparse->top, sparse->levels);
}
