"""Telemarketer, seller and offer beside each call that left, and the remark where they are missing."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path

import pytest

from policy.letter import moment
from proxy.cli import main
from proxy.duties import remarks
from proxy.settings import load
from proxy.storage.database import Database
from proxy.storage.journal import Row
from tests.two_peers import TWO_PEERS

AT = moment("2026-05-12T14:03:00Z")
OUT = Row(
    AT, "out", direction="outbound", trunk="pbx", caller="12025550101", callee="12125550142", customer="clinic", action="tag",
    findings=(("opt-out", "duty", 80, "asked not to be called"),),
)  # fmt: skip
CONFIG = 'role = "originating"' + TWO_PEERS + """customer = "call centre"
[[customer]]
name = "clinic"
telemarketer = "Example Dialling"
seller = "Example Clinic"
offers = "check-ups"
[[customer]]
name = "call centre"
seller = "Example Solar"
offers = "panels"
[policy]
telemarketing = true
[paths]
journal = "calls.db"
"""
CLINIC, CENTRE = ["Example Dialling", "Example Clinic", "check-ups"], ["call centre", "Example Solar", "panels"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "ringwarden.toml"
    path.write_text(CONFIG)
    database = Database(tmp_path / "calls.db", 0.1)
    database.write([
        OUT, OUT._replace(utc=AT + 1, call_id="trunk", customer=""), OUT._replace(utc=AT + 2, call_id="other", customer="nobody"),
        OUT._replace(utc=AT + 3, call_id="in", direction="inbound"),
    ])  # fmt: skip
    database.close()
    return path


TIME = ["--since", "2026-05-12", "--until", "2026-05-13"]


@pytest.mark.req("REG-062")
def test_each_call_that_left_is_told_with_telemarketer_seller_and_offer(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = {"out": CLINIC, "trunk": CENTRE, "other": [None] * 3, "in": [None] * 3}
    assert main(["records", "--config", str(config), *TIME]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["call_id"]: [row["telemarketer"], row["seller"], row["offers"]] for row in rows} == expected
    assert main(["records", "--config", str(config), *TIME, "--format", "csv"]) == 0
    table = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert [row["seller"] for row in table] == ["Example Clinic", "Example Solar", "", ""]


@pytest.mark.req("REG-062")
def test_the_report_of_duties_names_the_seller(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "dnc", "--config", str(config), *TIME, "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["customer"]: [row["telemarketer"], row["seller"], row["offers"]] for row in rows} == {
        "clinic": CLINIC, "pbx": CENTRE, "nobody": [None] * 3,
    }  # fmt: skip


@pytest.mark.req("REG-062")
@pytest.mark.parametrize(
    ("line", "instead", "named"),
    [
        ('seller = "Example Clinic"\n', "", "clinic"),
        ('offers = "panels"\n', "", "call centre"),
        ('customer = "call centre"', 'customer = "somebody"', "somebody"),
        ("telemarketing = true", "telemarketing = false", None),
        ('telemarketer = "Example Dialling"\n', "", None),
    ],
)
def test_a_customer_without_seller_or_offer_is_remarked_on_where_telemarketing_is_done(
    config: Path, line: str, instead: str, named: str | None
) -> None:
    assert line in CONFIG
    config.write_text(CONFIG.replace(line, instead))
    said = [one for one in remarks(load(config), AT) if "seller and offers" in one]
    assert [one.rpartition(" for ")[2] for one in said] == ([named] if named is not None else [])


@pytest.mark.req("REG-062")
def test_without_any_customer_the_peer_is_remarked_on(config: Path) -> None:
    text = CONFIG.replace('customer = "call centre"\n', "")
    config.write_text(text[: text.index("[[customer]]")] + text[text.index("[policy]") :])
    assert any(one.endswith("for pbx") for one in remarks(load(config), AT))
