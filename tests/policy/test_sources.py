"""Shares of a trunk's, a signer's, a software's calls: enough of them, in bounded memory."""

from __future__ import annotations

import pytest

from policy.behaviour import Seen
from policy.call import Call
from policy.source import AGE, CELLS, DAY, ENOUGH, UNSURE, Source
from policy.sources import EVERY, LATEST, MOST, ONCE, Sources

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


def test_a_flood_of_invented_software_takes_bounded_memory() -> None:
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


def test_the_window_is_positive_and_slices_are_of_one_length() -> None:
    with pytest.raises(ValueError, match="slices"):
        Sources(memoryview(bytearray(80)).cast("Q"))
    with pytest.raises(ValueError, match="window"):
        Sources(window=0)


def ended(sources: Sources, call: Call, count: int, now: float, duration: float | None, status: int = 200) -> None:
    for _ in range(count):
        sources.facts(call, NEW, now)
        sources.note_end(call, duration, status, now)


HALF, WEEK = 1800.0, 7 * 86_400.0


def asked(sources: Sources, call: Call, now: float) -> tuple[Source, ...]:
    """What is told once the counters are up to date; it costs two attempts."""
    sources.facts(call, NEW, now)
    return sources.facts(call, NEW, now + LATEST)


def test_weeks_are_remembered_but_not_before_the_source_has_some_age() -> None:
    sources, call = Sources(), Call(print="dialer")
    sources.facts(Call(trunk="t"), NEW, 0.0)  # whoever is always there
    start = DAY * HALF
    ended(sources, call, 90, start, None, 480)
    ended(sources, call, 20, start, None, 404)
    (young,) = asked(sources, call, start + 10.0)
    assert not young.past.ended
    later = start + (AGE + 1) * HALF
    (known,) = asked(sources, call, later)
    assert known.past.ended == pytest.approx(107, abs=3)
    assert known.past.dead == pytest.approx(20, abs=1) and known.past.talked == 0
    assert known.wasted == 0.0  # of the last hour nothing is known
    for week in (1, 2):
        sources.facts(call, NEW, later + week * WEEK)
    assert sources.facts(call, NEW, later + 14 * 86_400.0 + 5) == ()  # too little is left


def test_a_young_memory_does_not_tell_the_past_of_what_was_there_before_it() -> None:
    """A carrier's border on its worst day looks like a machine; only who knows its other days may say what it is."""
    sources, border = Sources(), Call(print="border")
    ended(sources, border, 300, 100.0, None, 480)
    for half in (AGE + 1, DAY, UNSURE - 1):
        assert not any(one.past.ended for one in asked(sources, border, half * HALF))
    (known,) = asked(sources, border, (UNSURE + 1) * HALF)
    assert known.past.ended > 100


def cells() -> memoryview:
    return memoryview(bytearray(CELLS * 8)).cast("Q")


def crew(many: int) -> list[Sources]:
    slices = [cells() for _ in range(many)]
    return [Sources(mine, slices, salt=b"shared", ahead=1000 * HALF) for mine in slices]


def test_workers_add_up_what_each_saw_of_a_source() -> None:
    call, workers = Call(print="dialer"), crew(3)
    for worker in workers:
        worker.facts(Call(trunk="t"), NEW, 0.0)
    start, later = DAY * HALF, (DAY + AGE + 1) * HALF
    for worker in workers:
        ended(worker, call, 40, start, None, 404)
    assert not any(one.past.ended for worker in workers for one in asked(worker, call, start + 100.0))
    (now,) = asked(workers[0], call, start + 200.0)
    assert now.attempts == pytest.approx(120, abs=8) and now.ended == pytest.approx(120, abs=3)
    for worker in workers:  # each alone has too few
        known = asked(worker, call, later)[-1]
        assert known.past.ended == pytest.approx(117, abs=4) == known.past.dead


def test_a_worker_that_comes_later_trusts_the_memory_of_the_others() -> None:
    call, (old, young) = Call(print="dialer"), crew(2)
    old.facts(Call(trunk="t"), NEW, 0.0)
    start = DAY * HALF
    for worker in (old, young):  # `young` begins with it
        ended(worker, call, 100, start, None, 480)
        asked(worker, call, start + 100.0)
    assert asked(young, call, start + (AGE + 1) * HALF)[-1].past.ended > 150


def test_what_was_known_counts_on_after_a_restart_and_fades_meanwhile() -> None:
    before, call = Sources(salt=b"s", ahead=1e6), Call(print="dialer")
    ended(before, call, 400, 0.0, None, 480)
    asked(before, call, UNSURE * HALF)
    rows = list(before.rows())
    # Another start of the machine: monotonic seconds begin anew, and a week has passed.
    after = Sources(salt=b"s", ahead=1e6 + UNSURE * HALF + WEEK)
    after.restore(rows, 1.0)
    assert list(after.rows())[0] == rows[0]
    assert asked(after, call, 2.0)[0].past.ended == pytest.approx(160, abs=20)
    other = Sources(salt=b"another", ahead=1e6 + UNSURE * HALF)
    other.restore(rows, 1.0)
    assert asked(other, call, 2.0) == ()  # without the secret nobody is known


def test_a_worker_finds_what_the_one_before_it_left() -> None:
    mine, call = cells(), Call(print="dialer")
    gone = Sources(mine, [mine])
    ended(gone, call, 400, 0.0, None, 480)
    asked(gone, call, UNSURE * HALF)
    again = Sources(mine, [mine])
    again.restore(again.left(), UNSURE * HALF)
    assert asked(again, call, UNSURE * HALF + 30.0)[0].past.ended == pytest.approx(320, abs=40)


def test_of_more_rows_than_fit_those_with_most_calls_stay() -> None:
    sources = Sources()
    zeros = (0,) * 6
    rows = [(tag, 1, 1, zeros, zeros, (float(tag), 0.0, 0.0, 0.0)) for tag in range(1, 2 * MOST)]
    sources.restore([*rows, (9, 1, 1, (-1,) * 6, zeros, (0.0,) * 4)], 1800.0)
    kept = {row[0] for row in sources.rows()}
    assert kept == {0, *range(MOST, 2 * MOST)}


def test_a_flood_that_pushes_out_what_was_known_makes_the_memory_young_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy.sources.MOST", 64)
    sources, known = Sources(), Call(print="known")
    ended(sources, known, 200, 1.0, None, 480)
    for number in range(640):  # trifles go, what is known stays
        ended(sources, Call(print=f"tool {number}"), 1, HALF + 1.0, None, 480)
        assert len(sources) <= 65
    assert next(sources.rows())[1] == 0 and asked(sources, known, HALF + 2.0)
    for number in range(128):
        ended(sources, Call(print=f"big {number}"), 101, 3 * HALF, None, 480)
    assert next(sources.rows())[1] == 3


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


def test_the_end_of_the_only_call_of_an_origination_counts_where_its_beginning_did(judged: object) -> None:
    judgement = judged("A")  # type: ignore[operator]
    sources = Sources()
    for number in range(3 * ONCE):
        token = judgement.passport._replace(origid=f"new {number}")
        call = Call(judgement=judgement._replace(passport=token))
        sources.facts(call, NEW, 1.0)
        sources.note_end(call, 60.0, 200, 1.0)
    assert len(sources) == 1 and len(sources._groups) == 1  # the host
    for seconds in (LATEST, 2 * LATEST):
        shown = sources.facts(call, KNOWN, 1.0 + seconds)
    assert [(one.ended, one.unanswered) for one in shown] == [(3 * ONCE, 0.0)]
