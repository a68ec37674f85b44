"""Records of several machines in one PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.fleet import records as room
from proxy.fleet.records import Place, Records, identity, new, values
from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.quality import NOTE
from proxy.storage.database import Database
from proxy.storage.rows import End, Item, Note, Record, Row
from tests.waiting import comes

UTC = 1_760_000_000.0


def row(number: int, **more: Any) -> Row:
    return Row(UTC + number, f"c{number}@lab", trunk="west", caller="13015550101", callee="12025550123", action="allow", status=200, **more)


def wrote(path: Path, *items: Item) -> None:
    database = Database(path, 1.0)
    database.write(items)
    database.close()


async def asked(dsn: str, query: str, *values: Any) -> list[Any]:
    import asyncpg

    link = await asyncpg.connect(dsn)
    try:
        return list(await link.fetch(query, *values))
    finally:
        await link.close()


async def copied(records: Records) -> int:
    batches = 0
    while await records.once():
        batches += 1
    return batches


async def test_calls_and_their_ends_are_copied_once_and_on_after_a_restart(postgres: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    wrote(path, row(1), row(2), End("c1@lab", UTC + 60, 59.0, "caller"))
    east = Records(postgres, path, "east")
    assert await copied(east) == 1 and not await east.once()
    await east.close()
    wrote(path, End("c2@lab", UTC + 90, 88.0, "callee"), row(3, display="nul\0 and \ud800"), Note(UTC, NOTE, "c1@lab", '{"side": "pbx", "mos": 4.1}'))
    again = Records(postgres, path, "east")
    assert await copied(again) == 1
    await again.close()
    journal = identity(path)
    rows = await asked(postgres, "SELECT id, machine, call_id, duration, final_code, record FROM ringwarden_calls WHERE journal = $1 ORDER BY id", journal)
    assert [tuple(one)[:5] for one in rows] == [
        (1, "east", "c1@lab", 59.0, 200), (2, "east", "c2@lab", 88.0, 200), (3, "east", "c3@lab", None, 200),
    ]  # fmt: skip
    whole = [json.loads(one["record"]) for one in rows]
    assert whole[0]["mos"] == 4.1 and whole[1]["ended_by"] == "callee" and whole[2]["display"].startswith("nul? and ")
    assert again.copied == 3


def whole(of: Row) -> Any:
    """What the column `record` has of a row."""
    return json.loads(values("j", "m", Record(1, of, 0, None, None, ""))[-1])


def test_a_backslash_before_u0000_is_text_and_only_a_real_nul_is_replaced() -> None:
    assert whole(Row(1.0, r"a\u0000b"))["call_id"] == r"a\u0000b"
    assert whole(Row(1.0, "a\0b"))["call_id"] == "a?b"
    assert whole(Row(1.0, "a", findings=((r"\u0000", "", 0, ""), ("\0", "", 0, ""))))["rules"] == [r"\u0000", "?"]


@given(st.lists(st.sampled_from((r"\u0000", "\\", "\0", '"', "u0000")) | st.text(max_size=8), max_size=8).map("".join))
def test_whatever_a_caller_writes_the_record_is_json_that_reads_back(text: str) -> None:
    shown = text.replace("\0", "?")
    record = whole(Row(1.0, text, display=text, findings=((text, "", 0, ""),)))
    assert (record["call_id"], record["display"], record["rules"]) == (shown, shown, [shown])


async def test_a_call_with_an_escape_in_its_names_is_copied_as_it_is(postgres: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    wrote(path, Row(UTC, r"a\u0000b@lab", display=r"\u0000"), row(2))
    records = Records(postgres, path, "east")
    assert await copied(records) == 1
    await records.close()
    rows = await asked(postgres, "SELECT call_id, record->>'display' AS display FROM ringwarden_calls WHERE journal = $1 ORDER BY id", identity(path))
    assert [tuple(one) for one in rows] == [(r"a\u0000b@lab", r"\u0000"), ("c2@lab", "")]


async def test_a_record_that_the_engine_refuses_is_passed_over_and_the_others_are_copied(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(journal: str, machine: str, one: Record) -> Any:
        made = values(journal, machine, one)
        return (*made[:-1], "{") if one.id == 2 else made

    monkeypatch.setattr(room, "values", broken)
    path = tmp_path / "journal.db"
    wrote(path, row(1), row(2), row(3))
    told: list[str] = []
    said: list[tuple[str, int, int]] = []
    records = Records(postgres, path, "east", told.append, lambda event, **more: said.append((event, more["count"], more["first"])))
    assert await copied(records) == 1
    wrote(path, row(4))
    assert await copied(records) == 1
    await records.close()
    journal = identity(path)
    rows = await asked(postgres, "SELECT id FROM ringwarden_calls WHERE journal = $1 ORDER BY id", journal)
    assert [one["id"] for one in rows] == [1, 3, 4] and records.copied == 3
    assert told == ["refused"] and said == [("records-refused", 1, 2)]
    assert tuple((await asked(postgres, room.KNOWN, journal))[0]) == (4, 0, 0)


async def test_journals_of_several_machines_stand_beside_each_other(postgres: str, tmp_path: Path) -> None:
    journals = []
    for machine in ("north", "south"):
        path = tmp_path / f"{machine}.db"
        wrote(path, row(1))
        journals.append(identity(path))
        records = Records(postgres, path, machine)
        assert await copied(records) == 1
        await records.close()
    rows = await asked(postgres, "SELECT machine FROM ringwarden_calls WHERE journal = ANY($1) ORDER BY machine", journals)
    assert [one["machine"] for one in rows] == ["north", "south"]


async def test_a_new_file_in_the_place_of_a_damaged_one_begins_anew(postgres: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    wrote(path, row(1), row(2))
    records = Records(postgres, path, "east")
    await copied(records)
    before = identity(path)
    path.rename(tmp_path / "journal.db.damaged")
    wrote(path, row(3))
    assert await copied(records) == 1
    await records.close()
    assert identity(path) != before
    assert len(await asked(postgres, "SELECT 1 FROM ringwarden_calls WHERE journal = ANY($1)", [before, identity(path)])) == 3


async def test_an_engine_that_is_gone_is_said_once_and_nothing_is_lost(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    wrote(path, row(1))
    told: list[str] = []
    said: list[str] = []
    records = Records("postgresql://ringwarden@127.0.0.1:1/x", path, "east", told.append, lambda event, **_: said.append(event))
    turns = 0
    nap = asyncio.sleep

    async def sleep(seconds: float) -> None:
        nonlocal turns
        turns += 1
        if turns == 4:
            records._dsn = postgres  # it is back
        if turns == 6:
            raise asyncio.CancelledError
        await nap(0)

    monkeypatch.setattr("proxy.fleet.records.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await records.run()
    await records.close()
    assert told == ["failed"] * 3 + ["ok"] and said == ["records-down", "records-well"]
    assert records.copied == 1


def test_a_batch_is_bounded_and_goes_on_where_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BATCH", 2)
    path = tmp_path / "journal.db"
    wrote(path, *(row(number) for number in range(1, 6)), End("c5@lab", UTC + 60, 55.0), End("c1@lab", UTC + 61, 60.0))
    place, seen = Place(), []
    while (found := new(path, place)).place != place:
        place = found.place
        seen += [(one.id, one.duration) for one in found.records]
    assert place == Place(5, 2, 0)
    assert dict(seen) == {1: 60.0, 2: None, 3: None, 4: None, 5: 55.0}


@pytest.mark.parametrize("late", [End("c1", UTC + 5, 5.0, "caller"), Note(UTC, NOTE, "c1", '{"side": "pbx", "mos": 4.1}')])
def test_what_is_written_of_a_call_while_it_is_read_is_copied_too(late: Item, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    wrote(path, Row(UTC, "c1", status=200))
    more = [late]
    usual = room.record

    def slowly(read: Any) -> Record:
        while more:  # the journal's writer comes between the look for calls and that for what was said of them
            wrote(path, more.pop())
        return usual(read)

    monkeypatch.setattr(room, "record", slowly)
    place, seen = Place(), []
    while (found := new(path, place)).place != place:
        place = found.place
        seen += found.records
    assert not more
    if isinstance(late, End):
        assert seen[-1].ended == late.utc
    else:
        assert [report["mos"] for report in seen[-1].quality] == [4.1]


async def test_without_a_journal_nothing_is_done(tmp_path: Path) -> None:
    pytest.importorskip("asyncpg", reason="the library asyncpg is not installed")
    records = Records("postgresql://x@127.0.0.1:1/x", tmp_path / "none.db", "east")
    assert not await records.once()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_running_ringwarden_copies_its_journal(workers: int, postgres: str, tmp_path: Path) -> None:
    def amend(text: str) -> str:
        return text.replace("[log]", f'[fleet]\nmachine = "edge"\npostgres = "{postgres}"\n\n[log]')

    async with World(tmp_path, workers=workers, amend=amend) as world:
        identity = "<sip:+13015550101@carrier.example.net>"
        sent = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", identity, lines=(f"P-Asserted-Identity: {identity}",))
        assert (await world.carrier.call(sent, world.proxy)).status == 200

        async def copied() -> Any:
            try:
                rows = await asked(postgres, "SELECT machine, caller, ended FROM ringwarden_calls WHERE call_id = $1", sent.call_id)
            except absent():
                return None
            return rows[0] if rows and rows[0]["ended"] is not None else None

        copy = await comes(copied, "the whole row is in the database")
    assert (copy["machine"], copy["caller"]) == ("edge", "13015550101")


def absent() -> type[Exception]:
    """The table is not made yet."""
    import asyncpg

    found: type[Exception] = asyncpg.UndefinedTableError
    return found
