# SPDX-License-Identifier: MIT
"""Bugs planted into the image: each fits the image that is built, and some are run. `make mutants`
runs all of them."""

from __future__ import annotations

import image_plants
import pytest

from pimem.board import boards
from pimem.testing import board_session

RUN = ("arch_switch_ttbr, tlbi vmalle1 2", "arch_sync_code, ic ialluis 1", "arch_isb, isb 1")


@pytest.fixture(scope="module")
def functions() -> dict[str, list[tuple[int, str]]]:
    return image_plants.disassembly(board_session.elf(boards.load("RPI4")))


def test_there_are_plants_of_each_kind() -> None:
    plants = image_plants.plants()
    assert len([each for each in plants if each.rule]) >= 40
    assert len({str(each) for each in plants}) == len(plants)


@pytest.mark.parametrize("plant", image_plants.plants(), ids=str)
def test_a_plant_fits_the_image(
    plant: image_plants.Plant, functions: dict[str, list[tuple[int, str]]]
) -> None:
    assert image_plants.place(plant, functions) is not None
    assert bool(plant.rule) != bool(plant.reason)


@pytest.mark.parametrize("name", RUN)
def test_a_plant_is_reported(name: str, functions: dict[str, list[tuple[int, str]]]) -> None:
    [plant] = [each for each in image_plants.plants() if str(each) == name]
    violations, _ = image_plants.run(image_plants.place(plant, functions))
    assert plant.rule in {each.rule for each in violations}
