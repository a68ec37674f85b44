"""[hep]: an address is enough, and without the table nothing is copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.settings.addresses import endpoint
from proxy.settings.hep import HEP_PORT, hep_of
from proxy.settings.values import HepSettings


def raw(address: str, **more: Any) -> dict[str, Any]:
    return {"address": endpoint(address, Path()), "capture_id": 2001, "password": "", **more}


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("192.0.2.60", "192.0.2.60", HEP_PORT),
        ("[2001:db8::60]:9061", "2001:db8::60", 9061),
        ("homer.example.net:9062", "homer.example.net", 9062),
    ],
)
def test_an_address_or_a_name_with_or_without_a_port(address: str, host: str, port: int) -> None:
    found = hep_of(raw(address, password="secret"))
    assert found == HepSettings(host, port, 2001, "secret")
    assert "secret" not in repr(found)


def test_without_the_table_there_is_none() -> None:
    assert hep_of(None) is None
    assert hep_of({"address": None, "capture_id": 1, "password": ""}) is None
