// SPDX-License-Identifier: MIT
// Which machines an image of this project is for, behind the 64 bytes of its arm64 header: "pimem " and the build's
// name, padded with zeros. Included by C and by assembly.

#ifndef PORTS_RPI_AARCH64_BOOT_IMAGE_MARK_H
#define PORTS_RPI_AARCH64_BOOT_IMAGE_MARK_H

#define IMAGE_MARK_AT       64
#define IMAGE_MARK_SIZE     32
#define IMAGE_MARK_PREFIX   "pimem "

#endif // PORTS_RPI_AARCH64_BOOT_IMAGE_MARK_H
