# SPDX-License-Identifier: MIT
"""The host benchmark: its verdicts on made-up figures, and one short run of the real program."""

from __future__ import annotations

from pathlib import Path

import pytest

from pimem import cli
from pimem.dev import bench, bench_host
from pimem.dev.bench_host import Row, judge, plain, ratio


def samples(ours: list[float], reference: list[float]) -> bench_host.Samples:
    return {"work": {"ours": ours, "reference": reference}}


ROW = Row("speed", ratio("work", "ours", "reference"), 2.0, 1.5)


@pytest.mark.parametrize(
    ("ours", "holds", "wobbles", "words"),
    [
        ([15.0] * 9, True, False, "holds, stretch too"),
        ([18.0] * 9, True, False, "holds"),
        ([20.0] * 9, True, True, "holds (wobbles by 20%)"),
        ([21.0] * 9, False, True, "MISSES (wobbles by 20%)"),
        ([23.0] * 9, False, False, "MISSES"),
        ([15.0, 15, 16, 19, 19, 19, 19, 25, 25], True, True, "holds (wobbles by 53%)"),
        ([15.0, 15, 16, 19, 25, 25, 25, 25, 25], False, True, "MISSES (wobbles by 40%)"),
        ([1.0, 17, 17, 17, 17, 17, 17, 17, 99], True, False, "holds"),
        ([19.0, 19, 19, 19, 21], True, True, "holds (wobbles by 20%)"),
    ],
)
def test_a_row_is_judged_by_its_median_and_its_spread(
    ours: list[float], holds: bool, wobbles: bool, words: str
) -> None:
    (result,) = judge(samples(ours, [10.0] * len(ours)), [ROW])
    assert (result.holds, result.wobbles) == (holds, wobbles)
    assert result.text().endswith(f"  {words}")


def test_ratios_are_taken_within_a_repetition() -> None:
    (result,) = judge(samples([10.0, 20, 40], [10.0, 20, 40]), [ROW])
    assert (result.value, result.low, result.high) == (1.0, 1.0, 1.0)


def test_more_can_be_better() -> None:
    row = Row("yield", plain("work"), 92.0, None, "%", True)
    assert [judge(samples([v], [1.0]), [row])[0].holds for v in (91.9, 92.0)] == [False, True]


def test_the_program_measures_what_the_rows_ask_for() -> None:
    program = bench_host.build()
    found = bench_host.run(program, 1, 2, "heap.")
    assert found["heap.faults"] == {"ours": [6.0, 6.0]}
    assert found["heap.flips"] == {"ours": [100.0, 100.0]}
    assert len(found["heap.random"]["glibc"]) == 2
    works = {work for table in bench_host.SOURCE.glob("*_work.c") for work in names(table)}
    for row in bench_host.ROWS:
        used = Recorder()
        row.figures(used)  # type: ignore[arg-type]
        assert used.works <= works, row.what


def names(table: Path) -> list[str]:
    lines = table.read_text().splitlines()
    return [line.split('"')[1] for line in lines if line.startswith('    { "')]


class Recorder(dict):  # type: ignore[type-arg]
    """Samples that have everything and note what is asked for."""

    def __init__(self) -> None:
        self.works: set[str] = set()

    def __missing__(self, work: str) -> dict[str, list[float]]:
        self.works.add(work)
        return {who: [1.0] for who in ("ours", "buddy", "lifo", "glibc", "classes", "floor")}


@pytest.mark.parametrize(("check", "status"), [(False, 0), (True, 1)])
def test_a_miss_fails_only_when_asked_to_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], check: bool, status: int
) -> None:
    tally = bench.Tally()
    tally.missed.append("speed")
    monkeypatch.setattr(bench, "measure", lambda *_: tally)
    assert cli.main(["bench", *(["--check"] if check else [])]) == status
    assert ("speed" in capsys.readouterr().err) is check
