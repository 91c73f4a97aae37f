// SPDX-License-Identifier: MIT
// Python's physical memory: _memory.Frames and the frame allocator's functions.

#ifndef MODULES_MEMORY_BINDINGS_FRAMES_H
#define MODULES_MEMORY_BINDINGS_FRAMES_H

#include "py/obj.h"

#include "core/frames/frames.h"
#include "space.h"

// For the module's table of names.
extern const mp_obj_type_t memory_frames_type;         // Frames, made by frames_alloc() only
MP_DECLARE_CONST_FUN_OBJ_KW(memory_frames_alloc_obj);  // frames_alloc(count=1, *, align, at, below, zero) -> Frames
MP_DECLARE_CONST_FUN_OBJ_3(memory_frames_reserve_obj); // frames_reserve(pa, size, name)
MP_DECLARE_CONST_FUN_OBJ_0(memory_frames_stats_obj);   // frames_stats() -> dict
MP_DECLARE_CONST_FUN_OBJ_0(memory_frames_runs_obj);    // frames_runs() -> [(start, end, state, name)]
MP_DECLARE_CONST_FUN_OBJ_1(memory_frames_state_obj);   // frames_state(pa) -> (state, name)

// The frame owner behind a Frames object, which tells its address and count, for a mapping that keeps the frames.
// TypeError for another object, ValueError for a closed one.
frame_owner_t *bind_frames_get_owner(mp_obj_t obj);

// The same, for a caller that takes the frames over. The object's own view of them goes; when the frames are really
// taken, bind_frames_detach_commit() closes the object without freeing anything.
frame_owner_t *bind_frames_detach_begin(mp_obj_t obj);
void bind_frames_detach_commit(mp_obj_t obj);

// Contiguous frames that no object owns (yet), for heaps and disks. When there are none, garbage is collected and they
// are requested again. `request` may be NULL. OSError naming the request.
mem_pa_t bind_frames_take(size_t count, const frames_request_t *request);

// A mapping in the view window, at an address that nothing points to.
typedef struct _bind_view_t {
    bind_space_change_t change; // its request's va is the result
    uint64_t align;
} bind_view_t;

// Makes the mapping. When memory or addresses ran out, garbage is collected first.
int bind_frames_map_view(bind_view_t *view);

// Bytes of that many frames.
static inline uint64_t bind_frames_bytes(size_t count) {
    return (uint64_t)count << MEM_PAGE_SHIFT;
}

// Soft reset, after the finalisers and after bind_space_reset(): closes what is left and starts the view window again.
// Returns how many frames still had an owner.
size_t bind_frames_reset(void);

#endif // MODULES_MEMORY_BINDINGS_FRAMES_H
