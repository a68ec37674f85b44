"""The duties of an operator out of its settings: printed, remarked on at a start, and shown to Prometheus."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from policy.duties import NAMES
from policy.letter import moment
from proxy.cli import main
from proxy.duties import declare, facts, remarks, requests
from proxy.lists.kinds import FOLDER, bring_in
from proxy.metrics import Metrics
from proxy.settings import Settings, load
from proxy.storage.database import Database
from tests.two_peers import TWO_PEERS

PROVIDER = 'role = "originating"' + TWO_PEERS + """[policy]
telemarketing = true
[policy.redress]
tel = "+12025550100"
[lists]
bundled = false
rmd = ["rmd.csv"]
[paths]
journal = "calls.db"
state = "state"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    (tmp_path / "rmd.csv").write_text("number,status\nRMD0001,active\n")
    path = tmp_path / "ringwarden.toml"
    path.write_text(PROVIDER)
    return path


def changed(config: Path, before: str, after: str) -> Settings:
    text = config.read_text()
    assert before in text
    config.write_text(text.replace(before, after))
    return load(config)


@pytest.mark.req("REG-030", "REG-040", "REG-041")
def test_the_table_names_what_is_open_until_the_settings_say_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duties", "--config", str(config)]) == 1
    told = capsys.readouterr().out
    assert "calls of pbx leave unsigned" in told and "set provider.certified" in told and "64.6301(a)" in told
    assert main(["duties", "--config", str(config), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    states = {one["name"]: one["state"] for one in found["duties"]}
    assert found["role"] == "originating" and {name for name, state in states.items() if state == "open"} == {
        "sign", "verify", "accept-listed", "certify", "records", "requests",
    }  # fmt: skip
    changed(config, 'side = "carrier"', 'side = "carrier"\nrmd = "RMD0001"')
    day = time.strftime("%Y-%m-%d", time.gmtime())
    changed(config, "[lists]", f'[provider]\ncertified = "{day}"\n[signing]\nservice = "https://signer.example.com"\n'
            'certificate_url = "https://certificates.example.com/ours.pem"\norigid = "de305d54-75b4-431b-adb2-eb6b9e546014"\n[lists]')  # fmt: skip
    main(["duties", "--config", str(config), "--json"])
    states = {one["name"]: one["state"] for one in json.loads(capsys.readouterr().out)["duties"]}
    assert (states["sign"], states["accept-listed"], states["third-party"]) == ("kept", "kept", "yours")
    # In February the next certification is near; at any other time it is not.
    assert states["certify"] in ("kept", "open")


def test_an_enterprise_is_told_that_the_table_is_not_about_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(config, 'role = "originating"', 'role = "enterprise"')
    changed(config, "telemarketing = true", "telemarketing = false")
    assert main(["duties", "--config", str(config)]) == 0
    assert "speak to providers" in capsys.readouterr().out
    assert remarks(load(config), time.time()) == []
    assert main(["duties", "--config", str(config.with_name("none.toml"))]) == 2


@pytest.mark.req("REG-030")
def test_a_start_remarks_on_what_is_open(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", str(config)]) == 0
    told = "".join(capsys.readouterr())
    assert "duty sign (47 CFR 64.6301(a)): calls of pbx leave unsigned" in told


@pytest.mark.req("REG-042", "REG-077")
def test_the_age_of_what_was_brought_in_is_that_of_its_files(config: Path, tmp_path: Path) -> None:
    utc = time.time()
    os.utime(tmp_path / "rmd.csv", (utc - 8 * 86_400, utc - 8 * 86_400))
    (tmp_path / "answers.csv").write_text("number,date,answer,asked\n+12125550147,2024-01-01,yes,2024-06-01\n")
    found = facts(load(config), utc)
    assert found.rmd_age == pytest.approx(8 * 86_400, abs=2) and found.reassigned_age is None
    bring_in(tmp_path / "state" / FOLDER, "reassigned", [tmp_path / "answers.csv"], utc, as_of=utc - 40 * 86_400)
    assert facts(load(config), utc).reassigned_age == pytest.approx(40 * 86_400, abs=2)
    assert any("duty reassigned" in one for one in remarks(load(config), utc))
    settings = load(config)
    (tmp_path / "rmd.csv").unlink()
    assert facts(settings, utc).rmd_age is None  # and nothing is raised


@pytest.mark.req("REG-041")
def test_prometheus_sees_what_is_open_and_when_the_certification_is_due(config: Path) -> None:
    settings = changed(config, "[lists]", '[provider]\ncertified = "2026-02-20"\n[lists]')
    metrics = Metrics()
    declare(metrics, lambda: settings, lambda: 1_790_000_000.0)
    told = metrics.exported("0").decode()
    assert 'ringwarden_duty_open{duty="sign"} 1.0' in told and 'ringwarden_duty_open{duty="redress"} 0.0' in told
    due = next(line for line in told.splitlines() if line.startswith('ringwarden_filing_due_seconds{filing="certification"}'))
    assert float(due.split()[1]) == 1_803_945_600 - 1_790_000_000  # the end of 1 March 2027
    assert {line.split('"')[1] for line in told.splitlines() if line.startswith("ringwarden_duty_open{")} <= set(NAMES)


@pytest.mark.req("REG-060")
def test_the_requests_for_no_more_calls_are_counted_with_their_clock(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "state" / FOLDER
    (tmp_path / "asked.csv").write_text(
        "caller,callee,at,scope,how\n*,+12125550147,2026-06-29T18:00:00Z,any,\n*,+12125550148,2019-01-02,any,\n"
    )
    utc = moment("2026-07-14T20:00:00Z")
    bring_in(folder, "optout", [tmp_path / "asked.csv"], utc)
    assert requests(load(config), utc) == (moment("2026-06-29T18:00:00Z"),)  # five years, and no longer
    # One that a text message brought, and one that is in both.
    (folder / "optout.csv").write_text(
        "*,+12125550149,2026-06-01T18:00:00+00:00,any,stop\n*,+12125550147,2026-06-29T18:00:00+00:00,any,\n"
    )
    assert sorted(requests(load(config), utc)) == [moment("2026-06-01T18:00:00Z"), moment("2026-06-29T18:00:00Z")]
    said = "2 request(s) for no more calls stand"
    changed(config, 'side = "pbx"', 'side = "pbx"\nmode = "enforce"')
    main(["duties", "--config", str(config), "--json"])
    (told,) = (one for one in json.loads(capsys.readouterr().out)["duties"] if one["name"] == "requests")
    assert told["state"] == "kept" and said in told["said"] and "2026-06-29, by 2026-07-14" in told["said"]
    Database(tmp_path / "calls.db", 0.1).close()
    assert main(["report", "dnc", "--config", str(config), "--format", "json", "--until", "2026-07-14T20:00Z"]) == 0
    remarks = json.loads(capsys.readouterr().out)["remarks"]
    assert any(said in one and "1 of them of the last 10 business days" in one for one in remarks)


@pytest.mark.req("REG-060")
def test_who_lets_calls_through_to_people_who_asked_for_none_is_told(config: Path) -> None:
    utc = time.time()
    assert facts(load(config), utc).lenient == ("pbx",)  # it only observes
    assert any("duty requests" in one and one.endswith("let pbx enforce") for one in remarks(load(config), utc))
    assert facts(changed(config, 'side = "pbx"', 'side = "pbx"\nmode = "enforce"'), utc).lenient == ()
    shadow = changed(config, "telemarketing = true", 'telemarketing = true\nchecks = { optout = "shadow" }')
    assert facts(shadow, utc).lenient == ("policy.checks.optout",)
