"""Two that know nothing of us say the same: PyJWT of tokens, openssl of certificate chains and signatures."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs.lab import BAD, Authority
from shaken import identity, passport
from shaken.credential import Anchors, Credential, der_signature, validate
from shaken.errors import CredentialError, ParseError
from shaken.hearing import conclude, open_hearing
from shaken.sign import Signer
from shaken.tnauthlist import TNAuthList
from shaken.verify import Claim, Rules
from tests.waiting import SECONDS

TOKENS = 1000
END = b"-----END CERTIFICATE-----\n"
UTC = 1_767_225_600
URL = "https://cr.example.net/sp818h.pem"
AUTHORITY = Authority(UTC, seed="oracles")
ANCHORS = Anchors.of([AUTHORITY.anchors_pem])
ANYTHING = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
EVERYBODY = Rules(kinds=frozenset(("shaken", "", "rcd")))


def claims(rng: Random) -> dict[str, Any]:
    """The claims of some token: numbers, URIs, several callees, names in any script."""
    tns = sorted({f"1202555{rng.randrange(100, 200):04}" for _ in range(rng.choice((1, 1, 2, 5)))})
    made: dict[str, Any] = {"dest": {"tn": tns}, "iat": UTC - rng.randrange(50), "orig": {"tn": f"1212555{rng.randrange(100, 200):04}"}}
    if rng.random() < 0.3:
        made["dest"]["uri"] = ["sip:help@example.net"]
    return made


def holder(key: ec.EllipticCurvePrivateKey) -> Credential:
    return Credential(URL, key.public_key(), "818H", "", None, UTC - 1e5, UTC + 1e5, TNAuthList(spcs=("818H",)), "")


def proved(value: bytes, made: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> bool:
    call = Claim(made["orig"]["tn"], None, tuple(made["dest"]["tn"][:1]))
    hearing = open_hearing([value], call, EVERYBODY, UTC)
    found = conclude(hearing, {URL: holder(key)}, UTC)
    return found.judgement is not None and found.judgement.proved


KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("shaken", {"attest": "A", "origid": "123e4567-e89b-42d3-a456-426655440000"}),
    ("rcd", {"rcd": {"nam": "Caf\u00e9 \u4e2d\u6587"}, "crn": "Delivery"}),
    ("", {}),
)


@pytest.mark.req("STI-001", "STI-011", "STI-012")
def test_pyjwt_believes_what_we_sign_and_nothing_that_was_changed() -> None:
    rng = Random(1)
    for number in range(TOKENS):
        key = ec.derive_private_key(rng.randrange(1, 2**255), ec.SECP256R1())
        kind, more = KINDS[number % 3]
        made = claims(rng) | more
        value = Signer(key, URL).value(kind, made)
        text = identity.parse(value).token.decode()
        assert jwt.decode(text, key.public_key(), algorithms=["ES256"], options=ANYTHING) == made
        assert jwt.get_unverified_header(text)["typ"] == "passport" and proved(value, made, key)
        at = rng.randrange(len(text))
        other = text[:at] + rng.choice("ABCdef012-_") + text[at + 1 :]
        if other != text:
            with pytest.raises(jwt.PyJWTError):
                jwt.decode(other, key.public_key(), algorithms=["ES256"], options=ANYTHING)
            assert not proved(value.replace(text.encode(), other.encode()), made, key)


@pytest.mark.req("STI-012", "STI-061", "STI-066")
def test_we_believe_what_pyjwt_signs_and_nothing_that_was_changed() -> None:
    rng = Random(2)
    for number in range(TOKENS):
        key = ec.derive_private_key(rng.randrange(1, 2**255), ec.SECP256R1())
        kind, more = KINDS[number % 3]
        made = claims(rng) | more
        header = {"typ": "passport", "x5u": URL} | ({"ppt": kind} if kind else {})
        text = jwt.encode(made, key, algorithm="ES256", headers=header)
        tail = f";info=<{URL}>" + (f';ppt="{kind}"' if kind else "")
        assert proved((text + tail).encode(), made, key)
        token = passport.parse(text.encode())
        assert dict(token.claims) == made
        assert not proved((text + tail).encode(), made | {"orig": {"tn": "12125550100"}}, key) or made["orig"]["tn"] == "12125550100"
        head, body, signature = text.split(".")
        assert not proved((f"{head}.{body}.{signature[::-1]}" + tail).encode(), made, key)


@pytest.mark.peer("openssl")
@pytest.mark.req("STI-086", "STI-087", "STI-088", "LAB-11", "LAB-12")
def test_openssl_agrees_about_a_thousand_chains(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(AUTHORITY.anchors_pem)
    # What openssl cannot know: that a leaf needs a TNAuthList, which curve it must have, and what a leaf is.
    kinds = [None, None, *(bad for bad in BAD if bad in ("expired", "not-yet-valid", "self-signed", "stranger", "by-leaf", "no-intermediate", "web"))]
    asked = 0
    for place, bad in enumerate(kinds):
        chains: dict[str, bytes] = {}
        above: dict[bytes, None] = {}
        for number in range(TOKENS // len(kinds) + 1):
            chain = AUTHORITY.leaf("709J", bad=bad, critical=number % 2 == 0).chain_pem()
            leaf, *rest = (block + END for block in chain.split(END) if block.strip())
            chains[f"{place}-{number}.pem"] = chain
            (tmp_path / f"{place}-{number}.pem").write_bytes(leaf)
            above |= dict.fromkeys(rest)
        (tmp_path / "rest.pem").write_bytes(b"".join(above) or AUTHORITY.anchors_pem)
        done = openssl(
            tmp_path, "verify", "-x509_strict", "-ignore_critical", "-attime", str(UTC), "-CAfile", "root.pem", "-untrusted", "rest.pem", *chains,
        )  # fmt: skip
        held = {line.removesuffix(": OK") for line in done.stdout.splitlines() if line.endswith(": OK")}
        for name, chain in chains.items():
            try:
                validate(URL, chain, ANCHORS, UTC)
                ours = True
            except CredentialError:
                ours = False
            assert (name in held) == ours == (bad is None), (bad, name, done.stderr[-300:])
            asked += 1
    assert asked >= TOKENS


@pytest.mark.peer("openssl")
@pytest.mark.req("STI-012")
def test_openssl_agrees_about_signatures(tmp_path: Path) -> None:
    rng = Random(3)
    for _ in range(20):
        issued = AUTHORITY.leaf("709J")
        ours = validate(URL, issued.chain_pem(), ANCHORS, UTC)
        token = passport.parse(identity.parse(Signer(issued.key, URL).value("", claims(rng))).token)
        public = issued.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for octets, good in ((token.signing_input, True), (token.signing_input + b"x", False)):
            for name, data in (("public.pem", public), ("signature", der_signature(token.signature) or b""), ("octets", octets)):
                (tmp_path / name).write_bytes(data)
            said = openssl(tmp_path, "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "octets")
            assert (said.returncode == 0) == ours.holds(token.signature, octets) == good


def openssl(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *options], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_what_pyjwt_refuses_to_read_we_refuse_too() -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    text = jwt.encode({"iat": UTC}, key, algorithm="ES256").split(".")
    for broken in (text[:2], [*text, ""], ["", *text[1:]], [text[0], "", text[2]], [text[0] + "=", *text[1:]]):
        with pytest.raises(jwt.PyJWTError):
            jwt.decode(".".join(broken), key.public_key(), algorithms=["ES256"])
        with pytest.raises(ParseError):
            passport.parse(".".join(broken).encode())
