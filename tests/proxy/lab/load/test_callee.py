"""The answering end, in virtual time."""

from __future__ import annotations

from tests.proxy.lab.load.conftest import HERE, Line


def test_an_invite_that_comes_twice_is_one_call(line: Line) -> None:
    line.place()
    [invite] = line.near.taken()
    for _ in range(2):
        line.callee._hear(line.far, invite, HERE, 0.0)  # type: ignore[arg-type]
    assert (line.callee.seen.calls, line.callee.seen.twice) == (1, 1)
    assert line.far.out[-1] == line.far.out[-2]


def test_an_answer_is_said_again_until_its_ack_comes_and_forgotten_in_the_end(line: Line) -> None:
    line.place()
    line.carry(lambda data: not data.startswith(b"SIP"))
    said = line.pass_time(40, lambda data: False)
    assert len([one for one in said if one == b"SIP/2.0 200 OK"]) == line.callee.seen.again > 8
    assert not line.callee._legs


def test_a_call_rings_as_long_as_is_asked() -> None:
    line = Line(rings=2.0)
    line.place()
    assert line.carry()[-1] == b"SIP/2.0 180 Ringing"
    assert line.pass_time(1.5) == []
    line.pass_time(1)
    assert line.caller.seen.completed == 1


def test_a_cancelled_call_ends_with_487() -> None:
    line = Line(rings=5.0, expect=487)
    line.place()
    invite = line.near.out[0]
    line.carry()
    line.callee._hear(line.far, invite.replace(b"INVITE", b"CANCEL"), HERE, 1.0)  # type: ignore[arg-type]
    assert [one.split(b"\r\n")[0] for one in line.far.out] == [b"SIP/2.0 200 OK", b"SIP/2.0 487 Request Terminated"]
    del line.far.out[0]  # that of the CANCEL: our caller sends none
    line.carry()
    assert line.caller.seen.completed == 1


def test_an_ack_and_a_bye_of_no_call_are_counted(line: Line) -> None:
    line.place()
    [invite] = line.near.taken()
    for method in (b"ACK", b"BYE"):
        line.callee._hear(line.far, invite.replace(b"INVITE", method), HERE, 0.0)  # type: ignore[arg-type]
    assert line.callee.seen.nobody == 2 and line.far.out[0].startswith(b"SIP/2.0 200 OK")


def test_a_bye_that_overtakes_its_ack_ends_the_call_and_the_ack_is_still_its_own(line: Line) -> None:
    line.place()
    line.carry(lambda data: not data.startswith((b"ACK", b"BYE")))
    line.pass_time(0.125, lambda data: False)
    leg = next(iter(line.caller._legs.values()))
    for data in (leg.bye, leg.ack):
        line.callee._hear(line.far, data, HERE, line.now)  # type: ignore[arg-type]
    assert (line.callee.seen.ended, line.callee.seen.acked, line.callee.seen.nobody) == (1, 1, 0)
    assert not line.callee._legs
