// SPDX-License-Identifier: MIT
// Blocks of a heap as Python objects.

#include "common.h"
#include "heap.h"

typedef struct _block_obj_t {
    mp_obj_base_t base;
    memory_heap_t *heap; // NULL when closed; lives in a pool at least as long as the block
    void *data;
    size_t size;         // bytes asked for; the heap may have given a few more
} block_obj_t;

// --- errors ---

static void __attribute__((noreturn)) raise_full(const memory_heap_t *heap, uint64_t size, const heap_error_t *why) {
    heap_stats_t stats;
    heap_stats(&heap->heap, &stats);
    bind_raise_os(why->result, MP_ERROR_TEXT("no %lu bytes in heap 0x%016lx: %lu are free, %lu in one piece"), size,
        heap->va, stats.free, stats.largest_free);
}

static void __attribute__((noreturn)) raise_heap(const memory_heap_t *heap, uint64_t size, const heap_error_t *why) {
    switch (why->kind) {
        case HEAP_FULL:
        case HEAP_TOO_LARGE:
            raise_full(heap, size, why);
        case HEAP_BAD_ALIGNMENT:
            bind_raise_value(MP_ERROR_TEXT("align %lu is not a power of two up to %lu"), why->value, HEAP_ALIGN_MAX);
        default:
            bind_raise_os(why->result, MP_ERROR_TEXT("heap 0x%016lx, block 0x%016lx: %s"), heap->va, why->address,
                heap_error_text(why->kind));
    }
}

// --- the object ---

static block_obj_t *get_open(mp_obj_t self_in) {
    block_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->heap == NULL) {
        bind_raise_closed("Block", (uintptr_t)self->data);
    }
    return self;
}

static mp_obj_t memory_block_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    bind_raise_type(MP_ERROR_TEXT("Block cannot be made directly: use alloc() of a heap"));
}

static void memory_block_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const block_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "<Block 0x%lx +%lu%s>", (uintptr_t)self->data, self->size, self->heap == NULL ? " closed" : "");
}

static void memory_block_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be stored or deleted
    }
    if (attr == MP_QSTR_address) {
        dest[0] = bind_new_u64((uintptr_t)get_open(self_in)->data);
    } else if (attr == MP_QSTR_size) {
        dest[0] = bind_new_u64(get_open(self_in)->size);
    } else {
        dest[1] = MP_OBJ_SENTINEL; // go on with the methods
    }
}

static mp_obj_t memory_block_unary_op(mp_unary_op_t op, mp_obj_t self_in) {
    return op == MP_UNARY_OP_LEN ? bind_new_u64(get_open(self_in)->size) : MP_OBJ_NULL;
}

static mp_int_t memory_block_get_buffer(mp_obj_t self_in, mp_buffer_info_t *info, mp_uint_t flags) {
    block_obj_t *self = get_open(self_in);
    info->buf = self->data;
    info->len = self->size;
    info->typecode = 'B';
    return 0;
}

// Closes the object: its block is freed, or cannot be freed because the heap is damaged. A heap that waits for its last
// block does not wait for this one.
static void detach(block_obj_t *self) {
    memory_heap_t *heap = self->heap;
    self->heap = NULL;
    --heap->live_handles;
    bind_heap_release(heap);
}

static mp_obj_t memory_block_close(mp_obj_t self_in) {
    block_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->heap != NULL) {
        heap_error_t why;
        if (heap_free(&self->heap->heap, self->data, &why) != MEM_OK) {
            raise_heap(self->heap, self->size, &why);
        }
        detach(self);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_block_close_obj, memory_block_close);

static mp_obj_t memory_block_del(mp_obj_t self_in) {
    block_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->heap != NULL) {
        (void)heap_free(&self->heap->heap, self->data, NULL);
        detach(self);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_block_del_obj, memory_block_del);

static mp_obj_t memory_block_enter(mp_obj_t self_in) {
    return MP_OBJ_FROM_PTR(get_open(self_in));
}
static MP_DEFINE_CONST_FUN_OBJ_1(memory_block_enter_obj, memory_block_enter);

static mp_obj_t memory_block_exit(size_t n_args, const mp_obj_t *args) {
    return memory_block_close(args[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_block_exit_obj, 4, 4, memory_block_exit);

static const mp_rom_map_elem_t block_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&memory_block_close_obj) },
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&memory_block_del_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&memory_block_enter_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&memory_block_exit_obj) },
};
static MP_DEFINE_CONST_DICT(block_locals, block_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    memory_block_type,
    MP_QSTR_Block,
    MP_TYPE_FLAG_NONE,
    make_new, memory_block_make_new,
    print, memory_block_print,
    attr, memory_block_attr,
    unary_op, memory_block_unary_op,
    buffer, memory_block_get_buffer,
    locals_dict, &block_locals
    );

// --- methods of Heap ---

// A block that is wanted, or wanted in another size.
typedef struct _wanted_t {
    memory_heap_t *heap;
    void *data;
    size_t size, align;
    heap_error_t why;
} wanted_t;

static int try_alloc(void *args) {
    wanted_t *w = args;
    w->data = heap_alloc(&w->heap->heap, w->size, w->align, &w->why);
    return w->data != NULL ? MEM_OK : w->why.result;
}

static int try_realloc(void *args) {
    wanted_t *w = args;
    void *data = heap_realloc(&w->heap->heap, w->data, w->size, &w->why);
    if (data == NULL) {
        return w->why.result;
    }
    w->data = data;
    return MEM_OK;
}

static void *get_block(int (*attempt)(void *wanted), wanted_t *wanted) {
    if (bind_retry(attempt, wanted) != MEM_OK) {
        raise_heap(wanted->heap, wanted->size, &wanted->why);
    }
    return wanted->data;
}

static mp_obj_t memory_block_alloc(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_size, ARG_align };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_size, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_align, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_INT(16)} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    size_t size = bind_get_size(args[ARG_size].u_obj, "size");
    size_t align = bind_get_size(args[ARG_align].u_obj, "align");
    memory_heap_t *heap = bind_heap_get(pos_args[0]);

    block_obj_t *self = mp_obj_malloc_with_finaliser(block_obj_t, &memory_block_type);
    self->heap = NULL;
    self->size = size;
    self->data = get_block(try_alloc, &(wanted_t) {.heap = heap, .size = size, .align = align});
    self->heap = heap;
    ++heap->live_handles;
    return MP_OBJ_FROM_PTR(self);
}
MP_DEFINE_CONST_FUN_OBJ_KW(memory_block_alloc_obj, 1, memory_block_alloc);

static mp_obj_t memory_block_realloc(mp_obj_t heap_in, mp_obj_t block_in, mp_obj_t size_in) {
    memory_heap_t *heap = bind_heap_get(heap_in);
    if (!mp_obj_is_type(block_in, &memory_block_type)) {
        bind_raise_type(MP_ERROR_TEXT("Block wanted, not %s"), mp_obj_get_type_str(block_in));
    }
    block_obj_t *self = get_open(block_in);
    if (self->heap != heap) {
        bind_raise_value(MP_ERROR_TEXT("Block 0x%016lx is not in heap 0x%016lx"), (uintptr_t)self->data, heap->va);
    }
    size_t size = bind_get_size(size_in, "size");
    self->data = get_block(try_realloc, &(wanted_t) {.heap = heap, .data = self->data, .size = size});
    self->size = size;
    return block_in;
}
MP_DEFINE_CONST_FUN_OBJ_3(memory_block_realloc_obj, memory_block_realloc);
