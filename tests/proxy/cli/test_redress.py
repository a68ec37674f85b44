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
from tests.two_peers import TWO_PEERS


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "deny.txt").write_text("+12025550101\n")
    (tmp_path / "calls.csv").write_text("notified,called,caller,campaign,cites\n2025-11-20,2025-11-20,2025550101,Amazon,16 C.F.R. 310.4(b)(1)(v)\n")
    path = tmp_path / "ringwarden.toml"
    path.write_text(TWO_PEERS + """[lists]
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
    assert "citing 16 CFR 310.4(b)(1)(v) (a recorded message" in told
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


def test_why_asks_the_registry_and_what_people_wished(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "registry.txt").write_text("202,5550142\n")
    (tmp_path / "ours.txt").write_text("2025550142\n")
    (tmp_path / "optout.csv").write_text("caller,callee,at,scope,how\n,2025550142,2026-01-05,any,STOP\n")
    (tmp_path / "rnd.csv").write_text("number,date,answer,asked\n2025550142,2026-01-05,yes,2026-11-01\n")
    where = ["--config", str(config)]
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for kind, name in (("dnc", "registry.txt"), ("optout", "optout.csv"), ("reassigned", "rnd.csv")):
        assert main(["lists", "import", kind, str(tmp_path / name), "--as-of", today, *where]) == 0
    config.write_text(config.read_text().replace('deny = ["deny.txt"]', 'deny = ["deny.txt"]\ndnc = ["ours.txt"]'))
    capsys.readouterr()
    assert main(["list", "why", "12025550142", *where]) == 0
    told = capsys.readouterr().out
    assert "on list dnc (the national registry)" in told and "on list dnc (a file of ours)" in told
    assert "opted out on 2026-01-05T00:00:00" in told and "wants no calls or messages from us (stop)" in told
    assert "reassigned since 2026-01-05" in told and "on no list" not in told
    assert main(["list", "why", "12025550143", *where]) == 0
    assert "on no list" in capsys.readouterr().out


@pytest.mark.req("REG-012")
def test_what_cannot_be_kept_on_record_was_not_done_well(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "calls.db").unlink()
    where = ["--config", str(config)]
    for task in (["complain", "--because", "x"], ["why"], ["pardon", "--because", "x"], ["answer", "--because", "x"]):
        assert main(["list", task[0], "12025550101", *task[1:], *where]) == 1
        assert "NOT kept on record" in capsys.readouterr().err


def test_there_is_no_way_back_for_a_list_that_is_none(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("nosuch", "../../evil"):
        assert main(["lists", "rollback", name, "--config", str(config)]) == 2
        assert "there is no list" in capsys.readouterr().err
    assert not (tmp_path / "evil").exists() and not (tmp_path / "state" / "lists").exists()


@pytest.mark.req("REG-062")
def test_the_version_of_a_list_that_was_brought_in_is_kept(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "registry.txt").write_text("202,5550100\n202,5550101\n")
    for number in (1, 2):
        assert main(["lists", "import", "dnc", str(tmp_path / "registry.txt"), "--as-of", "2025-11-20", "--config", str(config)]) == 0
        kept = notes(tmp_path / "calls.db", "list")
        said = json.loads(kept[0].text)
        assert (len(kept), kept[0].about, said["generation"], said["entries"]) == (number, "dnc", number, 2)
        assert said["as_of"].startswith("2025-11-20") and said["from"] == [str(tmp_path / "registry.txt")]
    assert not verified(tmp_path / "calls.db").faults


@pytest.mark.req("REG-012")
def test_a_complaint_has_a_clock_of_24_hours_until_it_is_answered(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where, began = ["--config", str(config)], time.time()
    for number in ("12025550101", "12025550102"):
        assert main(["list", "complain", number, "--by", "Ann", "--because", "calls of the clinic are refused", *where]) == 0
    assert "answered within 24 hours" in capsys.readouterr().out
    assert main(["list", "open", *where]) == 0
    told = capsys.readouterr().out
    assert "+12025550101 has waited 0.0 hours (Ann)" in told and "2 complaint(s) wait" in told
    monkeypatch.setattr(time, "time", lambda: began + 24 * 3600 + 60)
    assert main(["list", "open", *where, "--json"]) == 1
    assert [(one["number"], one["late"]) for one in json.loads(capsys.readouterr().out)] == [
        ("12025550101", True), ("12025550102", True),
    ]  # fmt: skip
    assert main(["list", "pardon", "12025550101", "--because", "it is a clinic", *where]) == 0
    assert main(["list", "answer", "12025550102", "--because", "the list is right: told so", *where]) == 0
    capsys.readouterr()
    assert main(["list", "open", *where]) == 0 and "0 complaint(s)" in capsys.readouterr().out
    kept = notes(tmp_path / "calls.db")
    assert [one.kind for one in kept] == ["answered", "pardon", "complaint", "complaint"]
    # Somebody may complain again, and the clock begins anew.
    assert main(["list", "complain", "12025550101", "--because", "again", *where]) == 0
    capsys.readouterr()
    main(["list", "open", *where, "--json"])
    assert [one["hours"] for one in json.loads(capsys.readouterr().out)] == [0.0]


def test_complaints_need_a_journal_and_a_number(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "open"]) == 2 == main(["list", "complain", "12025550101", "--because", "x"])
    assert main(["list", "complain", "nobody", "--because", "x", "--config", str(config)]) == 2
    config.write_text(config.read_text().replace('journal = "calls.db"', ""))
    assert main(["list", "open", "--config", str(config)]) == 2
    assert main(["list", "complain", "12025550101", "--because", "x", "--config", str(config)]) == 2
    assert "paths.journal" in capsys.readouterr().err


def test_what_cannot_be_done_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "why", "12025550101"]) == 2
    assert main(["list", "why", "nobody", "--config", str(config)]) == 2
    config.write_text(config.read_text().replace('state = "state"', ""))
    assert main(["list", "pardon", "12025550101", "--because", "x", "--config", str(config)]) == 2
    assert "paths.state" in capsys.readouterr().err
