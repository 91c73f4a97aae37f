// SPDX-License-Identifier: MIT
// Offsets of a trap_frame_t for assembly. fault/exception.c asserts that they agree with the struct.

#ifndef PORTS_RPI_AARCH64_AARCH64_TRAP_FRAME_H
#define PORTS_RPI_AARCH64_AARCH64_TRAP_FRAME_H

#define TRAP_FRAME_SP       248
#define TRAP_FRAME_ELR      256
#define TRAP_FRAME_ESR      272
#define TRAP_FRAME_VECTOR   288
#define TRAP_FRAME_FPCR     304
#define TRAP_FRAME_Q        320
#define TRAP_FRAME_SIZE     832

#endif // PORTS_RPI_AARCH64_AARCH64_TRAP_FRAME_H
