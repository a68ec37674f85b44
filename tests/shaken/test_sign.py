"""Identity values as we make them: in the canonical form, of every kind, and nothing that should not be."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from shaken import identity, mky, passport
from shaken.errors import SigningError
from shaken.passport import canonical_json, decode
from shaken.sign import Signer, load_key

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "passport" / "vectors.toml").read_text(encoding="utf-8")
)
KEY = ec.derive_private_key(int(VECTORS["key"], 16), ec.SECP256R1())
URL = "https://cr.example.net/sp818h.pem"
SIGNER = Signer(KEY, URL)
ORIGID = "123e4567-e89b-42d3-a456-426655440000"


def usual(**more: Any) -> bytes:
    return SIGNER.identity(**{"orig": "12025550123", "dest": ("12025550199",), "iat": 1_767_225_600, "attest": "A", "origid": ORIGID, **more})


def payload(value: bytes) -> bytes:
    return decode(value.split(b".")[1])


@pytest.mark.req("STI-002", "STI-006", "STI-014", "STI-098", "STI-104", "TRAP-19")
@pytest.mark.parametrize("vector", VECTORS["token"], ids=lambda vector: vector["name"])
def test_every_vector_is_made_again_byte_for_byte(vector: dict[str, str]) -> None:
    header, claims = json.loads(vector["header"]), json.loads(vector["payload"])
    if not isinstance(claims["iat"], int):
        with pytest.raises(SigningError):  # a string iat is read, never made (TRAP-03)
            SIGNER.value("", claims)
        return
    value = SIGNER.value(header.get("ppt", ""), claims)
    assert value.partition(b";")[0].rpartition(b".")[2].decode() == vector["signature"]


@pytest.mark.req("STI-098", "STI-099")
def test_a_diversion_is_the_vector() -> None:
    value = SIGNER.div(orig={"tn": "12025550123"}, was="12025550199", became="12025550177", iat=1_767_225_602)
    vector = next(one for one in VECTORS["token"] if one["name"].startswith("VEC-4"))
    assert value.endswith(f".{vector['signature']};info=<{URL}>;alg=ES256;ppt=div".encode())


@pytest.mark.req("STI-006", "STI-008", "TRAP-14")
def test_destinations_are_sorted_as_text_and_each_stands_once() -> None:
    claims = {"orig": {"uri": "sip:a@example.com"}, "iat": 1, "dest": {"uri": ["sip:b@x", "sip:a@x", "sip:b@x"], "tn": ["9", "10"]}}
    assert payload(SIGNER.value("", claims)) == (
        b'{"dest":{"tn":["10","9"],"uri":["sip:a@x","sip:b@x"]},"iat":1,"orig":{"uri":"sip:a@example.com"}}'
    )


@pytest.mark.req("STI-009", "STI-010", "TRAP-02", "TRAP-16")
def test_text_is_escaped_as_little_as_json_lets_it_be() -> None:
    claims = {"orig": {"tn": "1"}, "iat": 1, "dest": {"tn": ["2"]}, "rcd": {"nam": 'Caf\u00e9 "A/B" e\u0301'}}
    made = payload(SIGNER.value("rcd", claims))
    assert '"nam":"Caf\u00e9 \\"A/B\\" e\u0301"'.encode() in made and b"\\/" not in made and b"\\u" not in made


@pytest.mark.req("STI-017", "TRAP-15")
def test_media_keys_stand_in_their_place_in_their_order() -> None:
    sdp = b"v=0\r\na=fingerprint:SHA-256 ab:cd:00:11:22:33:44:55\r\na=fingerprint:sha-1 0F:cd:00:11:22:33:44:55\r\n"
    made = payload(usual(mky=mky.claim(sdp)))
    assert b'"iat":1767225600,"mky":[{"alg":"sha-1","dig":"0FCD001122334455"},{"alg":"sha-256","dig":"ABCD001122334455"}],"orig"' in made
    assert made == canonical_json(json.loads(made))
    assert mky.claim(b"v=0\r\n") == []


@pytest.mark.req("STI-024", "STI-053", "TRAP-20")
def test_the_kind_is_bare_and_quoted_only_for_whom_wants_it_so() -> None:
    assert usual().endswith(b";alg=ES256;ppt=shaken")
    quoted = Signer(KEY, URL, quoted=True).identity(orig="12025550123", dest=("12025550199",), iat=1, attest="A", origid=ORIGID)
    assert quoted.endswith(b';ppt="shaken"') and identity.parse(quoted).ppt == "shaken"


@pytest.mark.req("STI-019", "STI-050")
@pytest.mark.parametrize("kind", ["", "shaken", "div", "rph", "rcd", "msg"])
def test_nothing_of_ours_is_compact_so_no_438_asks_for_it_in_full(kind: str) -> None:
    token = identity.parse(SIGNER.value(kind, {"orig": {"tn": "1"}, "iat": 1, "dest": {"tn": ["2"]}})).token
    assert not token.startswith(b".") and token.count(b".") == 2


@pytest.mark.req("STI-047")
@pytest.mark.parametrize(("iat", "fine"), [(99, False), (100, True), (200, True), (201, False)])
def test_nothing_is_signed_outside_the_life_of_the_certificate(iat: int, fine: bool) -> None:
    signer = Signer(KEY, URL, valid=(100.0, 200.0))
    claims = {"orig": {"tn": "1"}, "iat": iat, "dest": {"tn": ["2"]}}
    if fine:
        assert signer.value("", claims)
    else:
        with pytest.raises(SigningError):
            signer.value("", claims)
        with pytest.raises(SigningError):
            signer.identity(orig="12025550123", dest=("12025550199",), iat=iat, attest="A", origid=ORIGID)


@pytest.mark.req("STI-004", "STI-005", "STI-052")
@pytest.mark.parametrize(
    "wrong",
    [
        {"orig": "+12025550123"}, {"orig": ""}, {"dest": ()}, {"dest": ("+1",)}, {"attest": "a"}, {"attest": "D"}, {"attest": ""},
        {"origid": "x"}, {"origid": ORIGID.upper()}, {"iat": -1},
    ],
)  # fmt: skip
def test_what_no_token_may_say_is_not_signed(wrong: dict[str, Any]) -> None:
    with pytest.raises(SigningError):
        usual(**wrong)


BASE: dict[str, Any] = {"orig": {"tn": "1"}, "iat": 1, "dest": {"tn": ["2"]}}


@pytest.mark.req("STI-004", "STI-005", "STI-007")
@pytest.mark.parametrize(
    "claims",
    [
        {**BASE, "orig": {}}, {**BASE, "orig": {"tn": "1", "uri": "a:b"}}, {**BASE, "orig": []}, {**BASE, "orig": {"tn": ["1"]}}, {**BASE, "dest": {"tn": [["2"]]}},
        {**BASE, "dest": {}}, {**BASE, "dest": {"tn": []}}, {**BASE, "dest": {"tn": "2"}}, {**BASE, "dest": {"x": ["2"]}},
        {**BASE, "iat": 1.5}, {**BASE, "iat": "1"}, {**BASE, "iat": True}, {**BASE, "x": float("nan")}, {**BASE, "x": object()},
        {**BASE, "dest": {"tn": ["+2"]}},
    ],
)  # fmt: skip
def test_a_token_has_one_caller_a_callee_and_a_time(claims: dict[str, Any]) -> None:
    with pytest.raises(SigningError):
        SIGNER.value("", claims)


@pytest.mark.parametrize(("was", "became"), [("1", "1"), ("+1", "2"), ("1", ""), ("a", "b")])
def test_a_diversion_goes_somewhere_else(was: str, became: str) -> None:
    with pytest.raises(SigningError):
        SIGNER.div(orig={"tn": "3"}, was=was, became=became, iat=1)


@pytest.mark.parametrize("kind", ["a b", "a;b", 'a"', "a" * 33, "\u00e9"])
def test_a_kind_is_a_token(kind: str) -> None:
    with pytest.raises(SigningError):
        SIGNER.value(kind, BASE)


@pytest.mark.req("STI-002")
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8))
def test_what_was_made_reads_as_it_was_meant(extra: Any) -> None:
    try:
        value = SIGNER.value("x", {**BASE, "extra": extra})
    except SigningError:
        return
    token = passport.parse(identity.parse(value).token)
    assert token.claims["extra"] == extra and token.defects == ()


@pytest.mark.req("STI-006", "STI-008")
@pytest.mark.parametrize(
    ("dest", "tns"),
    [(("2",), ["2"]), (("3", "2"), ["2", "3"]), (("2", "2"), ["2"]), (["9", "10", "9"], ["10", "9"])],
)
def test_a_call_may_go_to_several_numbers(dest: tuple[str, ...], tns: list[str]) -> None:
    made = payload(usual(dest=dest))
    assert json.loads(made)["dest"] == {"tn": tns} and made == canonical_json(json.loads(made))


def test_time_begins_at_zero() -> None:
    assert json.loads(payload(usual(iat=0)))["iat"] == 0
    assert SIGNER.value("", {**BASE, "iat": 0}) and SIGNER.value("", {**BASE, "iat": 1})
    with pytest.raises(SigningError):
        SIGNER.value("", {**BASE, "iat": -1})


@pytest.mark.req("STI-001", "TRAP-11")
def test_only_a_p256_key_signs() -> None:
    def pem(key: Any) -> bytes:
        made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return made

    loaded = load_key(pem(KEY))
    assert loaded.private_numbers() == KEY.private_numbers()
    for wrong in (pem(ec.generate_private_key(ec.SECP384R1())), pem(ed25519.Ed25519PrivateKey.generate()), b"", b"-----BEGIN PRIVATE KEY-----"):
        with pytest.raises(SigningError):
            load_key(wrong)
