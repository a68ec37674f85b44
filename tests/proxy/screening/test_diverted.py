"""Who forwarded a call: what Diversion and History-Info say, and what a token is worth that was signed before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.rulebook import Profile, Rulebook
from proxy.screening.case import Case, Lane, judge, open_case
from proxy.screening.diverted import MAX_DIVERSIONS, diverted
from proxy.settings import Trunk
from proxy.sip.message import Request
from shaken.number import Plan
from shaken.verify import Rules
from tests.proxy.screening.messages import made
from tests.shaken.tokens import CREDENTIAL, IAT, vector

PLAN = Plan("1", "202")
FIRST, SECOND, HERE = "12025550199", "12025550147", "12025550188"
"""The number that was dialled and signed for, one on the way, and where the call arrives."""


def request(*lines: str) -> Request:
    sender, callee = "<sip:+12025550123@carrier.example.net>;tag=1", f"<sip:+{HERE}@pbx.example.com>"
    return made(f"INVITE sip:+{HERE}@pbx.example.com", sender, callee, *lines, call_id="1")


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        ((), ()),
        ((f"Diversion: <sip:+{FIRST}@a.example>;reason=unconditional;counter=1",), (FIRST,)),
        ((f'Diversion: "Desk, 2" <tel:+{SECOND}>;reason=no-answer, <sip:2025550199@a.example>;reason=unconditional',), (SECOND, FIRST)),
        ((f"Diversion: <sip:+{SECOND}@a.example>", f"diversion: <sip:+{FIRST}@a.example>"), (SECOND, FIRST)),
        ((f"History-Info: <sip:+{FIRST}@a.example?Reason=SIP%3Bcause%3D302>;index=1, <sip:+{HERE}@a.example;cause=302>;index=1.1",), (FIRST,)),
        ((f"History-Info: <sip:+{FIRST}@a>;index=1", f"History-Info: <sip:+{SECOND}@a>;index=1.1, <sip:+{HERE}@a>;index=1.1.1"), (SECOND, FIRST)),
        ((f"Diversion: <sip:+{FIRST}@a>", f"History-Info: <sip:+{FIRST}@a>;index=1"), (FIRST,)),
        ((f"Diversion: <sip:+{HERE}@a>",), ()),
        (("Diversion: <<<", "Diversion: <sip:anonymous@anonymous.invalid>", f"Diversion: <sip:+{FIRST}@a>"), (FIRST,)),
    ],
)  # fmt: skip
def test_the_latest_comes_first_and_nothing_unreadable_counts(lines: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    assert diverted(request(*lines), PLAN, HERE) == numbers


def test_no_more_are_read_than_any_network_lets_be() -> None:
    many = ", ".join(f"<sip:+120255501{number:02d}@a>" for number in range(40))
    assert len(diverted(request(f"Diversion: {many}", f"History-Info: {many}"), PLAN, HERE)) <= 2 * MAX_DIVERSIONS


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=80))
def test_hostile_values_are_left_out_and_never_raise(text: str) -> None:
    for number in diverted(request(f"Diversion: {text}", f"History-Info: {text}"), PLAN, HERE):
        assert number.isdigit()


def judged(message: Request, trust: str = "identity") -> Case:
    lane = Lane(Trunk("carrier", "carrier", (), trust=trust), "carrier", PLAN, Profile(), "enforce", 100, Rules())
    case = open_case(message, lane, IAT + 3.0)
    judge(case, {url: CREDENTIAL for url in case.urls}, Rulebook(), IAT + 3.0, 0)
    return case


IDENTITY = "Identity: " + vector("VEC-1").decode()


@pytest.mark.req("STI-060")
@pytest.mark.parametrize("header", [f"Diversion: <sip:+{FIRST}@a>;counter=1", f"History-Info: <sip:+{FIRST}@a>;index=1, <sip:+{HERE}@a>;index=1.1"])
def test_a_token_for_the_number_that_forwarded_the_call_is_no_spoof(header: str) -> None:
    plain = judged(request(IDENTITY)).judgement
    assert plain is not None and plain.slug == "identity-dest-mismatch"
    case = judged(request(IDENTITY, header))
    assert case.judgement is not None and case.judgement.proved and case.judgement.attestation == "A"
    assert case.call is not None and case.call.diverted == (FIRST,) and case.callee == HERE


def test_a_trunk_that_is_believed_nothing_can_excuse_nothing_by_it() -> None:
    case = judged(request(IDENTITY, f"Diversion: <sip:+{FIRST}@a>"), trust="none")
    assert case.judgement is not None and case.judgement.slug == "identity-dest-mismatch"
    assert case.call is not None and case.call.diverted == (FIRST,)


def test_a_diversion_of_another_number_excuses_nothing() -> None:
    case = judged(request(IDENTITY, f"Diversion: <sip:+{SECOND}@a>"))
    assert case.judgement is not None and case.judgement.slug == "identity-dest-mismatch"
