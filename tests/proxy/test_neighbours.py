"""The peers of the settings as the rooms of peers know them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.neighbours import Desk, configured
from proxy.peers import Directory, Hop, Target
from proxy.settings import read
from proxy.sip.flow import Flow

DATA: dict[str, Any] = {
    "listen": [{"address": "192.0.2.10"}],
    "peer": [
        {"name": "a", "side": "carrier", "hops": ["udp+tcp:198.51.100.7", "tcp:198.51.100.8:5070"], "weight": 3},
        {"name": "b", "side": "carrier", "hops": ["sip.example.net"], "sources": ["198.51.100.9"], "ping": False},
        {"name": "pbx", "side": "pbx", "hops": ["192.0.2.20"], "priority": 2},
    ],
}


def test_each_peer_is_taken_over_with_its_hops() -> None:
    a, b, pbx = configured(read(DATA), lambda target: Flow(0, target.host, target.port))
    assert a.hops == (Hop("198.51.100.7", 5060, "UDP", True), Hop("198.51.100.8", 5070, "TCP")) and a.weight == 3
    assert b.hops == (Hop("sip.example.net"),) and not b.ping and a.ping
    assert (pbx.name, pbx.side, pbx.priority) == ("pbx", "pbx", 2)
    quiet = configured(read(DATA | {"health": {"ping_seconds": 0}}), lambda target: Flow(0, target.host, target.port))
    assert not any(peer.ping for peer in quiet)


def test_an_address_that_no_listener_reaches_is_said() -> None:
    def udp_only(target: Target) -> Flow | None:
        return Flow(0, target.host, target.port) if target.transport == "UDP" else None

    with pytest.raises(OSError, match=r"no listener reaches 198\.51\.100\.8 of the peer a by TCP"):
        configured(read(DATA), udp_only)


def test_the_desk_shows_and_orders() -> None:
    directory = Directory(configured(read(DATA), lambda target: Flow(0, target.host, target.port)))
    desk = Desk(directory, lambda: 5.0)
    desk.order("pbx", "drain")
    assert [row.order for row in desk.rows()] == ["", "", "", "drain"]
