// SPDX-License-Identifier: MIT
// _memory.Heap: heaps in frames of their own, mapped between guards in the view window, and the kernel heap.

#include "common.h"
#include "frames.h"
#include "heap.h"
#include "space.h"

typedef struct _heap_obj_t {
    mp_obj_base_t base;
    memory_heap_t *heap; // NULL when closed
    mem_va_t va;         // stays, for messages
} heap_obj_t;

// The handle of the kernel heap owns nothing: it lives as long as the machine runs.
static heap_obj_t kernel_handle = {{&memory_heap_type}, NULL, 0};

// --- memory of a heap ---

// Maps the heap's memory at heap->va, or where there is room when that is MEM_ADDR_NONE: in the view window. Like
// views, heaps are seen by Python, and a memoryview of a block that outlives its heap must not reach the next one. (The
// kernel heap is never closed and needs no such address.)
static int map_heap(memory_heap_t *heap, const char *name, space_error_t *why) {
    bind_view_t view = {.change.space = memory_system_kernel(), .align = MEM_PAGE_SIZE};
    view.change.request = (space_request_t) {
        .va = heap->va,
        .pa = heap->pa,
        .size = heap->size,
        .attrs = MEM_PROT_R | MEM_PROT_W | MEM_TYPE_NORMAL,
        .flags = REGION_LOCKED,
        .name = name,
    };
    int result = heap->va == MEM_ADDR_NONE ? bind_frames_map_view(&view) : bind_retry(bind_space_try_map, &view.change);
    heap->va = view.change.request.va;
    *why = view.change.why;
    return result;
}

// A page-aligned size in bytes that heap_init() takes.
static uint64_t get_size(mp_obj_t size_in) {
    uint64_t size = bind_get_size(size_in, "size");
    if (size > HEAP_SIZE_MAX) {
        bind_raise_value(MP_ERROR_TEXT("size %lu is more than a heap can have (%lu)"), size, HEAP_SIZE_MAX);
    }
    return mem_align_up(size, MEM_PAGE_SIZE);
}

static int try_record(void *args) {
    memory_heap_t **heap = args;
    *heap = pool_alloc(memory_system_heap_pool());
    return *heap != NULL ? MEM_OK : MEM_ENOMEM;
}

// A heap of `size` bytes at `va`, or at an address of its own when that is MEM_ADDR_NONE. Raises OSError with nothing
// taken.
static memory_heap_t *make_heap(mem_va_t va, uint64_t size, const char *name) {
    size_t count = size >> MEM_PAGE_SHIFT;
    mem_pa_t pa = bind_frames_take(count, NULL);
    memory_heap_t *heap;
    if (bind_retry(try_record, &heap) != MEM_OK) {
        frames_free(memory_system_frames(), pa, count, NULL);
        bind_raise_os(MEM_ENOMEM, MP_ERROR_TEXT("no frame for the record of a heap of %lu bytes"), size);
    }
    heap->va = va;
    heap->size = size;
    heap->pa = pa;
    space_error_t why;
    int result = map_heap(heap, name, &why);
    if (result != MEM_OK) {
        pool_free(memory_system_heap_pool(), heap);
        frames_free(memory_system_frames(), pa, count, NULL);
        bind_space_check(result, &why);
    }
    heap_init(&heap->heap, (void *)(uintptr_t)heap->va, size, port_random_seed());
    memory_system_add_heap(heap);
    return heap;
}

static void destroy_heap(memory_heap_t *heap) {
    spaces_t *s = memory_system_spaces();
    if (space_unmap(s, memory_system_kernel(), heap->va, heap->size, SPACE_FORCE, NULL) == MEM_OK) {
        frames_free(memory_system_frames(), heap->pa, heap->size >> MEM_PAGE_SHIFT, NULL);
    }
    memory_system_remove_heap(heap);
    pool_free(memory_system_heap_pool(), heap);
}

void bind_heap_release(memory_heap_t *heap) {
    if (heap->closed && heap->live_handles == 0) {
        destroy_heap(heap);
    }
}

// --- the object ---

memory_heap_t *bind_heap_get(mp_obj_t self_in) {
    heap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->heap == NULL) {
        bind_raise_closed("Heap", self->va);
    }
    return self->heap;
}

static mp_obj_t memory_heap_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    uint64_t size = get_size(args[0]);
    bind_need_kernel();
    heap_obj_t *self = mp_obj_malloc_with_finaliser(heap_obj_t, type);
    self->heap = NULL;
    self->va = 0;
    self->heap = make_heap(MEM_ADDR_NONE, size, "heap");
    self->va = self->heap->va;
    return MP_OBJ_FROM_PTR(self);
}

static void memory_heap_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const heap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->heap == NULL) {
        mp_printf(print, "<Heap 0x%lx closed>", self->va);
    } else {
        mp_printf(print, "<Heap 0x%lx +%lu>", self->va, self->heap->size);
    }
}

static void memory_heap_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be stored or deleted
    }
    if (attr == MP_QSTR_base) {
        dest[0] = bind_new_u64(bind_heap_get(self_in)->va);
    } else if (attr == MP_QSTR_size) {
        dest[0] = bind_new_u64(bind_heap_get(self_in)->size);
    } else {
        dest[1] = MP_OBJ_SENTINEL; // go on with the methods
    }
}

static mp_obj_t memory_heap_stats(mp_obj_t self_in) {
    heap_stats_t stats;
    heap_stats(&bind_heap_get(self_in)->heap, &stats);
    mp_obj_t dict = mp_obj_new_dict(8);
    bind_store_u64(dict, MP_QSTR_size, stats.size);
    bind_store_u64(dict, MP_QSTR_used, stats.used);
    bind_store_u64(dict, MP_QSTR_free, stats.free);
    bind_store_u64(dict, MP_QSTR_overhead, stats.overhead);
    bind_store_u64(dict, MP_QSTR_live_blocks, stats.live_blocks);
    bind_store_u64(dict, MP_QSTR_free_blocks, stats.free_blocks);
    bind_store_u64(dict, MP_QSTR_largest_free, stats.largest_free);
    bind_store_u64(dict, MP_QSTR_peak_used, stats.peak_used);
    return dict;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_heap_stats_obj, memory_heap_stats);

// What is wrong, as a list of texts: empty for a healthy heap.
static mp_obj_t memory_heap_check(mp_obj_t self_in) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    bind_heap_check(bind_heap_get(self_in), list);
    return list;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_heap_check_obj, memory_heap_check);

void bind_heap_check(const memory_heap_t *heap, mp_obj_t list) {
    heap_damage_t first;
    unsigned faults = heap_check_until(&heap->heap, &first, bind_is_interrupted);
    bind_raise_interrupt();
    if (faults != 0) {
        vstr_t vstr;
        vstr_init(&vstr, 128);
        vstr_printf(&vstr, "heap 0x%016lx has %u faults; the first: %s at 0x%016lx, after the block at 0x%016lx",
            heap->va, faults, heap_damage_text(first.kind), first.address, first.previous);
        mp_obj_list_append(list, mp_obj_new_str_from_vstr(&vstr));
    }
}

// The blocks are read without allocating in between: a collection may free blocks under the cursor.
static size_t snapshot(const memory_heap_t *heap, heap_block_t *blocks, size_t max) {
    heap_block_t cursor = {0};
    size_t count = 0;
    while (count < max && heap_next(&heap->heap, &cursor)) {
        blocks[count++] = cursor;
    }
    return count;
}

static mp_obj_t memory_heap_walk(mp_obj_t self_in) {
    const memory_heap_t *heap = bind_heap_get(self_in);
    heap_stats_t stats;
    heap_stats(&heap->heap, &stats);
    size_t max = stats.live_blocks + stats.free_blocks;
    heap_block_t *blocks = m_new(heap_block_t, max);
    size_t count = snapshot(heap, blocks, max);
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < count; ++i) {
        mp_obj_t items[] = {
            bind_new_u64(blocks[i].address), bind_new_u64(blocks[i].size), mp_obj_new_bool(blocks[i].used),
        };
        mp_obj_list_append(list, mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
    }
    m_del(heap_block_t, blocks, max);
    return list;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_heap_walk_obj, memory_heap_walk);

static mp_obj_t memory_heap_contains(mp_obj_t self_in, mp_obj_t address_in) {
    uintptr_t address = bind_get_u64(address_in, "address");
    return mp_obj_new_bool(heap_contains(&bind_heap_get(self_in)->heap, (const void *)address));
}
static MP_DEFINE_CONST_FUN_OBJ_2(memory_heap_contains_obj, memory_heap_contains);

// --- the end ---

static mp_obj_t memory_heap_close(mp_obj_t self_in) {
    heap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self == &kernel_handle) {
        bind_raise_os(MEM_EPERM, MP_ERROR_TEXT("the kernel heap 0x%016lx cannot be closed"), self->va);
    }
    if (self->heap == NULL) {
        return mp_const_none;
    }
    if (self->heap->live_handles != 0) {
        bind_raise_os(MEM_EBUSY, MP_ERROR_TEXT("Heap 0x%016lx has %lu live blocks"), self->va,
            self->heap->live_handles);
    }
    destroy_heap(self->heap);
    self->heap = NULL;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_heap_close_obj, memory_heap_close);

// The finaliser cannot refuse: the memory goes with the last block.
static mp_obj_t memory_heap_del(mp_obj_t self_in) {
    heap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->heap != NULL && self != &kernel_handle) {
        self->heap->closed = true;
        bind_heap_release(self->heap);
        self->heap = NULL;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_heap_del_obj, memory_heap_del);

static mp_obj_t memory_heap_enter(mp_obj_t self_in) {
    (void)bind_heap_get(self_in);
    return self_in;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_heap_enter_obj, memory_heap_enter);

static mp_obj_t memory_heap_exit(size_t n_args, const mp_obj_t *args) {
    return memory_heap_close(args[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_heap_exit_obj, 4, 4, memory_heap_exit);

static mp_obj_t memory_heap_show(mp_obj_t self) {
    return bind_show(MP_QSTR_heap, self);
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_heap_show_obj, memory_heap_show);

static const mp_rom_map_elem_t heap_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_show), MP_ROM_PTR(&memory_heap_show_obj) },
    { MP_ROM_QSTR(MP_QSTR_alloc), MP_ROM_PTR(&memory_block_alloc_obj) },
    { MP_ROM_QSTR(MP_QSTR_realloc), MP_ROM_PTR(&memory_block_realloc_obj) },
    { MP_ROM_QSTR(MP_QSTR_stats), MP_ROM_PTR(&memory_heap_stats_obj) },
    { MP_ROM_QSTR(MP_QSTR_check), MP_ROM_PTR(&memory_heap_check_obj) },
    { MP_ROM_QSTR(MP_QSTR_walk), MP_ROM_PTR(&memory_heap_walk_obj) },
    { MP_ROM_QSTR(MP_QSTR_contains), MP_ROM_PTR(&memory_heap_contains_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&memory_heap_close_obj) },
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&memory_heap_del_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&memory_heap_enter_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&memory_heap_exit_obj) },
};
static MP_DEFINE_CONST_DICT(heap_locals, heap_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    memory_heap_type,
    MP_QSTR_Heap,
    MP_TYPE_FLAG_NONE,
    make_new, memory_heap_make_new,
    print, memory_heap_print,
    attr, memory_heap_attr,
    locals_dict, &heap_locals
    );

// --- the kernel heap ---

static mp_obj_t memory_kernel_heap(void) {
    return kernel_handle.heap != NULL ? MP_OBJ_FROM_PTR(&kernel_handle) : mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_kernel_heap_obj, memory_kernel_heap);

static mp_obj_t memory_heap_make_kernel(mp_obj_t va_in, mp_obj_t size_in) {
    mem_va_t va = bind_get_page(va_in, "va");
    uint64_t size = get_size(size_in);
    bind_need_kernel();
    if (kernel_handle.heap != NULL) {
        bind_raise_os(MEM_EEXIST, MP_ERROR_TEXT("there is a kernel heap at 0x%016lx"), kernel_handle.va);
    }
    kernel_handle.heap = make_heap(va, size, "kernel heap");
    memory_system_set_kernel_heap(kernel_handle.heap);
    kernel_handle.va = va;
    return MP_OBJ_FROM_PTR(&kernel_handle);
}
MP_DEFINE_CONST_FUN_OBJ_2(memory_heap_make_kernel_obj, memory_heap_make_kernel);

// --- soft reset ---

size_t bind_heap_reset(void) {
    size_t live = 0;
    memory_heap_t *next;
    for (memory_heap_t *heap = memory_system_next_heap(NULL); heap != NULL; heap = next) {
        next = memory_system_next_heap(heap);
        live += heap->heap.live_blocks;
        if (heap != memory_system_kernel_heap()) {
            destroy_heap(heap);
        } else if (heap_check(&heap->heap, NULL) != 0 || heap->heap.live_blocks != 0) {
            // No object refers to a block any more, so the heap starts again from any state.
            heap_init(&heap->heap, (void *)(uintptr_t)heap->va, heap->size, port_random_seed());
            heap->live_handles = 0;
        }
    }
    return live;
}
