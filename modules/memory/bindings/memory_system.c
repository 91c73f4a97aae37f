// SPDX-License-Identifier: MIT
// The one memory system of the machine: set-up from boot_info, the source of frames for tables, the switch.

#include <string.h>

#include "py/mpprint.h"

#include "core/arch.h"
#include "core/list.h"
#include "core/paging/descriptor.h"
#include "common.h"
#include "memory_system.h"

// Frames for translation tables and records until the switch: the linear map of the boot window is
// all that can be written before it.
#define BOOT_POOL_FRAMES (128)

memory_system_t memory_system;

static mem_pa_t boot_pool_next;

// --- the source of frames for tables and records ---

static int source_alloc(void *ctx, mem_pa_t *pa) {
    memory_system_t *m = ctx;
    if (m->switched) {
        return frames_alloc(&m->frames, 1, NULL, pa, NULL);
    }
    if (boot_pool_next >= m->boot_pool.end) {
        return MEM_ENOMEM;
    }
    *pa = boot_pool_next;
    boot_pool_next += MEM_PAGE_SIZE;
    return MEM_OK;
}

static void source_free(void *ctx, mem_pa_t pa, size_t count) {
    memory_system_t *m = ctx;
    frames_free(&m->frames, pa, count, NULL);
}

// --- set-up ---

// The first reservation that has a byte of [start, end); NULL when none has.
static const boot_reserved_t *reserved_in(const boot_info_t *info, uint64_t start, uint64_t end) {
    for (size_t i = 0; i < info->reserved_count; ++i) {
        const mem_range_t *r = &info->reserved[i].range;
        if (start < r->end && r->start < end) {
            return &info->reserved[i];
        }
    }
    return NULL;
}

// The lowest place in the boot window for `size` bytes, clear of every reservation; 0 when none.
static mem_pa_t place_in_window(const boot_info_t *info, mem_pa_t from, uint64_t size) {
    size = mem_align_up(size, MEM_PAGE_SIZE);
    for (mem_pa_t pa = from; pa + size <= info->window.end; pa += MEM_PAGE_SIZE) {
        if (reserved_in(info, pa, pa + size) == NULL) {
            return pa;
        }
    }
    return 0;
}

static int take(mem_pa_t start, mem_pa_t end) {
    frames_request_t request = {.align = 1, .at = start, .below = MEM_ADDR_NONE};
    mem_pa_t pa;
    return frames_alloc(&memory_system.frames, (end - start) >> MEM_PAGE_SHIFT, &request, &pa, NULL);
}

static int init_frames(const boot_info_t *info) {
    memory_system_t *m = &memory_system;
    size_t size = frames_metadata_size(info->ram, info->ram_count);
    mem_pa_t pa = place_in_window(info, info->window.start, size);
    if (size == 0 || pa == 0) {
        return MEM_ENOMEM;
    }
    m->metadata = (mem_range_t) {pa, mem_align_up(pa + size, MEM_PAGE_SIZE)};
    int result = frames_init(&m->frames, info->ram, info->ram_count, (void *)(info->linear + pa), size);
    for (size_t i = 0; i < info->reserved_count && result == MEM_OK; ++i) {
        const boot_reserved_t *r = &info->reserved[i];
        result = frames_reserve_rest(&m->frames, r->range.start, r->range.end - r->range.start, r->name, NULL);
    }
    return result;
}

static int take_boot_frames(const boot_info_t *info) {
    memory_system_t *m = &memory_system;
    mem_pa_t pool = place_in_window(info, m->metadata.end, BOOT_POOL_FRAMES * MEM_PAGE_SIZE);
    if (pool == 0) {
        return MEM_ENOMEM;
    }
    m->boot_pool = (mem_range_t) {pool, pool + BOOT_POOL_FRAMES * MEM_PAGE_SIZE};
    boot_pool_next = pool;
    int result = take(info->image.start, mem_align_up(info->image.end, MEM_PAGE_SIZE));
    result = result != MEM_OK ? result : take(m->metadata.start, m->metadata.end);
    return result != MEM_OK ? result : take(m->boot_pool.start, m->boot_pool.end);
}

// Room for the device tree's copy. The tree is in use until it is made, so a machine without room
// goes on without one.
static void take_device_tree_frames(const boot_info_t *info) {
    memory_system_t *m = &memory_system;
    if (info->dtb == NULL) {
        return;
    }
    mem_pa_t pa = place_in_window(info, m->boot_pool.end, info->dtb_size);
    mem_pa_t end = mem_align_up(pa + info->dtb_size, MEM_PAGE_SIZE);
    if (pa != 0 && take(pa, end) == MEM_OK) {
        m->device_tree = (mem_range_t) {pa, end};
    }
}

static void init_spaces(const boot_info_t *info) {
    memory_system_t *m = &memory_system;
    mem_source_t source = {m, source_alloc, source_free, info->linear};
    spaces_init(&m->spaces, &source, desc_pa_limit(info->pa_range));
    pool_init(&m->heap_pool, &m->spaces.source, sizeof(memory_heap_t));
    mem_range_t bank;
    for (size_t i = 0; frames_bank(&m->frames, i, &bank); ++i) {
        spaces_add_ram(&m->spaces, bank.start, bank.end);
    }
    for (size_t i = 0; i < info->section_count; ++i) {
        const boot_section_t *section = &info->sections[i];
        bool written = section->prot & MEM_PROT_W;
        if (written || section->protected_name != NULL) {
            spaces_protect_range(&m->spaces, section->pa, section->pa + section->size,
                written ? MEM_PROT_X : MEM_PROT_W, written ? section->name : section->protected_name);
        }
    }
}

typedef struct _text_t {
    char *at;
    size_t room;                // for characters, without the final 0
} text_t;

static void add_to_text(void *data, const char *str, size_t len) {
    text_t *text = data;
    for (size_t i = 0; i < len && text->room != 0; ++i, --text->room) {
        *text->at++ = str[i];
    }
}

static bool is_ram(const boot_info_t *info, const mem_range_t *range) {
    for (size_t i = 0; i < info->ram_count; ++i) {
        if (info->ram[i].start <= range->start && range->end <= info->ram[i].end) {
            return true;
        }
    }
    return false;
}

// Why init_frames() or take_boot_frames() failed: what is in the way, and what to do.
static const char *explain(const boot_info_t *info) {
    static char line[160];      // zeroed: the text ends where it was cut
    text_t text = {line, sizeof(line) - 1};
    const mp_print_t print = {&text, add_to_text};
    const mem_range_t *image = &info->image;
    const boot_reserved_t *over = reserved_in(info, image->start, image->end);
    const boot_reserved_t *behind = reserved_in(info, info->window.start, info->window.end);
    if (over != NULL) {
        mp_printf(&print, "%s at 0x%lx to 0x%lx lies over the kernel at 0x%lx to 0x%lx: load it elsewhere", over->name,
            over->range.start, over->range.end, image->start, image->end);
    } else if (!is_ram(info, image)) {
        mp_printf(&print, "the kernel at 0x%lx to 0x%lx is not in the RAM of the %s", image->start, image->end,
            info->source);
    } else if (behind != NULL) {
        mp_printf(&print, "%s at 0x%lx to 0x%lx leaves no room behind the kernel: load it above 0x%lx", behind->name,
            behind->range.start, behind->range.end, info->window.end);
    } else {
        mp_printf(&print, "RAM of the %s cannot be managed: 16 GiB below 2^48 at most, and 2 MiB of it at 0x%lx",
            info->source, info->window.start);
    }
    return line;
}

void memory_system_init(void) {
    const boot_info_t *info = &boot_info;
    int result = init_frames(info);
    result = result != MEM_OK ? result : take_boot_frames(info);
    if (result != MEM_OK) {
        // Without the image's frames taken none may be given away: there is no frame, and no table can be made.
        memory_system = (memory_system_t) {.error = explain(info)};
    } else {
        take_device_tree_frames(info);
    }
    init_spaces(info);
}

// --- heaps and the spaces of boot ---

void memory_system_add_heap(memory_heap_t *heap) {
    LIST_PUSH(memory_system.heaps, heap, next, prev);
}

void memory_system_remove_heap(memory_heap_t *heap) {
    LIST_REMOVE(memory_system.heaps, heap, next, prev);
}

int memory_system_open_kernel(space_error_t *why) {
    memory_system_t *m = &memory_system;
    return m->kernel != NULL ? MEM_OK : space_open(&m->spaces, true, "kernel", &m->kernel, why);
}

int memory_system_open_identity(space_error_t *why) {
    memory_system_t *m = &memory_system;
    return m->identity != NULL ? MEM_OK : space_open(&m->spaces, false, "identity", &m->identity, why);
}

// --- the switch ---

int memory_system_switch(space_error_t *why) {
    memory_system_t *m = &memory_system;
    mem_va_t keep[BOOT_MAX_KEPT + 3] = {
        (uintptr_t)memory_system_switch, (uintptr_t)m, boot_info.linear + m->metadata.start,
    };
    memcpy(keep + 3, boot_info.kept, boot_info.kept_count * sizeof(keep[0]));
    space_switch_t how = {
        .trampoline_pa = boot_info.trampoline,
        .keep = keep,
        .n_keep = 3 + boot_info.kept_count,
    };
    int result = spaces_switch(&m->spaces, m->kernel, m->identity, &how, why);
    if (result != MEM_OK) {
        return result;
    }
    m->switched = true;
    if (boot_pool_next < m->boot_pool.end) {
        frames_free(&m->frames, boot_pool_next, (m->boot_pool.end - boot_pool_next) >> MEM_PAGE_SHIFT, NULL);
    }
    m->boot_pool.end = m->boot_pool.start; // what was used counts as tables and records from now on
    return MEM_OK;
}

size_t memory_system_image_frames(void) {
    if (memory_system.error != NULL) {
        return 0;
    }
    return (mem_align_up(boot_info.image.end, MEM_PAGE_SIZE) - boot_info.image.start) >> MEM_PAGE_SHIFT;
}

size_t memory_system_metadata_frames(void) {
    return (memory_system.metadata.end - memory_system.metadata.start) >> MEM_PAGE_SHIFT;
}

// Before the switch only: the part of the pool that no table took.
size_t memory_system_boot_pool_frames(void) {
    mem_range_t *pool = &memory_system.boot_pool;
    return pool->end > boot_pool_next ? (pool->end - boot_pool_next) >> MEM_PAGE_SHIFT : 0;
}

mem_range_t memory_system_device_tree(void) {
    return memory_system.device_tree;
}

size_t memory_system_device_tree_frames(void) {
    return (memory_system.device_tree.end - memory_system.device_tree.start) >> MEM_PAGE_SHIFT;
}
