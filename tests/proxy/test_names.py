"""What DNS says, remembered: by TTL, within bounds, asked once, old answers while nobody can be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from proxy import names as room
from proxy.lab.nameserver import NameServer
from proxy.names import (
    FAILED_SECONDS,
    MAX_NEGATIVE,
    Names,
    Naptr,
    Record,
    Servers,
    Srv,
    Told,
    Unanswered,
    written_hosts,
)


class Zone:
    """Answers from a table, when it is let."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[Sequence[Record], float] | str] = {}
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.now = 1000.0
        self.counted: list[str] = []
        self.names = Names(self.ask, lambda: self.now, lambda kind, result: self.counted.append(f"{kind} {result}"))

    async def ask(self, name: str, kind: str) -> Told:
        self.asked.append(name)
        await self.open.wait()
        found = self.rows.get(name, ((), 60.0))
        if isinstance(found, str):
            raise Unanswered(found)
        return Told(tuple(found[0]), found[1])

    async def find(self, name: str = "a.example") -> tuple[Record, ...] | None:
        return await self.names.find(name, "A", 1.0)

    async def settled(self) -> None:
        """Let what was begun beside come to its end."""
        await asyncio.gather(*self.names._flights.values(), return_exceptions=True)
        await asyncio.sleep(0)


@pytest.fixture
async def zone() -> Zone:
    made = Zone()
    made.rows["a.example"] = (["192.0.2.1"], 30.0)
    return made


@pytest.mark.req("SIP-116")
async def test_an_answer_is_believed_for_its_ttl_and_asked_again_after_it(zone: Zone) -> None:
    assert zone.names.known("a.example", "A") is None
    assert await zone.find() == ("192.0.2.1",)
    zone.now += 29.9
    assert await zone.find("A.Example.") == ("192.0.2.1",) and len(zone.asked) == 1
    assert zone.names.left("a.example", "A") == pytest.approx(0.1)
    zone.rows["a.example"] = (["192.0.2.2"], 30.0)
    zone.now += 0.2
    # The old one serves at once, while it is asked again.
    assert zone.names.known("a.example", "A") == ("192.0.2.1",)
    await zone.settled()
    assert zone.names.known("a.example", "A") == ("192.0.2.2",) and len(zone.asked) == 2


@pytest.mark.req("SIP-116")
async def test_that_there_is_none_is_remembered_for_a_bounded_time(zone: Zone) -> None:
    zone.rows["none.example"] = ((), 1e9)
    assert await zone.find("none.example") == ()
    assert await zone.find("none.example") == () and zone.asked == ["none.example"]
    zone.now += MAX_NEGATIVE
    assert zone.names.known("none.example", "A") is None
    assert zone.counted == ["A nothing"]


async def test_when_nobody_can_be_asked_the_old_answer_serves_and_the_servers_get_a_pause(zone: Zone) -> None:
    assert await zone.find() == ("192.0.2.1",)
    zone.rows["a.example"] = "timeout"
    zone.now += 100
    assert await zone.find() == ("192.0.2.1",)
    await zone.settled()
    assert await zone.find() == ("192.0.2.1",) and len(zone.asked) == 2
    zone.now += FAILED_SECONDS
    assert await zone.find() == ("192.0.2.1",)
    await zone.settled()
    assert len(zone.asked) == 3
    # Not for ever.
    zone.now += room.STALE_SECONDS
    assert await zone.find() is None
    assert zone.counted == ["A answered", "A timeout", "A timeout", "A timeout"]


async def test_who_was_never_answered_is_not_asked_at_every_call(zone: Zone) -> None:
    zone.rows["a.example"] = "failed"
    assert await zone.find() is None
    assert await zone.find() == () and len(zone.asked) == 1
    zone.now += FAILED_SECONDS
    assert await zone.find() is None and len(zone.asked) == 2


@pytest.mark.req("SIP-116")
async def test_a_question_is_asked_once_however_many_wait_and_each_has_its_deadline(zone: Zone) -> None:
    zone.open.clear()
    patient = [asyncio.ensure_future(zone.find()) for _ in range(20)]
    assert await zone.names.find("a.example", "A", 0.01) is None
    zone.open.set()
    assert await asyncio.gather(*patient) == [("192.0.2.1",)] * 20
    assert zone.asked == ["a.example"]


async def test_what_is_remembered_and_what_is_open_is_bounded(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_NAMES", 10)
    monkeypatch.setattr(room, "MAX_FLIGHTS", 5)
    for place in range(30):
        await zone.find(f"{place}.example")
    assert len(zone.names) == 10
    zone.open.clear()
    waiting = [asyncio.ensure_future(zone.find(f"new{place}.example")) for place in range(8)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert zone.counted.count("A busy") == 3
    zone.open.set()
    assert (await asyncio.gather(*waiting)).count(None) == 3
    assert await zone.find("x" * 255) == () and "x" * 255 not in zone.asked
    zone.rows["many.example"] = ([f"192.0.2.{n}" for n in range(200)], 60.0)
    assert len(await zone.find("many.example") or ()) == room.MAX_RECORDS


async def test_closing_ends_what_is_open(zone: Zone) -> None:
    zone.open.clear()
    waiting = asyncio.ensure_future(zone.find())
    await asyncio.sleep(0)
    await zone.names.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_names_of_the_hosts_file_are_not_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 localhost\n::1 localhost ip6 # me\nnonsense x\n192.0.2.9\tPBX pbx.example\n", encoding="utf-8")
    written = written_hosts(str(file))
    assert written["pbx"] == ("192.0.2.9",) and "x" not in written and written_hosts(str(tmp_path / "no")) == {}
    zone = Zone()
    found = Names(zone.ask, lambda: 0.0, hosts=written)
    assert found.known("localhost", "A") == ("127.0.0.1",) and found.known("localhost", "AAAA") == ("::1",)
    assert found.known("PBX", "NAPTR") == () and zone.asked == []


async def test_a_real_server_is_asked_and_its_records_are_ours() -> None:
    async with NameServer(negative=17) as server:
        server.put("a.example", "A", "192.0.2.1", ttl=33)
        server.put("a.example", "AAAA", "2001:db8::1")
        server.put("alias.example", "CNAME", "a.example.")
        server.put("_sip._udp.a.example", "SRV", "10 60 5070 A.example.", "20 0 0 .")
        server.put("a.example", "NAPTR", '10 50 "S" "sip+d2u" "" _sip._udp.a.example.')
        ask = Servers([("127.0.0.1", server.port)])
        assert await ask("a.example", "A") == Told(("192.0.2.1",), 33.0)
        assert (await ask("a.example", "AAAA")).records == ("2001:db8::1",)
        assert set((await ask("_sip._udp.a.example", "SRV")).records) == {Srv(10, 60, 5070, "a.example"), Srv(20, 0, 0, "")}
        assert (await ask("a.example", "NAPTR")).records == (Naptr(10, 50, "s", "SIP+D2U", "_sip._udp.a.example"),)
        assert await ask("a.example", "TXT") == Told((), 17.0)
        assert await ask("nobody.example", "A") == Told((), 17.0)
        server.broken.add("b.example")
        for name, why in (("b.example", "failed"), ("x" * 64 + ".example", "failed"), ("a..b", "failed")):
            with pytest.raises(Unanswered, match=why):
                await ask(name, "A")


async def test_a_server_that_says_nothing_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ASK_SECONDS", 0.3)
    async with NameServer() as server:
        server.mute.add("mute.example")
        with pytest.raises(Unanswered, match="timeout"):
            await Servers([("127.0.0.1", server.port)], 0.1)("mute.example", "A")
        assert len(server.asked) >= 2
