// SPDX-License-Identifier: MIT
// owners(), check() and take_all(): the count of frames in use by owner, and the consistency of all accounts.

#include "common.h"
#include "heap.h"
#include "owners.h"
#include "ramdisk.h"
#include "core/space/space_paged.h"
#include "space.h"
#include "gc_areas.h"
#include "gc_collect.h"
#include "stack.h"

// --- owners: counted by walking them, never by a counter that could agree by mistake ---

static size_t image(void) {
    return memory_system_image_frames();
}

static size_t metadata(void) {
    return memory_system_metadata_frames();
}

static size_t boot_pool(void) {
    return memory_system_boot_pool_frames();
}

static size_t device_tree(void) {
    return memory_system_device_tree_frames();
}

static size_t kernel_tables(void) {
    const space_t *kernel = memory_system_kernel();
    return kernel != NULL ? space_tables(kernel) : 0;
}

static size_t identity_tables(void) {
    const space_t *identity = memory_system_identity();
    return identity != NULL ? space_tables(identity) : 0;
}

static size_t other_tables(void) {
    size_t count = 0;
    for (const space_t *space = NULL; (space = memory_system_next_space(space)) != NULL;) {
        if (space != memory_system_kernel() && space != memory_system_identity()) {
            count += space_tables(space);
        }
    }
    return count;
}

static size_t records(void) {
    return spaces_record_frames(memory_system_spaces()) + memory_system_heap_pool()->slabs;
}

static size_t kernel_heap(void) {
    const memory_heap_t *heap = memory_system_kernel_heap();
    return heap != NULL ? heap->size >> MEM_PAGE_SHIFT : 0;
}

static size_t heaps(void) {
    size_t count = 0;
    for (const memory_heap_t *heap = NULL; (heap = memory_system_next_heap(heap)) != NULL;) {
        count += heap->size >> MEM_PAGE_SHIFT;
    }
    return count - kernel_heap();
}

static size_t owned_frames(void) {
    size_t count = 0;
    const spaces_t *spaces = memory_system_spaces();
    for (const frame_owner_t *owner = NULL; (owner = frame_owner_next(spaces, owner)) != NULL;) {
        count += owner->count;
    }
    return count;
}

// Frames that pagers gave to their spaces, page by page.
static size_t paged(void) {
    size_t count = 0;
    for (const space_t *space = NULL; (space = memory_system_next_space(space)) != NULL;) {
        count += space != memory_system_kernel() ? space_paged_frames(space) : 0;
    }
    return count;
}

static const struct {
    const char *name;
    size_t (*count)(void);
} owners[] = {
    {"image", image},
    {"frame metadata", metadata},
    {"boot pool", boot_pool},
    {"device tree", device_tree},
    {"kernel tables", kernel_tables},
    {"identity tables", identity_tables},
    {"space tables", other_tables},
    {"records", records},
    {"kernel heap", kernel_heap},
    {"heaps", heaps},
    {"gc", gc_areas_frames},
    {"frames", owned_frames},
    {"paged", paged},
    {"stack", stack_frames},
    {"ramdisk", bind_ramdisk_frames},
    {"bootloader", port_frames},
};

static size_t sum_of_owners(void) {
    size_t sum = 0;
    for (size_t i = 0; i < MP_ARRAY_SIZE(owners); ++i) {
        sum += owners[i].count();
    }
    return sum;
}

// All counts are of one moment: making the dict may itself take frames for the collector.
static mp_obj_t memory_owners(void) {
    mp_obj_t dict = mp_obj_new_dict(MP_ARRAY_SIZE(owners));
    mp_obj_t names[MP_ARRAY_SIZE(owners)];
    for (size_t i = 0; i < MP_ARRAY_SIZE(owners); ++i) {
        names[i] = bind_new_text(owners[i].name);
    }
    for (size_t i = 0; i < MP_ARRAY_SIZE(owners); ++i) {
        size_t count = owners[i].count();
        if (count != 0) {
            mp_obj_dict_store(dict, names[i], MP_OBJ_NEW_SMALL_INT(count));
        }
    }
    return dict;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_owners_obj, memory_owners);

// --- check ---

static void add_count(mp_obj_t list, const char *what, unsigned faults) {
    if (faults != 0) {
        vstr_t vstr;
        vstr_init(&vstr, 64);
        vstr_printf(&vstr, "%s: %u broken invariants", what, faults);
        mp_obj_list_append(list, mp_obj_new_str_from_vstr(&vstr));
    }
}

// Names the space, address, level and entry of the first fault.
static void check_spaces(mp_obj_t list) {
    space_damage_t first;
    unsigned faults = spaces_check(memory_system_spaces(), &first, bind_is_interrupted);
    bind_raise_interrupt();
    if (faults == 0) {
        return;
    }
    vstr_t text;
    mp_print_t print;
    vstr_init_print(&text, 128, &print);
    mp_printf(&print, "spaces: %u broken invariants; the first: %s", faults, first.what);
    if (first.va != MEM_ADDR_NONE) {
        mp_printf(&print, " at 0x%016lx", first.va);
    }
    if (first.space != NULL) {
        mp_print_str(&print, " of ");
        bind_space_print(&print, first.space);
    }
    if (first.entry.table != MEM_ADDR_NONE) {
        mp_printf(&print, ", level %u, entry %u of the table at 0x%016lx: 0x%016lx", (unsigned)first.entry.level,
            (unsigned)first.entry.index, first.entry.table, first.entry.descriptor);
    }
    mp_obj_list_append(list, mp_obj_new_str_from_vstr(&text));
}

static void check_collector(mp_obj_t list) {
    collector_damage_t first;
    unsigned faults = collector_check(&gc_heap, &first, bind_is_interrupted);
    bind_raise_interrupt();
    if (faults != 0) {
        vstr_t vstr;
        vstr_init(&vstr, 96);
        vstr_printf(&vstr, "gc: %u broken invariants; the first: %s at 0x%016lx", faults,
            collector_damage_text(first.kind), first.address);
        mp_obj_list_append(list, mp_obj_new_str_from_vstr(&vstr));
    }
}

static mp_obj_t memory_check(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    size_t sum = sum_of_owners();
    size_t used = frames_used(memory_system_frames());
    if (sum != used) {
        vstr_t vstr;
        vstr_init(&vstr, 64);
        vstr_printf(&vstr, "owners: they have %lu frames, but %lu are used", sum, used);
        mp_obj_list_append(list, mp_obj_new_str_from_vstr(&vstr));
    }
    check_collector(list);
    add_count(list, "frames", frames_check(memory_system_frames()));
    check_spaces(list);
    add_count(list, "heap records", pool_check(memory_system_heap_pool()));
    for (const memory_heap_t *heap = NULL; (heap = memory_system_next_heap(heap)) != NULL;) {
        bind_heap_check(heap, list);
    }
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_check_obj, memory_check);

// --- taking every frame there is, in the largest runs ---

// Written at the start of a run; its own address goes to the end of the run as well. A run that overlaps another one
// loses one of the two.
typedef struct _run_mark_t {
    mem_pa_t pa;
    size_t count;
    mem_pa_t next; // the run taken before, MEM_ADDR_NONE for the first
} run_mark_t;

static run_mark_t *mark_of(mem_pa_t pa) {
    return memory_system_at(pa);
}

static volatile mem_pa_t *end_mark_of(mem_pa_t pa, size_t count) {
    return (mem_pa_t *)memory_system_at(pa + (count << MEM_PAGE_SHIFT)) - 1;
}

typedef struct _taken_t {
    size_t runs, frames, largest;
    mem_pa_t last;
} taken_t;

static taken_t take_runs(void) {
    taken_t taken = {.last = MEM_ADDR_NONE};
    mem_pa_t pa;
    size_t count;
    while ((count = frames_alloc_some(memory_system_frames(), frames_total(memory_system_frames()), &pa)) != 0) {
        *mark_of(pa) = (run_mark_t) {.pa = pa, .count = count, .next = taken.last};
        *end_mark_of(pa, count) = pa;
        taken.last = pa;
        taken.frames += count;
        ++taken.runs;
        if (count > taken.largest) {
            taken.largest = count;
        }
    }
    return taken;
}

// Gives the runs back; returns the address of the first whose marks were overwritten (it and the rest stay taken), or
// MEM_ADDR_NONE.
static mem_pa_t give_back(const taken_t *taken) {
    mem_pa_t pa = taken->last;
    for (size_t i = 0; i < taken->runs; ++i) {
        run_mark_t mark = *mark_of(pa);
        if (mark.pa != pa || mark.count == 0 || mark.count > taken->largest || *end_mark_of(pa, mark.count) != pa
            || frames_free(memory_system_frames(), pa, mark.count, NULL) != MEM_OK) {
            return pa;
        }
        pa = mark.next;
    }
    return MEM_ADDR_NONE;
}

// Nothing may allocate while there is no free frame: the texts come after everything is given back.
static mp_obj_t memory_take_all(void) {
    bind_need_kernel();
    const frames_t *f = memory_system_frames();
    size_t free = frames_available(f);
    taken_t taken = take_runs();
    size_t left = frames_available(f);
    mem_pa_t bad = give_back(&taken);
    if (bad != MEM_ADDR_NONE) {
        bind_raise_os(MEM_EFAULT, MP_ERROR_TEXT("the run of frames at 0x%016lx overlaps another one"), bad);
    }
    if (taken.frames != free || left != 0 || frames_available(f) != free || frames_check(f) != 0) {
        bind_raise_os(MEM_EFAULT, MP_ERROR_TEXT("%lu frames were free, %lu could be taken, %lu are free again"), free,
            taken.frames, frames_available(f));
    }
    mp_obj_t items[] = {bind_new_u64(taken.runs), bind_new_u64(taken.frames), bind_new_u64(taken.largest)};
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_take_all_obj, memory_take_all);
