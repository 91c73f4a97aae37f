// SPDX-License-Identifier: MIT
// What the guards of types ask those of streams.

#ifndef PORTS_RPI_AARCH64_GUARD_IOBASE_H
#define PORTS_RPI_AARCH64_GUARD_IOBASE_H

// The protocol of io.IOBase: the only one whose functions take an instance of a class in Python.
const void *guard_iobase_protocol(void);

#endif // PORTS_RPI_AARCH64_GUARD_IOBASE_H
