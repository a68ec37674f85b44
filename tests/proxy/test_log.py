"""Log lines: JSON, without numbers, and never in the way."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.log import MAX_LINE, Log, formatted, mask
from tests.waiting import SECONDS


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass


def lines(reading: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in os.read(reading, 1 << 20).splitlines()]


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("12025550123", "1202555****"),
        ("+1 (202) 555-0123", "+1 (202) 555-****"),
        ("5550123", "555****"),
        ("911", "911"),
        ("anonymous", "anonymous"),
        ("", ""),
    ],
)
def test_a_masked_number_can_be_told_from_others_and_not_be_dialled(number: str, masked: str) -> None:
    assert mask(number) == masked


def test_a_line_is_a_json_object_with_time_level_and_event(pipe: tuple[int, int]) -> None:
    log = Log(handle=pipe[1], utc=lambda: 1_694_088_000.25)
    log.say("failover", level="warning", call_id="a@b", left="192.0.2.20:5060", count=2, why=None)
    log.close()
    assert lines(pipe[0]) == [
        {
            "ts": "2023-09-07T12:00:00.250Z", "level": "warning", "event": "failover", "call_id": "a@b",
            "left": "192.0.2.20:5060", "count": 2, "why": None,
        }
    ]  # fmt: skip


@pytest.mark.req("TRAP-92")
@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_no_line_at_info_or_above_holds_a_whole_number(level: str) -> None:
    line = formatted(
        (0.0, level, "x", {
            "caller": "+1 202-555-0123", "why": "the token names 12025550123, not sip:+12025550123@192.0.2.1",
            "call_id": "12025550123-77@192.0.2.1", "fault": ValueError("no 12025550123"),
        })
    )  # fmt: skip
    found = json.loads(line)
    assert found["caller"] == "+1 202-555-****"
    assert found["why"] == "the token names 1202555****, not sip:+1202555****@192.0.2.1"
    assert found["fault"] == "no 1202555****"
    assert found["call_id"] == "12025550123-77@192.0.2.1"


def test_debug_shows_numbers_whole() -> None:
    assert json.loads(formatted((0.0, "debug", "x", {"caller": "12025550123"})))["caller"] == "12025550123"


def test_what_is_below_the_level_is_not_said(pipe: tuple[int, int]) -> None:
    log = Log("warning", handle=pipe[1])
    log.say("quiet")
    log.say("loud", level="error")
    log.close()
    assert [line["event"] for line in lines(pipe[0])] == ["loud"]


def test_a_blocked_standard_error_blocks_nobody(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log = Log(handle=writing, bound=100)
    for count in range(3000):  # far more than pipe and queue hold
        log.say("flood", text="x" * 500, count=count)
    assert 0 < log.dropped < 3000
    log.close(seconds=0.01)  # a stop waits no longer than it is told
    log.say("late")

    def swallow() -> None:
        while os.read(reading, 1 << 16):
            pass

    swallower = threading.Thread(target=swallow)
    swallower.start()
    log.close(seconds=SECONDS)
    assert not log._thread.is_alive()
    os.close(writing)
    swallower.join(SECONDS)


def test_a_closed_standard_error_is_counted(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    log = Log(handle=pipe[1])
    log.say("into nothing")
    log.close()
    assert log.dropped == 1


def test_a_non_blocking_standard_error_is_waited_for(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    log = Log(handle=writing)
    for _ in range(200):
        log.say("x", text="y" * 1000)
    got = b""
    while got.count(b"\n") < 200:
        got += os.read(reading, 1 << 16)
    log.close()
    assert log.dropped == 0


def test_what_libraries_say_goes_the_same_way(pipe: tuple[int, int]) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    log = Log(handle=pipe[1])
    try:
        log.capture()
        try:
            raise RuntimeError("inside")
        except RuntimeError:
            logging.getLogger("asyncio").exception("a task failed for %s", "12025550123")
    finally:
        root.handlers[:], root.level = before[0], before[1]
    log.close()
    (line,) = lines(pipe[0])
    assert line["event"] == "library" and line["name"] == "asyncio" and line["level"] == "error"
    assert "RuntimeError" in line["fault"] and "12025550123" not in line["said"]


@given(
    st.dictionaries(
        st.text(max_size=10),
        st.one_of(st.text(), st.floats(), st.integers(), st.binary(max_size=30), st.none()),
        max_size=5,
    )
)
def test_any_field_gives_one_bounded_line(fields: dict[str, Any]) -> None:
    line = formatted((0.0, "info", "x", fields))
    assert line.endswith(b"\n") and line.count(b"\n") == 1 and len(line) <= MAX_LINE + 1
    json.loads(line)


def test_a_line_that_is_too_long_is_cut() -> None:
    line = formatted((0.0, "info", "x", {f"f{n}": "\x00" * 2000 for n in range(20)}))
    assert len(line) < 200 and "cut" in json.loads(line)
