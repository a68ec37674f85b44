"""What comes off a call from a side that is not trusted for it, what goes on, and what keeps its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.verdict import Class, Finding, Verdict
from proxy.screening.marks import VERSTAT, Marks, add, strip, with_verstat, without_verstat
from proxy.sip.edit import rebuilt
from proxy.sip.message import Request
from proxy.sip.parser import parse
from tests.linear import linear
from tests.proxy.screening.messages import made

PREFIX = "x-screen-"


def invite(*lines: str) -> Request:
    sender = '"EXAMPLE; verstat=no" <sip:+12025550123@carrier.example.net>;tag=9f2c'
    return made("INVITE sip:+12025550199@pbx.example.com", sender, "<sip:+12025550199@pbx.example.com>", *lines)


def marked(request: Request, verdict: Verdict, verstat: str, attestation: str | None = None, origid: str | None = None, *, in_from: bool = False) -> Marks:
    """What comes off such a request, and what is written on it."""
    marks = strip(request, prefix=PREFIX, keep_verdicts=False, keep_asserted=True)
    add(marks, request, verdict, prefix="X-Screen-", verstat=verstat, attestation=attestation, origid=origid, in_from=in_from)
    return marks


def after(request: Request, *, keep_verdicts: bool = False, keep_asserted: bool = True) -> list[str]:
    """The header lines that go on, from the seventh on: those that the test wrote."""
    marks = strip(request, prefix=PREFIX, keep_verdicts=keep_verdicts, keep_asserted=keep_asserted)
    head = rebuilt(request, request.start, (), marks.edits).decode().split("\r\n\r\n")[0]
    return head.split("\r\n")[6:]


@pytest.mark.req("STI-077", "TRAP-39")
@pytest.mark.parametrize(
    "line",
    [
        "P-Attestation-Indicator: A",
        "p-attestation-indicator : A",
        "P-Origination-ID: 123e4567-e89b-42d3-a456-426655440000",
        "Attestation-Info: A",
        "ORIGINATION-ID: 1",
        "X-Screen-Verdict: allow",
        "x-SCREEN-anything: at all",
        "X-Screen-Verdict:\r\n allow",
        "X%2DScreen%2DVerdict: allow",
        "P-Attestation%2dIndicator: A",
    ],
)
def test_verdict_headers_of_a_side_that_is_not_trusted_for_them_come_off(line: str) -> None:
    assert after(invite(line, "X-Other: stays")) == ["X-Other: stays"]


@pytest.mark.req("STI-075", "TRAP-38", "TRAP-39")
@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("P-Asserted-Identity: <sip:+12025550123;verstat=TN-Validation-Passed@c.example;user=phone>",
         "P-Asserted-Identity: <sip:+12025550123@c.example;user=phone>"),
        ("P-Asserted-Identity: <tel:+12025550123;verstat=TN-Validation-Passed>", "P-Asserted-Identity: <tel:+12025550123>"),
        ("P-Asserted-Identity: <sip:+12025550123@c.example>;verstat=TN-Validation-Passed",
         "P-Asserted-Identity: <sip:+12025550123@c.example>"),
        ("P-Asserted-Identity: <sip:+12025550123;VerStat=x@c.example>", "P-Asserted-Identity: <sip:+12025550123@c.example>"),
        ("P-Asserted-Identity: <sip:+12025550123;v%65rst%41t=x@c.example>", "P-Asserted-Identity: <sip:+12025550123@c.example>"),
        ("P-Asserted-Identity: <sip:+12025550123@c.example;verstat>", "P-Asserted-Identity: <sip:+12025550123@c.example>"),
        ('P-Asserted-Identity: <sip:+12025550123@c.example>; verstat = "x;y"',
         "P-Asserted-Identity: <sip:+12025550123@c.example>"),
        ("P-Asserted-Identity: <sip:a;verstat=1@c.example>, <tel:+1;verstat=2;x=y>",
         "P-Asserted-Identity: <sip:a@c.example>, <tel:+1;x=y>"),
        ("P-Asserted-Identity: <sip:a@c.example>;\r\n verstat=1", "P-Asserted-Identity: <sip:a@c.example>"),
        ("Contact: <sip:a;verstat=1@c.example>", "Contact: <sip:a@c.example>"),
        ("m: <sip:a;verstat=1@c.example>", "m: <sip:a@c.example>"),
        # Not a verstat: another name that begins like it, a display name, a header that holds no address.
        ("P-Asserted-Identity: <sip:a;verstatus=1@c.example>", "P-Asserted-Identity: <sip:a;verstatus=1@c.example>"),
        ('P-Asserted-Identity: ";verstat=1 \\";verstat=2" <sip:a@c.example>',
         'P-Asserted-Identity: ";verstat=1 \\";verstat=2" <sip:a@c.example>'),
        ("Subject: ;verstat=1", "Subject: ;verstat=1"),
    ],
)  # fmt: skip
def test_a_verstat_comes_off_wherever_it_stands_but_in_a_display_name(line: str, clean: str) -> None:
    assert "\r\n".join(after(invite(line))) == clean


@pytest.mark.req("SIP-126")
def test_an_asserted_identity_counts_from_a_side_that_is_trusted_for_it_only() -> None:
    line = "P-Asserted-Identity: <sip:+12025550123@c.example>"
    assert after(invite(line), keep_asserted=True) == [line]
    assert after(invite(line), keep_asserted=False) == []


def test_a_side_that_is_trusted_for_verdicts_keeps_them_but_not_ours() -> None:
    kept = "P-Asserted-Identity: <sip:a;verstat=TN-Validation-Passed@c.example>"
    lines = ("P-Attestation-Indicator: B", kept, "X-Screen-Verdict: allow")
    assert after(invite(*lines), keep_verdicts=True) == ["P-Attestation-Indicator: B", kept]


def test_a_call_without_any_of_it_keeps_every_byte() -> None:
    request = invite("X-Odd: ;;,,;", "Identity: eyJ;verstat=1")
    marks = strip(request, prefix=PREFIX, keep_verdicts=False, keep_asserted=True)
    assert not marks.edits.drop and not marks.edits.swap and marks.stripped == 0


def test_a_from_that_loses_a_verstat_is_given_back_in_responses() -> None:
    request = parse(
        b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
        b"From: <sip:+12025550123;verstat=TN-Validation-Passed@c.example>;tag=1\r\nTo: <sip:a@b>\r\n\r\n"
    )
    assert isinstance(request, Request)
    marks = strip(request, prefix=PREFIX, keep_verdicts=False, keep_asserted=True)
    assert marks.give_back == [(b"From: <sip:+12025550123@c.example>;tag=1", request.lines[1])]


def tagged() -> Verdict:
    finding = Finding("campaign", Class.ANALYTICS, 50, "listed", campaign="Utility-SupplyCharges")
    return Verdict(
        action="tag", would="tag", score=50, findings=(finding,), deciding=finding, campaign="Utility-SupplyCharges"
    )


@pytest.mark.req("STI-075", "STI-077")
def test_our_marks_stand_in_the_asserted_identity_and_in_headers_of_our_own() -> None:
    request = invite(
        "P-Asserted-Identity: <sip:+12025550123;verstat=TN-Validation-Passed@c.example;user=phone>, <tel:+12025550123>",
        "X-Screen-Verdict: allow",
    )
    marks = marked(request, tagged(), "TN-Validation-Failed", "A", "o-1")
    head = rebuilt(request, request.start, (), marks.edits).decode().split("\r\n\r\n")[0].split("\r\n")[6:]
    assert head == [
        "P-Asserted-Identity: <sip:+12025550123;verstat=TN-Validation-Failed@c.example;user=phone>,"
        " <tel:+12025550123;verstat=TN-Validation-Failed>",
        "P-Attestation-Indicator: A",
        "P-Origination-ID: o-1",
        "X-Screen-Verdict: tag",
        "X-Screen-Score: 50",
        "X-Screen-Reason: campaign",
        "X-Screen-Campaign: Utility-SupplyCharges",
    ]
    assert marks.give_back == []


@pytest.mark.req("STI-078")
def test_a_verstat_in_from_is_written_only_by_setting_and_given_back_in_responses() -> None:
    request = invite()
    marks = marked(request, tagged(), "TN-Validation-Passed", in_from=True)
    changed = marks.edits.swap[1]
    assert changed == (
        b'From: "EXAMPLE; verstat=no" <sip:+12025550123;verstat=TN-Validation-Passed@carrier.example.net>;tag=9f2c'
    )
    assert marks.give_back == [(changed, request.lines[1])]


def test_text_from_outside_cannot_end_a_header_of_ours() -> None:
    finding = Finding("campaign", Class.ANALYTICS, 50, "listed", campaign="a\r\nEvil: 1")
    verdict = Verdict(deciding=finding, campaign="a\r\nEvil: 1")
    marks = marked(invite(), verdict, "x", "A", "b\r\nEvil: 2")
    assert all(b"\r" not in line and b"\n" not in line for line in marks.edits.add)


PIECES = st.sampled_from(
    [b";", b" ", b"verstat", b"ver", b"stat", b"=", b"x", b'"', b"\\", b"@", b">", b"%76", b",", b"\r\n "]
)


@given(st.lists(PIECES, max_size=20).map(b"".join))
def test_no_way_of_nesting_leaves_a_verstat_behind(line: bytes) -> None:
    clean = without_verstat(line)
    assert VERSTAT.sub(lambda match: match.group(1) or b"", clean) == clean


@pytest.mark.req("TRAP-63")
@pytest.mark.parametrize(
    ("head", "body", "tail"),
    [
        (b'From: "', b'\\"', b";verstat=1"), (b"From: ", b"sip:", b" ;verstat"), (b"From: ", b";ver", b";verstat=1"), (b"From: ;verstat", b" ", b"x"),
        (b"From: ", b"; ", b";verstat"),
    ],
)  # fmt: skip
def test_hostile_octets_cost_what_they_are_and_not_their_square(head: bytes, body: bytes, tail: bytes) -> None:
    def line(size: int) -> bytes:
        return head + body * (size // len(body)) + tail + b"stat" * (size // 4)

    assert linear(lambda size: without_verstat(line(size)))
    assert linear(lambda size: with_verstat(line(size), "No-TN-Validation"))


def test_a_verstat_behind_a_quote_that_nothing_closes_comes_off() -> None:
    assert without_verstat(b'From: "a;verstat=1" "b\\" ;verstat=2;c') == b'From: "a;verstat=1" "b\\" ;c'


def test_what_comes_together_by_stripping_is_stripped_too() -> None:
    assert without_verstat(b"Contact: <sip:a@b>; ;verstat=x verstat=1") == b"Contact: <sip:a@b>"


@given(
    st.from_regex(
        r"<sip:\+1[0-9]{10}(;[a-z]{1,5}=[a-z0-9]{1,5}){0,2}@[a-z]{1,8}\.example(;[a-z]{1,5}=[a-z]{1,4}){0,2}>",
        fullmatch=True,
    )
)
def test_what_is_put_on_comes_off_again(value: str) -> None:
    line = b"P-Asserted-Identity: " + value.encode()
    assert without_verstat(with_verstat(line, "TN-Validation-Passed")) == line


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("Contact: <sip:a@h>", True),
        ("Contact: <sip:a@h;verstat=No-TN-Validation>", False),
        ("Contact: <sip:a@h;%76erstat=No-TN-Validation>", False),
        ("Subject: verstat=50%", True),
        ("X-Else: verstat=50%", True),
    ],
)
def test_a_call_of_usual_headers_is_looked_at_as_closely_as_any_other(line: str, kept: bool) -> None:
    for more in ((), ("X-Unknown: 1",)):
        assert (after(invite(line, *more), keep_asserted=False)[0] == line) is kept


def test_our_own_headers_come_off_also_where_their_prefix_begins_an_address_header() -> None:
    marks = strip(invite("Reply-To: <sip:a@h>"), prefix="reply-", keep_verdicts=False, keep_asserted=True)
    assert marks.stripped == 1 and marks.edits.drop == {5}
