"""`ringwarden list why` and `list pardon`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.storage.database import Database
from proxy.storage.find import notes, verified
from proxy.storage.journal import Row


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "deny.txt").write_text("+12025550101\n")
    (tmp_path / "calls.csv").write_text("notified,called,caller,campaign\n2025-11-20,2025-11-20,2025550101,Amazon\n")
    path = tmp_path / "ringwarden.toml"
    path.write_text("""
[[listen]]
address = "192.0.2.10:5060"
[[peer]]
name = "carrier"
side = "carrier"
hops = ["198.51.100.7:5060"]
[[peer]]
name = "pbx"
side = "pbx"
hops = ["192.0.2.20:5060"]
[lists]
bundled = false
deny = ["deny.txt"]
campaigns = ["calls.csv"]
[paths]
journal = "calls.db"
state = "state"
""")
    (tmp_path / "state").mkdir()
    database = Database(tmp_path / "calls.db", 0.1)
    database.write([Row(time.time() - 5, "one", caller="12025550101", action="reject", reason="deny-list", refusal="ab12",
                        findings=(("deny-list", "subscriber", 0, "the subscriber does not want this caller"),))])  # fmt: skip
    database.close()
    return path


@pytest.mark.req("REG-012")
def test_a_blocked_caller_learns_why_is_pardoned_and_both_are_kept(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--config", str(config)]
    assert main(["list", "why", "+1 202-555-0101", "--by", "Ann", *where]) == 0
    told = capsys.readouterr().out
    assert "on list deny" in told and "campaign Amazon: told by itg on 2025-11-20" in told
    assert "1 call(s) in 28 days, 1 of them refused" in told and "id ab12" in told
    assert main(["list", "pardon", "12025550101", "--because", "it is a clinic", "--by", "Ann", *where, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["taken_off"]) == 2 and found["left"] == []
    assert main(["lists", "why", "12025550101", *where]) == 0
    told = capsys.readouterr().out
    assert "by Ann: it is a clinic" in told and "on no list" in told and "asked before" in told
    kept = notes(tmp_path / "calls.db")
    assert [one.kind for one in kept] == ["why", "pardon", "why"] and json.loads(kept[1].text)["because"] == "it is a clinic"
    assert not verified(tmp_path / "calls.db").faults


def test_what_cannot_be_done_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "why", "12025550101"]) == 2
    assert main(["list", "why", "nobody", "--config", str(config)]) == 2
    config.write_text(config.read_text().replace('state = "state"', ""))
    assert main(["list", "pardon", "12025550101", "--because", "x", "--config", str(config)]) == 2
    assert "paths.state" in capsys.readouterr().err
