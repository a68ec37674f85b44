"""An ACK or a BYE that goes on by its bytes alone goes on as the same one does that is taken apart."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.app import App
from proxy.parts import prepare
from proxy.settings import load
from proxy.sip import endpoint as room
from proxy.sip import transactions
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.matching import server_key
from proxy.sip.message import Request
from proxy.sip.parser import MAX_HEAD, check, parse
from proxy.sip.plain import read
from proxy.sip.via import first_of_line
from proxy.storage.journal import Journal
from tests.compiled import looks_inside

CARRIER, PBX = Flow(0, "127.0.0.2", 25060), Flow(0, "127.0.0.3", 25080)
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
mode = "observe"
[next_hop]
pbx = ["127.0.0.3:25080"]
carrier = ["127.0.0.2:25060"]
[paths]
journal = "{folder}/journal.db"
[lab]
enabled = true
[log]
level = "error"
"""
INVITE = b"""INVITE sip:+12815550101@pbx.example SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:25060;branch=z9hG4bKinvite%(n)d
Max-Forwards: 70
From: <sip:+12015550100@carrier.example>;tag=caller
To: <sip:+12815550101@pbx.example>
Call-ID: plain-%(n)d
CSeq: 1 INVITE
Contact: <sip:carrier@127.0.0.2:25060>
Content-Length: 0

""".replace(b"\n", b"\r\n")
PLAIN = {
    "Max-Forwards": b"Max-Forwards: 70",
    "Route": b"Route: %(route)s",
    "From": b"From: <sip:+12015550100@carrier.example>;tag=caller",
    "To": b"To: <sip:+12815550101@pbx.example>;tag=callee",
    "Call-ID": b"Call-ID: plain-%(n)d",
    "CSeq": b"CSeq: 2 %(method)s",
    "Content-Length": b"Content-Length: %(length)d",
}
"""A request of the dialog as nearly all write it, but for its Via."""
OTHERWISE = {
    "Max-Forwards": [b"Max-Forwards: 1", b"Max-Forwards: 0", b"max-forwards: 9", b"Max-Forwards: 70\r\nMax-Forwards: 70", b"X: 1"],
    "Route": [b"Route: %(route)s, <sip:127.0.0.2:25060;lr>", b"route: %(route)s", b"Route: <sip:127.0.0.2:25060;lr>", b"X: 1"],
    "From": [
        b"From: <sip:+12015550100@carrier.example>;tag=another", b"f: <sip:a@b>;tag=caller", b"From: torn <<", b"From: sip:a@b",
        b"From: \"A, B\" <sip:+12015550100@carrier.example;verstat=x>;tag=caller",
    ],
    "To": [b"To: <sip:+12815550101@pbx.example>", b"To: <sip:a@b>;tag=z9s0011223344556677", b"To:<sip:a@b>;tag=callee"],
    "Call-ID": [b"Call-ID: another", b"i: plain-%(n)d", b"Call-ID:  plain-%(n)d \t"],
    "CSeq": [b"CSeq: 2 INVITE", b"CSeq: 02 %(method)s", b"CSeq: 70000 %(method)s", b"CSeq: x"],
    "Content-Length": [b"Content-Length: 99", b"Content-Length: 0", b"l: %(length)d", b"X: no length"],
}  # fmt: skip
MORE = [
    b"Contact: <sip:carrier@127.0.0.2:25060>", b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKfar", b"X-Screen-Verdict: forged", b"Bad : 1",
    b"X-Long: a\r\n folded", b"Proxy-Require: nothing", b"Max-Breadth: 3", b"Max-Breadth: 0", b"no colon", b"P-Asserted-Identity: <sip:a@b>",
    b"Priority: psap-callback", b"X-Odd: %%76erstat", b"v: SIP/2.0/UDP 192.0.2.9", b"X: \xff", b"Reason: SIP;cause=200", b"p: 1", b": 1",
]  # fmt: skip
TARGETS = [
    b"sip:pbx@127.0.0.3:25080", b"sip:pbx@127.0.0.3:25080;lr", b"sip:rwc-AAAA@127.0.0.1:5060", b"tel:+12025550100",
    b"sip:pbx@127.0.0.3:25080?a=b", b"sip:pbx@127.0.0.3;transport=udp", b"sip:911@127.0.0.3:25080", b"sip:127.0.0.3:25080;maddr=127.0.0.9",
]  # fmt: skip
VIAS = [
    b"Via: SIP/2.0/UDP 127.0.0.2:25060;branch=%s", b"Via: SIP/2.0/UDP 127.0.0.2:25060;branch=%s;rport", b"v: SIP/2.0/UDP 127.0.0.2:25060;branch=%s",
    b"Via: SIP/2.0/UDP phone.example;branch=%s", b"Via: SIP/2.0/UDP 127.0.0.2:25060;rport;branch=%s", b"Via: SIP/2.0/UDP 127.0.0.2:25060;branch=%s;x=1",
]  # fmt: skip


class Ground:
    """A ringwarden without sockets, and one answered call after the other."""

    def __init__(self, app: App) -> None:
        self.app, self.calls = app, 0
        self.rows: list[Any] = []
        app.calls.world.journal = self

    def put(self, row: Any) -> None:
        self.rows.append(row)

    def hears(self, data: bytes, flow: Flow) -> list[tuple[bytes, Flow]]:
        endpoint, calls = self.app.endpoint, self.app.calls
        now = calls.world.now()
        calls.handle(endpoint.receive(data, flow, now), now)
        out = endpoint.to_send()
        calls.afterwards()
        return out

    def answered(self) -> bytes:
        """Our Record-Route of a call that was answered just now."""
        self.calls += 1
        for data, flow in self.hears(INVITE % {b"n": self.calls}, CARRIER):
            if flow[:3] == PBX[:3] and data.startswith(b"INVITE "):
                head = [line for line in data.split(b"\r\n") if re.match(rb"(?i)via|from|call-id|cseq|record-route", line)]
                to = b"To: <sip:+12815550101@pbx.example>;tag=callee"
                contact = b"Contact: <sip:pbx@127.0.0.3:25080>"
                self.hears(b"\r\n".join((b"SIP/2.0 200 OK", *head, to, contact, b"Content-Length: 0", b"", b"")), PBX)
                route = re.search(rb"\r\nRecord-Route: (<[^>]*>)", data)
                assert route is not None
                return route[1]
        raise AssertionError("the call did not come through")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder: Path = tmp_path_factory.mktemp("plain")
    (folder / "ringwarden.toml").write_text(SETTINGS.format(secret="4c" * 32, folder=folder))
    chosen = load(folder / "ringwarden.toml")

    async def begun() -> App:
        app = App(chosen, prepare(chosen))
        await app.start()
        app.server.stop()  # nothing leaves, and what comes is ours
        return app

    with asyncio.Runner() as runner:
        app = runner.run(begun())
        journal = app.calls.world.journal
        assert isinstance(journal, Journal)
        ground = Ground(app)
        ground.runner = runner  # type: ignore[attr-defined]
        yield ground
        journal.close()


COUNTED = ("requests", "responses", "marks", "unknown_sources", "strays", "parse_errors", "internal_errors", "decisions")


def outcome(ground: Ground, short: bool, made: bytes, fields: dict[bytes, Any], branch: bytes, source: Flow) -> tuple[Any, ...]:
    """What leaves, what is told and what is kept of a message."""

    async def heard() -> list[tuple[bytes, Flow]]:
        return ground.hears(made % {**fields, b"branch": branch}, source)

    metrics = ground.app.calls.world.metrics
    slots = [slot for name in COUNTED for slot in metrics.counters(name).slots.values()]
    kept, counted = len(ground.rows), [metrics.cells[slot] for slot in slots]
    ongoing = ground.app.calls.ongoing
    active, ongoing._calls = ongoing._calls, ongoing._calls.copy()  # each of the two ends the call
    reading, room.read_plain = room.read_plain, room.read_plain if short else lambda data: None
    try:
        out = ground.runner.run(heard())  # type: ignore[attr-defined]
    finally:
        room.read_plain, ongoing._calls = reading, active
    # Our own branches and tags differ, and so do the sender's two branches.
    sent = [(re.sub(rb"z9hG4bK[-.0-9a-zA-Z]+|;tag=[0-9a-zA-Z]{16,}|;rw=[^>]+", b"drawn", data), flow) for data, flow in out]
    ended = [(row.call_id, row.cause) for row in ground.rows[kept:]]
    return sent, ended, [metrics.cells[slot] - before for slot, before in zip(slots, counted, strict=True)]


def message(method: str, target: bytes, via: bytes, lines: list[bytes], body: bytes) -> bytes:
    return b"\r\n".join((b"%b %b SIP/2.0" % (method.encode(), target), via % b"%(branch)s", *lines, b"", body))


WAYS = {
    "target": st.sampled_from(TARGETS[:1] * 12 + TARGETS),
    "via": st.sampled_from(VIAS[:2] * 6 + VIAS),
    "other": st.dictionaries(st.sampled_from(sorted(OTHERWISE)), st.integers(0, 4), max_size=1),
    "more": st.lists(st.sampled_from(MORE), max_size=2),
    "at": st.integers(0, 7),
    "body": st.sampled_from([b"", b"", b"v=0\r\n"]),
    "source": st.sampled_from([CARRIER, CARRIER, CARRIER, PBX, Flow(0, "127.0.0.2", 9)]),
}


@pytest.mark.req("SIP-034", "SIP-070", "SIP-071", "TRAP-63")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(method=st.sampled_from(["ACK", "BYE"]), **WAYS)
def test_both_ways_come_to_the_same(
    ground: Ground, method: str, target: bytes, via: bytes, other: dict[str, int], more: list[bytes], at: int, body: bytes,
    source: Flow,
) -> None:  # fmt: skip
    route = ground.answered()
    lines = [
        OTHERWISE[name][other[name] % len(OTHERWISE[name])] if name in other else line for name, line in PLAIN.items()
    ]
    lines[at:at] = more
    made = message(method, target, via, lines, body)
    fields = {b"route": route, b"n": ground.calls, b"method": method.encode(), b"length": len(body)}
    # The Via is met once before: only then is it read by its bytes.
    ground.hears(b"OPTIONS sip:127.0.0.1 SIP/2.0\r\n" + via % b"z9hG4bKx" + b"\r\n\r\n", source)
    first = outcome(ground, True, made, fields, b"z9hG4bKone%d" % ground.calls, source)
    second = outcome(ground, False, made, fields, b"z9hG4bKtwo%d" % ground.calls, source)
    assert first == second


@pytest.mark.parametrize("method", ["ACK", "BYE"])
@pytest.mark.parametrize("via", VIAS[:2])
def test_an_ordinary_one_is_not_taken_apart(
    ground: Ground, method: str, via: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = ground.answered()
    made = message(method, TARGETS[0], via, list(PLAIN.values()), b"")
    fields = {b"route": route, b"n": ground.calls, b"method": method.encode(), b"length": 0}

    def fails(*_: object) -> None:
        raise AssertionError("it was taken apart")

    monkeypatch.setattr(room, "parse", fails)
    sent, ended, _ = outcome(ground, True, made, fields, b"z9hG4bKplain%d" % ground.calls, CARRIER)
    ((data, flow),) = sent
    assert flow[:3] == PBX[:3] and data.startswith(b"%b sip:pbx@127.0.0.3:25080 SIP/2.0\r\n" % method.encode())
    assert b"\r\nMax-Forwards: 69\r\n" in data and b"Route" not in data
    assert ended == ([(f"plain-{ground.calls}", "caller")] if method == "BYE" else [])


@pytest.mark.req("SIP-068")
def test_the_ack_of_a_refusal_ends_it_and_is_not_taken_apart(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.calls += 1
    fields = {b"n": ground.calls, b"route": b"<sip:127.0.0.1>", b"method": b"ACK", b"length": 0}
    for data, flow in ground.hears(INVITE % fields, CARRIER):
        if flow[:3] == PBX[:3]:
            head = [line for line in data.split(b"\r\n") if re.match(rb"(?i)via|from|call-id|cseq", line)]
            to = b"To: <sip:+12815550101@pbx.example>;tag=callee"
            ground.hears(b"\r\n".join((b"SIP/2.0 486 Busy Here", *head, to, b"Content-Length: 0", b"", b"")), PBX)
    key = (b"z9hG4bKinvite%d" % ground.calls).decode().lower(), "127.0.0.2", 25060, "INVITE"
    assert ground.app.endpoint._layer.servers[key].state == transactions.COMPLETED
    lines = [line.replace(b"CSeq: 2", b"CSeq: 1") for line in PLAIN.values()]
    made = message("ACK", TARGETS[0], VIAS[0], lines, b"")

    def fails(*_: object) -> None:
        raise AssertionError("it was taken apart")

    monkeypatch.setattr(room, "parse", fails)
    sent, ended, _ = outcome(ground, True, made, fields, b"z9hG4bKinvite%d" % ground.calls, CARRIER)
    assert sent == ended == [] and ground.app.endpoint._layer.servers[key].state == transactions.CONFIRMED


@looks_inside
@pytest.mark.req("SIP-071", "TRAP-63")
def test_a_bye_whose_token_is_of_another_call_is_taken_apart(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = ground.answered()
    ground.answered()
    made = message("BYE", TARGETS[0], VIAS[0], list(PLAIN.values()), b"")
    fields = {b"route": route, b"n": ground.calls, b"method": b"BYE", b"length": 0}
    apart: list[bytes] = []
    parse = room.parse
    monkeypatch.setattr(room, "parse", lambda data: [apart.append(data), parse(data)][1])
    outcome(ground, True, made, fields, b"z9hG4bKforged", CARRIER)
    assert len(apart) == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_plain_or_not(data: bytes) -> None:
    assert read(data) is None
    for head in (b"ACK ", b"BYE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n"):
        read(head + data)


ODD = st.one_of(
    st.sampled_from([b"", b" ", b"\t", b"\r", b"\n", b"\r\n ", b'"', b"<", b">", b";", b"=", b"@", b"\x00", b"\x7f", b"\xff", b"%41", b"\xc3\xbc", b"/"]),
    st.binary(max_size=3),
)  # fmt: skip


@pytest.mark.req("SIP-016", "SIP-034")
@settings(max_examples=400)
@given(method=st.sampled_from(["ACK", "BYE"]), odd=st.one_of(st.just(b""), ODD), place=st.integers(0, 400), pad=st.one_of(st.just(-1), st.integers(0, 600)), **WAYS)
def test_whatever_is_plain_is_what_the_parser_takes(
    method: str, target: bytes, via: bytes, other: dict[str, int], more: list[bytes], at: int, body: bytes, source: Flow,
    odd: bytes, place: int, pad: int,
) -> None:  # fmt: skip
    lines = [
        OTHERWISE[name][other[name] % len(OTHERWISE[name])] if name in other else line for name, line in PLAIN.items()
    ]
    lines[at:at] = more
    fields = {b"route": b"<sip:127.0.0.1;lr;rw=x>", b"n": 1, b"method": method.encode(), b"length": len(body)}
    made = message(method, target, via, lines, body) % {**fields, b"branch": b"z9hG4bKone"}
    made = made[:place] + odd + made[place:]
    if pad >= 0:  # about as long as a head may be
        made = made.replace(b"\r\nTo:", b"\r\nX-Pad: %b\r\nTo:" % (b"y" * (MAX_HEAD - 500 + pad)))
    for one in VIAS:
        first_of_line(one % b"z9hG4bKx")
    if (plain := read(made)) is not None:
        taken = parse(made)
        check(taken)
        assert isinstance(taken, Request) and (taken.method.encode(), taken.target) == (plain.method, plain.target)
        assert (taken.from_tag, taken.to_tag, server_key(taken, "INVITE" if method == "ACK" else None)) == (plain.from_tag, plain.to_tag, plain.key)


@pytest.mark.req("SIP-016")
@pytest.mark.parametrize("method", ["ACK", "BYE"])
def test_a_head_that_the_parser_refuses_is_not_plain(method: str) -> None:
    first_of_line(VIAS[0] % b"z9hG4bKx")
    fields = {b"route": b"<sip:127.0.0.1>", b"n": 1, b"method": method.encode(), b"length": 0, b"branch": b"z9hG4bKone"}
    length = len(message(method, TARGETS[0], VIAS[0], [*PLAIN.values(), b"X-Pad: "], b"") % fields) - 4
    for octets, taken in ((MAX_HEAD, True), (MAX_HEAD + 1, False), (50_000, False)):
        padded = message(method, TARGETS[0], VIAS[0], [*PLAIN.values(), b"X-Pad: " + b"y" * (octets - length)], b"") % fields
        assert (read(padded) is not None) is taken
        if taken:
            check(parse(padded))
        else:
            with pytest.raises(ParseError) as error:
                parse(padded)
            assert error.value.status == 513
