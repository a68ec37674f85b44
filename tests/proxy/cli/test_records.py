"""`ringwarden records` and `ringwarden trace`."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path

import pytest

from policy.letter import moment
from proxy.cli import main
from proxy.cli.records import seconds
from proxy.cli.sold import COLUMNS
from proxy.storage.care import DAY, Care, journal_key
from proxy.storage.database import Database
from proxy.storage.find import notes, verified
from proxy.storage.journal import End, Row
from proxy.storage.telling import FIELDS
from tests.two_peers import TWO_PEERS

AT = moment("2025-11-20T14:03:00Z")
CALL = Row(
    AT, "a84b4c76@198.51.100.7", trunk="carrier-a", source="198.51.100.7:5060", caller="12025550199", callee="12025550142",
    shown="+12025550199", asserted="+12025550199", display="=1+1", attest="A", verify="passed", verstat="TN-Validation-Passed",
    origid="de305d54-75b4-431b-adb2-eb6b9e546014", spc="709J", signer="SHAKEN 709J", x5u="https://cert.example/a.pem",
    action="reject", would="reject", mode="enforce", reason="campaign", score=100, status=603, customer="",
    findings=(("campaign", "analytics", 100, "on a list"),),
)  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "calls.db"
    database = Database(path, 0.1)
    database.write([
        CALL, CALL._replace(utc=AT + 600, call_id="later"), CALL._replace(utc=AT, call_id="other", callee="12025550100"),
        CALL._replace(utc=AT - DAY, call_id="before", action="allow", status=200), End("before", AT - DAY + 30, 30.0, "caller"),
    ])  # fmt: skip
    database.close()
    return path


TRACE = ["trace", "--from", "+1 202 555 0199", "--to", "12025550142", "--at", "2025-11-20 14:03"]


@pytest.mark.req("REG-020", "REG-021", "REG-022")
def test_a_traceback_is_answered_with_the_upstream_and_that_is_kept(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--journal", str(journal)]
    assert main([*TRACE, "--window", "5m", "--request", "ITG-7", *where]) == 0
    told = capsys.readouterr().out
    for part in ("1 call(s)", "upstream trunk: carrier-a", "198.51.100.7:5060", "a84b4c76@", "attestation A", "709J", CALL.origid):
        assert part in told
    assert main([*TRACE, "--format", "json", *where]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["call_id"] for one in found["calls"]] == [CALL.call_id, "later"]
    assert main([*TRACE, "--format", "csv", "--window", "60s", *where]) == 0
    (row,) = csv.DictReader(StringIO(capsys.readouterr().out))
    assert (row["trunk"], row["spc"], row["x5u_host"]) == ("carrier-a", "709J", "cert.example")
    kept = notes(journal, "traceback")
    assert [one.about for one in kept] == ["12025550199", "12025550199", "ITG-7"]
    assert json.loads(kept[2].text)["calls"] == [1]
    assert not verified(journal).faults


CARRIERS = """
[[listen]]
address = "192.0.2.10:5060"
[[peer]]
name = "carrier-a"
side = "carrier"
hops = ["198.51.100.7:5060"]
run_by = "Example Carrier, noc@carrier.example, +1 202 555 0177"
[[peer]]
name = "pbx"
side = "pbx"
hops = ["192.0.2.20:5060"]
[paths]
journal = "calls.db"
"""


@pytest.mark.req("REG-020", "REG-021")
def test_an_answer_names_whom_to_ask_next_and_how_long_it_took(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ringwarden.toml").write_text(CARRIERS)
    where = ["--config", str(tmp_path / "ringwarden.toml"), "--received", "2025-11-21T09:00:00Z"]
    monkeypatch.setattr("time.time", lambda: moment("2025-11-21T12:00:00Z"))
    assert main([*TRACE, *where]) == 0
    told = capsys.readouterr().out
    assert "run by: Example Carrier, noc@carrier.example" in told and "answered after 3.0 hours (24 are allowed)" in told
    for now, late in (("2025-11-22T09:00:00Z", False), ("2025-11-22T09:00:01Z", True)):
        monkeypatch.setattr("time.time", lambda now=now: moment(now))
        assert main([*TRACE, *where, "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["request"]["late"] is late and found["calls"][0]["run_by"].startswith("Example Carrier")
    assert main([*TRACE, *where, "--format", "csv"]) == 0
    assert "run_by" in capsys.readouterr().out.splitlines()[0]
    assert json.loads(notes(journal, "traceback")[0].text)["late"] is True
    assert main([*TRACE, "--received", "once", "--journal", str(journal)]) == 2


def test_a_call_that_is_not_there_is_a_negative_answer_and_kept_too(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRACE[:-1], "2025-01-01", "--journal", str(journal)]) == 1
    assert "0 call(s)" in capsys.readouterr().out and len(notes(journal)) == 1
    assert main([*TRACE[:-1], "yesterday", "--journal", str(journal)]) == 2
    assert main([*TRACE, "--window", "5", "--journal", str(journal)]) == 2


@pytest.mark.req("REG-020")
@pytest.mark.parametrize(
    "written",
    [
        {"caller": "12025550177", "asserted": "+12025550177"}, {"caller": "12025550177", "shown": "", "asserted": "12025550199"},
        {"caller": "12025550177", "shown": "12025550199", "asserted": ""}, {"caller": "", "callee": "+12025550142"},
        {"caller": "", "shown": "", "asserted": "", "orig": "12025550199"},
    ],
)  # fmt: skip
def test_a_call_is_found_by_the_number_that_it_showed_and_by_numbers_as_they_came(written: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    database = Database(path, 0.1)
    database.write([CALL._replace(**written), CALL._replace(utc=AT - 2 * DAY), CALL._replace(callee="+12025550100")])
    database.close()
    assert main([*TRACE, "--journal", str(path)]) == 0
    assert json.loads(notes(path)[0].text)["calls"] == [1]


def test_calls_to_that_number_of_which_no_caller_is_known_are_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an older version kept those that it let through unscreened."""
    path = tmp_path / "calls.db"
    bare = CALL._replace(caller="", shown="", asserted="", callee="+12025550142", action="bypass")
    database = Database(path, 0.1)
    database.write([bare, bare._replace(callee="12025550142"), bare._replace(callee="12025550100"), bare._replace(utc=AT + DAY)])
    database.close()
    assert main([*TRACE, "--format", "json", "--journal", str(path)]) == 1
    out, said = capsys.readouterr()
    assert json.loads(out)["calls"] == [] and "2 more call(s) to that number" in said


def test_a_call_whose_numbers_were_hashed_is_found_with_the_secret(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "ringwarden.toml"
    config.write_text(f"secret = '{'7' * 64}'" + TWO_PEERS + f"""[journal]
mask_days = 30
[paths]
journal = "{journal}"
""")
    from proxy.settings import load, shared_secret

    key = journal_key(shared_secret(load(config))[0])
    database = Database(journal, 0.1)
    Care(mask_days=1, key=key).once(database.link, AT + 100 * DAY)
    database.close()
    assert main([*TRACE, "--journal", str(journal)]) == 1
    assert main([*TRACE, "--config", str(config)]) == 0
    told = capsys.readouterr().out
    assert "2 call(s)" in told and "h:" in told


@pytest.mark.req("REG-062")
def test_the_records_of_a_time_have_every_field_with_code_and_duration(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--journal", str(journal), "--since", "2025-11-19", "--until", "2025-11-21"]
    assert main(["records", *where]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["call_id"] for row in rows] == ["before", CALL.call_id, "other", "later"]
    assert all(tuple(row) == (*FIELDS, *COLUMNS) for row in rows)
    assert (rows[0]["final_code"], rows[0]["duration"], rows[0]["sip_code"]) == (200, 30.0, None)
    assert (rows[1]["sip_code"], rows[1]["rules"], rows[1]["duration"]) == (603, ["campaign"], None)
    assert rows[1]["start"][:19] == "2025-11-20T14:03:00" or rows[1]["start"][-6:] != "+00:00"
    assert main(["records", *where, "--format", "csv"]) == 0
    table = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert [row["final_code"] for row in table] == ["200", "603", "603", "603"]
    assert table[1]["display"] == "'=1+1" and table[1]["from"] == "+12025550199"
    assert main(["records", "--journal", str(journal), "--since", "nonsense"]) == 2


@pytest.mark.parametrize(("text", "length"), [("90s", 90), ("15m", 900), ("24h", 86_400), ("28d", 28 * DAY)])
def test_a_length_of_time(text: str, length: float) -> None:
    assert seconds(text) == length
