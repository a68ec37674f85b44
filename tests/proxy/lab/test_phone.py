"""Two lab telephones call each other, with nothing between them: what they must do before they can judge a proxy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from proxy.lab.calling import Answer, Silence
from proxy.lab.dialog import SDP, Invitation, opening
from proxy.lab.phone import MAX_KEPT, Phone
from proxy.sip.message import Request

IMPATIENT = 0.01
"""Seconds of T1 where a test is about repetition."""


@pytest.fixture
async def caller() -> AsyncIterator[Phone]:
    async with Phone(user="caller") as phone:
        yield phone


@pytest.fixture
async def callee() -> AsyncIterator[Phone]:
    async with Phone(user="callee") as phone:
        yield phone


def invitation(callee: Phone, *lines: str) -> Invitation:
    return Invitation(f"sip:+12025550123@127.0.0.1:{callee.port}", "<sip:+12025550101@example.net>", lines=lines)


async def test_a_call_rings_is_answered_acknowledged_and_ended(caller: Phone, callee: Phone) -> None:
    call = invitation(callee, "X-Odd:  kept ;;")
    outcome = await caller.call(call, callee.peer)
    assert (outcome.status, outcome.phrase, outcome.statuses, outcome.resent) == (200, "OK", (180, 200), 0)
    assert 0 < outcome.first_us <= outcome.final_us
    assert [heard.message.cseq.method for heard in callee.received] == ["INVITE", "ACK", "BYE"]
    assert callee.requests("INVITE", call.call_id)[0].data == outcome.sent
    assert outcome.final is not None and outcome.final.message.body == SDP
    assert callee.dialogs == {}


@pytest.mark.parametrize(("status", "phrase"), [(302, "Moved"), (486, "Busy Here"), (503, "Away"), (603, "Decline")])
async def test_a_refusal_is_acknowledged_too(caller: Phone, callee: Phone, status: int, phrase: str) -> None:
    callee.answers = Answer(status, phrase, rings=False, lines=("Reason: Q.850;cause=21",))
    outcome = await caller.call(invitation(callee), callee.peer)
    assert (outcome.status, outcome.phrase, outcome.reason) == (status, phrase, "Q.850;cause=21")
    assert outcome.dialog is None
    ack = await callee.hears("ACK", call_id=outcome.call_id)
    invite = callee.requests("INVITE")[0]
    assert ack.message.via.branch == invite.message.via.branch  # RFC 3261 17.1.1.3


async def test_an_answer_may_depend_on_the_request(caller: Phone, callee: Phone) -> None:
    def by_caller(request: Request) -> Answer:
        return Answer(486, "Busy Here") if b"0102" in (request.first("from") or b"") else Answer()

    callee.answers = by_caller
    assert (await caller.call(invitation(callee), callee.peer)).status == 200
    other = replace(invitation(callee), caller="<sip:+12025550102@example.net>")
    assert (await caller.call(other, callee.peer)).status == 486


async def test_a_call_that_is_taken_back_ends_with_487(caller: Phone, callee: Phone) -> None:
    callee.answers = Answer(until=asyncio.Event())
    calling = await caller.invite(invitation(callee), callee.peer)
    await calling.response(180)
    assert (await caller.cancel(calling)).status == 200
    assert (await calling.outcome()).status == 487
    await callee.hears("ACK")


async def test_a_call_rings_until_it_is_picked_up(caller: Phone, callee: Phone) -> None:
    callee.answers = Answer(until=(picked_up := asyncio.Event()))
    calling = await caller.invite(invitation(callee), callee.peer)
    await calling.response(180)
    assert calling.has(200) is None
    picked_up.set()
    assert (await calling.outcome()).status == 200


async def test_either_side_can_ask_inside_a_call_and_hang_up(caller: Phone, callee: Phone) -> None:
    outcome = await caller.call(invitation(callee), callee.peer, hang_up=False)
    assert outcome.dialog is not None
    again = await caller.within(outcome.dialog, "INVITE")
    assert again.status == 200 and again.dialog is not None
    await callee.hears(lambda heard: heard.message.cseq == (2, "ACK"))
    assert (await callee.within(callee.dialogs[outcome.call_id], "BYE")).status == 200
    bye = await caller.hears("BYE")
    assert bye.message.from_tag == outcome.final.message.to_tag  # type: ignore[union-attr]
    assert (await caller.within(again.dialog, "BYE")).status == 200


async def test_a_request_that_gets_no_answer_is_repeated_and_ends_without_one() -> None:
    async with Phone(answers=Answer(status=0)) as mute, Phone(t1=IMPATIENT) as caller:
        call = invitation(mute)
        calling = await caller.invite(call, mute.peer)
        await mute.hears(lambda _: len(mute.requests("INVITE", call.call_id)) == 3)
        assert (await calling.outcome(IMPATIENT)).status == 0
        assert len({heard.data for heard in mute.requests("INVITE")}) == 1


async def test_a_repeated_request_gets_the_same_answer_and_rings_nobody_twice(caller: Phone, callee: Phone) -> None:
    outcome = await caller.call(invitation(callee), callee.peer, hang_up=False)
    await caller.send(outcome.sent, callee.peer)
    await caller.hears(lambda _: [heard.data for heard in caller.received].count(outcome.answers[-1].data) == 2)
    assert len(callee.requests("ACK")) >= 1


async def test_a_2xx_is_repeated_until_its_ack_comes(caller: Phone) -> None:
    async with Phone(t1=IMPATIENT) as callee:
        calling = await caller.invite(invitation(callee), callee.peer, acks=False)
        await caller.hears(lambda _: sum(answer.data.startswith(b"SIP/2.0 200") for answer in calling.answers) == 3)
        assert callee.requests("ACK") == []


async def test_options_and_other_requests_are_answered(caller: Phone, callee: Phone) -> None:
    outcome = await caller.call(replace(invitation(callee), method="OPTIONS"), callee.peer)
    assert (outcome.status, outcome.dialog) == (200, None)


async def test_what_is_no_sip_is_kept_apart(caller: Phone, callee: Phone) -> None:
    await caller.send(b"\x00\xff nonsense", callee.peer)
    await caller.call(invitation(callee), callee.peer)
    assert callee.unreadable == [b"\x00\xff nonsense"]


async def test_a_request_that_cannot_be_answered_does_not_stop_the_phone(caller: Phone, callee: Phone) -> None:
    broken = opening(invitation(callee), "Via: nonsense", caller.contact, "mine")
    await caller.send(broken, callee.peer)
    assert (await caller.call(invitation(callee), callee.peer)).status == 200
    assert callee.unreadable == [broken]


async def test_silence_tells_what_was_heard(caller: Phone, callee: Phone) -> None:
    outcome = await caller.call(invitation(callee), callee.peer)
    with pytest.raises(Silence, match=r"REFER did not come in 0.01 s; heard INVITE .*, ACK .*, BYE "):
        await callee.hears("REFER", call_id=outcome.call_id, seconds=0.01)


async def test_what_a_phone_keeps_is_bounded(caller: Phone, callee: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_KEPT > 1_000
    monkeypatch.setattr("proxy.lab.phone.MAX_KEPT", 3)
    for _ in range(3):
        assert (await caller.call(invitation(callee), callee.peer)).status == 200
    assert len(callee.received) == len(caller.received) == 3
    await caller.send(b"nonsense", callee.peer)


async def test_it_works_over_ipv6_too() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    async with Phone("::1") as caller, Phone("::1") as callee:
        call = Invitation(f"sip:+12025550123@[::1]:{callee.port}", "<sip:+12025550101@example.net>")
        outcome = await caller.call(call, callee.peer)
        assert outcome.status == 200
        await callee.hears("BYE")
