// SPDX-License-Identifier: MIT
// Behind the 64 bytes of the arm64 header every image of this project says which machines it is for: "pimem " and the
// build's name, padded with zeros. Included by C and by assembly.

#ifndef PORTS_RPI_AARCH64_IMAGE_MARK_H
#define PORTS_RPI_AARCH64_IMAGE_MARK_H

#define IMAGE_MARK_AT       64
#define IMAGE_MARK_SIZE     32
#define IMAGE_MARK_PREFIX   "pimem "

#endif // PORTS_RPI_AARCH64_IMAGE_MARK_H
