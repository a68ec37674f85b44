"""What a packed file is written of, and what stops it."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from policy.packed import Packed
from policy.told import DAY
from proxy.lists import ListError, packing
from proxy.lists.packing import Packing, Sources

FACTS = ("Amazon-Impers", "itg", "high", "", "")


def test_a_campaign_takes_a_step_where_something_changes_and_no_other(tmp_path: Path) -> None:
    with closing(Packing(tmp_path)) as made:
        for at in range(1000):
            made.take(12_025_550_100 + at % 100, DAY * (at % 3), 0.0, FACTS)
        head = made.write(tmp_path / "one")
    assert (head.rows, head.numbers, head.steps) == (1000, 100, 3)
    long = Packed(memoryview((tmp_path / "one").read_bytes()))
    assert (known := long.label("amazon-impers", DAY * 9)) is not None
    # Of rows told at the same time the first of the table speaks.
    assert (known.freshest.number, known.fresh_from, known.firm) == ("12025550102", 2 * DAY, True)


def test_moments_that_come_again_after_they_were_laid_aside_are_one_step(tmp_path: Path) -> None:
    with closing(Packing(tmp_path, run=3, moments=1)) as made:
        for at in range(60):
            made.take(12_025_550_100 + at, DAY * (at % 2), 0.0, FACTS)
        made.write(tmp_path / "one")
    long = Packed(memoryview((tmp_path / "one").read_bytes()))
    assert [known.freshest.number for day in (0, 1) if (known := long.label("amazon-impers", DAY * day))] == [
        "12025550100", "12025550101",
    ]  # fmt: skip


def test_sources_speak_only_where_rows_were_read_with_certainty() -> None:
    sources = Sources()
    said = [sources.of(("X", source, confidence, "", "")) for source, confidence in (
        ("itg", "high"), ("itg", "low"), ("complaint", "high"), ("user-report", "high"), ("itg", "high"),
    )]  # fmt: skip
    assert [sources.sets[place] for place in said] == [{"itg"}, set(), set(), {"user-report"}, {"itg"}]
    both = sources.joined(said[0], said[3])
    assert sources.sets[both] == {"itg", "user-report"} and sources.joined(said[3], said[0]) == both


@pytest.mark.parametrize(("bound", "said"), [("MOST_TOLD", "campaigns, sources and origins"), ("MOST_ROWS", "rows")])
def test_more_than_can_be_held_is_refused(bound: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, bound, 3)
    with closing(Packing(tmp_path)) as made, pytest.raises(ListError, match=f"more than 3 {said}"):
        for at in range(5):
            made.take(12_025_550_100, 0.0, 0.0, (f"campaign {at}", "itg", "high", "", ""))


def test_a_disk_that_takes_little_at_a_time_gets_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written(name: str) -> bytes:
        with closing(Packing(tmp_path)) as made:
            for at in range(100):
                made.take(12_025_550_100 + at, DAY, 0.0, FACTS)
            made.write(tmp_path / name)
        return (tmp_path / name).read_bytes()

    whole, true = written("whole"), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, octets, at: true(file, octets[:7], at))
    assert written("pieces") == whole
