"""`ringwarden report`, `shadow report`, and the arithmetic of `explain`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.cli.explain import arithmetic, told
from proxy.storage.database import Database
from proxy.storage.journal import Row
from proxy.storage.rows import Record

NOW = time.time()
BAD = (
    ("identity-stale-iat", "identity", 30, "61 s old"), ("campaign", "analytics", 100, "on a list"),
    ("brand-unproved", "analytics", 35, "a bank's name"),
)  # fmt: skip
CALL = Row(
    NOW - 60, "one", trunk="carrier", caller="12025550101", callee="12025550123", action="reject", would="reject",
    rehearsed="reject", reason="campaign", campaign="Amazon", findings=BAD, shadows="brand-unproved", score=130, status=603,
    ceilings="campaign=tag", tag_at=30, reject_at=80, mode="enforce",
)  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    database = Database(tmp_path / "calls.db", 0.1)
    database.write([CALL, CALL._replace(utc=NOW - 40 * 86_400, call_id="old"), CALL._replace(call_id="x", callee="12025550100")])
    database.close()
    return tmp_path / "calls.db"


@pytest.mark.req("REG-015")
def test_the_blocked_calls_of_a_line_in_28_days(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["report", "blocked", "--line", "+1 (202) 555-0123", "--days", "28", "--journal", str(journal)]
    assert main([*asked, "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["caller"], row["reason"], row["answer"]) == ("12025550101", "campaign", 603)
    assert main([*asked, "--format", "csv", "--days", "50"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["report", "blocked", "--journal", str(journal)]) == 2


@pytest.mark.parametrize(("kind", "told"), [("campaign", "Amazon"), ("period", "blocked for campaign: 2"), ("dnc", "0 call(s) left"), ("e911", "nothing"), ("signing", "0 call(s) left unsigned"), ("notices", "nothing")])
def test_each_report_is_a_table(journal: Path, kind: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", kind, "--journal", str(journal)]) == 0
    assert told in capsys.readouterr().out


def test_the_shadow_report(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shadow", "report", "--journal", str(journal)]) == 0
    told = capsys.readouterr().out
    assert "brand-unproved" in told and "0 of 2 call(s)" in told


def test_explain_shows_the_sum(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "one", "--journal", str(journal)]) == 0
    said = capsys.readouterr().out
    assert "identity-stale-iat 30 (of identity 30 counts, 40 at most) + campaign 100 = 130; tag from 30, reject from 80" in said
    assert "brand-unproved: told, not added; with it reject" in said and "campaign leads to tag at most" in said
    assert "stands on 47 CFR 64.1200(k)(3)" in said


@pytest.mark.parametrize(("age", "said"), [(0.0, "iat 0 s"), (-0.3, "iat 0 s"), (0.4, "iat 0 s"), (61.2, "iat -61 s"), (-2.0, "iat +2 s"), (None, "iat 0 s")])
def test_the_moment_of_a_token_is_said_without_a_negative_zero(age: float | None, said: str) -> None:
    row = CALL._replace(orig="12025550101", dest="12025550123", iat_age=age, x5u="https://127.0.0.1/a.pem")
    (line,) = (line for line in told(Record(1, row, 0, None, None, "")) if line.startswith("  token"))
    assert f"{said} x5u" in line


def test_what_acts_alone_is_said_and_what_was_not_judged_has_no_sum() -> None:
    sure = CALL._replace(findings=(("dno-list", "deterministic", 0, "never calls"),), score=0, shadows="", ceilings="", reason="dno-list")
    assert [line.strip().partition(" ")[0] for line in arithmetic(sure)] == ["sum", "acts", "stands"]
    assert "nothing weighs = 0" in arithmetic(sure)[0]
    assert arithmetic(Row(1.0, "x")) == []


def test_a_finding_that_refuses_by_its_code_is_said_to_act_and_not_to_weigh() -> None:
    findings = (("identity-bad-signature", "identity", 40, "does not fit"), ("identity-stale-iat", "identity", 30, "too old"))
    coded = CALL._replace(findings=findings, score=30, would="reject", shadows="", ceilings="", reason="identity-bad-signature")
    added, acts = arithmetic(coded)[:2]
    assert "sum       identity-stale-iat 30 (of identity 30 counts, 40 at most) = 30;" in added
    assert acts.endswith("identity-bad-signature: by the operator's [policy.codes], without a threshold")
    alone = coded._replace(findings=findings[:1], score=0)
    assert "sum       nothing weighs = 0;" in arithmetic(alone)[0]
