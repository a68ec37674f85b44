"""`ringwarden card`: believed only if it is fresh, and signed by somebody trusted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from certs.lab import Authority
from proxy.cli import NEGATIVE, OK, USAGE, main
from shaken.card import card
from shaken.sign import Signer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    authority = Authority()
    leaf = authority.leaf("709J", organisation="Example Carrier")
    (tmp_path / "anchors.pem").write_bytes(authority.anchors_pem)
    (tmp_path / "chain.pem").write_bytes(leaf.chain_pem())
    signer = Signer(leaf.key, "https://cr.example.net/a.pem")
    (tmp_path / "card").write_bytes(card(signer, time.time(), "Example", url="https://redress.example.com"))
    stranger = Signer(authority.leaf("709J", bad="wrong-key").key, "https://cr.example.net/a.pem")
    (tmp_path / "forged").write_bytes(card(stranger, time.time(), "Example", url="https://redress.example.com"))
    return tmp_path


def check(folder: Path, name: str, *more: str) -> int:
    return main(
        ["card", str(folder / name), "--anchors", str(folder / "anchors.pem"), "--cert", str(folder / "chain.pem"), "--lab", *more]
    )


@pytest.mark.req("STI-129")
def test_a_fresh_card_of_a_trusted_signer_is_believed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(folder, "card") == OK
    said = capsys.readouterr().out
    assert "url   https://redress.example.com" in said and "spc 709J" in said


@pytest.mark.req("STI-129")
def test_a_stale_one_and_a_forged_one_are_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(folder, "card", "--time", str(time.time() + 90)) == NEGATIVE
    assert "NOT FRESH" in capsys.readouterr().out
    assert check(folder, "forged") == NEGATIVE
    assert "DOES NOT HOLD" in capsys.readouterr().out
    assert main(["card", str(folder / "card")]) == NEGATIVE
    assert "not known" in capsys.readouterr().out


def test_what_is_no_card_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(folder, "anchors.pem") == NEGATIVE
    assert "no card" in capsys.readouterr().out
    assert check(folder, "none") == USAGE
