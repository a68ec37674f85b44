"""What the settings make of the rules that each trunk's signatures are held against."""

from __future__ import annotations

from typing import Any

import pytest

from policy.rulebook import Rulebook
from proxy.parts import fetching, lanes, prepare
from proxy.settings import read
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
