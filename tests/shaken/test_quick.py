"""The usual Identity header read in one pass: it says what the general readers say, or nothing."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from shaken import identity, passport, quick
from shaken.errors import ParseError
from shaken.passport import Passport, encode
from shaken.sign import Signer

KEY = ec.derive_private_key(int("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721", 16), ec.SECP256R1())
URL = "https://cr.example.net/sp818h.pem"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"
USUAL = Signer(KEY, URL).identity(orig="12025550123", dest=("12025550199",), iat=1_767_225_600, attest="A", origid=ORIGID)
HEAD, BODY, REST = USUAL.split(b".", 2)
CLAIMS = passport.decode(BODY).decode()


def general(value: bytes) -> Passport | None:
    """What the general readers make of a value: the token, where header and parameters are those of a shaken token."""
    try:
        header = identity.parse(value)
        token = passport.parse(header.token)
    except ParseError:
        return None
    good = (
        (token.alg, token.typ, token.ppt) == ("ES256", "passport", "shaken")
        and header.info == token.x5u
        and header.ppt in (None, "shaken")
        and header.alg in (None, "ES256")
    )
    return token if good else None


def with_claims(text: str) -> bytes:
    return b".".join((HEAD, encode(text.encode()), REST))


@pytest.mark.req("STI-066", "TRAP-01", "TRAP-12")
def test_a_usual_header_is_read_as_the_general_readers_read_it() -> None:
    token, other = quick.read(USUAL), general(USUAL)
    assert token is not None and other is not None
    assert token[:-1] == other[:-1] and token.claims == other.claims == json.loads(CLAIMS)


@pytest.mark.req("STI-003", "STI-011", "TRAP-07", "TRAP-08", "TRAP-12")
@pytest.mark.parametrize(
    "value",
    [
        with_claims(CLAIMS.replace('"attest":"A"', '"attest":"D"')),
        with_claims(CLAIMS.replace('"attest":"A"', '"attest":"A","attest":"B"')),
        with_claims(CLAIMS.replace(",", ", ")),
        with_claims(CLAIMS.replace("1767225600", '"1767225600"')),
        with_claims(CLAIMS.replace("1767225600", "1767225600.0")),
        with_claims(CLAIMS.replace("1767225600", "01767225600")),
        with_claims(CLAIMS.replace('"12025550123"', '"+12025550123"')),
        with_claims(CLAIMS.replace("12025550199", "1202555019\u0669")),
        with_claims(CLAIMS + "\n"),
        with_claims(CLAIMS[:-1] + ',"rcd":{"nam":"X"}}'),
        USUAL.replace(b"ppt=shaken", b"ppt=div"),
        USUAL.replace(b"alg=ES256", b"alg=es256"),
        USUAL.replace(b"cr.example.net/sp818h.pem>", b"CR.example.net/sp818h.pem>"),
        USUAL.replace(b";", b"=;", 1),
        USUAL.replace(BODY, BODY + b"="),
        USUAL.replace(BODY, BODY[:-1] + b"R"),
        USUAL.replace(REST[:20], b"+" + REST[1:20]),
        USUAL.replace(REST[:20], b"++" + REST[2:20]),
        USUAL.replace(BODY, BODY[:8] + b"++++" + BODY[8:]),
        USUAL.replace(BODY, BODY[:8] + b"====" + BODY[8:]),
        USUAL.replace(BODY, BODY + b"QQ"),
        USUAL.replace(BODY, BODY + b"Q"),
        USUAL.replace(BODY, BODY[:-1]),
        b" " + USUAL,
        USUAL + b";x=" + b"y" * 3000,
        b"", b";", b"..;", b".." + USUAL, HEAD, BODY + b"." + BODY + b"." + REST,
    ],
)  # fmt: skip
def test_what_is_not_quite_usual_is_left_to_the_general_readers(value: bytes) -> None:
    assert quick.read(value) is None


@pytest.mark.parametrize(
    "value",
    [USUAL.replace(b"ppt=shaken", b'PPT="shaken"'), USUAL.replace(b";alg=ES256", b" ; foo=bar"), USUAL.partition(b";alg")[0]],
)
def test_the_parameters_may_be_written_as_they_like(value: bytes) -> None:
    token, other = quick.read(value), general(value.strip())
    assert other is not None and (token is None or token[:-1] == other[:-1])


@given(st.integers(0, len(USUAL) - 1), st.binary(max_size=4), st.integers(0, 3))
def test_a_changed_header_is_read_alike_or_left_alone(place: int, octets: bytes, gone: int) -> None:
    value = USUAL[:place] + octets + USUAL[place + gone :]
    token = quick.read(value)
    if token is not None:
        other = general(value)
        assert other is not None and token[:-1] == other[:-1]


@given(st.integers(0, len(CLAIMS) - 1), st.text(st.characters(max_codepoint=300), max_size=4), st.integers(0, 6))
def test_changed_claims_are_read_alike_or_left_alone(place: int, text: str, gone: int) -> None:
    value = with_claims(CLAIMS[:place] + text + CLAIMS[place + gone :])
    token = quick.read(value)
    if token is not None:
        other = general(value)
        assert other is not None and token[:-1] == other[:-1] and token.claims == other.claims


@given(st.binary(max_size=300))
def test_any_bytes_are_a_token_or_none(data: bytes) -> None:
    for value in (data, HEAD + b"." + data, data + b";" + USUAL.partition(b";")[2]):
        assert quick.read(value) is None


def test_signers_are_remembered_within_bounds() -> None:
    quick.signer.cache_clear()
    for at in range(quick.MAX_KEPT + 10):
        quick.read(USUAL + b";n=%d" % at)
    assert quick.signer.cache_info().currsize == quick.MAX_KEPT
    quick.signer.cache_clear()


def test_the_bounds_of_what_is_remembered_are_kept() -> None:
    quick.signer.cache_clear()
    head = encode(b'{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://a.example/' + b"b" * 400 + b'"}')
    long_tail = b";info=<https://a.example/" + b"b" * 400 + b">;n=" + b"n" * 400
    assert len(head) > quick.MAX_PART and len(long_tail) > quick.MAX_PART
    assert quick.signer(head, long_tail) is None
    assert quick.read(USUAL + b";n=" + b"n" * quick.LONGEST) is None
    assert quick.read(USUAL + b";n=" + b"n" * (quick.MAX_PART - len(USUAL.partition(b";")[2]) - 4)) is not None


def test_the_longest_usual_value_is_read() -> None:
    """Both parts that are remembered at their most, and the longest claims."""
    bare = len(b'{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":""}')
    url = "https://a.example/".ljust(quick.MAX_PART // 4 * 3 - bare, "b")
    made = Signer(KEY, url).identity(orig="1" * 15, dest=("2" * 15,), iat=10_000_000_000, attest="A", origid=ORIGID)
    tail = made.partition(b";")[2]
    value = made + b";n=" + b"n" * (quick.MAX_PART - 1 - len(tail) - 3)
    assert len(made.partition(b".")[0]) == quick.MAX_PART and len(value) == quick.LONGEST
    read = quick.read(value)
    assert read is not None and read.x5u == url and read.orig_tn == "1" * 15
    assert quick.read(value + b"n") is None
    longer = Signer(KEY, url + "bbb").identity(orig="1", dest=("2" * 15,), iat=10_000_000_000, attest="A", origid=ORIGID)
    head, _, rest = longer.partition(b".")
    assert len(head) == quick.MAX_PART + 4 and quick.signer(head, b";" + rest.partition(b";")[2]) is None
