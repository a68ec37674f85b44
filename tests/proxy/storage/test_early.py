"""Ends that come before their rows, in virtual time: whatever the order, the record is whole, and what cannot be is counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from proxy.storage.database import Database
from proxy.storage.early import PATIENCE, Early
from proxy.storage.rows import End, Item, Row

ROW, END = Row(1.0, "a", status=200), End("a", 3.0, 2.0, "caller")
AGAIN = End("a", 3.5, 2.5, "callee")
REFUSED = Row(1.0, "a", status=407)
OTHER = Row(1.0, "b", status=200)
Step = tuple[float, Sequence[Item]]


def played(path: Path, steps: Sequence[Step], early: Early) -> list[tuple[Any, ...]]:
    """The calls and their ends after batches that came at these times: Call-ID, status, duration, cause."""
    database = Database(path / "calls.db", 0.1)
    for now, batch in steps:
        rowless: list[End] = []
        whole = early.joined(batch)
        assert database.write(whole, rowless=rowless.append) == 0
        early.settle(whole, rowless, now)
        early.expire(now)
    asked = "SELECT call_id, status, duration, cause FROM calls LEFT JOIN ends ON call = calls.id ORDER BY calls.id"
    found = database.link.execute(asked).fetchall()
    database.close()
    return found


WHOLE, OPEN = ("a", 200, 2.0, "caller"), ("a", 200, None, None)


@pytest.mark.parametrize(
    ("steps", "calls", "waiting", "lost"),
    [
        pytest.param([(0.0, [ROW, END])], [WHOLE], 0, 0, id="in order"),
        pytest.param([(0.0, [END, ROW])], [WHOLE], 0, 0, id="in one batch the end comes first"),
        pytest.param([(0.0, [END]), (0.3, [ROW])], [WHOLE], 0, 0, id="the row comes with the next batch"),
        pytest.param([(0.0, [END]), (0.3, [OTHER]), (0.6, [ROW])], [("b", 200, None, None), WHOLE], 0, 0, id="others come first"),
        pytest.param([(0.0, [END]), (PATIENCE - 0.1, []), (PATIENCE - 0.05, [ROW])], [WHOLE], 0, 0, id="the row is late"),
        pytest.param([(0.0, [END]), (PATIENCE, []), (PATIENCE, [ROW])], [OPEN], 0, 1, id="the row is too late"),
        pytest.param([(0.0, [END]), (PATIENCE, [ROW])], [WHOLE], 0, 0, id="the row comes in the last moment"),
        pytest.param([(0.0, [END])], [], 1, 0, id="the row has not come yet"),
        pytest.param([(0.0, [END]), (PATIENCE, [])], [], 0, 1, id="the row never comes"),
        pytest.param([(0.0, [END, AGAIN]), (0.3, [ROW])], [WHOLE], 0, 0, id="the first of two BYEs counts"),
        pytest.param([(0.0, [END]), (0.3, [AGAIN, ROW])], [WHOLE], 0, 0, id="also where the second comes with the row"),
        pytest.param([(0.0, [END]), (0.3, [ROW, AGAIN])], [WHOLE], 0, 0, id="and behind it"),
        pytest.param([(0.0, [END]), (4.0, [AGAIN]), (PATIENCE, []), (PATIENCE, [ROW])], [OPEN], 0, 1, id="a second BYE buys no time"),
        pytest.param(
            [(0.0, [END]), (0.2, [REFUSED]), (0.4, [ROW])], [("a", 407, None, None), WHOLE], 0, 0, id="a refused attempt is passed over"
        ),
        pytest.param(
            [(0.0, [Row(0.1, "a", status=200), End("a", 0.4, 0.3, "callee"), END]), (0.2, [ROW])],
            [("a", 200, 0.3, "callee"), WHOLE], 0, 0, id="a call of the same name was over before",
        ),
        pytest.param([(0.0, [ROW, END]), (0.2, [AGAIN])], [WHOLE], 0, 0, id="a late second BYE finds its call and waits for nothing"),
    ],
)  # fmt: skip
def test_whichever_comes_first_the_record_is_whole(
    steps: Sequence[Step], calls: list[tuple[Any, ...]], waiting: int, lost: int, tmp_path: Path
) -> None:
    early = Early()
    assert (played(tmp_path, steps, early), len(early), early.lost) == (calls, waiting, lost)


def test_no_more_wait_than_there_is_room_for_and_the_others_are_counted(tmp_path: Path) -> None:
    early = Early(most=3)
    ends = [End(f"call-{number}", 3.0, 2.0) for number in range(5)]
    rows = [Row(1.0, f"call-{number}", status=200) for number in range(5)]
    found = played(tmp_path, [(0.0, ends), (0.5, rows)], early)
    assert [duration for _, _, duration, _ in found] == [2.0, 2.0, 2.0, None, None]
    assert (len(early), early.lost) == (0, 2)


def test_each_waits_as_long_as_the_others(tmp_path: Path) -> None:
    early = Early()
    played(tmp_path, [(0.0, [END]), (2.0, [End("b", 3.0, 2.0)]), (PATIENCE, [])], early)
    assert (len(early), early.lost) == (1, 1)
    early.expire(PATIENCE + 2.0)
    assert (len(early), early.lost) == (0, 2)


def test_a_batch_that_could_not_be_written_costs_no_end_that_waits(tmp_path: Path) -> None:
    early = Early()
    early.settle([END], [END], 0.0)
    assert early.joined([ROW]) == [ROW, END]  # and is never settled
    assert played(tmp_path, [(1.0, [ROW])], early) == [WHOLE]
