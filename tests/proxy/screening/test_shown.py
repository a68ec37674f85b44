"""The name that the PBX's telephones show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.screening.marks import Marks
from proxy.screening.shown import LONGEST, renamed, show
from proxy.sip import address
from proxy.sip.edit import Edits
from proxy.sip.message import Request
from proxy.sip.parser import parse
from tests.linear import linear

NUMBER = b"<sip:+13015550101@carrier.example.net;user=phone>;tag=9f2c"


@pytest.mark.parametrize(
    ("value", "mark", "name", "always", "after"),
    [
        (b'"Ann" ' + NUMBER, "[V] ", "", False, b'"[V] Ann" ' + NUMBER),
        (b"Ann Lee " + NUMBER, "[V] ", "", False, b'"[V] Ann Lee" ' + NUMBER),
        (NUMBER, "[V] ", "", False, b'"[V] " ' + NUMBER),
        (NUMBER, "", "CITY HOSPITAL", False, b'"CITY HOSPITAL" ' + NUMBER),
        (b'"" ' + NUMBER, "", "CITY HOSPITAL", False, b'"CITY HOSPITAL" ' + NUMBER),
        (b'"Ann" ' + NUMBER, "", "CITY HOSPITAL", True, b'"CITY HOSPITAL" ' + NUMBER),
        (b'"Ann" ' + NUMBER, "SPAM? ", "CITY HOSPITAL", True, b'"SPAM? CITY HOSPITAL" ' + NUMBER),
        (b'"A \\"B\\" \\\\C" ' + NUMBER, "! ", "", False, b'"! A \\"B\\" \\\\C" ' + NUMBER),
        (b'"Ann" <sip:x@y?a=%22b>', "", "Ba\r\nd: x", True, b'"Bad: x" <sip:x@y?a=%22b>'),
        (b"sip:+13015550101@carrier.example.net;tag=9f2c", "", "ANN", False, b'"ANN" <sip:+13015550101@carrier.example.net>;tag=9f2c'),
        (b"tel:+13015550101", "[V] ", "", False, b'"[V] " <tel:+13015550101>'),
    ],
)
def test_a_name_is_put_before_or_in_the_place_of_the_shown_one(value: bytes, mark: str, name: str, always: bool, after: bytes) -> None:
    assert renamed(b"From: " + value, mark, name, always) == b"From: " + after


@pytest.mark.parametrize("line", [b'From: "Ann" ' + NUMBER, b"From: nonsense", b'From: "torn <sip:a@b>', b"From:"])
def test_what_needs_no_other_name_or_cannot_be_read_stays(line: bytes) -> None:
    assert renamed(line, "", "CITY HOSPITAL", False) == line
    assert renamed(line, "", "", True) == line


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=40), st.booleans())
def test_whatever_the_name_is_the_header_stays_one_address(shown: str, name: str, mark: str, always: bool) -> None:
    quoted = "".join(c for c in shown if c.isprintable()).replace("\\", "").replace('"', "")
    line = b'From: "' + quoted.encode("utf-8", "ignore") + b'" ' + NUMBER
    after = renamed(line, mark.encode("utf-8", "ignore").decode(), name.encode("utf-8", "ignore").decode(), always)
    assert b"\r" not in after and b"\n" not in after
    found = address.parse(after.partition(b":")[2].strip())
    assert found.uri.user == "+13015550101" and found.tag == "9f2c"
    assert len(found.display.encode()) <= max(LONGEST, len(quoted.encode()))


def test_both_headers_change_and_from_is_given_back() -> None:
    message = parse(
        b"INVITE sip:+12025550123@pbx.example.com SIP/2.0\r\nFrom: " + NUMBER + b"\r\nP-Asserted-Identity: "
        b'"Ann" <sip:+13015550101@c.example.net>\r\nP-Asserted-Identity: <tel:+13015550101>\r\n\r\n'
    )
    assert isinstance(message, Request)
    marks = Marks(Edits())
    marks.edits.drop.add(2)
    show(marks, message, "[V] ", "", False)
    assert marks.edits.swap == {0: b'From: "[V] " ' + NUMBER, 1: b'P-Asserted-Identity: "[V] Ann" <sip:+13015550101@c.example.net>'}
    assert marks.give_back == [(marks.edits.swap[0], message.lines[0])] and marks.added == 2


@pytest.mark.req("TRAP-63")
@pytest.mark.parametrize(("head", "body"), [(b"From:", b" "), (b"From:", b"\r\n "), (b'From: "', b"\\\""), (b"From: a", b" "), (b'From: "a"', b"\t")])
def test_hostile_octets_cost_what_they_are_and_not_their_square(head: bytes, body: bytes) -> None:
    assert linear(lambda size: renamed(head + body * (size // len(body)) + b"x", "mark", "name", True))
