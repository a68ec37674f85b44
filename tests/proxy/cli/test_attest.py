"""`attest report`: what the calls of a journal or a table would get, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policy.inventory import moment
from proxy.cli import NEGATIVE, OK, USAGE, main
from proxy.storage.journal import Journal
from proxy.storage.rows import Row

NUMBERS = """number,customer,source,valid_from,valid_to
12025550100-12025550149,Ann,ordered,,
12025550150,Bob,ported,2026-03-01,2026-06-01
12025550160,Cy,loa,,
"""
CALLS = """caller,time,trunk,asked,signed
2025550101,2026-05-01,pbx,,A
+12025550150,2026-05-01,pbx,,B
+12025550150,2026-06-01,pbx,,A
12125550147,1767225600,pbx,,
12025550101,1767225600,pbx,C,C
anonymous,1767225600,pbx,,
"""
CONFIG = """
[[listen]]
address = "127.0.0.1:5060"
[[peer]]
name = "pbx"
side = "pbx"
hops = ["192.0.2.20"]
attest_other = "C"
[[peer]]
name = "carrier"
side = "carrier"
hops = ["198.51.100.7"]
[numbers]
own = ["12025550199"]
inventory = ["numbers.csv"]
[paths]
journal = "journal.db"
[[customer]]
name = "Cy"
kyc = "pending"
cap = "B"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("numbers.csv", NUMBERS), ("calls.csv", CALLS), ("ringwarden.toml", CONFIG)):
        (tmp_path / name).write_text(text)
    return tmp_path


def levels(text: str) -> dict[tuple[str, str], int]:
    return {(one["level"], one["why"]): one["calls"] for one in json.loads(text)["levels"]}


@pytest.mark.req("STI-055", "STI-057")
def test_a_table_of_calls_is_judged_at_each_calls_own_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attest", "report", "--numbers", str(folder / "numbers.csv"), "--csv", str(folder / "calls.csv"), "--json"]) == OK
    out = capsys.readouterr().out
    assert levels(out) == {
        ("A", "own-number"): 2, ("B", "right-ended"): 1, ("B", "other-number"): 1, ("C", "asked"): 1, ("none", "no-number"): 1,
    }  # fmt: skip
    changed = {(one["signed"], one["would"]): one["calls"] for one in json.loads(out)["changed"]}
    assert changed == {("B", "A"): 1, ("A", "B"): 1, ("none", "B"): 1}


@pytest.mark.req("STI-055")
def test_the_calls_of_a_journal_are_judged_by_the_terms_of_their_trunk(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(folder / "journal.db", lambda *_, **__: None)
    for number, (caller, direction, emergency) in enumerate(
        [("12025550160", "outbound", False), ("12125550147", "outbound", False), ("12025550199", "outbound", False),
         ("12025550101", "inbound", False), ("12025550101", "outbound", True)]
    ):  # fmt: skip
        journal.put(Row(moment("2026-05-01") + number, f"{number}@a", direction, "pbx", caller=caller, emergency=emergency, signed="A"))
    for action in ("bypass", "unscreened", "refused"):  # nobody decided what these leave with
        journal.put(Row(moment("2026-05-02"), f"{action}@a", "outbound", "pbx", caller="12025550160", action=action))
    journal.close()
    assert main(["attest", "report", "--config", str(folder / "ringwarden.toml"), "--json"]) == OK
    assert levels(capsys.readouterr().out) == {("B", "kyc-pending"): 1, ("C", "other-number"): 1, ("A", "own-number"): 1}


def test_a_person_reads_how_many_and_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "calls.csv").write_text(CALLS + "12025550101,some day,pbx,,\n")
    assert main(["attest", "report", "--numbers", str(folder / "numbers.csv"), "--csv", str(folder / "calls.csv")]) == NEGATIVE
    out = capsys.readouterr().out
    assert "6 calls of" in out and "1 more could not be read" in out
    assert "A             2  33.3%  the customer's own number" in out and "33.3%  Ann" not in out and "16.7%  Ann" in out


@pytest.mark.parametrize(
    "more",
    [
        [], ["--numbers", "numbers.csv"], ["--csv", "calls.csv"], ["--numbers", "none.csv", "--csv", "calls.csv"],
        ["--numbers", "numbers.csv", "--csv", "none.csv"], ["--numbers", "numbers.csv", "--journal", "calls.csv"],
    ],
)  # fmt: skip
def test_what_is_missing_is_said(more: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(folder)
    assert main(["attest", "report", *more]) == USAGE
    assert capsys.readouterr().err.startswith("ringwarden: ")
