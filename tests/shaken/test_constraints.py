"""What a certificate lets its holder claim."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaken import constraints, tnauthlist
from shaken.constraints import MAX_NAMES, MAX_SIZE, Constraints, from_der, to_der
from shaken.credential import load_chain
from shaken.der import SEQUENCE, element
from shaken.errors import ParseError

PRINTED = Path(__file__).resolve().parents[1] / "vectors" / "certificates" / "rfc9118.pem"
BASE = {"iat": 1, "orig": {"tn": "12025550123"}, "dest": {"tn": ["12025550199"]}, "attest": "B"}


@pytest.mark.req("STI-085")
def test_the_certificate_of_rfc_9118_is_read() -> None:
    (certificate,) = load_chain(PRINTED.read_bytes())
    limits, authority = constraints.of(certificate), tnauthlist.of(certificate)
    assert limits == Constraints(("confidence",), (("confidence", ("high", "medium")),), ("priority",))
    assert authority is not None and authority.spcs == ("1234",)
    for claims, fine in (
        (BASE, False),
        ({**BASE, "confidence": "high"}, True),
        ({**BASE, "confidence": "medium"}, True),
        ({**BASE, "confidence": "low"}, False),
        ({**BASE, "confidence": "High"}, False),
        ({**BASE, "confidence": "high", "priority": 1}, False),
    ):
        assert (limits.fault(claims) is None) == fine


@pytest.mark.req("STI-084", "STI-085")
@pytest.mark.parametrize(
    ("limits", "claims", "fine"),
    [
        (Constraints(include=("rcd",)), BASE, False),
        (Constraints(include=("attest",)), BASE, True),
        (Constraints(permitted=(("attest", ("B", "C")),)), BASE, True),
        (Constraints(permitted=(("attest", ("B", "C")),)), {**BASE, "attest": "A"}, False),
        (Constraints(permitted=(("crn", ("Delivery",)),)), BASE, True),  # restricts what is there
        (Constraints(permitted=(("rcd", ('{"nam":"Caf\u00e9"}',)),)), {**BASE, "rcd": {"nam": "Caf\u00e9"}}, True),
        (Constraints(permitted=(("rcd", ('{"nam":"Bank"}',)),)), {**BASE, "rcd": {"nam": "bank"}}, False),
        (Constraints(permitted=(("n", ("1",)),)), {**BASE, "n": 1}, True),
        (Constraints(permitted=(("n", ("1",)),)), {**BASE, "n": True}, False),
        (Constraints(exclude=("attest",)), BASE, False),
        (Constraints(exclude=("orig", "attest")), BASE, True),  # nonsense binds nobody
    ],
)
def test_a_token_keeps_within_the_limits_or_does_not(limits: Constraints, claims: dict[str, object], fine: bool) -> None:
    assert (limits.fault(claims) is None) == fine


NAMES = st.lists(st.from_regex(r"\A[a-z]{1,8}\Z"), max_size=4).map(tuple)
VALUES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=3).map(tuple)
LIMITS = st.builds(
    Constraints,
    include=NAMES,
    permitted=st.lists(st.tuples(st.from_regex(r"\A[a-z]{1,8}\Z"), VALUES), max_size=3).map(tuple),
    exclude=NAMES,
)


@pytest.mark.req("STI-085")
@given(LIMITS)
def test_limits_are_read_as_they_were_written(limits: Constraints) -> None:
    if limits == Constraints():
        with pytest.raises(ParseError):
            to_der(limits)
    else:
        assert from_der(to_der(limits), enhanced=True) == limits


@pytest.mark.parametrize(
    "der",
    [
        b"", b"\x30\x00", b"\x30\x02\xa0\x00", b"\x30\x04\xa0\x02\x30\x00",
        to_der(Constraints(include=("a",))) + b"\0",
        b"\x30\x12" + (to_der(Constraints(exclude=("a",)))[2:] + to_der(Constraints(include=("a",)))[2:]),
    ],
)  # fmt: skip
def test_what_is_no_list_of_limits_is_none(der: bytes) -> None:
    with pytest.raises(ParseError):
        from_der(der, enhanced=True)


@pytest.mark.req("STI-084")
def test_the_plain_form_forbids_nothing() -> None:
    with pytest.raises(ParseError):
        from_der(to_der(Constraints(exclude=("priority",))), enhanced=False)


@given(st.binary(max_size=80), st.booleans(), LIMITS)
def test_any_bytes_raise_our_errors_only(data: bytes, enhanced: bool, limits: Constraints) -> None:
    base = to_der(limits) if limits != Constraints() else b""
    for der in (data, base[: len(data)] + data + base[len(data) :]):
        try:
            from_der(der, enhanced=enhanced)
        except ParseError:
            pass


def test_each_limit_stands_once_and_lists_are_bounded() -> None:
    one = to_der(Constraints(include=("a",)))[2:]
    with pytest.raises(ParseError, match="order"):
        from_der(element(SEQUENCE, one + one), enhanced=True)
    with pytest.raises(ParseError, match="order"):
        from_der(element(SEQUENCE, to_der(Constraints(exclude=("a",)))[2:] + one), enhanced=True)
    many = tuple(f"c{at}" for at in range(MAX_NAMES))
    assert from_der(to_der(Constraints(include=many)), enhanced=False).include == many
    with pytest.raises(ParseError, match="too many"):
        from_der(to_der(Constraints(include=(*many, "x"))), enhanced=False)
    fill = MAX_SIZE - len(to_der(Constraints(permitted=(("a", ("x" * 60_000,)),)))) + 60_000
    longest = to_der(Constraints(permitted=(("a", ("x" * fill,)),)))
    assert len(longest) == MAX_SIZE and from_der(longest, enhanced=False).permitted[0][0] == "a"
    with pytest.raises(ParseError, match="too long"):
        from_der(longest + b"\0", enhanced=False)


def test_the_extension_is_its_der() -> None:
    limits = Constraints(include=("rcd",))
    for kind in (constraints.Extension, constraints.EnhancedExtension):
        assert kind(limits).public_bytes() == to_der(limits)
