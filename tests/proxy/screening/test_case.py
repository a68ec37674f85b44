"""A request in the words of `shaken` and `policy`: one usual Identity header, and everything else."""

from __future__ import annotations

import pytest

from policy.rulebook import Profile, Rulebook
from proxy.screening.case import Case, Lane, displayed, judge, number_in, open_case, who
from proxy.screening.telling import stir_reasons
from proxy.settings import Trunk
from proxy.sip.message import Request
from proxy.sip.parser import parse
from shaken.msg import msgi
from shaken.number import Plan
from shaken.verify import Rules
from tests.proxy.screening.messages import made as made_request
from tests.shaken.test_reason import SIGNATURE
from tests.shaken.tokens import CREDENTIAL, IAT, ORIGINAL, OTHER, PRIORITY, URL, made, rph, vector

UTC = IAT + 3.0
OLD = 'Identity: "ZYNBbHC00VMZr2kZt6VmCvPonWJMGvQTBDqghoWeLxJfzB2a1pxAr3VgrB0SsSAa"'


def request(
    *identities: bytes, lines: tuple[str, ...] = (), caller: str = "+12025550123", target: str = "+12025550199", method: str = "INVITE", body: str = ""
) -> Request:
    sender = f'"Example Parcel Co" <sip:{caller}@carrier.example.net>;tag=9f2c'
    signed = ("Identity: " + one.decode() for one in identities)
    return made_request(f"{method} sip:{target}@pbx.example.com", sender, "<sip:+12025550199@pbx.example.com>", *signed, *lines, body=body)


def judged(message: Request, trust: str = "identity") -> Case:
    trunk = Trunk("carrier", "carrier", (), trust=trust)
    lane = Lane(trunk, "carrier", Plan("1", "202"), Profile(), "enforce", 100, Rules())
    case = open_case(message, lane, UTC)
    judge(case, {url: CREDENTIAL for url in case.urls}, Rulebook(), UTC, 0)
    return case


@pytest.mark.req("STI-029", "TRAP-25")
@pytest.mark.parametrize(("folded", "slug"), [(False, "identity-syntax"), (True, None)])
def test_a_line_folded_inside_its_token_counts_where_the_neighbour_folds_there(folded: bool, slug: str | None) -> None:
    value = vector("VEC-1")
    trunk = Trunk("carrier", "carrier", ())
    lane = Lane(trunk, "carrier", Plan("1", "202"), Profile(), "enforce", 100, Rules(folded=folded))
    case = open_case(request(value[:72] + b"\r\n " + value[72:144] + b"\r\n\t" + value[144:]), lane, UTC)
    judge(case, {url: CREDENTIAL for url in case.urls}, Rulebook(), UTC, 0)
    assert case.judgement is not None and case.judgement.slug == slug


@pytest.mark.req("STI-060", "STI-061")
def test_one_usual_header_needs_no_hearing() -> None:
    case = judged(request(vector("VEC-1")))
    assert case.hearing is None and case.urls == (URL,)
    assert case.judgement is not None and case.judgement.attestation == "A" and stir_reasons(request(), case) == ()


@pytest.mark.req("STI-020", "STI-061", "TRAP-23", "TRAP-29", "LAB-23")
@pytest.mark.parametrize(
    "lines",
    [
        ("Identity: " + made("shaken", ORIGINAL, OTHER).decode(), "y: " + vector("VEC-1").decode()),
        ("Identity: " + made("shaken", ORIGINAL, OTHER).decode() + ", " + vector("VEC-1").decode(),),
        ("IDENTITY: " + made("zzz", ORIGINAL).decode(), "Identity: " + vector("VEC-1").decode()),
        (OLD, "Identity: " + vector("VEC-1").decode()),
    ],
)
def test_several_headers_are_heard_together(lines: tuple[str, ...]) -> None:
    case = judged(request(lines=lines))
    assert case.heard is not None and len(case.heard.results) == 2
    assert case.judgement is not None and case.judgement.attestation == "A"


@pytest.mark.req("TRAP-28")
def test_a_call_with_an_old_header_alone_is_unsigned() -> None:
    case = judged(request(lines=(OLD,)))
    assert case.judgement is None and case.heard is not None and case.heard.legacy == 1


@pytest.mark.req("STI-099", "TRAP-30", "LAB-21")
def test_a_forwarded_call_is_proved_by_its_diversion() -> None:
    onward = made("div", {"dest": {"tn": ["12025550177"]}, "div": {"tn": "12025550188"}, "iat": IAT + 2, "orig": {"tn": "12025550123"}})
    first = made("shaken", {**ORIGINAL, "dest": {"tn": ["12025550188"]}})
    case = judged(request(first, onward, target="+12025550177"))
    assert case.judgement is not None and case.judgement.attestation == "A"
    assert case.heard is not None and case.heard.via == ("12025550188",)
    alone = judged(request(first, target="+12025550177"))
    assert alone.judgement is not None and alone.judgement.slug == "identity-dest-mismatch" and alone.urls == ()


@pytest.mark.req("STI-036", "STI-060")
def test_a_call_to_somebody_without_a_number_is_proved_by_their_uri() -> None:
    value = made("shaken", {**ORIGINAL, "dest": {"uri": ["sip:help@pbx.example.com"]}})
    case = judged(request(value, target="Help"))
    assert case.judgement is not None and case.judgement.attestation == "A"
    other = judged(request(value, target="sales"))
    assert other.judgement is not None and other.judgement.slug == "identity-dest-mismatch"


@pytest.mark.req("STI-102")
def test_priority_and_names_are_compared_with_the_request() -> None:
    case = judged(request(vector("VEC-1"), rph(["ets.0", "wps.1"]), vector("VEC-5"), lines=("Resource-Priority: ETS.0, wps.1",)))
    assert case.heard is not None and case.heard.priorities == ("ets.0", "wps.1")
    assert case.heard.card is not None and case.heard.card.agrees and case.heard.card.reason == "Delivery"


@pytest.mark.req("STI-109")
def test_a_message_is_compared_with_its_body() -> None:
    value = made("msg", {**PRIORITY, "msgi": msgi(b"Hello")})
    for body, fine in (("Hello", True), ("Hallo", False)):
        case = judged(request(value, method="MESSAGE", body=body))
        assert case.heard is not None and case.heard.results[0].proved == fine


@pytest.mark.req("STI-056", "TRAP-40", "TRAP-42")
@pytest.mark.parametrize(
    ("asserted", "caller", "trust", "field", "slug"),
    [
        ("+12025550123", "+12025550100", "identity", "P-Asserted-Identity", None),
        ("+12025550100", "+12025550123", "identity", "From", None),  # it was signed for From: then that is who calls
        ("+12025550100", "+12025550101", "identity", "P-Asserted-Identity", "identity-orig-mismatch"),
        ("+12025550123", "+12025550100", "none", "From", "identity-orig-mismatch"),  # not trusted for what it asserts
        ("+12025550100", "+12025550123", "none", "From", None),
    ],
)
def test_the_caller_is_the_one_that_was_signed_for(asserted: str, caller: str, trust: str, field: str, slug: str | None) -> None:
    case = judged(request(vector("VEC-1"), caller=caller, lines=(f"P-Asserted-Identity: <sip:{asserted}@carrier.example.net>",)), trust)
    assert case.caller_field == field and case.judgement is not None and case.judgement.slug == slug
    assert case.call is not None and (slug is not None or case.call.caller == "12025550123")


ELSEWHERE = "12025550100"
ASSERTED = (f"P-Asserted-Identity: <sip:+{ELSEWHERE}@carrier.example.net>",)
FOR_FROM, FOR_ASSERTED = ORIGINAL, {**ORIGINAL, "orig": {"tn": ELSEWHERE}}
FOR_OTHERS = {**ORIGINAL, "orig": {"tn": "12025550188"}}
STALE = {"iat": IAT - 3600}
SIGNED = {
    "for From": made("shaken", FOR_FROM),
    "for From, forged": made("shaken", FOR_FROM, OTHER),
    "for From, stale": made("shaken", {**FOR_FROM, **STALE}),
    "asserted": made("shaken", FOR_ASSERTED),
    "asserted, forged": made("shaken", FOR_ASSERTED, OTHER),
    "asserted, stale": made("shaken", {**FOR_ASSERTED, **STALE}),
    "for somebody else": made("shaken", FOR_OTHERS),
    "unreadable": b"eyJ;info=<https://cr.example.net/sp818h.pem>",
}
BESIDE = {
    "a card": made("rcd", {**PRIORITY, "rcd": {"nam": "Example Parcel Co"}}),
    "a priority": rph(["ets.0"]),
    "a diversion": made("div", {**PRIORITY, "div": {"tn": "12025550188"}}),
    "an unknown kind": made("zzz", FOR_FROM),
}


def said(case: Case) -> tuple[str, str | None, str | None]:
    """Who calls by which header, and why that is not proved."""
    assert case.judgement is not None
    return case.caller_field, case.caller.tn, case.judgement.slug


@pytest.mark.req("STI-056", "TRAP-40", "TRAP-23")
@pytest.mark.parametrize("beside", [*BESIDE, "the same again", "the same, joined", "an old header"])
@pytest.mark.parametrize("signed", SIGNED)
def test_a_token_is_worth_the_same_with_another_header_beside_it(signed: str, beside: str) -> None:
    value = SIGNED[signed]
    more = {"the same again": (value, value), "the same, joined": (value + b", " + made("zzz", FOR_FROM),), "an old header": (value,)}
    lines = (*ASSERTED, OLD) if beside == "an old header" else ASSERTED
    alone = judged(request(value, lines=ASSERTED))
    assert said(judged(request(*(more.get(beside) or (value, BESIDE[beside])), lines=lines))) == said(alone)


@pytest.mark.req("STI-056", "TRAP-40")
@pytest.mark.parametrize("first", SIGNED)
@pytest.mark.parametrize("second", SIGNED)
def test_two_tokens_prove_who_calls_only_where_one_of_them_does_alone(first: str, second: str) -> None:
    both = said(judged(request(SIGNED[first], SIGNED[second], lines=ASSERTED)))
    alone = [said(judged(request(SIGNED[one], lines=ASSERTED))) for one in (first, second)]
    if both[2] is None:
        assert both in alone
    if "asserted" in (first, second):
        assert both == ("P-Asserted-Identity", ELSEWHERE, None)  # what the network asserts goes before From
    if "for From" in (first, second) and not {"asserted", "asserted, forged"} & {first, second}:
        assert both == ("From", "12025550123", None)


@pytest.mark.req("TRAP-40", "STI-102")
@pytest.mark.parametrize(
    ("signed", "slug", "proved"),
    [("for From", None, ("ets.0",)), ("for From, forged", "identity-bad-signature", ()), ("asserted", None, ())],
)
def test_what_else_was_signed_for_from_counts_only_where_from_is_proved(signed: str, slug: str | None, proved: tuple[str, ...]) -> None:
    case = judged(request(SIGNED[signed], BESIDE["a priority"], lines=(*ASSERTED, "Resource-Priority: ets.0")))
    assert case.judgement is not None and case.judgement.slug == slug
    assert case.heard is not None and case.heard.priorities == proved and case.heard.priority_failed == (not proved)
    alone = judged(request(BESIDE["a priority"], lines=(*ASSERTED, "Resource-Priority: ets.0")))
    assert alone.heard is not None and alone.heard.priorities == ()


@pytest.mark.req("TRAP-40", "TRAP-30")
def test_a_call_signed_for_from_is_forwarded_with_its_diversions() -> None:
    onward = made("div", {"dest": {"tn": ["12025550177"]}, "div": {"tn": "12025550199"}, "iat": IAT + 2, "orig": {"tn": "12025550123"}})
    for lines, field in (((), "From"), (ASSERTED, "From")):
        case = judged(request(SIGNED["for From"], onward, lines=lines, target="+12025550177"))
        assert said(case) == (field, "12025550123", None)
        assert case.heard is not None and case.heard.via == ("12025550199",)


@pytest.mark.req("TRAP-40")
def test_a_certificate_that_is_not_at_hand_is_no_other_caller() -> None:
    trunk = Trunk("carrier", "carrier", (), trust="identity")
    lane = Lane(trunk, "carrier", Plan("1", "202"), Profile(), "enforce", 100, Rules())
    for more in ((), (BESIDE["a card"],)):
        case = open_case(request(SIGNED["for From"], *more, lines=ASSERTED), lane, UTC)
        assert case.urls == (URL,)
        judge(case, {}, Rulebook(), UTC, 0)
        assert case.judgement is not None and case.judgement.slug == "identity-unreachable"


@pytest.mark.req("STI-038", "STI-039", "TRAP-44")
@pytest.mark.parametrize(
    ("caller", "lines", "slug"),
    [
        ("anonymous", (), "identity-no-caller"),
        ("anonymous", ("P-Asserted-Identity: <tel:+12025550123>", "Privacy: id"), None),
        ("+12025550123", ("Privacy: id",), None),
    ],
)
def test_a_caller_who_is_not_shown_is_proved_by_what_the_network_asserts(caller: str, lines: tuple[str, ...], slug: str | None) -> None:
    case = judged(request(vector("VEC-1"), caller=caller, lines=lines))
    assert case.judgement is not None and case.judgement.slug == slug


@pytest.mark.req("STI-069", "STI-110", "STI-112")
def test_what_failed_is_told_token_by_token_also_where_the_call_goes_on() -> None:
    for values, causes in (
        ((made("shaken", ORIGINAL, OTHER),), [438]),
        ((made("shaken", {**ORIGINAL, "iat": 1}), vector("VEC-1")), [403]),
        ((vector("VEC-1"),), []),
        ((made("zzz", ORIGINAL),), []),
    ):
        message = request(*values)
        lines = stir_reasons(message, judged(message))
        assert [int(line.partition(b"cause=")[2][:3]) for line in lines] == causes
        assert all(b';ppi="..' in line for line in lines)
    message = request(vector("VEC-1"), caller="+12025550124")
    (line,) = stir_reasons(message, judged(message))
    assert line == b'Reason: STIR ;cause=438 ;text="Invalid Identity Header" ;ppi="..' + SIGNATURE + b'"'


@pytest.mark.req("TRAP-41")
@pytest.mark.parametrize(
    ("lines", "disputed"),
    [
        (("P-Asserted-Identity: <sip:+12025550123@a.example>, <tel:+1-202-555-0123>",), False),
        (("P-Asserted-Identity: <sip:+12025550123@a.example>, <tel:+12025550124>",), True),
        (("P-Asserted-Identity: <sip:+12025550123@a.example>", "P-Asserted-Identity: <tel:+12025550124>"), True),
        (("P-Asserted-Identity: <sip:alice@a.example>, <tel:+12025550123>",), False),
        (("P-Asserted-Identity: <sip:+12025550123@a.example>, nonsense <",), False),
    ],
)
def test_two_numbers_that_the_network_asserts_must_be_one(lines: tuple[str, ...], disputed: bool) -> None:
    case = judged(request(lines=lines))
    assert case.disputed == disputed and case.call is not None
    assert (case.verdict is not None and "caller-disputed" in [one.slug for one in case.verdict.findings]) == disputed
    assert not judged(request(lines=lines), "none").disputed  # whom nobody believes contradicts nobody


@pytest.mark.req("LAB-04")
def test_a_call_without_identity_is_no_failure() -> None:
    case = judged(request())
    assert case.judgement is None and case.heard is None and case.exams == () and case.urls == ()
    assert case.verdict is not None and case.verdict.action == "allow"


@pytest.mark.req("REG-055")
@pytest.mark.parametrize(
    ("trust", "line", "slug"),
    [
        ("verdicts", "X-Screen-Purpose: Telemarketing", "telemarketing-hidden"),
        ("identity", "X-Screen-Purpose: Telemarketing", "anonymous"),
        ("verdicts", "X-Screen-Purpose: delivery", "anonymous"),
    ],
)
def test_the_purpose_of_a_call_is_taken_from_an_upstream_that_is_trusted_for_verdicts(trust: str, line: str, slug: str) -> None:
    case = judged(request(lines=(line,), caller="anonymous"), trust)
    assert case.verdict is not None and slug in {finding.slug for finding in case.verdict.findings}
    assert ("telemarketing-hidden" in {finding.slug for finding in case.verdict.findings}) is (slug != "anonymous")


@pytest.mark.parametrize("display", ["", '"Example Parcel Co" ', "Example ", '" Parcel " ', '"Par\r\n cel" ', '"a\\"b" ', '"caf\u00e9" '])
@pytest.mark.parametrize("uri", ["sip:+12025550123@h.example", "sip:+12025550123@anonymous.invalid", "sip:12025550123@h", "tel:+12025550123", "sip:bob@h"])
@pytest.mark.parametrize("bare", [False, True])
def test_the_short_way_to_a_number_says_what_the_long_one_does(display: str, uri: str, bare: bool) -> None:
    if bare and display:
        return
    written = uri if bare else f"{display}<{uri}>"
    message = parse(
        f"INVITE sip:bob@pbx.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bK-1\r\nFrom: {written};tag=1\r\n"
        f"To: {written}\r\nCall-ID: 1@198.51.100.10\r\nCSeq: 1 INVITE\r\n\r\n".encode()
    )
    assert isinstance(message, Request)
    plan = Plan("1", "202")
    assert number_in(message, plan) == who(message.to.uri, plan).tn
    assert displayed(message).strip() == message.from_.display.strip()
