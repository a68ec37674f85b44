"""The calling end, in virtual time against our own callee."""

from __future__ import annotations

import pytest

from proxy.lab.load import words
from tests.proxy.lab.load.conftest import THERE, Line


def nothing(data: bytes) -> bool:
    return False


def test_a_call_goes_from_invite_to_the_answer_of_its_bye(line: Line) -> None:
    line.place()
    said = [one.split(b" ")[0 if not one.startswith(b"SIP") else 1] for one in line.carry()]
    assert said == [b"INVITE", b"180", b"200", b"ACK", b"BYE", b"200"]
    seen = line.caller.seen
    assert (seen.completed, seen.again, seen.nobody, seen.ringing.total) == (1, 0, 0, 1)
    assert line.callee.seen.ended == 1 and not line.callee._legs


def test_an_invite_without_an_answer_is_sent_again_ever_more_rarely_and_given_up() -> None:
    line = Line(patience=4.0)
    line.place()
    line.carry(nothing)
    said = line.pass_time(10, nothing)
    assert len(said) == 3  # after 0.5, 1.5 and 3.5 s
    assert line.caller.seen.failed == {"silence": 1} and not line.caller._legs


def test_an_invite_that_was_heard_of_is_not_sent_again(line: Line) -> None:
    line.place()
    line.carry(lambda data: not data.startswith(b"SIP/2.0 200"))
    assert line.caller.seen.ringing.total == 1
    assert [one for one in line.pass_time(3, nothing) if one.startswith(b"INVITE")] == []


def test_a_bye_that_was_lost_is_sent_again(line: Line) -> None:
    line.place()
    line.carry(lambda data: not data.startswith(b"BYE"))
    line.pass_time(1)
    assert line.caller.seen.completed == 1 and line.caller.seen.again == 1


def test_an_answer_that_comes_twice_is_acknowledged_twice() -> None:
    line = Line(talk=2.0)
    line.place()
    line.carry(lambda data: not data.startswith(b"ACK"))
    said = line.pass_time(1)
    assert [one.split(b" ")[0] for one in said] == [b"SIP/2.0", b"ACK"] and line.callee.seen.acked == 1
    line.pass_time(2)
    assert line.caller.seen.completed == 1


@pytest.mark.parametrize(("expect", "completed"), [(487, 1), (200, 0)])
def test_a_refusal_counts_as_what_was_expected_or_as_a_failure(expect: int, completed: int) -> None:
    line = Line(expect=expect)
    line.place()
    [invite] = line.near.taken()
    line.caller._hear(words.Callee(THERE, "udp").ended(invite, b"b1"), THERE, 0.1, 0.1)
    assert line.near.out[0].startswith(b"ACK ")
    assert line.caller.seen.completed == completed
    assert line.caller.seen.failed == ({} if completed else {"487": 1})


def test_a_call_that_was_to_be_refused_and_was_answered_has_failed() -> None:
    line = Line(expect=438)
    line.place()
    line.carry()
    assert line.caller.seen.failed == {"200": 1}


def test_calls_that_are_to_ring_stay_so(line: Line) -> None:
    line = Line(hold="ring")
    line.place()
    line.carry()
    assert line.pass_time(60) == [] and len(line.caller._legs) == 1
    assert line.caller.seen.ringing.total == 1


def test_what_belongs_to_no_call_is_counted_and_a_ping_is_answered(line: Line) -> None:
    line.place()
    [invite] = line.near.taken()
    stray = words.Callee(THERE, "udp").ended(invite, b"b").replace(b"@lab", b"@elsewhere")
    line.caller._hear(stray, THERE, 0.0, 0.0)
    assert line.caller.seen.nobody == 1
    line.caller._hear(invite.replace(b"INVITE", b"OPTIONS"), THERE, 0.0, 0.0)
    assert line.near.out[-1].startswith(b"SIP/2.0 200 OK\r\nVia: ")
