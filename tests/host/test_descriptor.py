# SPDX-License-Identifier: MIT
"""Descriptor encodings against values read off the architecture manual's tables, bit by bit."""

import ctypes
import itertools

import host_library
import pytest

R, W, X, U = 1, 2, 4, 8
NORMAL, DEVICE, NONCACHED = 0 << 4, 1 << 4, 2 << 4
UPPER = 0xFFFF_0000_0000_0000

U64, U32, BOOL = ctypes.c_uint64, ctypes.c_uint32, ctypes.c_bool
SIGNATURES: dict[str, tuple[type, list[type]]] = {
    "desc_tcr_value": (U64, [U32]),
    "desc_pa_limit": (U64, [U32]),
    "desc_entry_size": (U64, [U32]),
    "desc_index": (U32, [U64, U32]),
    "desc_va_is_upper": (BOOL, [U64]),
    "desc_va_is_lower": (BOOL, [U64]),
    "desc_is_table": (BOOL, [U64, U32]),
    "desc_is_leaf": (BOOL, [U64, U32]),
    "desc_table": (U64, [U64]),
    "desc_leaf_pa": (U64, [U64, U32]),
    "desc_attrs_ok": (BOOL, [U32]),
    "desc_leaf": (U64, [U32, U64, U32, BOOL]),
    "desc_attrs": (U32, [U64]),
    "desc_tlbi_operand": (U64, [U64, ctypes.c_uint16]),
    "desc_ttbr": (U64, [U64, ctypes.c_uint16]),
}


class Descriptors:
    """The functions of descriptor.h by their names without the prefix."""

    def __init__(self) -> None:
        library = host_library.build("descriptor", ["descriptor_shim.c"])
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(library, "shim_" + name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name.removeprefix("desc_"), function)


@pytest.fixture(scope="module")
def desc():
    return Descriptors()


def all_valid_attrs(desc):
    return [a for a in range(1 << 7) if desc.attrs_ok(a)]


def bits(value: int, high: int, low: int) -> int:
    return value >> low & ((1 << (high - low + 1)) - 1)


def test_kernel_text_is_read_only_executable_at_el1_only(desc):
    d = desc.leaf(3, 0x1234_5000, R | X | NORMAL, True)
    assert bits(d, 1, 0) == 0b11
    assert bits(d, 4, 2) == 0  # AttrIndx
    assert bits(d, 7, 6) == 0b10  # EL1 read-only
    assert bits(d, 9, 8) == 0b11  # inner shareable
    assert bits(d, 10, 10) == 1  # AF
    assert bits(d, 11, 11) == 0  # global
    assert bits(d, 47, 12) == 0x12345
    assert bits(d, 53, 53) == 0 and bits(d, 54, 54) == 1  # PXN, UXN
    assert bits(d, 52, 48) == 0 and bits(d, 63, 55) == 0


def test_data_is_writable_and_never_executable(desc):
    d = desc.leaf(3, 0x8000, R | W, True)
    assert bits(d, 7, 6) == 0b00
    assert bits(d, 54, 53) == 0b11


def test_device_memory_is_index_one_and_never_executable(desc):
    d = desc.leaf(2, 0xFE00_0000, R | W | DEVICE, True)
    assert bits(d, 1, 0) == 0b01
    assert bits(d, 4, 2) == 1
    assert bits(d, 9, 8) == 0
    assert bits(d, 54, 53) == 0b11


def test_user_code_is_not_executable_by_the_kernel(desc):
    d = desc.leaf(3, 0x8000, R | X | U, False)
    assert bits(d, 7, 6) == 0b11
    assert bits(d, 53, 53) == 1 and bits(d, 54, 54) == 0


def test_user_data_is_writable_from_both_levels(desc):
    d = desc.leaf(3, 0x8000, R | W | U, False)
    assert bits(d, 7, 6) == 0b01
    assert bits(d, 54, 53) == 0b11


def test_lower_half_mappings_belong_to_one_asid(desc):
    for attrs in all_valid_attrs(desc):
        assert bits(desc.leaf(3, 0x1000, attrs, False), 11, 11) == 1
        assert bits(desc.leaf(3, 0x1000, attrs, True), 11, 11) == 0


def test_attributes_survive_the_way_through_a_descriptor(desc):
    valid = all_valid_attrs(desc)
    assert len(valid) == 6 + 4 + 4  # normal, device, non-cacheable
    for attrs, level, upper in itertools.product(valid, (1, 2, 3), (False, True)):
        d = desc.leaf(level, 0x40_0000_0000, attrs, upper)
        assert desc.attrs(d) == attrs
        assert desc.is_leaf(d, level) and not desc.is_table(d, level)
        assert desc.leaf_pa(d, level) == 0x40_0000_0000


@pytest.mark.parametrize(
    "attrs",
    [
        0,
        W,
        X,
        R | W | X,
        R | W | X | U,
        R | X | DEVICE,
        R | X | NONCACHED,
        R | 3 << 4,
        R | 1 << 7,
        U,
    ],
)
def test_attributes_that_cannot_be_are_refused(desc, attrs):
    assert not desc.attrs_ok(attrs)


def test_writable_and_executable_never_go_together(desc):
    assert not [a for a in all_valid_attrs(desc) if a & W and a & X]


@pytest.mark.parametrize(
    ("value", "level", "table", "leaf"),
    [
        (0b11, 0, True, False),
        (0b01, 0, False, False),  # there is no block at level 0
        (0b11, 1, True, False),
        (0b01, 1, False, True),
        (0b11, 2, True, False),
        (0b01, 2, False, True),
        (0b11, 3, False, True),
        (0b01, 3, False, False),  # reserved, invalid
        (0b10, 2, False, False),
        (0b00, 3, False, False),
    ],
)
def test_the_two_low_bits_mean_what_the_level_says(desc, value, level, table, leaf):
    assert desc.is_table(0x1000 | value, level) is table
    assert desc.is_leaf(0x1000 | value, level) is leaf


def test_an_entry_covers_512_times_the_one_below(desc):
    assert [desc.entry_size(n) for n in range(4)] == [1 << 39, 1 << 30, 1 << 21, 1 << 12]


def test_indices_are_nine_bits_of_the_address(desc):
    va = UPPER | 1 << 39 | 2 << 30 | 3 << 21 | 511 << 12 | 0xFFF
    assert [desc.index(va, n) for n in range(4)] == [1, 2, 3, 511]


@pytest.mark.parametrize(
    ("va", "lower", "upper"),
    [
        (0, True, False),
        (0x0000_FFFF_FFFF_FFFF, True, False),
        (0x0001_0000_0000_0000, False, False),
        (0xFFFE_FFFF_FFFF_FFFF, False, False),
        (UPPER, False, True),
        (0xFFFF_FFFF_FFFF_FFFF, False, True),
    ],
)
def test_what_lies_between_the_halves_is_in_neither(desc, va, lower, upper):
    assert desc.va_is_lower(va) is lower
    assert desc.va_is_upper(va) is upper


def test_the_tlbi_operand_is_masked_to_44_bits_and_keeps_the_asid(desc):
    assert desc.tlbi_operand(0xFFFF_FFFF_FFFF_F000, 0) == (1 << 44) - 1
    assert desc.tlbi_operand(UPPER, 0) == 0xFF0_0000_0000
    assert bits(desc.tlbi_operand(0xFFFF_8000_0000_0000, 0), 47, 44) == 0  # the TTL field
    assert desc.tlbi_operand(0x1234_5678, 0xBEEF) == 0xBEEF << 48 | 0x12345


def test_ttbr_holds_root_and_asid_and_a_clear_cnp_bit(desc):
    assert desc.ttbr(0x8_1234_5000, 0xFFFF) == 0xFFFF << 48 | 0x8_1234_5000


@pytest.mark.parametrize(
    ("parange", "tcr", "limit"),
    [
        (2, 0x12_B510_3510, 1 << 40),  # Cortex-A53
        (4, 0x14_B510_3510, 1 << 44),  # Cortex-A72
        (0, 0x10_B510_3510, 1 << 32),
        (6, 0x15_B510_3510, 1 << 48),  # 52 bits need another format
        (15, 0x15_B510_3510, 1 << 48),
    ],
)
def test_tcr_and_limit_follow_the_processors_address_size(desc, parange, tcr, limit):
    assert desc.tcr_value(parange) == tcr
    assert desc.pa_limit(parange) == limit
