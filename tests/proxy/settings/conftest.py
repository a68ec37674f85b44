"""A small good configuration, and the example that ships."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.settings import Settings, SettingsError, read

SMALL: dict[str, Any] = {
    "listen": [{"address": "192.0.2.10"}],
    "trunk": [
        {"name": "carrier", "side": "carrier", "sources": ["198.51.100.7", "198.51.100.16/28"]},
        {"name": "pbx", "side": "pbx", "sources": ["192.0.2.20"]},
    ],
    "next_hop": {"carrier": ["198.51.100.7"], "pbx": ["192.0.2.20:5080"]},
}


@pytest.fixture
def small() -> dict[str, Any]:
    """Ten lines of TOML, as a dict to be changed."""
    return copy.deepcopy(SMALL)


@pytest.fixture
def example() -> Path:
    return Path(__file__).resolve().parents[3] / "deploy" / "ringwarden.example.toml"


@pytest.fixture
def complaints(tmp_path: Path) -> Callable[..., list[str]]:
    """What is wrong with a dict; empty when it can be used."""

    def asked(data: dict[str, Any], **more: Any) -> list[str]:
        try:
            settings = read(data, "ringwarden.toml", tmp_path, **more)
        except SettingsError as error:
            return list(error.problems)
        assert isinstance(settings, Settings)
        return []

    return asked
