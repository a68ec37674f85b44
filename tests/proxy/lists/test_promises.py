"""Opt-outs and learned numbers: at once here, soon elsewhere, and over a restart."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from policy.agreements import Agreements
from policy.call import Call
from policy.decide import decide
from policy.learned import Learned
from policy.rulebook import Profile, Rulebook
from policy.told import DAY
from proxy.lists.promises import Promises
from tests.waiting import SECONDS

UTC = 20_000 * DAY + 0.5
US, THEM = "12025550100", "12125550147"
OUT = Call(side="pbx", caller=US, callee=THEM, utc=UTC + 10, purpose="telemarketing")


def book() -> Rulebook:
    return Rulebook(agreements=Agreements(), learned=Learned(90))


def started(state: Path | None, said: list[str] | None = None) -> tuple[Promises, Rulebook]:
    promises = Promises(state, Learned(90), lambda event, **fields: (said if said is not None else []).append(event))
    promises.restore()
    rules = book()
    promises.take_over(rules)
    return promises, rules


@pytest.mark.req("REG-060", "REG-061")
async def test_a_stop_message_stops_the_next_call_here_and_in_the_other_worker(tmp_path: Path) -> None:
    (one, here), (two, there) = started(tmp_path), started(tmp_path)
    assert decide(OUT, here, Profile(), "enforce").action == "allow"
    assert one.message(US, THEM, "thanks", UTC) is None
    assert one.message(US, None, "STOP", UTC) is None
    assert one.message(US, THEM, "STOP", UTC) == "stop"
    assert decide(OUT, here, Profile(), "enforce").reason == "opt-out"
    assert decide(OUT, there, Profile(), "enforce").action == "allow"
    await one.exchange()
    await two.exchange()
    assert decide(OUT, there, Profile(), "enforce").action == "reject"
    other = OUT._replace(caller="12025550101")  # it was asked of one number
    assert decide(other, here, Profile(), "enforce").action == "allow"


async def test_what_was_promised_outlives_a_reload_and_a_restart(tmp_path: Path) -> None:
    one, _ = started(tmp_path)
    one.message(US, THEM, "opt out", UTC)
    fresh = book()
    one.take_over(fresh)
    assert decide(OUT, fresh, Profile(), "enforce").action == "reject"
    one.close()
    _, again = started(tmp_path)
    assert decide(OUT, again, Profile(), "enforce").action == "reject"


async def test_who_was_called_may_call_back_unless_something_firm_speaks_against_it(tmp_path: Path) -> None:
    (one, here), (two, there) = started(tmp_path), started(tmp_path)
    back = Call(caller=THEM, callee=US, utc=UTC + DAY, attempts=1000)
    assert decide(back, here, Profile(), "enforce").action == "tag"
    one.answered(None, "", UTC)
    one.answered("911", "", UTC)
    one.answered(THEM, "telemarketing", UTC)
    assert decide(back, here, Profile(), "enforce").action == "tag"
    one.answered(THEM, "", UTC)
    verdict = decide(back, here, Profile(), "enforce")
    assert (verdict.action, verdict.reason, verdict.allowed) == ("allow", "learned", True)
    assert decide(back._replace(verstat="TN-Validation-Failed"), here, Profile(), "enforce").action == "tag"
    assert decide(back._replace(utc=UTC + 91 * DAY), here, Profile(), "enforce").action == "tag"
    await one.exchange()
    await two.exchange()
    assert decide(back, there, Profile(), "enforce").reason == "learned"
    _, again = started(tmp_path)
    assert decide(back, again, Profile(), "enforce").reason == "learned"


async def test_without_a_state_folder_it_lasts_as_long_as_the_process() -> None:
    one, here = started(None)
    one.message(US, THEM, "STOP", UTC)
    one.answered(THEM, "", UTC)
    await one.exchange()
    one.close()
    assert decide(OUT, here, Profile(), "enforce").action == "reject"
    assert one.dropped == 0


async def test_a_disk_that_fails_is_said_once_and_costs_no_promise(tmp_path: Path) -> None:
    said: list[str] = []
    one, here = started(tmp_path, said)
    (tmp_path / "lists" / "optout.csv").mkdir(parents=True)
    for _ in range(3):
        one.message(US, THEM, "STOP", UTC)
        await one.exchange()
    assert (said, one.dropped) == (["promises-unwritten"], 3)
    assert decide(OUT, here, Profile(), "enforce").action == "reject"


async def test_lines_that_were_cut_off_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "learned.csv").write_text(f"+{THEM},\n{THEM[:4]}\n+{THEM},2024-10-04\n")
    (tmp_path / "lists" / "optout.csv").write_text(f"*,+{THEM},20\n*,+{THEM},2024-10-04,any,stop\n")
    _, here = started(tmp_path)
    assert decide(OUT, here, Profile(), "enforce").action == "reject"
    assert here.learned is not None and here.learned.knows(THEM, UTC)


@pytest.mark.req("REG-060", "REG-061")
async def test_a_disk_that_takes_half_a_line_costs_no_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = started(tmp_path)
    people = [f"1212555014{last}" for last in (7, 8, 9)]
    write, cut = os.write, iter([60])
    monkeypatch.setattr(os, "write", lambda file, text: write(file, text[: next(cut, None)]))
    for callee in people[:2]:
        one.message(US, callee, "STOP", UTC)
    one.close()
    one.message(US, people[2], "STOP", UTC)
    one.close()
    _, again = started(tmp_path)
    assert [decide(OUT._replace(callee=callee), again, Profile(), "enforce").reason for callee in people] == ["opt-out"] * 3
    assert one.dropped == 0


async def test_it_goes_on_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.lists.promises.EVERY_SECONDS", 0.0)
    one, _ = started(tmp_path)
    one.message(US, THEM, "STOP", UTC)
    turned, exchange = asyncio.Event(), one.exchange

    async def turn() -> None:
        await exchange()
        turned.set()

    monkeypatch.setattr(one, "exchange", turn)
    task = asyncio.create_task(one.keep())
    async with asyncio.timeout(SECONDS):
        await turned.wait()
    task.cancel()
    assert (tmp_path / "lists" / "optout.csv").read_text().endswith(",any,stop\n")


async def test_files_are_tidied_of_what_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.lists.promises.SPARE", 0)
    (tmp_path / "lists").mkdir()
    old, new = "2018-01-01", "2024-10-04"
    learned, opted = tmp_path / "lists" / "learned.csv", tmp_path / "lists" / "optout.csv"
    learned.write_text("".join(f"+{THEM},{when}\n" for when in (old, old, new)) + f"+12125550148,{old}\n" * 2)
    opted.write_text(f"*,+{THEM},{new},any,stop\n" * 5 + f"*,+12125550148,{old},any,stop\n" * 5)
    one, _ = started(tmp_path)
    one.tidy(UTC)
    assert learned.read_text() == f"+{THEM},{new}\n"
    assert opted.read_text() == f"*,+{THEM},{new}T00:00:00+00:00,any,stop\n"
    before = learned.stat().st_mtime_ns
    two, there = started(tmp_path)
    two.tidy(UTC)
    assert learned.stat().st_mtime_ns == before  # there is nothing more to tidy
    assert decide(OUT, there, Profile(), "enforce").action == "reject"
