// SPDX-License-Identifier: MIT
// The blocks that QEMU translated. They are never freed, since a line may name its last writer; the
// same instructions at the same place are one block, so that they are bounded by what ran.
#include <stdlib.h>

#include "decode.h"
#include "event.h"

#define BUCKETS 65536
#define CHUNK 4096

typedef struct node {
    struct node *next;
    hw_block_t block;
} node_t;

static node_t *bucket[BUCKETS];

static bool same(const hw_block_t *block, const uint32_t *words, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (block->insn[i].word != words[i]) {
            return false;
        }
    }
    return true;
}

// Never freed, as the blocks.
static hw_hot_t *new_hot(hw_block_t *block) {
    static hw_hot_t *chunk;
    static unsigned left;
    if (!left) {
        left = CHUNK;
        chunk = aligned_alloc(64, CHUNK * sizeof *chunk);
        if (!chunk) {
            abort();
        }
    }
    hw_hot_t *hot = &chunk[--left];
    *hot = (hw_hot_t) {0, block};
    return hot;
}

static node_t *make(uint64_t va, uint64_t pa, const uint32_t *words, uint32_t count) {
    node_t *node = calloc(1, sizeof *node);
    hw_insn_t *insn = calloc(count, sizeof *insn);
    if (!node || !insn) {
        abort();
    }
    node->block = (hw_block_t) {.va = va, .pa = pa, .count = count, .insn = insn};
    node->block.hot = new_hot(&node->block);
    for (uint32_t i = 0; i < count; i++) {
        insn[i].block = &node->block;
        decode(words[i], &insn[i]);
        node->block.fp |= insn[i].fp;
    }
    return node;
}

hw_block_t *block_of(uint64_t va, uint64_t pa, const uint32_t *words, uint32_t count) {
    node_t **list = &bucket[(va / 4 * 31 ^ pa / 4 ^ words[0]) % BUCKETS];
    for (node_t *node = *list; node; node = node->next) {
        hw_block_t *block = &node->block;
        if (block->va == va && block->pa == pa && block->count == count && same(block, words, count)) {
            return block;
        }
    }
    node_t *node = make(va, pa, words, count);
    node->next = *list;
    *list = node;
    return &node->block;
}
