// SPDX-License-Identifier: MIT
// Code in a ROMFS is used in place, up to the end of its file.

#include "py/reader.h"

#define mp_reader_try_read_rom(...) fetched_try_read_rom(__VA_ARGS__)
const uint8_t *fetched_try_read_rom(mp_reader_t *reader, size_t len);
#include "py/reader.c"
#undef mp_reader_try_read_rom

// NULL, for a file elsewhere, makes the caller read the file.
const uint8_t *mp_reader_try_read_rom(mp_reader_t *reader, size_t len) {
    if (reader->readbyte != mp_reader_mem_readbyte) {
        return NULL;
    }
    const mp_reader_mem_t *file = reader->data;
    return len <= (size_t)(file->end - file->cur) ? fetched_try_read_rom(reader, len) : NULL;
}
