"""Addresses of the engines that machines share: from files, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.settings import SettingsError, read

BASE = {
    "secret": "sixteen octets and more",
    "listen": [{"address": "192.0.2.10:5060"}],
    "peer": [
        {"name": "west", "side": "carrier", "hops": ["198.51.100.7"]}, {"name": "pbx", "side": "pbx", "hops": ["192.0.2.20"]},
    ],
}  # fmt: skip


def test_an_address_stands_in_the_file_or_in_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "redis.url"
    path.write_text("redis://:hidden@127.0.0.1:6379/0\n")
    path.chmod(0o600)
    found = read({**BASE, "fleet": {"machine": "edge-1", "redis_file": "redis.url"}}, folder=tmp_path).fleet
    assert found is not None and (found.machine, found.redis) == ("edge-1", "redis://:hidden@127.0.0.1:6379/0")
    assert "hidden" not in repr(found)
    assert read(BASE).fleet is None
    alone = read({**BASE, "fleet": {"redis": "unix:///run/valkey.sock"}}).fleet
    assert alone is not None and alone.machine


@pytest.mark.parametrize(("text", "mode"), [("nonsense", 0o600), ("http://127.0.0.1/", 0o600), ("redis://127.0.0.1/0", 0o644)])
def test_a_file_that_cannot_serve_is_said_without_its_content(text: str, mode: int, tmp_path: Path) -> None:
    path = tmp_path / "redis.url"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(SettingsError) as caught:
        read({**BASE, "fleet": {"redis_file": "redis.url"}}, folder=tmp_path)
    assert any("fleet.redis_file" in one for one in caught.value.problems)
    assert not any(text in one for one in caught.value.problems)
