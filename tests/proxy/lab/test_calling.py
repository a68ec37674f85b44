"""What a lab telephone tells of a call under way."""

from __future__ import annotations

import asyncio

import pytest

from proxy.lab.calling import Calling, Heard, Silence, status_of
from proxy.lab.dialog import Invitation, answer, opening
from proxy.sip.message import Request
from proxy.sip.parser import parse

HOME = ("127.0.0.1", 5060)


def calling() -> Calling:
    call = Invitation("sip:b@127.0.0.1", "<sip:a@127.0.0.1>")
    sent = opening(call, "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKone", "sip:a@127.0.0.1", "mine")
    request = parse(sent)
    assert isinstance(request, Request)
    return Calling(sent, request, HOME, started=1_000)


def heard(call: Calling, status: int, at: int, *lines: str) -> Heard:
    data = answer(call.request, HOME, status, "Some Phrase", "theirs", lines)
    return Heard(data, parse(data), HOME, at)


async def test_a_wait_ends_when_the_answer_comes() -> None:
    call = calling()
    waiting = asyncio.create_task(call.response(180))
    await asyncio.sleep(0)  # let it begin to wait
    for status, at in ((100, 1_100), (180, 1_200)):
        call.answers.append(heard(call, status, at))
        call.news.set()
    assert status_of(await waiting) == 180


async def test_silence_says_what_came_instead() -> None:
    call = calling()
    call.answers.append(heard(call, 100, 1_100))
    with pytest.raises(Silence, match="no 200 or above to INVITE in 0.01 s; heard 100"):
        await call.response(200, seconds=0.01)
    outcome = await call.outcome(seconds=0.01)
    assert (outcome.status, outcome.statuses, outcome.final) == (0, (100,), None)


async def test_an_outcome_tells_status_phrase_reason_and_times() -> None:
    call = calling()
    call.answers += [heard(call, 100, 1_100), heard(call, 603, 1_900, 'Reason: SIP;cause=603;text="x"')]
    outcome = await call.outcome()
    assert (outcome.status, outcome.phrase, outcome.reason) == (603, "Some Phrase", 'SIP;cause=603;text="x"')
    assert (outcome.first_us, outcome.final_us, outcome.resent) == (100, 900, 0)
    assert outcome.final is call.answers[1]


def test_headers_are_found_in_any_case_and_a_request_has_no_status() -> None:
    call = calling()
    request = Heard(call.sent, call.request, HOME, 0)
    assert request.header("Call-ID") == call.request.call_id.decode()
    assert (request.header("x-none"), request.headers("VIA")) == (None, ["SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKone"])
    assert status_of(request) == 0
