// SPDX-License-Identifier: MIT
// Another kernel over the console: machine.bootloader([timeout_ms]).
//
// The protocol; numbers are little-endian, lines end with CR LF.
//   board  "BOOTLOADER 1 4096"   version, and bytes of a block
//   host   header: magic "PIMBOOT1"; u32 packed bytes, u32 image bytes, u32 bytes of memory the image uses from its
//          first one on (image_size of its arm64 header), u32 CRC-32 of the image, u32 CRC-32 of the header so far
//   board  "ACK 0"               the memory is there
//   host   block: up to 4096 of the packed bytes (raw deflate), u32 CRC-32 of them; the last one may be shorter
//   board  "ACK n"               n blocks have come; the next one may be sent
//          "NAK n"               block n came damaged or not whole: it is to be sent again (three times at most)
//   board  "RUN"                 after the last: length and CRC of the image are right, and it is entered
// Only one block is in transit at a time, so that no buffer overruns. Every error raises an exception after the line
// has been silent for a moment; only frames that were free have been used then, and they are free again.
//   OSError(ETIMEDOUT)  nothing for timeout_ms (10,000 unless given): of the header, or of a block
//   OSError(EIO)        a block is damaged three times, or the CRC or length of the whole image is
//   OSError(EINVAL)     no header, no arm64 image, or an image of this project for another machine (image_mark.h)
//   OSError(ENOMEM)     no room for it; OSError(EBUSY): the image would lie over reserved memory
//   OSError(EPERM)      there is no kernel map
//   KeyboardInterrupt   Ctrl-C instead of a header
//
// The new kernel gets the place of this one and is entered as this one was: same exception level (EL2 after EL3),
// x0 = a packed copy of the device tree, or the x0 of this kernel's start when that was no tree; exceptions masked,
// timer and interrupt controller quiet, MMU and caches off. The other cores wait at EL2 in the parking page (layout.h)
// until the spin table of the firmware's stub releases them; a kernel that is not of this project gets a device tree
// that reserves the page.

#ifndef PORTS_RPI_AARCH64_BOOT_BOOTLOADER_H
#define PORTS_RPI_AARCH64_BOOT_BOOTLOADER_H

#include <stddef.h>

// Frames in use for an image that is being received.
size_t bootloader_frames(void);

#endif // PORTS_RPI_AARCH64_BOOT_BOOTLOADER_H
