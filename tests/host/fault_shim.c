// SPDX-License-Identifier: MIT
// Gives the inline functions of fault.h symbols that a test can call.

#include "core/fault/fault.h"

bool shim_par_is_mapped(uint64_t par);
mem_pa_t shim_par_pa(uint64_t par, mem_va_t va);
bool shim_par_is_normal(uint64_t par);

bool shim_par_is_mapped(uint64_t par) {
    return fault_par_is_mapped(par);
}

mem_pa_t shim_par_pa(uint64_t par, mem_va_t va) {
    return fault_par_pa(par, va);
}

bool shim_par_is_normal(uint64_t par) {
    return fault_par_is_normal(par);
}
