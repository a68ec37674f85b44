"""`[api]`: signing and verification for others, by HTTP."""

from __future__ import annotations

from typing import Any

from proxy.settings.errors import Faults
from proxy.settings.values import ApiSettings

PORT = 9496


def api_of(raw: dict[str, Any] | None, signs: bool, faults: Faults) -> ApiSettings | None:
    """None where nobody may ask. `signs`: there is something to sign with."""
    if raw is None or raw["address"] is None:  # which was said
        return None
    if raw["sign"] != "no" and not signs:
        faults.add(
            "api.sign", "there is nothing to sign with", "add [signing] with key, certificate_url and origid"
        )
    address = raw["address"]
    port = PORT if address.port is None else address.port
    return ApiSettings(address.host, port, raw["sign"], raw["dialect"])
