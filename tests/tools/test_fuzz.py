# SPDX-License-Identifier: MIT
"""A short run of every fuzz target: the same inputs each time, from the corpora of the tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pimem.dev import fuzz, mutants
from pimem.dev.fuzz import FuzzError, Target
from pimem.setup import apt

RUNS = {"frames": 6_000, "paging": 5_000, "heap": 10_000, "collector": 10_000, "fdt": 100_000}
SEEDS = 9  # tried one after the other where a bug is to be found
SECONDS = 120  # at most, on a busy machine; they take about five each
SMALL_MB = 400  # more than any target takes
MEBIBYTE = 1024 * 1024
CORPUS_BYTES = 100_000  # of a target: seeds, not a collection

Build = Callable[[Target, Path], Path]
by_name = pytest.mark.parametrize("target", fuzz.targets(), ids=lambda target: target.name)


@pytest.fixture(scope="module", autouse=True)
def clang() -> None:
    try:
        fuzz.install_clang()
    except (FuzzError, apt.AptError) as exc:
        pytest.skip(f"no fuzzing: {exc}")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Give the program of a target in a folder, where what it finds is kept; built once."""
    programs = tmp_path_factory.mktemp("fuzz")

    def build(target: Target, folder: Path) -> Path:
        program = programs / f"fuzz_{target.name}"
        if not program.is_file():
            fuzz.build(target, programs)
        own = folder / program.name
        own.hardlink_to(program)
        return own

    return build


def run(target: Target, program: Path, seed: int = 1) -> fuzz.Result:
    limit = [f"-runs={RUNS[target.name]}", f"-seed={seed}"]
    return fuzz.run(target, program, limit, SECONDS)


@by_name
def test_a_short_run_finds_nothing(target: Target, built: Build, tmp_path: Path) -> None:
    result = run(target, built(target, tmp_path))
    assert result.clean, "\n".join(result.log[-40:])
    assert result.runs >= RUNS[target.name]


@by_name
def test_the_corpus_is_small(target: Target) -> None:
    sizes = [path.stat().st_size for path in (fuzz.CORPUS / target.name).iterdir()]
    assert len(sizes) >= 8 and max(sizes) <= target.max_input
    assert sum(sizes) <= CORPUS_BYTES


def plant(target: Target, what: str, folder: Path) -> Target:
    """The target with one of the list's bugs in it."""
    (bug,) = [each for each in mutants.load() if each.what == what]
    (source,) = [path for path in target.sources if path.name == Path(bug.file).name]
    copy = folder / source.name
    copy.write_text(mutants.planted(bug, source.read_text()))
    sources = tuple(copy if path == source else path for path in target.sources)
    # The copy still finds the headers beside the original.
    return replace(target, sources=sources, flags=(*target.flags, f"-I{source.parent}"))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("frames", "frames outside every bank can be freed"),
        ("paging", "tables taken before a failure are kept"),
        ("heap", "content is not copied"),
        ("collector", "the tails of a dead chain stay in the next group"),
        ("fdt", "a property may go beyond the structure block"),
    ],
)
def test_a_short_run_finds_a_planted_bug(name: str, what: str, tmp_path: Path) -> None:
    (target,) = [each for each in fuzz.targets() if each.name == name]
    planted = plant(target, what, tmp_path)
    program = fuzz.build(planted, tmp_path)
    seeds = range(1, SEEDS + 1)
    assert any(not run(planted, program, seed).clean for seed in seeds)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "MEMORY_MB", SMALL_MB)


@pytest.mark.usefixtures("small")
def test_a_run_does_not_depend_on_the_size_of_its_parent(built: Build, tmp_path: Path) -> None:
    target = fuzz.targets()[0]
    program = built(target, tmp_path)
    mine = b"\1" * ((SMALL_MB + 100) * MEBIBYTE)
    result = fuzz.run(target, program, ["-max_total_time=3", "-seed=1"], SECONDS)
    assert mine and result.clean, "\n".join(result.log[-40:])


HOARD = """
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#undef LLVMFuzzerTestOneInput
int one_input(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static void *hoard;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    void **piece = malloc(atol(getenv("PIECE")));
    memset(piece, 1, atol(getenv("TOUCHED")));
    *piece = hoard;
    hoard = piece;
    return one_input(data, size);
}
"""


@pytest.fixture(scope="module")
def hoarding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a target that keeps a piece of memory for each input."""
    folder = tmp_path_factory.mktemp("hoard")
    source = folder / "hoard.c"
    source.write_text(HOARD)
    target = fuzz.targets()[0]
    flags = (*target.flags, "-DLLVMFuzzerTestOneInput=one_input")
    return fuzz.build(replace(target, sources=(*target.sources, source), flags=flags), folder)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("piece", "touched", "why"),
    [
        (16, 16, f"hard rss limit exhausted ({SMALL_MB}Mb"),
        (SMALL_MB + 1, 1, f"out-of-memory (malloc({(SMALL_MB + 1) * MEBIBYTE}))"),
    ],
    ids=["in pieces", "at once"],
)
def test_a_target_that_hoards_memory_is_found(
    piece: int,
    touched: int,
    why: str,
    hoarding: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = fuzz.targets()[0]
    monkeypatch.setenv("PIECE", str(piece * MEBIBYTE))
    monkeypatch.setenv("TOUCHED", str(touched * MEBIBYTE))
    program = tmp_path / hoarding.name
    program.hardlink_to(hoarding)
    result = run(target, program)
    assert not result.clean and any(why in line for line in result.log[-40:]), result.log[-40:]
    assert list(tmp_path.glob(f"{target.name}-*-*")), "the input is not kept"
