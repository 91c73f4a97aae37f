// SPDX-License-Identifier: MIT
// Reads and writes of files and of the console go through here (the linker's --wrap): their buffers are made present
// page by page before the code that must not stop half way sees them, so that it never needs a pager.

#include "lib/littlefs/lfs2.h"
#include "lib/oofatfs/ff.h"

#include "hooks.h"
#include "py/mphal.h"

FRESULT __real_f_read(FIL *file, void *buf, UINT size, UINT *done);
FRESULT __real_f_write(FIL *file, const void *buf, UINT size, UINT *done);
lfs2_ssize_t __real_lfs2_file_read(lfs2_t *lfs, lfs2_file_t *file, void *buf, lfs2_size_t size);
lfs2_ssize_t __real_lfs2_file_write(lfs2_t *lfs, lfs2_file_t *file, const void *buf, lfs2_size_t size);
mp_uint_t __real_mp_hal_stdout_tx_strn(const char *str, size_t len);
void __real_mp_hal_stdout_tx_strn_cooked(const char *str, size_t len);
mp_uint_t __wrap_mp_hal_stdout_tx_strn(const char *str, size_t len);
void __wrap_mp_hal_stdout_tx_strn_cooked(const char *str, size_t len);
FRESULT __wrap_f_read(FIL *file, void *buf, UINT size, UINT *done);
FRESULT __wrap_f_write(FIL *file, const void *buf, UINT size, UINT *done);
lfs2_ssize_t __wrap_lfs2_file_read(lfs2_t *lfs, lfs2_file_t *file, void *buf, lfs2_size_t size);
lfs2_ssize_t __wrap_lfs2_file_write(lfs2_t *lfs, lfs2_file_t *file, const void *buf, lfs2_size_t size);

FRESULT __wrap_f_read(FIL *file, void *buf, UINT size, UINT *done) {
    *done = 0;
    for (;;) {
        bind_pager_pin_t pin;
        UINT piece = bind_pager_pin(&pin, buf, size - *done, true);
        UINT got = 0;
        FRESULT result = __real_f_read(file, buf, piece, &got);
        bind_pager_unpin(&pin);
        *done += got;
        if (result != FR_OK || got != piece || *done == size) {
            return result;
        }
        buf = (char *)buf + got;
    }
}

FRESULT __wrap_f_write(FIL *file, const void *buf, UINT size, UINT *done) {
    *done = 0;
    for (;;) {
        bind_pager_pin_t pin;
        UINT piece = bind_pager_pin(&pin, buf, size - *done, false);
        UINT put = 0;
        FRESULT result = __real_f_write(file, buf, piece, &put);
        bind_pager_unpin(&pin);
        *done += put;
        if (result != FR_OK || put != piece || *done == size) {
            return result;
        }
        buf = (const char *)buf + put;
    }
}

lfs2_ssize_t __wrap_lfs2_file_read(lfs2_t *lfs, lfs2_file_t *file, void *buf, lfs2_size_t size) {
    lfs2_size_t done = 0;
    for (;;) {
        bind_pager_pin_t pin;
        lfs2_size_t piece = bind_pager_pin(&pin, (char *)buf + done, size - done, true);
        lfs2_ssize_t got = __real_lfs2_file_read(lfs, file, (char *)buf + done, piece);
        bind_pager_unpin(&pin);
        if (got < 0) {
            return got;
        }
        done += got;
        if ((lfs2_size_t)got != piece || done == size) {
            return done;
        }
    }
}

lfs2_ssize_t __wrap_lfs2_file_write(lfs2_t *lfs, lfs2_file_t *file, const void *buf, lfs2_size_t size) {
    lfs2_size_t done = 0;
    for (;;) {
        bind_pager_pin_t pin;
        lfs2_size_t piece = bind_pager_pin(&pin, (const char *)buf + done, size - done, false);
        lfs2_ssize_t put = __real_lfs2_file_write(lfs, file, (const char *)buf + done, piece);
        bind_pager_unpin(&pin);
        if (put < 0) {
            return put;
        }
        done += put;
        if ((lfs2_size_t)put != piece || done == size) {
            return done;
        }
    }
}

mp_uint_t __wrap_mp_hal_stdout_tx_strn(const char *str, size_t len) {
    mp_uint_t written = 0;
    for (size_t piece; len != 0; str += piece, len -= piece) {
        bind_pager_pin_t pin;
        piece = bind_pager_pin(&pin, str, len, false);
        written += __real_mp_hal_stdout_tx_strn(str, piece);
        bind_pager_unpin(&pin);
    }
    return written;
}

void __wrap_mp_hal_stdout_tx_strn_cooked(const char *str, size_t len) {
    for (size_t piece; len != 0; str += piece, len -= piece) {
        bind_pager_pin_t pin;
        piece = bind_pager_pin(&pin, str, len, false);
        __real_mp_hal_stdout_tx_strn_cooked(str, piece);
        bind_pager_unpin(&pin);
    }
}
