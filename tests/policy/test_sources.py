"""Shares of a trunk's, a signer's, a software's calls: enough of them, in bounded memory."""

from __future__ import annotations

import pytest

from policy.behaviour import Seen
from policy.call import Call
from policy.sources import ENOUGH, EVERY, MOST, Source, Sources

NEW = Seen(attempts=1, neighbour=True)
KNOWN = Seen(attempts=2)


def busy(sources: Sources, call: Call, seen: Seen, count: int, now: float = 1.0, **end: object) -> tuple[Source, ...]:
    shown: tuple[Source, ...] = ()
    for _ in range(count):
        shown = sources.facts(call, seen, now)
        if end:
            sources.note_end(call, end["duration"], 200 if end["duration"] is not None else 480, now)  # type: ignore[arg-type]
    return shown


def test_shares_are_told_once_there_are_calls_enough() -> None:
    sources = Sources()
    call = Call(trunk="carrier", customer="acme", print="asterisk")
    assert busy(sources, call, NEW, ENOUGH - 1) == ()
    busy(sources, call, NEW, EVERY, duration=2.0)
    shown = busy(sources, call, KNOWN, EVERY, duration=None)
    assert [one.kind for one in shown] == ["trunk", "customer", "print"]
    assert shown[0].name == "carrier"
    assert 0 < shown[0].strangers < 1 and 0 < shown[0].neighbours < 1
    assert shown[0].wasted == pytest.approx(1.0)
    assert shown[0].short > 0 and shown[0].unanswered > 0


def test_shares_of_ended_calls_need_ends_enough() -> None:
    sources = Sources()
    shown = busy(sources, Call(trunk="t"), NEW, 3 * EVERY)
    assert shown[0].attempts >= ENOUGH and shown[0].ended == 0 and shown[0].wasted == 0.0


def test_a_window_later_nothing_is_left() -> None:
    sources = Sources(window=100.0)
    assert busy(sources, Call(trunk="t"), NEW, 3 * EVERY, 10.0)
    assert busy(sources, Call(trunk="t"), NEW, 1, 55.0)  # the half-window before still counts
    assert busy(sources, Call(trunk="t"), NEW, 2 * EVERY, 1000.0)[0].attempts <= 2 * EVERY


def test_a_call_without_sources_is_fine() -> None:
    sources = Sources()
    assert sources.facts(Call(), NEW, 1.0) == ()
    sources.note_end(Call(), None, 480, 1.0)
    assert len(sources) == 0


def test_a_flood_of_invented_software_starts_the_memory_anew() -> None:
    sources = Sources()
    for number in range(3 * MOST):
        sources.facts(Call(trunk="t", print=f"tool {number}"), NEW, 1.0)
        assert len(sources) <= MOST + 5


def test_only_a_proved_signer_is_a_source(judged: object) -> None:
    sources = Sources()
    sources.facts(Call(judgement=judged("A")), NEW, 1.0)  # type: ignore[operator]
    assert len(sources) == 1  # its host; this one has no credential
    sources.facts(Call(judgement=judged("identity-bad-signature")), NEW, 1.0)  # type: ignore[operator]
    assert len(sources) == 1


def test_the_window_is_positive() -> None:
    with pytest.raises(ValueError, match="window"):
        Sources(0)
