"""What is written down of the hunt for faults fits the code as it stands."""

from __future__ import annotations

import pytest

from tests.mutation import looked_at
from tests.mutation.__main__ import NONE_IN
from tests.mutation.looked_at import Survivor

ROWS, SIP = looked_at.rows(), looked_at.sip()


def test_each_function_in_which_no_fault_may_survive_is_there() -> None:
    assert looked_at.unknown((file, name) for file, names in NONE_IN.items() for name in names) == []
    assert looked_at.unknown([("shaken/verify.py", "nothing_of_this_name"), ("shaken/nowhere.py", "judge")]) != []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.file}:{row.function}")
def test_each_survivor_is_of_the_code_as_it_stands_and_has_a_reason(row: Survivor) -> None:
    assert row.kind in looked_at.KINDS and row.why
    assert looked_at.unknown([(row.file, row.function)]) == []
    assert not looked_at.gone(row), "the code has changed: hunt again, or take the row out"
    assert row.function not in NONE_IN.get(row.file, ())


def test_a_survivor_is_written_down_once() -> None:
    assert len({row.key for row in ROWS}) == len(ROWS)
    assert len({(row.room, row.takes, row.gives) for row in SIP}) == len(SIP)
    changed = Survivor("shaken/verdict.py", "best", "7  ->  8", "equivalent", "")
    assert looked_at.gone(changed)


def test_most_survivors_of_sip_are_of_lines_that_are_there() -> None:
    """These lines change more often than they are hunted in: what has gone is taken out from time to time."""
    for row in SIP:
        assert row.kind in looked_at.KINDS and row.why and row.takes != row.gives
    texts = {room: (looked_at.ROOT / "proxy" / "sip" / f"{room}.py").read_text(encoding="utf-8") for room in {row.room for row in SIP}}
    lost = [row.takes for row in SIP if row.takes not in {line.strip() for line in texts[row.room].splitlines()}]
    assert len(lost) * 4 <= len(SIP), lost
