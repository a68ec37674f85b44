"""The flags of secsipidx: what they sign and check here, and what is not forgiven."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from certs.lab import Authority
from proxy.cli import NEGATIVE, OK, USAGE, main
from shaken import identity
from shaken.passport import encode
from shaken.passport import parse as parse_passport
from shaken.sign import sign_octets

URL = "https://cr.example.net/a.pem"
ORIG, DEST = "12025550101", "12025550199"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"


class Bench:
    """Keys and files of one signer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(seed="flags")
        self.leaf = self.authority.leaf("709J")
        public = self.leaf.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.leaf.save(folder, "signer")
        self.key, self.public = str(folder / "signer.key"), self.put("public.pem", public)
        self.chain, self.roots = str(folder / "signer.pem"), self.put("roots.pem", self.authority.anchors_pem)

    def put(self, name: str, octets: bytes) -> str:
        path = self.folder / name
        path.write_bytes(octets)
        return str(path)

    def value(self, orig: str = ORIG, iat: int | None = None) -> str:
        from shaken.sign import Signer

        signer = Signer(self.leaf.key, URL)
        return signer.identity(
            orig=orig, dest=[DEST], iat=int(time.time()) if iat is None else iat, attest="A", origid=ORIGID
        ).decode()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def run(*flags: str) -> int:
    return main(["secsipidx", *flags])


@pytest.mark.parametrize("dash", ["-", "--"])
def test_what_is_signed_in_full_is_a_header_value_with_the_fields_of_the_flags(
    dash: str, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (f"{dash}sign-full", f"{dash}orig-tn", ORIG, f"{dash}dest-tn={DEST}", f"{dash}attest", "B", f"{dash}x5u", URL)
    assert run(*flags, "-k", bench.key, "-orig-id", ORIGID, "-iat", "1767225600") == OK
    header = identity.parse(capsys.readouterr().out.strip().encode())
    token = parse_passport(header.token)
    assert (header.info, header.alg, header.ppt) == (URL, "ES256", "shaken")
    assert (token.orig_tn, token.dest_tns, token.attest, token.origid, token.iat) == (
        ORIG, (DEST,), "B", ORIGID, 1767225600,
    )  # fmt: skip


def test_c_and_now_and_a_new_origid_are_what_nobody_said(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-S", "-o", ORIG, "-d", DEST, "-x5u", URL, "-fprvkey", bench.key) == OK
    token = parse_passport(identity.parse(capsys.readouterr().out.strip().encode()).token)
    assert token.attest == "C" and abs(token.iat - time.time()) < 60 and len(token.origid or "") == 36


def test_signed_without_parameters_it_is_the_token_alone(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-sign", "-o", ORIG, "-d", DEST, "-a", "A", "-x5u", URL, "-k", bench.key) == OK
    token = capsys.readouterr().out.strip()
    assert ";" not in token and parse_passport(token.encode()).attest == "A"
    assert run("-check", "-identity", token, "-p", bench.public, "-expire", "60") == OK


def test_a_header_and_claims_are_signed_as_they_stand_or_in_canonical_form(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    header = bench.put("header", b'{"alg":"ES256", "typ":"passport","ppt":"shaken","x5u":"https://cr.example.net/a.pem"}')
    claims = '{"iat":1767225600,"attest":"A","orig":{"tn":"12025550101"},"dest":{"tn":["12025550199"]},"origid":"x"}'
    flags = ("-sign", "-fheader", header, "-payload", claims, "-k", bench.key)
    assert run(*flags) == OK
    plain = capsys.readouterr().out.strip()
    assert plain.split(".")[1] == encode(claims.encode()).decode()
    assert run(*flags, "-json-parse") == OK
    sorted_ = capsys.readouterr().out.strip()
    assert sorted_.split(".")[1] != plain.split(".")[1]
    for token in (plain, sorted_):
        assert run("-c", "-identity", token, "-p", bench.public, "-expire", str(2**40)) == OK
    assert run("-sign", "-header", "[]", "-payload", claims, "-k", bench.key) == USAGE
    assert run("-sign", "-payload", claims, "-k", bench.key) == USAGE  # one without the other


def test_a_good_value_is_ok_and_a_changed_old_or_foreign_one_is_not(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    now = int(time.time())
    other = Authority(seed="other").leaf("709J")
    head, _, rest = bench.value().partition(".")
    claims, _, tail = rest.partition(".")
    forged = f"{head}.{claims}." + encode(sign_octets(other.key, f"{head}.{claims}".encode())).decode() + ";" + tail.partition(";")[2]
    cases = {
        bench.value(): OK,
        "Identity: " + bench.value(): OK,
        bench.value(iat=now - 61): NEGATIVE,
        bench.value(iat=now + 90): NEGATIVE,
        forged: NEGATIVE,
        bench.value().replace("a.pem>", "b.pem>"): NEGATIVE,
        "nonsense": NEGATIVE,
    }
    for value, code in cases.items():
        path = bench.put("identity", value.encode())
        assert run("-check", "-fidentity", path, "-fpubkey", bench.public, "-expire", "60") == code, value
        shown = capsys.readouterr()
        assert shown.out == ("ok\n" if code == OK else "not-ok\n") and bool(shown.err) == (code != OK)


@pytest.mark.parametrize(
    ("age", "expire", "code"),
    [
        (0, (), OK), (1, (), NEGATIVE), (86_400, (), NEGATIVE), (1, ("-expire", "0"), NEGATIVE), (0, ("-expire", "0"), OK),
        (60, ("-expire", "60"), OK), (61, ("-expire", "60"), NEGATIVE), (0, ("-expire", "-1"), NEGATIVE),
        (-300, (), OK), (-301, (), NEGATIVE), (-60, ("-expire", "60"), OK), (-61, ("-expire", "60"), NEGATIVE),
    ],
)  # fmt: skip
def test_without_expire_a_token_is_good_in_the_second_it_was_made_as_secsipidx_has_it(
    age: int, expire: tuple[str, ...], code: int, bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1_767_225_600
    monkeypatch.setattr("proxy.cli.secsipidx.time.time", lambda: now + 0.9)
    assert run("-check", "-identity", bench.value(iat=now - age), "-p", bench.public, *expire) == code
    said = capsys.readouterr().err
    assert ("expired token" in said) is (code != OK and age >= 0) and ("future" in said) is (code != OK and age < 0)


def test_with_roots_the_whole_chain_must_hold(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("-check", "-identity", bench.value(), "-p", bench.chain, "-cert-verify", "5", "-lab", "-expire", "60")
    assert run(*flags, "-ca-file", bench.roots) == OK
    stranger = bench.put("stranger.pem", Authority(seed="stranger").anchors_pem)
    assert run(*flags, "-ca-file", stranger) == NEGATIVE
    assert run(*flags) == USAGE  # nobody vouches
    assert run("-check", "-identity", bench.value(), "-expire", "60") == USAGE
    leaf, *above = bench.leaf.chain_pem().split(b"-----END CERTIFICATE-----\n")
    alone = bench.put("alone.pem", leaf + b"-----END CERTIFICATE-----\n")
    inter = bench.put("inter.pem", b"-----END CERTIFICATE-----\n".join(above))
    short = ("-check", "-identity", bench.value(), "-p", alone, "-cert-verify", "13", "-lab", "-ca-file", bench.roots, "-expire", "60")
    assert run(*short) == NEGATIVE and run(*short, "-ca-inter", inter) == OK


@pytest.mark.parametrize(
    "flags",
    [
        (), ("-sign-full", "-o", ORIG, "-d", DEST, "-x5u", URL), ("-sign-full", "-k", "/nowhere", "-o", ORIG, "-d", DEST, "-x5u", URL),
        ("-check",), ("-check", "-fidentity", "/nowhere", "-p", "/nowhere"), ("-http-srv", ":8090"), ("-check", "-ppt", "div"),
        ("-check", "-alg", "none"), ("-check", "-identity", "x" * 100_000),
    ],
)  # fmt: skip
def test_wrong_use_is_said_in_a_sentence(flags: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*flags) == USAGE
    shown = capsys.readouterr()
    assert shown.err.startswith("ringwarden: ") and shown.err.count("\n") == 1 and not shown.out


def test_numbers_that_are_none_and_a_url_of_another_scheme_are_not_signed(bench: Bench) -> None:
    for orig, url in (("nobody", URL), ("", URL), (ORIG, "http://cr.example.net/a.pem"), (ORIG, "")):
        assert run("-sign-full", "-o", orig, "-d", DEST, "-x5u", url, "-k", bench.key) == USAGE
    assert run("-version") == OK
