"""`passport decode` shows what a token says, whatever it is worth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certs.lab import Authority
from proxy.cli import NEGATIVE, OK, USAGE, main
from shaken.sign import Signer

URL = "https://cr.example.net/a.pem"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"


@pytest.fixture
def value() -> str:
    signer = Signer(Authority(seed="decode").leaf("709J").key, URL)
    return signer.identity(
        orig="12025550101", dest=["12025550199"], iat=1767225600, attest="A", origid=ORIGID
    ).decode()


def decoded(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    path = tmp_path / "identity"
    path.write_text(text, encoding="utf-8")
    code = main(["passport", "decode", str(path), "--json"])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return code, found


def test_a_header_is_shown_with_its_claims_and_parameters(
    tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in (value, f"Identity: {value}\r\n", f"y:{value}"):
        code, said = decoded(tmp_path, text, capsys)
        assert code == OK and said["form"] == "full" and said["fault"] == "" and said["remarks"] == []
        assert said["header"] == {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL}
        assert said["claims"] == {
            "attest": "A", "dest": {"tn": ["12025550199"]}, "iat": 1767225600, "orig": {"tn": "12025550101"}, "origid": ORIGID,
        }  # fmt: skip
        assert said["parameters"] == {"info": URL, "alg": "ES256", "ppt": "shaken"}


def test_a_bare_token_and_one_with_a_wrong_signature_are_shown_alike(
    tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    token = value.partition(";")[0]
    head, claims, signature = token.split(".")
    for text in (token, f"{head}.{claims}.{'A' * len(signature)}"):
        code, said = decoded(tmp_path, text, capsys)
        assert code == OK and said["parameters"] == {} and said["claims"]["iat"] == 1767225600  # type: ignore[index]


def test_the_compact_form_has_a_signature_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = decoded(tmp_path, f"..{'A' * 86};info=<{URL}>", capsys)
    assert code == OK and said["form"] == "compact" and said["header"] is None and said["signature"] == "A" * 86


@pytest.mark.parametrize("text", ["", "nonsense", "a.b.c", "eyJ9.eyJ9.x;info=<", ";;;", "....", "é.é.é"])
def test_what_is_no_token_is_said_to_be_none(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = decoded(tmp_path, text, capsys)
    assert code == NEGATIVE and said["fault"]


def test_for_people_it_is_lines_without_control_characters(
    tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "identity"
    path.write_text(value + ';x="\x1b[2J"', encoding="utf-8")
    assert main(["passport", "decode", str(path)]) in (OK, NEGATIVE)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "12025550101" in shown
    path.write_text(value, encoding="utf-8")
    assert main(["passport", "decode", str(path)]) == OK
    assert "signed at  2026-01-01 00:00:00Z" in capsys.readouterr().out
    assert main(["passport", "decode", str(tmp_path / "nothing")]) == USAGE


def test_roots_of_the_lab_are_taken_with_the_switch_that_the_complaint_names(
    tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(seed="decode")
    roots, header, chain = tmp_path / "anchors.pem", tmp_path / "identity", tmp_path / "chain.pem"
    roots.write_bytes(authority.anchors_pem)
    header.write_text(value)
    chain.write_bytes(authority.leaf("709J").chain_pem())
    asked = ["passport", "check", str(header), "--anchors", str(roots), "--cert", str(chain), "--time", "iat"]
    assert main(asked) == USAGE
    said = capsys.readouterr().err
    assert "say --lab if this is one" in said and "[lab]" not in said
    assert main([*asked, "--lab"]) == OK
