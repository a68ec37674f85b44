"""What the settings make of the rules that each trunk's signatures are held against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from policy.rulebook import BRANDS, Rulebook, Thresholds
from proxy.parts import fetching, lanes, prepare
from proxy.settings import SettingsError, read
from shaken.verify import Rules

PEERS = [
    {"name": "carrier", "side": "carrier", "hops": ["198.51.100.7"]},
    {"name": "pbx", "side": "pbx", "hops": ["192.0.2.20:5080"]},
]


def ruled(identity: dict[str, Any], carrier: dict[str, Any]) -> tuple[Rules, Rules]:
    """The rules for the carrier's calls and for those of the PBX."""
    peers = [{**PEERS[0], **carrier}, PEERS[1]]
    found = lanes(read({"listen": [{"address": "192.0.2.10"}], "peer": peers, "identity": identity}), Rulebook())
    return found["carrier"].rules, found["pbx"].rules


@pytest.mark.req("STI-022", "STI-029", "LAB-18")
def test_what_is_tolerated_of_a_signer_is_the_operators_choice() -> None:
    for one in ruled({}, {}):
        assert (one.bare_info, one.folded, one.numbered) == (False, False, True)
    for one in ruled({"bare_info": True, "number_certificates": False}, {}):
        assert (one.bare_info, one.folded, one.numbered) == (True, False, False)
    assert [one.folded for one in ruled({}, {"folds_tokens": True})] == [True, False]


@pytest.mark.req("STI-071")
@pytest.mark.parametrize(("patience", "seconds"), [(10, 2.0), (2000, 2.0), (2001, 2.001), (5000, 5.0)])
def test_a_fetch_lasts_as_long_as_a_call_may_wait_for_it_and_two_seconds_at_least(patience: int, seconds: float) -> None:
    settings = read({"listen": [{"address": "192.0.2.10"}], "peer": PEERS, "identity": {"deadline_ms": patience}})
    assert fetching(settings, prepare(settings)).seconds == seconds


def test_limits_names_and_hours_are_the_operators(tmp_path: Path) -> None:
    (tmp_path / "hours.csv").write_text("FL,daily,10:00-12:00\n")
    raw: dict[str, Any] = {"listen": [{"address": "192.0.2.10"}], "peer": PEERS}
    raw |= {"policy": {"limits": {"sequence": 9, "wasted": 0.9}, "brands": [" Acme Bank"]}, "lists": {"hours": ["hours.csv"]}}
    book = prepare(read(raw, folder=tmp_path)).book
    assert book.limits == Thresholds(sequence=9, wasted=0.9)
    assert book.brands == BRANDS | {"acme bank"}
    assert book.hours is not None
    assert [book.hours.states[state][6].opens // 3600 for state in ("FL", "CT")] == [10, 9]
    (tmp_path / "hours.csv").write_text("FL,sometimes,10:00-12:00\n")
    with pytest.raises(SettingsError, match="hours.csv: line 1"):
        prepare(read(raw, folder=tmp_path))


def test_a_table_that_nothing_asks_is_remarked(tmp_path: Path) -> None:
    (tmp_path / "messages.csv").write_text("number,campaign,use_case,status\n+12025550177,C1,delivery,approved\n")
    (tmp_path / "rmd.csv").write_text("number,status\nRMD0001234,active\n")
    lists = {"messages": ["messages.csv"], "rmd": ["rmd.csv"]}

    def remarks(methods: list[str], carrier: dict[str, Any]) -> str:
        raw = {"listen": [{"address": "192.0.2.10"}], "peer": [{**PEERS[0], **carrier}, PEERS[1]], "lists": lists}
        return "\n".join(prepare(read({**raw, "policy": {"methods": methods}}, folder=tmp_path)).remarks)

    idle = remarks(["INVITE"], {})
    assert "no message is asked about" in idle and "nobody is looked up in it" in idle
    asked = remarks(["INVITE", "MESSAGE"], {"rmd": "RMD0001234"})
    assert "is asked about" not in asked and "looked up" not in asked


@pytest.mark.req("STI-097")
@pytest.mark.parametrize(
    ("pbx", "profile", "said"),
    [
        ({}, {}, ""),
        ({"follow_redirects": True}, {}, "follow_redirects of pbx"),
        ({}, {"divert_at": 60, "divert_to": "sip:voicemail@192.0.2.20"}, "profile.strict"),
    ],
)
def test_who_has_calls_signed_elsewhere_is_told_that_diversions_are_not(pbx: dict[str, Any], profile: dict[str, Any], said: str) -> None:
    raw = {"listen": [{"address": "192.0.2.10"}], "peer": [PEERS[0], {**PEERS[1], **pbx}], "profile": {"strict": profile}}
    signing = {"service": "https://signer.example.com", "origid": "de305d54-75b4-431b-adb2-eb6b9e546014"}
    remarks = [one for one in prepare(read({**raw, "signing": signing})).remarks if "div" in one]
    assert len(remarks) == bool(said) and all(said in one for one in remarks)
    # A service that knows diversions is asked for those of verdicts; for a 3xx that is followed nobody waits.
    asked = [one for one in prepare(read({**raw, "signing": {**signing, "dialect": "3gpp"}})).remarks if "div" in one]
    assert len(asked) == ("follow" in said)
    assert not any("div" in one for one in prepare(read(raw)).remarks)
