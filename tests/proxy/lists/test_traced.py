"""Long tables of traced calls: built from their files, brought in, swapped, and passed over where they are damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.letter import parse
from policy.lists import CampaignList
from policy.told import DAY
from proxy.cli import main
from proxy.cli.lists import folder_of
from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.lists import ListError, kinds, traced
from proxy.lists.force import in_force, statuses
from proxy.lists.kinds import FOLDER, bring_in
from proxy.lists.pardons import Pardon, add
from proxy.lists.shelf import Shelf
from proxy.lists.traced import build, is_packed, mapped
from tests.waiting import counted

HEADING = "notified,called,caller,campaign,confidence,source\n"
UTC = 20_000 * DAY


def row(last: int, campaign: str = "Amazon-Impers", day: int = 1) -> str:
    return f"2024-10-{day:02},2024-09-30,+120255501{last:02},{campaign},high,itg\n"


def written(folder: Path, text: str, name: str = "calls.csv") -> Path:
    (path := folder / name).write_text(text, encoding="utf-8", newline="")
    return path


TABLES = {
    "plain": HEADING + row(1) + row(2, "Parcel-Impers"),
    "promised": "# expected 2\n" + HEADING + row(1) + "# a remark\n" + row(2),
    "other ends": ("\ufeff" + HEADING + row(1) + "\n" + row(2)).replace("\n", "\r\n"),
    "old ends": (HEADING + row(1) + row(2)).replace("\n", "\r"),
    "no last end": (HEADING + row(1) + row(2)).rstrip("\n"),
    "bad rows": HEADING + row(1) + "what,is,this,?\n" + row(2).replace("high", "sure") + row(3) + ",,,\n\n",
    "quoted": HEADING + row(1, '"Amazon, ""Impers""\n# P2"') + row(2, "#P3"),
    "no cells": HEADING + "2024-10-01\n" + row(4),
    "other heading": "Date of Call,Caller ID,Notification date,campaign\n9/7/2024,(202) 555-0105,9/8/2024,Amazon\n",
}


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_tables_are_read_as_short_ones_are(
    text: str, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traced, "PIECE", piece)
    short, told = parse(text), []
    built = build([written(tmp_path, text)], tmp_path / "draft", told.append)
    assert (built.rows, built.refused) == (short.parsed, len(short.quarantined))
    assert built.bad == tuple(short.quarantined)
    assert sum(told) > 0
    plain, long = short.campaigns(), mapped(tmp_path / "draft")
    for last in range(10):
        tn = f"120255501{last:02}"
        assert long.of(tn) == plain.of(tn)
        assert CampaignList(packed=(long,)).match(tn, UTC) == plain.match(tn, UTC)


def test_several_tables_are_one_and_each_is_held_to_its_promise(tmp_path: Path) -> None:
    whole = written(tmp_path, "# expected 2\n" + HEADING + row(1) + row(2), "whole.csv")
    short = written(tmp_path, "# expected 10000000\n" + HEADING + row(3) + "oops\n", "short.csv")
    built = build([whole, short], tmp_path / "draft")
    assert (built.rows, built.numbers, built.refused) == (3, 3, 2)
    assert [str(one) for one in built.bad] == [
        "line 4: not a number: 'oops'", "line 0: expected 10000000, parsed 1: 'short.csv'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no row of the tables can be read"),
        (b"one,two\n1,2\n", "no heading with date of notification"),
        (HEADING.encode() + b"\xff\xfe\n", "not UTF-8"),
        (HEADING.encode() + b"x" * 200_000 + b"\n", "not CSV"),
        (HEADING.encode() + b"x" * 4_000_000, "no end"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(text: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_bytes(text)
    with pytest.raises(ListError, match=said):
        build([tmp_path / "calls.csv"], tmp_path / "draft")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for task in (mapped, is_packed, lambda path: build([path], tmp_path / "draft")):
        with pytest.raises(ListError, match="none"):
            task(tmp_path / "none")
    (tmp_path / "empty").touch()
    with pytest.raises(ListError, match="mapped"):
        mapped(tmp_path / "empty")
    with pytest.raises(ListError, match="too short"):
        mapped(written(tmp_path, "RCT"))


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table is long."""
    monkeypatch.setattr(kinds, "LONG_TABLE", 0)


@pytest.mark.usefixtures("packing")
def test_a_long_table_is_in_force_after_a_reload_and_the_one_before_serves_until_then(tmp_path: Path) -> None:
    made, bad = bring_in(tmp_path / FOLDER, "campaigns", [written(tmp_path, HEADING + row(1))], UTC)
    assert (made.entries, made.refused, bad) == (1, 0, ())
    assert is_packed(Shelf(tmp_path / FOLDER, "campaigns").snapshot(1))
    before = in_force(tmp_path, UTC).campaigns
    bring_in(tmp_path / FOLDER, "campaigns", [written(tmp_path, HEADING + row(2) + row(3))], UTC)
    after = in_force(tmp_path, UTC).campaigns
    assert (len(before), len(after)) == (1, 2)
    assert [before.match(f"120255501{last:02}", UTC) is not None for last in (1, 2)] == [True, False]
    assert [after.match(f"120255501{last:02}", UTC) is not None for last in (1, 2)] == [False, True]
    Shelf(tmp_path / FOLDER, "campaigns").roll_back()
    assert in_force(tmp_path, UTC).campaigns.match("12025550101", UTC) is not None


@pytest.mark.usefixtures("packing")
@pytest.mark.parametrize("damage", [b"", b"RCT2", b"damaged", None])
def test_a_damaged_one_gives_way_to_the_one_before(damage: bytes | None, tmp_path: Path) -> None:
    for last in (1, 2):
        bring_in(tmp_path / FOLDER, "campaigns", [written(tmp_path, HEADING + row(last))], UTC)
    path = Shelf(tmp_path / FOLDER, "campaigns").snapshot(2)
    path.chmod(0o600)
    path.write_bytes(damage if damage is not None else path.read_bytes()[:-1] + b"?")
    found = in_force(tmp_path, UTC)
    assert found.campaigns.match("12025550101", UTC) is not None
    assert [one for one in found.remarks if "generation 1 is in force instead" in one]
    assert [one.state for one in statuses(tmp_path, UTC, deep=True)] == ["damaged"]
    path.unlink()
    assert in_force(tmp_path, UTC).campaigns.match("12025550101", UTC) is not None


@pytest.mark.usefixtures("packing")
async def test_a_running_ringwarden_reads_them_at_a_reload_and_a_damaged_one_costs_no_call(tmp_path: Path) -> None:
    no_tables = ('campaigns = ["campaigns.csv"]', "campaigns = []")
    async with World(tmp_path, amend=lambda text: text.replace(*no_tables)) as world:
        path = str(tmp_path / "ringwarden.toml")
        state = folder_of(path, None)
        assert state is not None

        async def status() -> int:
            call = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", f"<sip:+{UTILITY}@carrier.example.net>")
            return (await world.carrier.call(call, world.proxy)).status

        assert await status() == 200
        for _ in range(2):
            assert main(["lists", "import", "campaigns", str(tmp_path / "campaigns.csv"), "--config", path]) == 0
        assert main(["reload", "--config", path]) == 0
        await counted(world, 'ringwarden_reloads_total{result="ok"}', 1)
        assert await status() == 603
        for left, reloads in ((603, 2), (200, 3)):  # the generation before serves, then there is none
            snapshot = Shelf(state / FOLDER, "campaigns").snapshot(4 - reloads)
            assert is_packed(snapshot)
            snapshot.unlink()
            snapshot.write_bytes(b"RCT1 torn")
            assert main(["reload", "--config", path]) == 0
            await counted(world, 'ringwarden_reloads_total{result="ok"}', reloads)
            assert await status() == left
        await counted(world, 'ringwarden_list_damaged{list="campaigns"}', 1)


def test_short_tables_stay_text_and_both_hold_pardons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, HEADING + row(1) + row(2, day=2) + row(3))
    add(tmp_path, Pardon("12025550101", UTC))
    add(tmp_path, Pardon("12025550102", UTC - 15_000 * DAY))
    for longest, long in ((1 << 20, False), (0, True)):
        monkeypatch.setattr(kinds, "LONG_TABLE", longest)
        made, _ = bring_in(tmp_path / FOLDER, "campaigns", [path], UTC)
        assert is_packed(Shelf(tmp_path / FOLDER, "campaigns").snapshot(made.number)) is long
        known = in_force(tmp_path, UTC).campaigns
        assert [known.match(f"120255501{last:02}", UTC) is not None for last in (1, 2, 3)] == [False, True, True]
