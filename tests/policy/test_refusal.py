"""How refusals read, by class and role."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.refusal import DEFAULTS, FITTING, LOCATIONS, PHRASES, PLUS, notice, recognised, rejection, understands
from policy.rulebook import PROVIDERS, TRANSIT, Redress, Rulebook
from policy.verdict import Class, Finding, Verdict
from shaken.verdict import FAILURES

REDRESS = Redress("https://redress.example.com", "+12025550100", "help@example.com")
ROLES = ("enterprise", *sorted(PROVIDERS))


def refused(slug: str, kind: Class, **book: object) -> tuple[int, str, tuple[bytes, ...]]:
    verdict = Verdict("reject", "reject", deciding=Finding(slug, kind, 100, ""), id="c-8842_1")
    return tuple(rejection(verdict, Rulebook(**book)))  # type: ignore[arg-type, return-value]


@pytest.mark.req("STI-118", "STI-119", "STI-124", "REG-013")
def test_analytics_is_answered_603_plus_with_the_redress_contact() -> None:
    status, phrase, lines = refused("campaign-number", Class.ANALYTICS, redress=REDRESS)
    assert (status, phrase) == (603, "Network Blocked")
    assert lines == (
        b'Reason: SIP;cause=603;text="v=analytics1;url=https://redress.example.com;tel=+12025550100;'
        b'email=help@example.com;id=c-8842_1";location=RPN',
    )


@pytest.mark.req("TRAP-94", "REG-005", "REG-014")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("slug", "kind", "status", "phrase"),
    [
        ("dno-n11", Class.DETERMINISTIC, 603, "Decline"),
        ("own-number-from-outside", Class.DETERMINISTIC, 603, "Decline"),
        ("dnc-listed", Class.DUTY, 603, "Decline"),
        ("identity-bad-signature", Class.IDENTITY, 438, "Invalid Identity Header"),
        ("identity-stale-iat", Class.IDENTITY, 403, "Stale Date"),
        ("identity-unreachable", Class.IDENTITY, 436, "Bad Identity Info"),
        ("identity-untrusted-chain", Class.IDENTITY, 437, "Unsupported Credential"),
        ("identity-missing", Class.IDENTITY, 428, "Use Identity Header"),
        ("verstat-failed", Class.IDENTITY, 438, "Invalid Identity Header"),
    ],
)
def test_what_analytics_did_not_decide_is_never_answered_603_plus(
    slug: str, kind: Class, status: int, phrase: str, role: str
) -> None:
    answer = refused(slug, kind, role=role, redress=REDRESS)
    assert answer == (status, phrase, (f'Reason: SIP;cause={status};text="{slug}"'.encode(),))


@pytest.mark.req("STI-125", "REG-014")
@pytest.mark.parametrize("role", ROLES)
def test_a_subscribers_decline_is_607_but_between_two_providers_there_is_none(role: str) -> None:
    status, phrase, lines = refused("deny-list", Class.SUBSCRIBER, role=role, redress=REDRESS)
    assert (status, phrase) == ((603, "Decline") if role in TRANSIT else (607, "Unwanted"))
    assert lines == (f'Reason: SIP;cause={status};text="deny-list"'.encode(),)


@pytest.mark.req("REG-013")
@pytest.mark.parametrize("role", ROLES)
def test_only_who_is_no_provider_may_answer_analytics_otherwise(role: str) -> None:
    for how in ({"codes": {"campaign-number": 603}}, {"refusals": {Class.ANALYTICS: 603}}):
        _, phrase, lines = refused("campaign-number", Class.ANALYTICS, role=role, redress=REDRESS, **how)
        assert phrase == ("Decline" if role == "enterprise" else "Network Blocked")
        assert (b"analytics1" in lines[0]) is (role != "enterprise")


def test_a_class_may_have_a_code_and_a_slug_another() -> None:
    book = {"refusals": {Class.SUBSCRIBER: 486, Class.IDENTITY: 403}, "codes": {"identity-stale-iat": 438}}
    assert refused("deny-list", Class.SUBSCRIBER, **book)[:2] == (486, "Busy Here")
    assert refused("identity-bad-signature", Class.IDENTITY, **book)[:2] == (403, "Forbidden")
    assert refused("identity-stale-iat", Class.IDENTITY, **book)[0] == 438


@pytest.mark.req("STI-117")
def test_603_plus_that_is_asked_for_where_it_may_not_be_is_a_decline() -> None:
    assert refused("dno-n11", Class.DETERMINISTIC, codes={"dno-n11": "603+"}, redress=REDRESS)[1] == "Decline"
    assert refused("campaign-number", Class.ANALYTICS, codes={"campaign-number": "603+"})[1] == "Decline"


CARD = Redress("https://redress.example.com", card="https://redress.example.com/card")


@pytest.mark.req("STI-127", "STI-128")
def test_608_names_the_card_and_goes_only_to_those_who_know_it() -> None:
    verdict = Verdict("reject", "reject", deciding=Finding("campaign-number", Class.ANALYTICS, 100, ""), id="c-8842_1")
    book = Rulebook(refusals={Class.ANALYTICS: 608}, redress=CARD)
    assert rejection(verdict, book, knows_608=True) == (
        608,
        "Rejected",
        (
            b'Reason: SIP;cause=608;text="campaign-number"',
            b"Call-Info: <https://redress.example.com/card>;purpose=jwscard",
        ),
    )
    assert rejection(verdict, book)[:2] == (603, "Decline")
    assert rejection(verdict, Rulebook(refusals={Class.ANALYTICS: 608}), knows_608=True)[:2] == (603, "Decline")


@pytest.mark.req("STI-128")
@pytest.mark.parametrize(
    ("values", "knows"),
    [
        ([], False),
        ([b"*;+sip.608"], True),
        ([b"*; +SIP.608"], True),
        ([b'*;+g.3gpp.srvcc;+sip.608="x"'], True),
        ([b"*;+g.3gpp.srvcc", b"*;+sip.608"], True),
        ([b"*;+sip.6081"], False),
        ([b"+sip.608"], False),
        ([b'*;+x="+sip.607"'], False),
    ],
)
def test_who_knows_608_says_so_in_feature_caps(values: list[bytes], knows: bool) -> None:
    assert understands(values) is knows


@pytest.mark.req("STI-131")
@pytest.mark.parametrize("kind", Class)
@pytest.mark.parametrize("code", [603, PLUS, 607, 608])
def test_no_refusal_names_a_time_to_try_again(kind: Class, code: int | str) -> None:
    verdict = Verdict("reject", "reject", deciding=Finding("some-finding", kind, 100, ""), id="1")
    answer = rejection(verdict, Rulebook(refusals={kind: code}, redress=CARD), knows_608=True)  # type: ignore[dict-item]
    assert answer.status >= 600
    assert not [line for line in answer.lines if line.lower().startswith(b"retry-after")]


@pytest.mark.req("STI-130", "TRAP-57")
@pytest.mark.parametrize("kind", Class)
def test_each_class_can_be_refused_on_this_fork_alone(kind: Class) -> None:
    mild = [code for code in FITTING[kind] if code != PLUS and int(code) < 500]
    assert mild
    assert refused("some-finding", kind, refusals={kind: mild[0]})[0] == mild[0]


def test_without_a_redress_contact_analytics_is_a_plain_decline() -> None:
    status, phrase, lines = refused("campaign-number", Class.ANALYTICS)
    assert (status, phrase) == (603, "Decline")
    assert b"analytics1" not in lines[0]


@pytest.mark.parametrize(
    ("slug", "kind", "code", "phrase"),
    [
        ("dno-n11", Class.DETERMINISTIC, 404, "Not Found"),
        ("deny-list", Class.SUBSCRIBER, 603, "Decline"),
        ("identity-bad-signature", Class.IDENTITY, 403, "Forbidden"),
        ("campaign-number", Class.ANALYTICS, 480, "Temporarily Unavailable"),
        ("anonymous", Class.NOTE, 433, "Anonymity Disallowed"),
    ],
)
def test_the_operator_may_choose_another_code(slug: str, kind: Class, code: int, phrase: str) -> None:
    status, said, lines = refused(slug, kind, codes={slug: code}, redress=REDRESS)
    assert (status, said) == (code, phrase)
    assert lines == (f'Reason: SIP;cause={code};text="{slug}"'.encode(),)


def test_a_code_that_is_no_refusal_is_not_used() -> None:
    assert refused("dno-n11", Class.DETERMINISTIC, codes={"dno-n11": 200})[0] == 603


def test_a_verdict_without_a_deciding_finding_still_has_an_answer() -> None:
    assert rejection(Verdict(), Rulebook()) == (603, "Decline", ())


@pytest.mark.req("STI-119")
def test_each_role_says_where_the_call_was_refused() -> None:
    assert set(LOCATIONS) == set(ROLES)
    assert set(LOCATIONS.values()) <= {"LN", "TN", "RLN", "LPN", "RPN"}


def test_the_tables_agree_with_each_other() -> None:
    for kind in Class:
        assert DEFAULTS[kind] in FITTING[kind] <= {*PHRASES, PLUS}
    assert PLUS in FITTING[Class.ANALYTICS] and not any(PLUS in FITTING[kind] for kind in set(Class) - {Class.ANALYTICS})
    assert all(failure.code in FITTING[Class.IDENTITY] for failure in FAILURES.values())


@pytest.mark.req("STI-117")
@pytest.mark.parametrize(
    ("status", "phrase", "reason", "is_one"),
    [
        (603, "Network Blocked", 'SIP;cause=603;text="v=analytics1;url=https://r.example.com"', True),
        (
            603,
            "NETWORK blocked",
            'SIP ; cause=603 ; text="v=analytics1;url=https://r.example.com";location=RLN',
            True,
        ),
        (603, "Decline", 'SIP;cause=603;text="v=analytics1;url=https://r.example.com"', False),
        (603, "Network Blocked", 'SIP;cause=603;text="busy"', False),
        (603, "Network Blocked", 'SIP;cause=603;text="v=analytics10;url=https://r.example.com"', False),
        (603, "Network Blocked", "", False),
        (486, "Network Blocked", 'SIP;cause=603;text="v=analytics1;url=https://r.example.com"', False),
    ],
)
def test_603_plus_needs_both_the_phrase_and_the_notice(
    status: int, phrase: str, reason: str, is_one: bool
) -> None:
    assert (recognised(status, phrase, [reason]) is not None) is is_one


@pytest.mark.req("STI-120", "STI-123", "TRAP-70")
def test_both_spellings_of_the_notice_are_understood() -> None:
    other = 'Q.850;cause=21;text="v=analytics1;url=https://r.example.com;id=7";location=LN'
    assert recognised(603, "Network Blocked", ["Q.850;cause=16", other]) == {
        "v": "analytics1",
        "url": "https://r.example.com",
        "id": "7",
    }
    line = notice(REDRESS, "7", "LN", form="q850").decode()
    assert line.startswith("Reason: Q.850;cause=21;") and line.endswith(";location=LN")
    gateway = Redress("https://redress.example.com", reason="q850")
    assert refused("campaign-number", Class.ANALYTICS, redress=gateway)[2][0].startswith(b"Reason: Q.850;cause=21;text=")
    assert recognised(603, "Network Blocked", [line.removeprefix("Reason: ")]) is not None


@pytest.mark.req("TRAP-69", "TRAP-71")
def test_a_semicolon_in_quotes_ends_nothing_and_the_notice_may_stand_behind_others() -> None:
    reasons = [
        'Q.850;cause=21;text="call rejected; see below"',
        'SIP;cause=603;text="v=1;not the notice"',
        'SIP;cause=603;text="v=analytics1;url=https://r.example.com/a,b;tel=+12025550100";location=RLN',
        'SIP;cause=603;text="v=analytics1;url=https://second.example.com"',
    ]
    assert recognised(603, "Network Blocked", reasons) == {
        "v": "analytics1", "url": "https://r.example.com/a,b", "tel": "+12025550100",
    }  # fmt: skip


@pytest.mark.req("TRAP-57", "STI-130")
@pytest.mark.parametrize("kind", [kind for kind in Class if kind is not Class.IDENTITY])
def test_a_refusal_can_be_one_that_ends_this_fork_alone(kind: Class) -> None:
    """A 6xx ends every fork of the call, voicemail too: where only this line does not want it, a 4xx can be chosen."""
    status, phrase, lines = refused("campaign-number", kind, codes={"campaign-number": 480}, redress=REDRESS)
    assert (status, phrase) == (480, "Temporarily Unavailable") and b"analytics1" not in lines[0]
    assert 480 in FITTING[kind]


@pytest.mark.req("STI-117", "STI-118")
@given(
    st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z"), st.booleans(), st.booleans(), st.sampled_from(["sip", "q850"])
)
def test_what_we_write_we_can_read(call: str, tel: bool, email: bool, form: str) -> None:
    redress = Redress("https://redress.example.com/x", "+12025550100" * tel, "help@example.com" * email)
    line = notice(redress, call, "RPN", form).decode()
    fields = recognised(603, "Network Blocked", [line.removeprefix("Reason: ")])
    assert fields is not None
    assert list(fields)[0] == "v"
    assert fields["id"] == call
    assert ("tel" in fields, "email" in fields) == (tel, email)


@pytest.mark.req("STI-118")
@given(st.text(max_size=80))
def test_an_identifier_of_another_form_is_left_out(call: str) -> None:
    line = notice(REDRESS, call, "RPN").decode()
    found = re.search(r";id=([^;\"]*)", line)
    assert (found is not None) is (re.fullmatch(r"[A-Za-z0-9_-]{1,64}", call) is not None)
    assert "\r" not in line and "\n" not in line
