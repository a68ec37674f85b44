"""Which Request-URIs are emergency calls: the table of EMG-001 and what must not be taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.emergency import callback_proved, is_callback_mark, is_emergency, is_emergency_uri, is_test_uri, strings
from policy.lists import NumberSet

EMERGENCY = [
    b"sip:911@pbx.example.com",
    b"sip:911@pbx.example.com;user=phone",
    b"sips:911@pbx.example.com:5061;transport=tls",
    b"SIP:911@pbx.example.com",
    b"sip:933@pbx.example.com",
    b"sip:112@pbx.example.com",
    b"sip:9911@pbx.example.com",
    b"sip:91911@pbx.example.com",
    b"sip:+911@pbx.example.com",
    b"sip:+1911@pbx.example.com;user=phone",
    b"sip:1911@pbx.example.com",
    b"sip:+1112@pbx.example.com",
    b"sip:+1933@pbx.example.com",
    b"sip:9-1-1@pbx.example.com",
    b"sip:9.1.1@pbx.example.com",
    b"sip:(911)@pbx.example.com",
    b"sip:9%201%201@pbx.example.com",
    b"sip:%39%31%31@pbx.example.com",
    b"sip:%2B1911@pbx.example.com",
    b"sip:911%3Bphone-context=+1@pbx.example.com",
    b"sip:911;phone-context=+1@pbx.example.com;user=phone",
    b"sip:911:secret@pbx.example.com",
    b"sip:911%23@pbx.example.com",
    b"sip:911@[2001:db8::9]:5060",
    b"sip:911",
    b"sip:911;transport=udp",
    b"tel:911",
    b"tel:+911",
    b"tel:+1911",
    b"tel:911;phone-context=+1",
    b"tel:911;phone-context=pbx.example.com",
    b"TEL:9-1-1;phone-context=+1",
    b"urn:service:sos",
    b"urn:service:sos.fire",
    b"urn:service:sos.police.special",
    b"URN:Service:SOS.Ambulance",
    b"urn:service:%73%6f%73",
    b"urn:service:sos?ecall",
    b"urn:service:test.sos",
    b"urn:service:test.sos.police",
]

ORDINARY = [
    b"sip:+12025550123@pbx.example.com;user=phone",
    b"sip:+19115550123@pbx.example.com",
    b"sip:+1911@pbx.example.com".replace(b"1911", b"19115550100"),
    b"sip:12029110100@pbx.example.com",
    b"sip:9115550123@pbx.example.com",
    b"sip:9112@pbx.example.com",
    b"sip:91@pbx.example.com",
    b"sip:411@pbx.example.com",
    b"sip:988@pbx.example.com",
    b"sip:alice@911.example.com",
    b"sip:alice911@pbx.example.com",
    b"sip:alice@pbx.example.com;x=911",
    b"sip:alice@pbx.example.com?to=911",
    b"tel:+12025550123",
    b"tel:5550123;phone-context=+1911",
    b"tel:+442079460000",
    b"sip:\xef\xbc\x99\xef\xbc\x91\xef\xbc\x91@pbx.example.com",
    b"urn:service:sosx",
    b"urn:service:counseling",
    b"urn:nena:service:sos-like",
    b"http://911/",
    b"mailto:911@pbx.example.com",
    b"911",
    b"sip:",
    b"",
    b":",
]


@pytest.mark.req("EMG-001", "TRAP-36", "TRAP-77", "REG-009")
@pytest.mark.parametrize("uri", EMERGENCY)
def test_these_targets_are_emergency_calls(uri: bytes) -> None:
    assert is_emergency_uri(uri)


@pytest.mark.req("EMG-001")
@pytest.mark.parametrize("uri", ORDINARY)
def test_these_targets_are_ordinary_calls(uri: bytes) -> None:
    assert not is_emergency_uri(uri)


@pytest.mark.req("EMG-001")
@pytest.mark.parametrize(
    ("uri", "configured"),
    [
        (b"sip:7911@pbx.example.com", "7911"),
        (b"sip:*911@pbx.example.com", "*911"),
        (b"sip:000@pbx.example.com", "000"),
        (b"sip:+12025550199@pbx.example.com;user=phone", "+1 202 555 0199"),
        (b"sip:12025550199@pbx.example.com", "+12025550199"),
        (b"tel:+1-202-555-0199", "12025550199"),
    ],
)
def test_the_operator_can_add_strings(uri: bytes, configured: str) -> None:
    assert not is_emergency_uri(uri)
    assert is_emergency_uri(uri, strings([configured]))
    assert not is_emergency_uri(b"sip:+12025550123@pbx.example.com", strings([configured]))


def test_an_empty_configured_string_is_left_out() -> None:
    assert strings(["", " ", "+", "7911"]) == {"7911"}


@pytest.mark.req("EMG-001", "TRAP-36")
@pytest.mark.parametrize(
    ("scheme", "user", "opaque", "expected"),
    [
        ("sip", "911", "", True),
        ("SIPS", "+1911", "", True),
        ("tel", None, "911", True),
        ("tel", "911", "", True),
        ("urn", None, "service:sos.fire", True),
        ("urn", None, "service:other", False),
        ("sip", "alice", "", False),
        ("sip", None, "", False),
        ("https", "911", "", False),
    ],
)
def test_a_uri_in_parts_is_judged_alike(scheme: str, user: str | None, opaque: str, expected: bool) -> None:
    assert is_emergency(scheme, user, opaque, {"phone-context": "+1"}) is expected


@given(st.binary(max_size=200), st.frozensets(st.text(max_size=8), max_size=3))
def test_any_bytes_get_an_answer(uri: bytes, extra: frozenset[str]) -> None:
    assert is_emergency_uri(uri, extra) in (True, False)


@given(
    st.sampled_from(["911", "933", "112", "9911", "1911"]),
    st.data(),
)
def test_no_spelling_of_an_emergency_number_is_missed(number: str, data: st.DataObject) -> None:
    """Each digit may be percent-escaped, with visual separators between."""
    written = "".join(
        data.draw(st.sampled_from(["", "-", ".", "(", ")", "%2D", "%20"]))
        + data.draw(st.sampled_from([digit, f"%{ord(digit):02x}", f"%{ord(digit):02X}"]))
        for digit in number
    )
    plus = data.draw(st.sampled_from(["", "+", "%2B", "%2b"]))
    scheme = data.draw(st.sampled_from(["sip", "SIP", "sips", "tel"]))
    host = "" if scheme == "tel" else "@pbx.example.com"
    tail = data.draw(st.sampled_from(["", ";user=phone", ";phone-context=+1"]))
    assert is_emergency_uri(f"{scheme}:{plus}{written}{host}{tail}".encode())


@given(st.from_regex(r"\A[2-9][0-9]{9}\Z"), st.sampled_from(["", "1", "+1"]))
def test_no_full_number_is_an_emergency_call(number: str, lead: str) -> None:
    assert not is_emergency_uri(f"sip:{lead}{number}@pbx.example.com".encode())


@pytest.mark.req("EMG-018")
@pytest.mark.parametrize("uri", EMERGENCY)
def test_933_and_the_test_service_are_tests_and_nothing_else_is(uri: bytes) -> None:
    assert is_test_uri(uri) is (b"933" in uri or b"test.sos" in uri)


@given(st.binary(max_size=200), st.text(max_size=40))
def test_any_bytes_are_a_test_or_none_and_any_text_a_mark_or_none(uri: bytes, priority: str) -> None:
    assert is_test_uri(uri) in (True, False)
    assert is_callback_mark(priority) in (True, False)


@pytest.mark.req("EMG-013")
@pytest.mark.parametrize(
    ("priority", "claims"),
    [
        ("psap-callback", True),
        ("PSAP-Callback", True),
        ("  psap-callback ", True),
        ("psap%2Dcallback", True),
        ("psap-callback;x=1", True),
        ("emergency", False),
        ("urgent", False),
        ("psap-callback-not", False),
        ("", False),
    ],
)
def test_the_mark_of_a_callback_is_seen_however_it_is_written(priority: str, claims: bool) -> None:
    assert is_callback_mark(priority) is claims


@pytest.mark.req("EMG-013")
@pytest.mark.parametrize(
    ("caller", "trusted", "token", "proved"),
    [
        ("12025550190", True, False, True),
        ("12025550190", False, False, False),  # anybody can write a number
        ("12025550123", True, False, False),
        (None, True, False, False),
        ("12025550123", False, True, True),
    ],
)
def test_a_callback_is_proved_by_a_listed_number_of_a_trusted_side_or_a_token(
    caller: str | None, trusted: bool, token: bool, proved: bool
) -> None:
    assert callback_proved(caller, trusted, NumberSet.of("+12025550190"), token) is proved
