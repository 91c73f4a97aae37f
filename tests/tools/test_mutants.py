# SPDX-License-Identifier: MIT
"""The planting of bugs: the list fits the sources, and what counts as a catch."""

from __future__ import annotations

from pathlib import Path

import pytest

from pimem.dev import mutants
from pimem.dev.mutants import MutantError, Plant, catcher


def test_every_plant_fits_its_file_and_names_tests_that_exist() -> None:
    plants = mutants.load()
    mutants.check_list(plants)
    assert len(plants) >= 20
    for plant in plants:
        assert plant.tests and plant.old != plant.new
        assert all((mutants.ROOT / "tests" / "host" / test).is_file() for test in plant.tests)
    # Files with code, that is; of the arch seam the host has a fake.
    files = (mutants.ROOT / "modules" / "memory" / "core").rglob("*.[ch]")
    code = {p.name for p in files if p.suffix == ".c" or "static inline" in p.read_text()}
    assert code - {Path(plant.file).name for plant in plants} == {"arch.h"}


def test_plants_are_chosen_by_number_and_by_path() -> None:
    plants = [
        Plant(1, "core/heap.c", "", "a", "b", ()),
        Plant(2, "ports/rpi-aarch64/drivers/bsc.c", "", "a", "b", ()),
    ]
    assert mutants.chosen(plants, [], "") == plants
    assert mutants.chosen(plants, [1], "") == plants[:1]
    assert mutants.chosen(plants, [], "drivers/") == plants[1:]
    with pytest.raises(MutantError, match="none of the 2 plants"):
        mutants.chosen(plants, [1], "drivers/")


def test_a_plant_that_does_not_fit_is_refused() -> None:
    plant = Plant(1, "file.c", "what", "a", "b", ())
    assert mutants.planted(plant, "xax") == "xbx"
    for text in ("xx", "aa"):
        with pytest.raises(MutantError, match="not once"):
            mutants.planted(plant, text)


@pytest.mark.parametrize(
    ("status", "output"), [(1, "FAILED tests/host/test_heap.py::test_it - assert"), (1, "")]
)
def test_tests_that_fail_without_a_bug_catch_nothing(
    status: int,
    output: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They would catch every plant, and say nothing about it."""
    monkeypatch.setattr(mutants, "WORK", tmp_path)
    monkeypatch.setattr(mutants, "run_tests", lambda *_: (status, output))
    assert mutants.main(["1"]) == mutants.USAGE
    assert "caught" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "output", "caught"),
    [
        (0, "4 passed", None),
        (1, "FAILED tests/host/test_heap.py::test_it - assert", "test_it"),
        (1, mutants.NO_END, "a test that does not end"),
        (-6, "heap.c:3: runtime error: shift", "the sanitiser"),
    ],
)
def test_what_counts_as_a_catch(status: int, output: str, caught: str | None) -> None:
    assert catcher(status, output) == caught


@pytest.mark.parametrize("status", [2, 4, 5])
def test_tests_that_do_not_run_catch_nothing(status: int) -> None:
    with pytest.raises(MutantError, match="do not run"):
        catcher(status, "ImportError")


def test_a_plant_that_does_not_compile_is_not_caught() -> None:
    error = "host_library.BuildError"
    output = f"{error}: gcc\nFAILED tests/host/test_heap.py::test_it - {error}"
    with pytest.raises(MutantError, match="does not compile"):
        catcher(1, output)
