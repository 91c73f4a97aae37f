// SPDX-License-Identifier: MIT
// See user_copy.h. All pages are looked at before the first byte is copied. The tables do not change in between: the
// kernel has one thread.

#include "user_copy.h"

#include <string.h>

// The bytes from va to the end of its page, `left` at most.
static uint64_t piece(mem_va_t va, uint64_t left) {
    uint64_t rest = MEM_PAGE_SIZE - (va & (MEM_PAGE_SIZE - 1));
    return rest < left ? rest : left;
}

// Where the kernel sees a byte that EL0 may access with `prot`; NULL when it may not.
static uint8_t *find(space_t *space, mem_va_t va, mem_attrs_t prot) {
    mem_pa_t pa;
    mem_attrs_t attrs;
    if (paging_translate(&space->paging, va, &pa, &attrs) != MEM_OK || (attrs & prot) != prot
        || (attrs & MEM_TYPE_MASK) != MEM_TYPE_NORMAL) {
        return NULL;
    }
    return mem_source_va(space->paging.source, pa);
}

static int check(space_t *space, mem_va_t va, uint64_t size, mem_attrs_t prot, mem_va_t *where) {
    for (uint64_t n; size != 0; va += n, size -= n) {
        n = piece(va, size);
        if (find(space, va, prot) == NULL) {
            *where = va;
            return MEM_EFAULT;
        }
    }
    return MEM_OK;
}

int user_copy_from(space_t *space, void *to, mem_va_t va, uint64_t size, mem_va_t *where) {
    const mem_attrs_t prot = MEM_PROT_R | MEM_PROT_U;
    int result = check(space, va, size, prot, where);
    uint8_t *at = to;
    for (uint64_t n; result == MEM_OK && size != 0; at += n, va += n, size -= n) {
        n = piece(va, size);
        memcpy(at, find(space, va, prot), n);
    }
    return result;
}

int user_copy_to(space_t *space, mem_va_t va, const void *from, uint64_t size, mem_va_t *where) {
    const mem_attrs_t prot = MEM_PROT_R | MEM_PROT_W | MEM_PROT_U;
    int result = check(space, va, size, prot, where);
    const uint8_t *at = from;
    for (uint64_t n; result == MEM_OK && size != 0; at += n, va += n, size -= n) {
        n = piece(va, size);
        memcpy(find(space, va, prot), at, n);
    }
    return result;
}
