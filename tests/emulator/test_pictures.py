# SPDX-License-Identifier: MIT
"""The pictures of the documentation show what a running board has."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import groupby

import pytest

from pimem import ROOT
from pimem.board.frames import FRAME
from pimem.dev import header, pictures
from pimem.dev.pages import Comparison

BOARD = "RPI4"
DOCS = ROOT / "docs"
SVG = "{http://www.w3.org/2000/svg}"
PLACE = re.compile(r"0x([0-9a-f]+)-0x([0-9a-f]+) (.*)")


def kept(name: str) -> str:
    return (DOCS / name).read_text()


def words(svg: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", ["address.svg", "walk.svg", "halves.svg"])
def test_a_picture_is_that_of_the_board(name: str) -> None:
    """All of it, but for addresses."""
    made = pictures.make(name, BOARD).splitlines()
    assert Comparison(set(), same_board=True).same(kept(name).splitlines(), made), (
        f"{name} is out of date: python -m pimem.dev.pictures"
    )


def owners(svg: str) -> dict[str, int]:
    """Frames by owner, of the places that a picture of RAM tells."""
    tips = {each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}title")}
    found: dict[str, int] = {}
    for tip in tips:
        if match := PLACE.fullmatch(tip):
            size = (int(match[2], 16) - int(match[1], 16)) // FRAME
            found[match[3]] = found.get(match[3], 0) + size
    return found


def test_the_picture_of_ram_is_that_of_the_board() -> None:
    """The owners and their order in memory; the sizes of some depend on the build."""
    made, there = pictures.make("ram.svg", BOARD), kept("ram.svg")
    assert words(made) == words(there)
    assert order(made) == order(there)
    mine, yours = owners(made), owners(there)
    assert mine.keys() == yours.keys()
    assert all(abs(mine[name] - yours[name]) <= max(8, yours[name] // 5) for name in mine)


def order(svg: str) -> list[str]:
    """The owners of the large places, from address 0 up."""
    tips = [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}title")]
    places = [(int(m[1], 16), int(m[2], 16), m[3]) for m in map(PLACE.fullmatch, tips) if m]
    large = [name for start, end, name in sorted(places) if end - start >= 64 * FRAME]
    return [name for name, _ in groupby(large)]


def test_the_sum_of_owners_in_the_picture_is_what_the_board_counts() -> None:
    snapshot = pictures.frames_view.parse(pictures.answer("ram.svg", BOARD))
    places: dict[str, int] = {}
    for place in snapshot.places:
        places[place.owner] = places.get(place.owner, 0) + (place.end - place.start) // FRAME
    counted = {name: snapshot.owners.get(name, 0) for name in places}
    assert places == counted


def test_the_map_of_the_example_is_that_of_the_board() -> None:
    assert pictures.memory_map(BOARD) == kept(pictures.MEMORY_MAP), (
        "out of date: python -m pimem.dev.pictures"
    )


def test_the_walk_has_the_addresses_of_the_page() -> None:
    page = (DOCS / "tutorial.md").read_text()
    shown = page[page.index(">>> space.show(VA)") :].partition("```")[0]
    for number in re.findall(
        r"\b[0-9a-f]{12}(?:[0-9a-f]{4})?\b", " ".join(words(kept("walk.svg")))
    ):
        assert number in shown or number == "0000008080604005"
    indexes = re.findall(r"entry (\d+)", " ".join(words(kept("walk.svg"))))
    assert indexes == re.findall(r"\[ *(\d+)\]", shown) == list("1234")


def test_the_fields_of_the_address_are_those_of_the_page() -> None:
    shown = words(kept("address.svg"))
    assert re.findall(r"\b(?:9|12|16) bits", " ".join(shown)) == ["16 bits"] + ["9 bits"] * 4 + [
        "12 bits"
    ]
    assert [int(word, 2) for word in shown if re.fullmatch("[01]{9,16}", word)] == [
        0,
        1,
        2,
        3,
        4,
        5,
    ]


@pytest.mark.parametrize("name", sorted(pictures.PICTURES))
def test_a_picture_is_legible_in_light_and_dark(name: str) -> None:
    """Every word has an ink that the dark mode changes, or stands on a fill of its own."""
    svg = kept(name)
    assert "prefers-color-scheme:dark" in svg and 'class="page"' in svg
    inks = {each.get("class") for each in ElementTree.fromstring(svg).iter(f"{SVG}text")}
    assert inks <= {"ink", "dim", "dark"}


def test_every_picture_is_shown() -> None:
    page = (DOCS / "tutorial.md").read_text()
    assert set(pictures.IMAGE.findall(page)) == set(pictures.PICTURES)
    drawn = {*pictures.PICTURES, pictures.MEMORY_MAP}
    drawn |= {family.picture for family in header.FAMILIES}
    assert {path.name for path in DOCS.glob("*.svg")} == drawn
