# SPDX-License-Identifier: MIT
"""Bugs planted into the image: each fits the image that is built and has a rule, or a sentence of
its own that says why no rule sees it. No barrier and no maintenance instruction is without one.
Some are run here, all of them by `make mutants`."""

from __future__ import annotations

import re

import image_plants
import pytest
from image_plants import Functions, Plant
from plant_workloads import WORKLOADS
from test_rules import documented

from pimem.board import boards
from pimem.testing import board_session

IMAGES = ("RPI4", "QEMU_VIRT")
RUN = (
    "boot_el1, ic iallu 1",
    "arch_switch_ttbr, tlbi vmalle1 2",
    "arch_sync_code, ic ialluis 1",
    "arch_isb, isb 1",
    "paging_replace, arch_dsb_ish 1 <-> str x21, [x20] 2",
)
#: Instructions that order or maintain something, and calls of those that do; DC ZVA is a store.
SITE = re.compile(r"(dsb|dmb|isb|tlbi|ic|dc)\b(?! zva)")
CALL = re.compile(r"bl? [0-9a-f]+ <(arch_(?:dsb|isb|tlbi|sync|clean)\w*)>")
#: It requires the instruction or makes it redundant, and names a section of the Arm ARM.
SENTENCE = re.compile(r'(required|redundant)\b.*"[A-Z][A-Za-z0-9 ,()-]+".*')


@pytest.fixture(scope="module")
def functions() -> dict[str, Functions]:
    return {
        board: image_plants.disassembly(board_session.elf(boards.load(board))) for board in IMAGES
    }


def test_there_are_plants_of_each_kind() -> None:
    plants = image_plants.plants()
    assert len([each for each in plants if each.rule]) >= 100
    assert len([each for each in plants if each.swap and each.rule]) >= 25
    assert len({str(each) for each in plants}) == len(plants)
    assert {each.workload for each in plants} == set(WORKLOADS)


def test_each_plant_has_a_rule_or_a_sentence_of_its_own() -> None:
    silent = [each for each in image_plants.plants() if not each.rule]
    for plant in image_plants.plants():
        assert bool(plant.rule) != bool(plant.reason), plant
    for plant in silent:
        assert SENTENCE.fullmatch(plant.reason), plant
    assert len({each.reason for each in silent}) == len(silent)
    assert {each.rule for each in image_plants.plants() if each.rule} <= documented()


@pytest.mark.parametrize("plant", image_plants.plants(), ids=str)
def test_a_plant_fits_the_image(plant: Plant, functions: dict[str, Functions]) -> None:
    for board in IMAGES:
        assert image_plants.places(plant, functions[board])


@pytest.mark.parametrize("board", IMAGES)
def test_no_instruction_is_without_a_plant(board: str, functions: dict[str, Functions]) -> None:
    planted = {
        at
        for plant in image_plants.plants()
        if not plant.swap
        for at in image_plants.places(plant, functions[board])
    }
    left = [
        f"{name}: {text}"
        for name, lines in functions[board].items()
        for at, text in lines
        if (SITE.match(text) or CALL.fullmatch(text)) and at not in planted
    ]
    assert left == []


def test_a_call_keeps_its_target_when_it_changes_places() -> None:
    call, back = 0x94000010, 0x17FFFFFF  # BL 64 bytes on, B 4 bytes back
    assert image_plants.moved(call, 8) == 0x9400000E
    assert image_plants.moved(back, -8) == 0x14000001
    assert image_plants.moved(image_plants.NOP, 8) == image_plants.NOP


def test_a_call_at_the_end_of_a_function_becomes_a_return() -> None:
    image = (0xD503201F).to_bytes(4, "little") + (0x14000002).to_bytes(4, "little")
    plant = Plant("f", "arch_isb", 1, "5d")
    changed = image_plants.planted(image, plant, [image_plants.LINKED_AT + 4])
    assert changed == image[:4] + image_plants.RET.to_bytes(4, "little")


@pytest.mark.parametrize("name", RUN)
def test_a_plant_is_reported(name: str, functions: dict[str, Functions]) -> None:
    [plant] = [each for each in image_plants.plants() if str(each) == name]
    outcome = image_plants.run_plant(plant, functions["RPI4"])
    assert plant.rule in outcome.rules
