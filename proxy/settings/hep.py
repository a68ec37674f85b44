"""Where copies of messages go: `[hep]` into a value."""

from __future__ import annotations

from typing import Any

from proxy.settings.addresses import Endpoint
from proxy.settings.values import HepSettings

Raw = dict[str, Any]
HEP_PORT = 9060
"""Homer's own."""


def hep_of(raw: Raw | None) -> HepSettings | None:
    if raw is None or raw["address"] is None:
        return None
    address: Endpoint = raw["address"]
    return HepSettings(
        address.host, HEP_PORT if address.port is None else address.port, raw["capture_id"], raw["password"]
    )
