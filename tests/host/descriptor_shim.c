// SPDX-License-Identifier: MIT
// Gives the inline functions of descriptor.h symbols that a test can call.

#include "core/paging/descriptor.h"

#define SHIM(type, name, parameters, ...) type shim_##name parameters; \
    type shim_##name parameters { return name(__VA_ARGS__); }

SHIM(uint64_t, desc_tcr_value, (unsigned parange), parange)
SHIM(uint64_t, desc_pa_limit, (unsigned parange), parange)
SHIM(uint64_t, desc_entry_size, (unsigned level), level)
SHIM(unsigned, desc_index, (mem_va_t va, unsigned level), va, level)
SHIM(bool, desc_va_is_upper, (mem_va_t va), va)
SHIM(bool, desc_va_is_lower, (mem_va_t va), va)
SHIM(bool, desc_is_table, (uint64_t desc, unsigned level), desc, level)
SHIM(bool, desc_is_leaf, (uint64_t desc, unsigned level), desc, level)
SHIM(uint64_t, desc_table, (mem_pa_t pa), pa)
SHIM(uint64_t, desc_leaf_pa, (uint64_t desc, unsigned level), desc, level)
SHIM(bool, desc_attrs_ok, (mem_attrs_t attrs), attrs)
SHIM(uint64_t, desc_leaf, (unsigned level, mem_pa_t pa, mem_attrs_t attrs, bool upper), level, pa, attrs, upper)
SHIM(mem_attrs_t, desc_attrs, (uint64_t desc), desc)
SHIM(uint64_t, desc_tlbi_operand, (mem_va_t va, uint16_t asid), va, asid)
SHIM(uint64_t, desc_ttbr, (mem_pa_t root, uint16_t asid), root, asid)
