// SPDX-License-Identifier: MIT
// libfdt for the tests of boot_fdt.c: found on the path for system headers, so that its warnings are not ours.

#include <fdt.c>
#include <fdt_addresses.c>
#include <fdt_ro.c>
#include <fdt_rw.c>
#include <fdt_strerror.c>
#include <fdt_wip.c>
