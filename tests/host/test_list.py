# SPDX-License-Identifier: MIT
"""The intrusive list of core/list.h beside Python lists: order, both directions, two lists."""

import ctypes
import random

import host_library
import pytest


class Item(ctypes.Structure):
    """item_t of list_shim.c."""


ItemPointer = ctypes.POINTER(Item)
Item._fields_ = [(name, ItemPointer) for name in ("next", "prev", "other_next", "other_prev")]


def address(pointer: object) -> int:
    """The address in a pointer, 0 for NULL."""
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


class Lists:
    """Items that are in a list, in the other one, or in both; heads as the C code sees them."""

    def __init__(self, count: int) -> None:
        self.library = host_library.build("list", ["list_shim.c"])
        self.items = (Item * count)()
        self.head, self.other_head = ItemPointer(), ItemPointer()
        self.index = {ctypes.addressof(item): i for i, item in enumerate(self.items)}

    def push(self, i: int) -> None:
        self.library.shim_push(ctypes.byref(self.head), ctypes.byref(self.items[i]))

    def insert_after(self, before: int, i: int) -> None:
        pair = self.items[before], self.items[i]
        self.library.shim_insert_after(*(ctypes.byref(item) for item in pair))

    def remove(self, i: int) -> None:
        self.library.shim_remove(ctypes.byref(self.head), ctypes.byref(self.items[i]))

    def push_other(self, i: int) -> None:
        self.library.shim_push_other(ctypes.byref(self.other_head), ctypes.byref(self.items[i]))

    def remove_other(self, i: int) -> None:
        self.library.shim_remove_other(ctypes.byref(self.other_head), ctypes.byref(self.items[i]))

    def walk(self, head: object, prefix: str = "") -> list[int]:
        """Indices from the head on; each item must lead back to the one before."""
        order: list[int] = []
        at, before = address(head), 0
        while at:
            item = self.items[self.index[at]]
            assert address(getattr(item, prefix + "prev")) == before
            order.append(self.index[at])
            assert len(order) <= len(self.items), "the list is a circle"
            at, before = address(getattr(item, prefix + "next")), at
        return order


@pytest.fixture
def lists():
    return Lists(8)


def test_an_empty_list_has_no_head(lists):
    assert lists.walk(lists.head) == []
    lists.push(0)
    lists.remove(0)
    assert lists.walk(lists.head) == []


def test_a_pushed_item_is_the_first(lists):
    for i in range(3):
        lists.push(i)
    assert lists.walk(lists.head) == [2, 1, 0]


@pytest.mark.parametrize("before, order", [(2, [2, 3, 1, 0]), (0, [2, 1, 0, 3])])
def test_an_item_is_put_behind_any_other(lists, before, order):
    for i in range(3):
        lists.push(i)
    lists.insert_after(before, 3)
    assert lists.walk(lists.head) == order


@pytest.mark.parametrize("removed, order", [(2, [1, 0]), (1, [2, 0]), (0, [2, 1])])
def test_any_item_is_taken_out(lists, removed, order):
    for i in range(3):
        lists.push(i)
    lists.remove(removed)
    assert lists.walk(lists.head) == order


def test_an_item_is_in_two_lists_at_once(lists):
    for i in range(3):
        lists.push(i)
        lists.push_other(2 - i)
    lists.remove(1)
    assert lists.walk(lists.head) == [2, 0]
    assert lists.walk(lists.other_head, "other_") == [0, 1, 2]
    lists.remove_other(0)
    assert lists.walk(lists.head) == [2, 0]
    assert lists.walk(lists.other_head, "other_") == [1, 2]


def test_random_changes_match_a_python_list(lists):
    choose, model = random.Random(1), []
    for _ in range(2000):
        outside = [i for i in range(8) if i not in model]
        if model and (not outside or choose.random() < 0.5):
            i = choose.choice(model)
            lists.remove(i)
            model.remove(i)
        elif model and choose.random() < 0.5:
            before, i = choose.choice(model), choose.choice(outside)
            lists.insert_after(before, i)
            model.insert(model.index(before) + 1, i)
        else:
            i = choose.choice(outside)
            lists.push(i)
            model.insert(0, i)
        assert lists.walk(lists.head) == model
