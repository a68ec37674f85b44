"""Delivery in virtual time: the table of pauses, ways that do not wait for each other, and bounds."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from proxy.notice.content import Notice
from proxy.notice.sending import MAX_PENDING, MAX_SCARCE, RETRIES, Sending, Undelivered
from tests.proxy.notice.conftest import Edge


class Fake:
    """A way that fails so often, then delivers; or never answers."""

    def __init__(self, name: str = "webhook", fails: int = 0, hangs: bool = False, fault: Exception | None = None) -> None:
        self.name, self.fails, self.hangs = name, fails, hangs
        self.fault = fault or Undelivered("it answered 503")
        self.got: list[Notice] = []
        self.attempts = 0
        self.released = asyncio.Event()

    async def send(self, notice: Notice) -> None:
        self.attempts += 1
        if self.hangs:
            await self.released.wait()
        if self.attempts <= self.fails:
            raise self.fault
        self.got.append(notice)

    async def close(self) -> None:
        self.released.set()


def sending(edge: Edge, *ways: Fake) -> Sending:
    return Sending(ways, spawn=edge.spawn, count=edge.count, say=edge.say, sleep=edge.sleep)


@pytest.mark.req("EMG-005")
@pytest.mark.parametrize("fails", range(7))
async def test_a_notice_is_repeated_after_1_2_4_8_and_16_seconds(edge: Edge, notice: Notice, fails: int) -> None:
    way = Fake(fails=fails)
    out = sending(edge, way)
    out.put(notice)
    assert out.pending == {"webhook": 1}
    await edge.settled()
    assert edge.slept == [1.0, 2.0, 4.0, 8.0, 16.0][:fails]
    assert way.got == ([notice] if fails < 6 else [])
    assert edge.counted["webhook", "sent"] == (fails < 6)
    assert edge.counted["webhook", "failed"] == (fails == 6)
    assert edge.counted["webhook", "retried"] == min(fails, 5)
    assert [event for event, _ in edge.said][5:] == (["notice-failed"] if fails == 6 else [])
    assert out.pending == {"webhook": 0}


async def test_a_fault_of_ours_is_repeated_like_any_other(edge: Edge, notice: Notice) -> None:
    way = Fake(fails=1, fault=KeyError("ours"))
    sending(edge, way).put(notice)
    await edge.settled()
    assert way.got == [notice]


@pytest.mark.req("EMG-005")
async def test_a_way_that_hangs_delays_neither_another_way_nor_the_next_notice(edge: Edge, notice: Notice) -> None:
    hanging, well = Fake("webhook", hangs=True), Fake("mail")
    out = sending(edge, hanging, well)
    second = replace(notice, key="2")
    out.put(notice)
    out.put(second)
    for _ in range(5):
        await asyncio.sleep(0)
    assert well.got == [notice, second]
    assert hanging.attempts == 2
    assert out.pending == {"webhook": 2, "mail": 0}
    await out.close()
    await edge.settled()
    assert hanging.got == [notice, second]


async def test_an_attempt_that_hangs_is_given_up(edge: Edge, notice: Notice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.notice.sending.ATTEMPT_SECONDS", 0.001)
    way = Fake(hangs=True)
    sending(edge, way).put(notice)
    await edge.settled()
    assert way.attempts == 1 + len(RETRIES)
    assert edge.said[-1] == ("notice-failed", {"level": "error", "way": "webhook", "call_id": notice.call_id, "why": "no answer in time"})


async def test_what_waits_is_bounded_and_tests_take_no_place_of_real_calls(edge: Edge, notice: Notice) -> None:
    way = Fake(hangs=True)
    out = sending(edge, way)
    for _ in range(100):
        out.put(replace(notice, test=True), scarce=True)
    assert out.pending["webhook"] == MAX_SCARCE
    for _ in range(400):
        out.put(notice)
    assert out.pending["webhook"] == MAX_PENDING
    assert edge.counted["webhook", "dropped"] == 500 - MAX_PENDING
    await out.close()
    await edge.settled()
    assert edge.counted["webhook", "sent"] == MAX_PENDING


async def test_a_stop_waits_for_an_attempt_and_not_for_ever(edge: Edge, notice: Notice) -> None:
    quick, hanging = Fake("mail"), Fake("webhook", hangs=True)
    out = sending(edge, quick)
    out.put(notice)
    await out.finish(5.0)
    assert quick.got == [notice]
    out = sending(edge, hanging)
    out.put(notice)
    await out.finish(0.01)
    assert hanging.got == []
    await out.close()
    await edge.settled()


async def test_ways_are_swapped_and_a_notice_under_way_keeps_its_own(edge: Edge, notice: Notice) -> None:
    old, new = Fake("webhook", hangs=True), Fake("mail")
    out = sending(edge, old)
    out.put(notice)
    await asyncio.sleep(0)
    out.swap((new,))
    out.put(notice)
    await asyncio.sleep(0)
    assert new.got == [notice] and out.pending["webhook"] == 1
    await out.close()
    await edge.settled()
    assert old.got == [notice]
