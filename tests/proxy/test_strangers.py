"""Who calls and is nobody's peer: one line each, bounded, and the tool where it gives itself away."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.lab.world import World
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from proxy.sip.parser import parse
from proxy.strangers import BURST, RATE, Strangers, scanner
from tests.waiting import counted

FLOW = Flow(0, "198.51.100.77", 5071)


def request(agent: str | None) -> Request:
    lines = [
        "OPTIONS sip:100@203.0.113.5 SIP/2.0", "Via: SIP/2.0/UDP 198.51.100.77;branch=z9hG4bK1", 'From: "x" <sip:100@1.1.1.1>;tag=1',
        "To: <sip:100@1.1.1.1>", "Call-ID: 1", "CSeq: 1 OPTIONS", *([f"User-Agent: {agent}"] if agent is not None else []), "", "",
    ]  # fmt: skip
    found = parse("\r\n".join(lines).encode())
    assert isinstance(found, Request)
    return found


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("friendly-scanner", "friendly-scanner"),
        ("Friendly-Scanner 0.2", "friendly-scanner"),
        ("sipcli/v1.8", "sipcli"),
        ("SIPVicious/0.3", "sipvicious"),
        ("Asterisk PBX 18.4.0", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_scanners_are_known_by_what_they_call_themselves(agent: str | None, name: str) -> None:
    assert scanner(request(agent)) == name


def test_each_one_has_a_line_with_its_source_first() -> None:
    said = Strangers().noticed(request("sipcli/v1.8"), FLOW, 10.0)
    assert said is not None
    assert list(said.items()) == [("source", "198.51.100.77"), ("method", "OPTIONS"), ("scanner", "sipcli")]


def test_a_flood_has_no_more_lines_than_its_bound() -> None:
    strangers, one = Strangers(), request(None)
    lines = [strangers.noticed(one, FLOW, 100.0) for _ in range(1000)]
    assert sum(line is not None for line in lines) == BURST
    assert strangers.unsaid == 1000 - BURST
    lines = [strangers.noticed(one, FLOW, 102.0) for _ in range(1000)]
    assert sum(line is not None for line in lines) == 2 * RATE
    # A clock that goes back gives nothing.
    assert strangers.noticed(one, FLOW, 1.0) is None


async def test_a_flood_of_what_is_no_sip_is_counted_whole_and_has_no_more_lines_than_its_bound(tmp_path: Path) -> None:
    async with World(tmp_path, level="info") as world:
        for sent in range(0, 900, 100):
            for _ in range(100):
                await world.carrier.send(b"INVITE x SIP/2.0\r\n\r\n", world.proxy)
            await counted(world, 'ringwarden_parse_errors_total{kind="400"}', sent + 100)
    lines = sum('"bad-message"' in line for line in world.said)
    assert BURST <= lines < 900
