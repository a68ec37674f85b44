"""Calls of our own customers through a whole ringwarden: whose they are, and who is noticed for how they end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.app import App
from proxy.parts import prepare
from proxy.settings import load
from proxy.sip.flow import Flow

CARRIER, PBX, OFFICE = (Flow(0, f"127.0.0.{last}", 25060) for last in (2, 3, 4))
SETTINGS = """
secret = "{secret}"
[[listen]]
address = "127.0.0.1:0"
[[trunk]]
name = "carrier"
side = "carrier"
sources = ["127.0.0.2"]
mode = "enforce"
[[trunk]]
name = "pbx"
side = "pbx"
sources = ["127.0.0.3"]
mode = "enforce"
trust = "identity"
[[trunk]]
name = "office"
side = "pbx"
sources = ["127.0.0.4"]
mode = "enforce"
customer = "Office"
[next_hop]
pbx = ["127.0.0.3:25060"]
carrier = ["127.0.0.2:25060"]
[numbers]
inventory = ["{folder}/numbers.csv"]
[paths]
state = "{folder}"
[policy.checks]
answers = "{mode}"
[lab]
enabled = true
[log]
level = "error"
"""
NUMBERS = "number,customer\n12025550100-12025550109,Dialler\n12025550110-12025550119,Quiet\n"
INVITE = """INVITE sip:+{callee}@carrier.example SIP/2.0
Via: SIP/2.0/UDP {source}:25060;branch=z9hG4bK{call_id}
Max-Forwards: 70
From: <sip:+{caller}@pbx.example>;tag=caller
To: <sip:+{callee}@carrier.example>
Call-ID: {call_id}
CSeq: 1 INVITE
Contact: <sip:pbx@{source}:25060>
Content-Length: 0

""".replace("\n", "\r\n")
MANY = 70
"""More calls than are gathered before the figures are brought up to date, and than say anything."""


class Ground:
    """A ringwarden that reads what it is handed and whose messages stay here, and the rows that it writes."""

    def __init__(self, app: App) -> None:
        self.app, self.turn = app, 0
        self.rows: list[Any] = []
        app.calls.world.journal = self

    def put(self, row: Any) -> None:
        self.rows.append(row)

    def hears(self, data: bytes, flow: Flow) -> list[tuple[bytes, Flow]]:
        endpoint, calls = self.app.endpoint, self.app.calls
        now = calls.world.now()
        calls.handle(endpoint.receive(data, flow, now), now)
        out = list(endpoint.to_send())
        calls.afterwards()
        return out

    def call(self, caller: str, source: Flow = PBX, status: int = 480, callee: str = "12125550147") -> Any:
        """The row of a call that is sent on and ends so."""
        self.turn += 1
        fields = {"caller": caller, "callee": callee, "source": source.host, "call_id": f"call-{self.turn}"}
        out = self.hears(INVITE.format(**fields).encode(), source)
        # An emergency call is tried at every hop, and here there is one.
        ((data, to),) = [(data, to) for data, to in out if data.startswith(b"INVITE ")]
        head = [line for line in data.split(b"\r\n") if re.match(rb"(?i)via|from|to|call-id|cseq", line)]
        self.hears(b"\r\n".join((b"SIP/2.0 %d So" % status, *head, b"Content-Length: 0", b"", b"")), to)
        return self.rows[-1]


@pytest.fixture(params=["shadow", "enforce"])
async def ground(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    (tmp_path / "numbers.csv").write_text(NUMBERS)
    text = SETTINGS.format(secret="4c" * 32, folder=tmp_path, mode=request.param)
    (tmp_path / "ringwarden.toml").write_text(text)
    chosen = load(tmp_path / "ringwarden.toml")
    app = App(chosen, prepare(chosen))
    await app.start()
    try:
        yield Ground(app)
    finally:
        await app.stop()


def slugs(row: Any) -> list[str]:
    return [slug for slug, *_ in row.findings if slug.startswith("answers-")]


async def test_a_customer_whose_calls_nobody_answers_is_noticed_and_no_other(ground: Ground) -> None:
    first, *_, last = [ground.call(f"1202555010{turn % 10}") for turn in range(MANY)]
    assert (first.customer, slugs(first)) == ("Dialler", [])
    assert (last.customer, slugs(last), last.status) == ("Dialler", ["answers-company"], 480)
    shadow = ground.app.calls.world.book.checks["answers"] == "shadow"
    assert ("answers-company" in last.shadows.split()) == shadow and last.action == ("allow" if shadow else "tag")
    assert last.ceilings == "answers-company=tag"
    other = ground.call("12025550110")
    assert (other.customer, slugs(other)) == ("Quiet", [])
    assert slugs(ground.call("12125550148")) == [] and ground.rows[-1].customer == ""  # nobody's number


async def test_a_trunk_of_one_customer_says_whose_its_calls_are(ground: Ground) -> None:
    rows = [ground.call("12025550100", OFFICE) for _ in range(MANY)]
    assert {row.customer for row in rows} == {"Office"} and slugs(rows[-1]) == ["answers-company"]
    assert slugs(ground.call("12025550100")) == []  # and the number's owner has done nothing


async def test_calls_that_are_asked_to_prove_themselves_or_find_no_line_are_not_counted(ground: Ground) -> None:
    rows = [ground.call("12025550100", status=407 if turn % 2 else 404) for turn in range(10)]
    rows += [ground.call("12025550100", status=407) for _ in range(2 * MANY)]
    assert [row for row in rows if slugs(row)] == []


async def test_emergency_calls_and_calls_from_outside_are_nobodys(ground: Ground) -> None:
    emergencies = [ground.call("12025550100", callee="911") for _ in range(MANY)]
    assert {row.action for row in emergencies} == {"emergency"} and not any(row.findings for row in emergencies)
    outside = [ground.call("12025550100", CARRIER, callee="12025550110") for _ in range(3)]
    assert {row.customer for row in outside} == {""}
    assert len([one for one in ground.app.calls.world.following.sources._counts if one[0] == "customer"]) == 0
