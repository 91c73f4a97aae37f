// SPDX-License-Identifier: MIT
// A new cluster of a directory is cleared before it is linked. The fetched code links it first: after a power cut in
// between, the directory has entries made of stale data. Names are UTF-8, as strings of Python are; the fetched code
// uses a code page, and cannot list a name that is not ASCII. A full disk or directory has an error of its own, other
// than that of a denied access. A path that ends with a separator names a directory.

#include <stdbool.h>
#include <string.h>

#include "guard/window.h"

// The block device is told which blocks are free: a RAM disk frees their frames (vfs_fat_diskio.c).
#undef FF_USE_TRIM
#define FF_USE_TRIM 1

// UTF-8. The types of ff.h are the same without it.
#undef FF_LFN_UNICODE
#define FF_LFN_UNICODE 2

// In place of the folder, where the fetched code asks for a cluster behind dp->clust: the new one is behind none.
static const FF_DIR guard_folder_end = { .clust = 0 };

// create_chain() and dir_clear() are defined and called in the fetched file; the first word of the last argument tells
// which place it is.
#define GUARD_LINK_DWORD DWORD
#define GUARD_LINK_0 0
#define GUARD_LINK_clst clst
#define GUARD_LINK_fp fp
#define GUARD_LINK_dp (&guard_folder_end)
#define create_chain(object, last) create_chain(object, GUARD_LINK_##last)

#define GUARD_CLEAR_DWORD DWORD
#define GUARD_CLEAR_dcl dcl
#define GUARD_CLEAR_clst clst) != FR_OK || put_fat(fs, dp->clust, clst
#define dir_clear(fs, cluster) dir_clear(fs, GUARD_CLEAR_##cluster)

// The segment behind the last separator is empty: it is "." then. The fetched code refuses it.
static FRESULT guard_create_name(FF_DIR *dir, const TCHAR **path);

// create_name() is defined and called in the fetched file, as above.
#define GUARD_NAME_DIR create_name(DIR
#define GUARD_NAME_dp guard_create_name(dp
#define create_name(dir, path) GUARD_NAME_##dir, path)

static inline bool guard_is_full(const char *function) {
    return strncmp(function, "dir_", 4) == 0 || strcmp(function, "f_mkdir") == 0;
}

// In these functions FR_DENIED means that the disk, or a directory of a fixed size, is full. The replacement is unused
// otherwise (vfs_fat_file.c), because FatFs does not count open files in this configuration.
#define FR_DENIED (guard_is_full(__func__) ? FR_TOO_MANY_OPEN_FILES : FR_DENIED)
_Static_assert(FF_FS_LOCK == 0, "FR_TOO_MANY_OPEN_FILES has its own meaning");

#include "lib/oofatfs/ff.c"

static FRESULT guard_create_name(FF_DIR *dir, const TCHAR **path) {
    const TCHAR *dot = ".";
    return (create_name)(dir, **path ? path : &dot);
}
