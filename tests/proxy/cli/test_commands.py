"""The commands as a person meets them: what they print, and the exit codes 0, 1 and 2."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from certs.lab import Authority
from certs.lab_pa import Administrator
from proxy.cli import NEGATIVE, OK, USAGE, main

ORIG, DEST = "12025550101", "12025550123"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    authority = Authority(seed="commands")
    authority.leaf("709J").save(tmp_path, "signer")
    (tmp_path / "anchors.pem").write_bytes(authority.anchors_pem)
    return tmp_path


def signed(keys: Path, capsys: pytest.CaptureFixture[str], *more: str) -> Path:
    url = "https://127.0.0.1:8443/signer.pem"
    assert main(["passport", "sign", "--key", str(keys / "signer.key"), "--x5u", url, "--orig", ORIG, "--dest", DEST, *more]) == OK
    path = keys / "identity.txt"
    path.write_text("Identity: " + capsys.readouterr().out)
    return path


def check(keys: Path, path: Path, *more: str) -> int:
    return main(["passport", "check", str(path), "--lab", "--anchors", str(keys / "anchors.pem"), "--cert", str(keys / "signer.pem"), *more])


def test_what_passport_sign_makes_passport_check_proves(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = signed(keys, capsys, "--attest", "B")
    assert check(keys, path, "--json") == OK
    told = json.loads(capsys.readouterr().out)
    assert (told["proved"], told["attestation"], told["spc"], told["orig"]) == (True, "B", "709J", ORIG)
    assert set(told["facts"].values()) == {"pass"}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--orig", "12025550199"), "identity-orig-mismatch"),
        (("--dest", "12025550199"), "identity-dest-mismatch"),
        (("--time", "1767225600"), "identity-stale-iat"),
    ],
)
def test_a_token_that_is_not_of_this_call_is_a_negative_verdict(
    more: tuple[str, str], reason: str, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = signed(keys, capsys)
    assert check(keys, path, "--json", *more) == NEGATIVE
    assert json.loads(capsys.readouterr().out)["reason"] == reason


def test_an_old_token_can_be_checked_at_its_own_time(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = signed(keys, capsys, "--iat", "1767225600")
    assert check(keys, path) == NEGATIVE
    assert check(keys, path, "--time", "iat") == OK
    assert "proved: TN-Validation-Passed" in capsys.readouterr().out


def test_without_anchors_nothing_is_proved(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = signed(keys, capsys)
    assert main(["passport", "check", str(path), "--lab"]) == NEGATIVE
    assert "identity-untrusted-chain" in capsys.readouterr().out


def test_a_key_that_is_none_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_text("no key")
    line = ["passport", "sign", "--key", str(tmp_path / "key"), "--x5u", "https://a.example/b", "--orig", ORIG, "--dest", DEST]
    assert main(line) == USAGE
    assert "private key" in capsys.readouterr().err


@pytest.mark.req("REG-025")
def test_lists_import_reconciles_the_letter(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lists", "import"]) == OK
    assert capsys.readouterr().out == "expected 125, parsed 125: 86 numbers, 28 campaigns; 81 of high confidence, 44 of recovered confidence\n"


def test_lists_import_says_when_rows_are_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "table.csv"
    table.write_text("notified,called,caller,campaign\n2023-09-08,2023-09-07,+12025550101,Utility-SupplyCharges\n")
    assert main(["lists", "import", str(table), "--expect", "2"]) == NEGATIVE
    assert "expected 2, parsed 1" in capsys.readouterr().out
    out = tmp_path / "out.csv"
    assert main(["lists", "import", str(table), "--expect", "1", "--out", str(out)]) == OK
    assert main(["lists", "import", str(out)]) == OK


def test_check_config_names_file_key_and_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[lissten]\n")
    assert main(["check-config", str(path)]) == USAGE
    said = capsys.readouterr().err
    assert str(path) in said and "lissten" in said and "did you mean `listen`?" in said
    assert main(["run", "--config", str(path)]) == USAGE


def test_check_config_says_whom_we_believe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority, pa = Authority(seed="commands"), Administrator(time.time())
    (tmp_path / "list.pem").write_bytes(pa.list_pem)
    (tmp_path / "crl.pem").write_bytes(pa.crl_pem)
    (tmp_path / "list.jwt").write_bytes(pa.trust_list([authority.root.certificate], 17))
    (tmp_path / "revoked.crl").write_bytes(pa.crl([authority.leaf("709J").certificate], 3))
    config = tmp_path / "ringwarden.toml"
    config.write_text(
        '[[listen]]\naddress = "127.0.0.1:5060"\n'
        '[[peer]]\nname = "carrier"\nside = "carrier"\nhops = ["127.0.0.2:5060"]\n'
        '[[peer]]\nname = "pbx"\nside = "pbx"\nhops = ["127.0.0.3:5060"]\n'
        '[certificates]\ntrust_list = "list.jwt"\ntrust_list_keys = "list.pem"\n'
        'crls = ["revoked.crl"]\ncrl_signers = "crl.pem"\n[lab]\nenabled = true\n'
    )
    assert main(["check-config", str(config)]) == OK
    said = capsys.readouterr().out
    assert "roots: 1 from" in said and "sequence 17" in said and "revoked: 1 certificates" in said and "number 3" in said
    (tmp_path / "revoked.crl").write_bytes(b"<html>")
    assert main(["check-config", str(config)]) == OK  # it would not stop a start: that is said
    assert "revoked.crl: it cannot be read" in capsys.readouterr().out


def test_explain_asks_for_a_journal_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "7", "--journal", str(tmp_path / "none.db")]) == USAGE
    assert "none.db" in capsys.readouterr().err


def test_a_torn_table_is_read_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torn, whole = tmp_path / "torn.txt", tmp_path / "whole.csv"
    names = "These campaigns were seen:\nParcel-Impers\n\nIn all 2 recorded calls were traced.\n"
    torn.write_text(names + "9/8/2025 9/7/2025 12025550101 Parcel-Impers § 3\n9/8/2025 9/7/2025 12025550102 Ao\n")
    whole.write_text("notified,called,caller,campaign\n2025-09-08,2025-09-07,2025550101,Parcel-Impers\n")
    assert main(["lists", "import", str(torn)]) == NEGATIVE
    out = capsys.readouterr().out
    assert "set apart: line 6: its campaign cannot be read" in out
    assert "expected 2, parsed 1, 1 set apart: 1 numbers, 1 campaigns; 1 of high confidence" in out
    assert main(["lists", "import", str(torn), "--against", str(whole)]) == OK
    assert "against 1 rows: 1 the same, 0 others, 0 not read" in capsys.readouterr().out
    assert main(["lists", "import", str(torn), "--against"]) == NEGATIVE
    assert "not in the other table" in capsys.readouterr().out


@pytest.mark.req("STI-118", "REG-013")
@pytest.mark.parametrize("role", ["enterprise", "terminating"])
def test_check_config_refuses_603_plus_without_a_redress_contact(role: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ringwarden.toml"
    peers = "".join(
        f'[[peer]]\nname = "{side}"\nside = "{side}"\nhops = ["192.0.2.{place}"]\n' for place, side in enumerate(("pbx", "carrier"), 1)
    )
    text = f'role = "{role}"\n[[listen]]\naddress = "127.0.0.1:5060"\n{peers}[policy.refusals]\nanalytics = "603+"\n'
    path.write_text(text)
    assert main(["check-config", str(path)]) == USAGE
    assert "redress contact" in capsys.readouterr().err
    path.write_text(text + '[policy.redress]\nurl = "https://redress.example.com"\n')
    assert main(["check-config", str(path)]) == OK
