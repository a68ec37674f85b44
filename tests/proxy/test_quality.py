"""Reports of how calls sounded, read into the journal beside the call, and calls that have none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.cli.explain import told
from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.quality import NOTE, Quality
from proxy.sip.message import Response
from proxy.sip.parser import parse
from proxy.storage.database import Database
from proxy.storage.find import since, verified
from proxy.storage.rows import End, Item, Note, Record, Row
from proxy.storage.telling import flat
from proxy.workers.links import RemoteJournal, rows_of
from tests.waiting import recorded

REPORT = (
    "VQSessionReport: CallTerm\r\nCallID: {call}\r\nLocalMetrics:\r\nSessionDesc:PT=0 PD=PCMU\r\n"
    "PacketLoss:NLR=1.5 JDR=0.5\r\nDelay:RTD=120 IAJ=3\r\nQualityEst:MOSLQ=4.2 MOSCQ=4.0\r\n"
)
STAT = "X-RTP-Stat: PS=1200;PR=990;PL=10;JI=12;DL=35;DE=PCMU"


def on(text: str) -> str:
    return text.replace("[log]", "[journal]\nquality = true\n\n[log]")


def with_reports(count: int) -> Callable[[Record], bool]:
    """Whether a call has ended and so many reports stand beside it."""
    return lambda one: len(one.quality) == count and one.ended is not None


async def test_reports_of_both_ways_are_in_the_record_of_the_call(tmp_path: Path) -> None:
    async with World(tmp_path, amend=on) as world:
        caller = "<sip:+13015550101@carrier.example.net>"
        sent = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", caller, lines=(f"P-Asserted-Identity: {caller}",))
        outcome = await world.carrier.call(sent, world.proxy, hang_up=False)
        assert outcome.status == 200 and outcome.dialog is not None
        bye = await world.carrier.within(outcome.dialog, "BYE", lines=(STAT,))
        assert bye.status == 200
        assert (await world.pbx.hears("BYE", call_id=sent.call_id)).header("x-rtp-stat") == STAT.partition(": ")[2]
        lines = ("Event: vq-rtcpxr", "Content-Type: application/vq-rtcpxr")
        publish = Invitation(
            f"sip:127.0.0.1:{world.ports['proxy']}", "<sip:pbx@pbx.example.com>", lines=lines, method="PUBLISH",
            body=REPORT.format(call=sent.call_id).encode(),
        )  # fmt: skip
        got = await world.pbx.call(publish, world.proxy)
        assert got.status == 200
        # Of a call that a carrier has no part in nothing is believed: it is passed on, and that is all.
        assert (await world.carrier.call(replace(publish, call_id="x@lab"), world.proxy)).status
        record = await recorded(tmp_path / "journal.db", sent.call_id, with_reports(2))
    shown = flat(record)
    assert (shown["mos"], shown["packet_loss"], shown["jitter_ms"], shown["round_trip_ms"]) == (4.0, 2.0, 12.0, 120.0)
    assert (shown["codec"], shown["heard_by"]) == ("PCMU", ["carrier", "pbx"])
    assert any("sounded   as the pbx side reports (rtcpxr): mos 4.0" in line for line in told(record))


async def test_without_the_setting_nothing_is_read(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        caller = "<sip:+13015550101@carrier.example.net>"
        sent = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", caller)
        outcome = await world.carrier.call(sent, world.proxy, hang_up=False)
        assert outcome.dialog is not None
        assert (await world.carrier.within(outcome.dialog, "BYE", lines=(STAT,))).status == 200
        record = await recorded(tmp_path / "journal.db", sent.call_id, with_reports(0))
    assert flat(record)["mos"] is None and flat(record)["heard_by"] == []


class Kept:
    def __init__(self) -> None:
        self.items: list[Item] = []

    def put(self, item: Item) -> None:
        self.items.append(item)


@pytest.mark.parametrize("side", ["carrier", "pbx"])
def test_the_answer_to_a_bye_tells_what_the_other_end_heard(side: str) -> None:
    journal, counts = Kept(), []
    reader = Quality(journal, lambda form, result: counts.append((form, result)))
    answer = parse(f"SIP/2.0 200 OK\r\nCall-ID: c\r\nCSeq: 2 BYE\r\n{STAT}\r\n\r\n".encode())
    assert isinstance(answer, Response)
    edits = reader.answered("c", side, 1000.0)(answer)
    assert not edits.swap and not edits.drop and not edits.add
    (note,) = journal.items
    assert isinstance(note, Note) and (note.kind, note.about) == (NOTE, "c")
    assert f'"side": "{"pbx" if side == "carrier" else "carrier"}"' in note.text
    assert counts == [("stat", "kept")]


def test_reports_are_rows_of_the_chain_like_others_and_go_through_workers(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    items: list[Item] = [Row(time.time(), "c", status=200), Note(time.time(), NOTE, "c", '{"side": "pbx", "mos": 4.1}'), End("c", time.time(), 5.0)]
    database = Database(path, 1.0)
    database.write(items)
    database.close()
    assert not verified(path).faults
    (record,) = since(path, 0.0, time.time() + 1)
    assert record.quality == ({"side": "pbx", "mos": 4.1},)
    sent: list[bytes] = []

    class Line:
        def send(self, kind: int, batch: object) -> bool:
            import marshal

            sent.append(marshal.dumps(batch))
            return True

    async def through() -> None:
        remote = RemoteJournal(Line())  # type: ignore[arg-type]
        for item in items:
            remote.put(item)
        remote.close()

    asyncio.run(through())
    assert [one for batch in sent for one in rows_of(batch)] == items


async def test_the_record_of_a_listed_caller_says_how_old_the_list_is(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        caller = f"<sip:+{UTILITY}@carrier.example.net>"
        sent = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", caller, lines=(f"P-Asserted-Identity: {caller}",))
        assert (await world.carrier.call(sent, world.proxy)).status == 603
        record = await recorded(tmp_path / "journal.db", sent.call_id)
    assert record.row.campaign and flat(record)["list_age"] in (0.0, 1.0, 2.0)
