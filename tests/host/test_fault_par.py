# SPDX-License-Identifier: MIT
"""The results of address translations (PAR_EL1), by the fields of the manual."""

import ctypes

import host_library
import pytest

VA = 0xFFFF_0000_0000_1ABC
# ATTR 63:56, NS 9, SH 8:7, PA 47:12, F 0.
NORMAL = 0xFF00_0000_0008_0B80
DEVICE = 0x0400_0000_FE20_1B80
# F = 1: FST 6:1, S 9; bit 11 reads as 1.
TRANSLATION_LEVEL_3 = 0x80F
PERMISSION_LEVEL_3 = 0x81F
STAGE_2 = 0xA0F


@pytest.fixture(scope="module")
def par():
    library = host_library.build("fault_par", ["fault_shim.c"])
    library.shim_par_is_mapped.argtypes = [ctypes.c_uint64]
    library.shim_par_is_mapped.restype = ctypes.c_bool
    library.shim_par_is_normal.argtypes = [ctypes.c_uint64]
    library.shim_par_is_normal.restype = ctypes.c_bool
    library.shim_par_pa.argtypes = [ctypes.c_uint64, ctypes.c_uint64]
    library.shim_par_pa.restype = ctypes.c_uint64
    return library


@pytest.mark.parametrize("value", [NORMAL, DEVICE, 0])
def test_a_translation_without_the_fault_bit_is_mapped(par, value):
    assert par.shim_par_is_mapped(value)


@pytest.mark.parametrize("value", [TRANSLATION_LEVEL_3, PERMISSION_LEVEL_3, STAGE_2, 1])
def test_a_translation_with_the_fault_bit_is_not_mapped(par, value):
    assert not par.shim_par_is_mapped(value)


def test_the_physical_address_has_the_page_of_par_and_the_offset_of_the_address(par):
    assert par.shim_par_pa(NORMAL, VA) == 0x0008_0ABC
    assert par.shim_par_pa(DEVICE, VA) == 0xFE20_1ABC
    assert par.shim_par_pa(0xFF00_FFFF_FFFF_FB80, 0) == 0xFFFF_FFFF_F000


def test_device_memory_is_not_normal(par):
    assert par.shim_par_is_normal(NORMAL)
    assert par.shim_par_is_normal(0x4400_0000_0000_0000)
    assert not par.shim_par_is_normal(DEVICE)
    assert not par.shim_par_is_normal(0)
