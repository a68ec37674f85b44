"""What the settings make of the rules that each trunk's signatures are held against."""

from __future__ import annotations

from typing import Any

import pytest

from policy.rulebook import Rulebook
from proxy.parts import lanes
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
