"""What the caller's side learns of its tokens, and what it does not hear of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.screening.telling import inward, turn_of, upstream
from proxy.sip.edit import rebuilt
from proxy.sip.message import Response
from proxy.sip.parser import parse
from tests.proxy.screening.test_case import judged, request
from tests.shaken.test_reason import LINE, OTHER, SIGNATURE
from tests.shaken.tokens import ORIGINAL, made, vector
from tests.shaken.tokens import OTHER as OTHER_KEY

OWN = b".." + SIGNATURE


def response(status: int, *lines: str) -> Response:
    message = parse(
        "\r\n".join(
            (
                f"SIP/2.0 {status} Phrase",
                "Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK-7f3a9c11",
                "From: <sip:+12025550123@a.example>;tag=1",
                "To: <sip:+12025550199@b.example>;tag=2",
                "Call-ID: 4a1d7e90@a.example",
                "CSeq: 1 INVITE",
                *lines,
                "Content-Length: 0",
                "",
                "",
            )
        ).encode()
    )
    assert isinstance(message, Response)
    return message


@pytest.mark.req("STI-110", "STI-112")
@pytest.mark.parametrize(("status", "told"), [(100, False), (180, True), (183, True), (200, True), (486, True), (603, True)])
def test_a_failure_rides_on_every_response_but_100(status: int, told: bool) -> None:
    turn = upstream([LINE])
    assert turn is not None
    message = response(status)
    assert (LINE in rebuilt(message, message.start, (), turn(message)).split(b"\r\n")) == told
    assert upstream([]) is None


@pytest.mark.req("STI-111", "TRAP-71")
@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ((f'Reason: STIR;cause=436;ppi="..{SIGNATURE.decode()}"',), []),
        ((f'Reason: STIR;cause=438;ppi="..{OTHER.decode()}"',), [f'STIR;cause=438;ppi="..{OTHER.decode()}"']),
        (
            (f'Reason: SIP;cause=603;text="a,b", STIR;cause=436;ppi="..{SIGNATURE.decode()}", Q.850;cause=21', "Reason: STIR;cause=438"),
            ['SIP;cause=603;text="a,b"', "Q.850;cause=21", "STIR;cause=438"],
        ),
        ((), []),
    ],
)
def test_what_is_said_of_our_token_ends_here(lines: tuple[str, ...], left: list[str]) -> None:
    turn = inward({OWN})
    assert turn is not None and inward(()) is None
    message = response(180, *lines)
    again = parse(rebuilt(message, message.start, (), turn(message)))
    assert isinstance(again, Response) and [value.decode() for value in again.values("reason")] == left


@pytest.mark.req("STI-110", "STI-111")
def test_most_calls_have_nothing_to_tell() -> None:
    good, bad = request(vector("VEC-1")), request(made("shaken", ORIGINAL, OTHER_KEY))
    assert turn_of(good, judged(good)) is None
    failed = turn_of(bad, judged(bad))
    assert failed is not None and failed(response(180)).add[0].startswith(b"Reason: STIR ;cause=438")
    watched = judged(bad)
    watched.lane = replace(watched.lane, mode="observe")
    assert turn_of(bad, watched) is None
    case = judged(request())
    case.ours = (OWN,)
    ended = turn_of(request(), case)
    assert ended is not None and ended(response(180, f"Reason: STIR;cause=436;ppi=\"{OWN.decode()}\"")).drop
