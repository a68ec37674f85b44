"""Shares of a trunk's, a signer's, a software's calls: enough of them, in bounded memory."""

from __future__ import annotations

import pytest

from policy.behaviour import Seen
from policy.call import Call
from policy.sources import AGE, ENOUGH, EVERY, LATEST, MOST, ONCE, Source, Sources

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
        Sources(window=0)


def ended(sources: Sources, call: Call, count: int, now: float, duration: float | None, status: int = 200) -> None:
    for _ in range(count):
        sources.facts(call, NEW, now)
        sources.note_end(call, duration, status, now)


def test_weeks_are_remembered_but_not_before_the_source_has_some_age() -> None:
    sources, call = Sources(), Call(print="dialer")
    ended(sources, call, 90, 0.0, None, 480)
    ended(sources, call, 20, 0.0, None, 404)
    sources.facts(call, NEW, 10.0)
    (young,) = sources.facts(call, NEW, 20.0)
    assert not young.past.ended
    later = (AGE + 1) * 1800.0
    sources.facts(call, NEW, later)
    (known,) = sources.facts(call, NEW, later + LATEST)
    assert known.past.ended == pytest.approx(107, abs=3)
    assert known.past.dead == pytest.approx(20, abs=1) and known.past.talked == 0
    assert known.wasted == 0.0  # of the last hour nothing is known
    for week in (1, 2):
        sources.facts(call, NEW, later + week * 7 * 86_400.0)
    assert sources.facts(call, NEW, later + 14 * 86_400.0 + 5) == ()  # too little is left


def test_one_number_that_calls_all_its_neighbours_borrows_nobody() -> None:
    sources = Sources()
    shown = busy(sources, Call(trunk="t"), Seen(attempts=9, neighbour=True), 3 * EVERY)
    assert shown[0].neighbours == 0.0


def test_an_origination_is_followed_from_its_second_call_on(judged: object) -> None:
    judgement = judged("A")  # type: ignore[operator]
    sources = Sources()
    for origid in ("one", "two", "one"):
        token = judgement.passport._replace(origid=origid)
        sources.facts(Call(judgement=judgement._replace(passport=token)), NEW, 1.0)
    assert len(sources) == 2  # the host, and `one`
    for number in range(3 * ONCE):
        token = judgement.passport._replace(origid=f"new {number}")
        sources.facts(Call(judgement=judgement._replace(passport=token)), NEW, 1.0)
    assert len(sources) == 2
