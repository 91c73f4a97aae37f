// SPDX-License-Identifier: MIT
// A littlefs whose device is busy refuses calls (busy.h), before they change its current directory, which holds the
// path of the call that runs. Its list of open files refers to objects of the heap, and while it works, to its stack.
// Its caches hold a whole block: smaller ones would write each block of a card several times.

#include <stddef.h>

#include "py/gc.h"
#include "py/runtime.h"
#include "lib/littlefs/lfs2.h"
#include "extmod/vfs.h"
#include "guard/busy.h"

#define GUARD_NO_BLOCK ((lfs2_block_t)-1) // of an empty cache

// A call that failed because the disk is full leaves unwritten data in the cache, which must be empty now.
static inline void guard_begin(lfs2_t *lfs) {
    guard_busy_refuse(lfs->cfg->context);
    lfs->pcache.block = GUARD_NO_BLOCK;
}

typedef struct _guard_closing_t {
    nlr_jump_callback_node_t callback;
    lfs2_t *lfs;
    lfs2_file_t *file;
} guard_closing_t;

// The device raised an exception while a finaliser closed the file, whose memory is free after that.
static void guard_not_closed(void *callback) {
    guard_closing_t *closing = callback;
    struct lfs2_mlist **open = &closing->lfs->mlist;
    while (gc_is_locked() && *open != NULL) {
        if (*open == (struct lfs2_mlist *)closing->file) {
            *open = (*open)->next;
            return;
        }
        open = &(*open)->next;
    }
}

// A file that was not opened, as its path is no string, has a finaliser all the same.
static int guard_close(lfs2_t *lfs, lfs2_file_t *file) {
    guard_begin(lfs);
    if (file->cfg == NULL) {
        return 0;
    }
    guard_closing_t closing = { .lfs = lfs, .file = file };
    nlr_push_jump_callback(&closing.callback, guard_not_closed);
    int result = lfs2_file_close(lfs, file);
    nlr_pop_jump_callback(false);
    return result;
}

// What a power cut left half done is ended at once, not before the first change: between the two steps of a rename to
// another folder, littlefs does not find the file behind the one that moves. A device that cannot be written keeps it.
static int guard_mount(lfs2_t *lfs, const struct lfs2_config *config) {
    int result = lfs2_mount(lfs, config);
    if (result == 0 && ((const mp_vfs_blockdev_t *)config->context)->writeblocks[0] != MP_OBJ_NULL) {
        (void)lfs2_fs_mkconsistent(lfs);
    }
    return result;
}

// Each function that gets a path or a mode calls it first, and has the filesystem as self.
#define mp_obj_str_get_str(str) (guard_begin(&self->lfs), (mp_obj_str_get_str)(str))
#define lfs2_mount(lfs, config) guard_mount((lfs), (config))
#define lfs2_dir_open(lfs, ...) (guard_begin(lfs), (lfs2_dir_open)((lfs), __VA_ARGS__))
#define lfs2_dir_read(lfs, ...) (guard_begin(lfs), (lfs2_dir_read)((lfs), __VA_ARGS__))
#define lfs2_dir_close(lfs, ...) (guard_begin(lfs), (lfs2_dir_close)((lfs), __VA_ARGS__))
#define lfs2_fs_traverse(lfs, ...) (guard_begin(lfs), (lfs2_fs_traverse)((lfs), __VA_ARGS__))
#define lfs2_file_read(lfs, ...) (guard_begin(lfs), (lfs2_file_read)((lfs), __VA_ARGS__))
#define lfs2_file_write(lfs, ...) (guard_begin(lfs), (lfs2_file_write)((lfs), __VA_ARGS__))
#define lfs2_file_seek(lfs, ...) (guard_begin(lfs), (lfs2_file_seek)((lfs), __VA_ARGS__))
#define lfs2_file_tell(lfs, ...) (guard_begin(lfs), (lfs2_file_tell)((lfs), __VA_ARGS__))
#define lfs2_file_sync(lfs, ...) (guard_begin(lfs), (lfs2_file_sync)((lfs), __VA_ARGS__))
#define lfs2_file_close(lfs, file) guard_close((lfs), (file))

// vfs_lfsx.c sizes the caches as the minimum of the block size and four times the unit of a transfer: the former here.
#undef MIN
#define MIN(block, less) (block)

#include "extmod/vfs_lfs.c"

// NULL if the device belongs to another filesystem, or to mkfs(), whose filesystem is on the stack: it has no open
// files, and its type is not set.
static lfs2_t *guard_lfs(mp_vfs_blockdev_t *device) {
    mp_obj_vfs_lfs2_t *vfs = (void *)((char *)device - offsetof(mp_obj_vfs_lfs2_t, blockdev));
    uintptr_t at = (uintptr_t)vfs;
    if (at >= (uintptr_t)__builtin_frame_address(0) && at < (uintptr_t)MP_STATE_THREAD(stack_top)) {
        return NULL;
    }
    return vfs->base.type == &mp_type_vfs_lfs2 ? &vfs->lfs : NULL;
}

void guard_lfs_collect(mp_vfs_blockdev_t *device) {
    lfs2_t *lfs = guard_lfs(device);
    for (struct lfs2_mlist *open = lfs == NULL ? NULL : lfs->mlist; open != NULL; open = open->next) {
        void *object = NULL;
        if (open->type == LFS2_TYPE_REG) {
            object = (char *)open - offsetof(mp_obj_vfs_lfs2_file_t, file);
        } else if (open->type == LFS2_TYPE_DIR) {
            object = (char *)open - offsetof(mp_vfs_lfs2_ilistdir_it_t, dir);
        }
        gc_collect_root(&object, 1);
    }
}

// An exception of the device leaves littlefs. What its list has on the stack, which has no type, is taken out, and its
// caches, which it expects to be empty before the next change, are emptied.
void guard_lfs_exception(mp_vfs_blockdev_t *device) {
    lfs2_t *lfs = guard_lfs(device);
    if (lfs == NULL) {
        return;
    }
    for (struct lfs2_mlist **open = &lfs->mlist; *open != NULL;) {
        if ((*open)->type == LFS2_TYPE_REG || (*open)->type == LFS2_TYPE_DIR) {
            open = &(*open)->next;
        } else {
            *open = (*open)->next;
        }
    }
    lfs->rcache.block = lfs->pcache.block = GUARD_NO_BLOCK;
}
