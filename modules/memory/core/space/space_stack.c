// SPDX-License-Identifier: MIT
// See space_stack.h.

#include "space_stack.h"

#include "core/arch.h"
#include "space_paged.h"

int space_stack_open(space_stack_t *stack, spaces_t *s, space_t *kernel, const space_request_t *q,
    space_error_t *why) {
    int result = space_open_range(s, kernel, q, why);
    if (result == MEM_OK) {
        stack->kernel = kernel;
        stack->window = (mem_range_t) {q->va, q->va + q->size};
        stack->low = stack->window.end;
        stack->attrs = q->attrs;
    }
    return result;
}

mem_va_t space_stack_end(const space_stack_t *stack) {
    return stack->low - stack->count * MEM_PAGE_SIZE;
}

bool space_stack_reach(space_stack_t *stack, mem_va_t va) {
    mem_va_t page = mem_align_down(va, MEM_PAGE_SIZE);
    if (page < space_stack_end(stack)) {
        return false;
    }
    while (stack->low > page) {
        stack->low -= MEM_PAGE_SIZE;
        paging_fill(&stack->kernel->paging, stack->low, stack->frames[--stack->count], stack->attrs);
    }
    return true;
}

void space_stack_refill(space_stack_t *stack) {
    const mem_source_t *source = stack->kernel->paging.source;
    while (stack->count < SPACE_STACK_RESERVE && space_stack_end(stack) > stack->window.start) {
        mem_pa_t pa;
        if (source->alloc(source->ctx, &pa) != MEM_OK) {
            return;
        }
        arch_clear_page(mem_source_va(source, pa)); // what it held must not look like a root of a collector
        size_t count = stack->count;
        stack->frames[count] = pa;
        stack->count = count + 1;
    }
}

void space_stack_release(space_stack_t *stack, mem_va_t keep) {
    mem_va_t low = stack->low;
    keep = keep < stack->window.end ? keep : stack->window.end;
    if (keep > low) {
        stack->low = keep;
        paging_evict(&stack->kernel->paging, low, keep - 1);
    }
}

size_t space_stack_frames(const space_stack_t *stack) {
    return stack->count + ((stack->window.end - stack->low) >> MEM_PAGE_SHIFT);
}
