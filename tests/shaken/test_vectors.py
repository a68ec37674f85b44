"""The vectors: made again byte for byte, verified, and refused where one octet says otherwise."""

from __future__ import annotations

import base64
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shaken import passport, tnauthlist
from shaken.credential import Credential
from shaken.errors import ParseError
from shaken.passport import canonical_json, decode, encode
from shaken.sign import Signer, token
from shaken.tnauthlist import TNAuthList
from shaken.verdict import Fact
from shaken.verify import Claim, Rules, examine, judge

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "passport" / "vectors.toml").read_text(encoding="utf-8")
)
KEY = ec.derive_private_key(int(VECTORS["key"], 16), ec.SECP256R1())
IAT = 1_767_225_600
URL = "https://cr.example.net/sp818h.pem"


def credential(**more: Any) -> Credential:
    given = {
        "url": URL, "key": KEY.public_key(), "spc": "818H", "subject": "SHAKEN 818H", "organisation": None,
        "not_before": IAT - 1000.0, "not_after": IAT + 1000.0, "authority": TNAuthList(spcs=("818H",)), "fingerprint": "",
    }  # fmt: skip
    return Credential(**{**given, **more})


@pytest.mark.req("STI-002", "STI-006", "STI-007", "STI-011", "STI-012", "STI-014", "TRAP-02", "TRAP-05", "TRAP-06", "TRAP-14")
@pytest.mark.parametrize("vector", VECTORS["token"], ids=lambda vector: vector["name"])
def test_a_vector_is_made_again_byte_for_byte_and_verifies(vector: dict[str, str]) -> None:
    header, claims = json.loads(vector["header"]), json.loads(vector["payload"])
    shuffled = dict(reversed(claims.items()))
    made = token(KEY, header, shuffled)
    assert made == b".".join(
        (encode(vector["header"].encode()), encode(vector["payload"].encode()), vector["signature"].encode())
    )
    assert canonical_json(shuffled) == vector["payload"].encode()
    signing_input, _, signature = made.rpartition(b".")
    assert credential().holds(decode(signature), signing_input)
    assert not credential().holds(decode(signature), signing_input + b" ")


@pytest.mark.req("STI-001", "STI-024", "STI-052", "STI-053")
def test_our_signer_makes_the_shaken_vector() -> None:
    value = Signer(KEY, URL).identity(
        orig="12025550123", dest=["12025550199"], iat=IAT, attest="A", origid="123e4567-e89b-42d3-a456-426655440000"
    )
    assert value.decode() == f"{VECTORS['whole']['token']};info=<{URL}>;alg=ES256;ppt=shaken"


@pytest.mark.req("STI-060", "STI-066", "LAB-01", "TRAP-01")
def test_the_shaken_vector_is_proved_at_its_time() -> None:
    value = f"{VECTORS['whole']['token']};info=<{URL}>;alg=ES256;ppt=shaken".encode()
    exam = examine(value, Claim("12025550123", None, ("12025550199",)), Rules(), IAT)
    assert exam.url == URL
    judgement = judge(exam, credential(), IAT)
    assert judgement.proved and judgement.attestation == "A" and judgement.verstat == "TN-Validation-Passed"


@pytest.mark.req("STI-012", "TRAP-05", "LAB-25")
def test_the_same_signature_as_der_is_refused() -> None:
    head, _, _ = VECTORS["whole"]["token"].rpartition(".")
    with pytest.raises(ParseError, match="64 octets"):
        passport.parse(f"{head}.{VECTORS['whole']['der']}".encode())


@pytest.mark.req("STI-012", "TRAP-06")
def test_a_signature_whose_leading_zero_was_dropped_is_refused() -> None:
    vector = next(one for one in VECTORS["token"] if one["name"].startswith("VEC-7"))
    raw = decode(vector["signature"].encode())
    assert raw[0] == 0
    head = encode(vector["header"].encode()) + b"." + encode(vector["payload"].encode())
    with pytest.raises(ParseError):
        passport.parse(head + b"." + encode(raw[1:]))


@pytest.mark.req("STI-005", "STI-007", "TRAP-03")
def test_a_string_iat_is_read_and_told() -> None:
    vector = next(one for one in VECTORS["token"] if "string iat" in one["name"])
    head = encode(vector["header"].encode()) + b"." + encode(vector["payload"].encode())
    token_ = passport.parse(head + b"." + vector["signature"].encode())
    assert token_.iat == IAT and token_.defects == ("iat-string",)


@pytest.mark.req("STI-079")
@pytest.mark.parametrize("vector", VECTORS["tnauthlist"], ids=lambda vector: vector["name"])
def test_a_tnauthlist_is_read_and_written_byte_for_byte(vector: dict[str, str]) -> None:
    der = bytes.fromhex(vector["der"])
    assert base64.b64decode(vector["base64"]) == der
    assert tnauthlist.to_der(tnauthlist.from_der(der)) == der


@pytest.mark.req("LAB-09", "LAB-10")
@pytest.mark.parametrize("place", [0, 1, 40, 84, 85])
def test_one_changed_character_of_the_signature_fails_the_call(place: int) -> None:
    head, _, signature = VECTORS["whole"]["token"].rpartition(".")
    other = "A" if signature[place] != "A" else "Q"
    value = f"{head}.{signature[:place]}{other}{signature[place + 1 :]};info=<{URL}>;ppt=shaken".encode()
    exam = examine(value, Claim("12025550123", None, ("12025550199",)), Rules(), IAT)
    judgement = judge(exam, credential(), IAT)
    assert judgement.slug in ("identity-bad-signature", "identity-syntax")
    assert judgement.attestation is None and judgement.signature in (Fact.FAIL, Fact.UNKNOWN)
