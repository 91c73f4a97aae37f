// SPDX-License-Identifier: MIT
// Tab at the prompt: names, and modules after `import` and `from`.

#ifndef PORTS_RPI_AARCH64_MACHINE_LINE_COMPLETE_H
#define PORTS_RPI_AARCH64_MACHINE_LINE_COMPLETE_H

#include <stddef.h>

#define LINE_COMPLETE_MANY ((size_t)-1)

// Completes the `size` bytes of a line. Returns how many bytes of *text go on with it; 0: nothing fits;
// LINE_COMPLETE_MANY: several names fit and were printed.
size_t line_complete(const char *line, size_t size, const char **text);

#endif // PORTS_RPI_AARCH64_MACHINE_LINE_COMPLETE_H
