"""Whose a message is, by where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.settings.addresses import source
from proxy.settings.network import Trunk
from proxy.settings.trunks import MAX_REMEMBERED, TrunkTable


def trunk(name: str, *sources: str) -> Trunk:
    return Trunk(name, "carrier", tuple(source(text, Path()) for text in sources))


TABLE = TrunkTable(
    [
        trunk("wide", "198.51.100.0/24", "2001:db8::/32"),
        trunk("narrow", "198.51.100.16/28", "2001:db8:5::/48"),
        trunk("host", "198.51.100.17", "2001:db8:5::7"),
        trunk("port", "127.0.0.1:15060"),
        trunk("other-port", "127.0.0.1:15080"),
    ]
)


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        ("198.51.100.1", 5060, "wide"),
        ("198.51.100.18", 5060, "narrow"),
        ("198.51.100.17", 5060, "host"),
        ("::ffff:198.51.100.17", 5060, "host"),
        ("2001:db8:1::1", 5060, "wide"),
        ("2001:db8:5::1", 5060, "narrow"),
        ("2001:db8:5:0::7", 5060, "host"),
        ("127.0.0.1", 15060, "port"),
        ("127.0.0.1", 15080, "other-port"),
        ("127.0.0.1", 15090, None),
        ("192.0.2.1", 5060, None),
        ("::1", 5060, None),
        ("not an address", 5060, None),
    ],
)
def test_the_most_exact_source_decides(host: str, port: int, name: str | None) -> None:
    for _ in range(2):  # the second time from memory
        found = TABLE.find(host, port)
        assert (found.name if found is not None else None) == name


def test_a_flood_of_forged_sources_is_not_remembered_for_ever() -> None:
    table = TrunkTable([trunk("host", "198.51.100.17")])
    for count in range(3 * MAX_REMEMBERED):
        assert table.find(f"10.{count >> 16}.{count >> 8 & 255}.{count & 255}") is None
    assert len(table._memo) <= MAX_REMEMBERED + 1
    assert table.find("198.51.100.17") is not None


@given(st.text(max_size=60), st.integers())
def test_no_source_can_make_it_raise(host: str, port: int) -> None:
    TABLE.find(host, port)
