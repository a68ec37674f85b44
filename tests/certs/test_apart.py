"""The fetcher in a process: the same answers, the loop of the calls undisturbed, a thread in its place when it dies, and
nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from certs import apart as room
from certs.apart import BEAT_SECONDS, NICE, Apart
from certs.fetch import FetchError, Limits
from certs.lab import Authority
from proxy.lab.repository import Repository
from tests.waiting import SECONDS, comes, turns

# Python says so of a fork beside threads, which other tests may have left behind.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def living(child: int) -> bool:
    try:
        os.kill(child, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with many tests on it gives signs of life late, and nothing at all to one that always gives way."""
    monkeypatch.setattr(room, "QUICK", SECONDS)
    monkeypatch.setattr(room, "WELL_SECONDS", 2 * SECONDS)
    monkeypatch.setattr(os, "sched_setscheduler", lambda pid, policy, param: None)


async def begun(limits: Limits) -> Apart:
    """One that has given a sign of life."""
    apart = Apart.started(limits)

    async def well() -> bool:
        with pytest.raises(FetchError):
            await apart.fetch("https://10.0.0.1?x")
        return apart._well_until > asyncio.get_running_loop().time()

    await comes(well, "a sign of life")
    return apart


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "certs-fetch"]


@pytest.fixture
def limits(authority: Authority) -> Limits:
    """Of a fetch that is done in time, however busy the machine."""
    return Limits(lab=True, tls_ca=authority.web_ca_pem, seconds=SECONDS)


@pytest.fixture
async def apart(limits: Limits) -> AsyncIterator[Apart]:
    apart = await begun(limits)
    yield apart
    await apart.close()
    assert not living(apart.child)


@pytest.mark.req("STI-071")
async def test_answers_and_failures_are_those_of_the_fetcher(
    repository: Repository, authority: Authority, apart: Apart
) -> None:
    pem = authority.leaf().chain_pem()
    good, bad = repository.put("good.pem", pem), repository.put("bad.pem", pem, "status-503")
    found = await asyncio.gather(*(apart.fetch(good) for _ in range(20)))
    assert {one.body for one in found} == {pem}
    with pytest.raises(FetchError) as error:
        await apart.fetch(bad)
    assert error.value.slug == "server"
    with pytest.raises(FetchError) as error:
        await apart.fetch("https://10.0.0.1?x")
    assert error.value.slug == "url"


async def test_a_fetch_that_fails_leaves_no_circle_for_the_collector(
    repository: Repository, authority: Authority, apart: Apart
) -> None:
    bad = repository.put("bad.pem", authority.leaf().chain_pem(), "status-503")
    gc.disable()
    try:
        try:
            await apart.fetch(bad)
        except FetchError as error:
            left = weakref.ref(error)
        await asyncio.sleep(0)  # the turn of the loop that brought the answer knows it too
        assert left() is None
    finally:
        gc.enable()


async def test_one_fetch_alone_is_the_threads_and_the_next_ones_the_process(
    repository: Repository, authority: Authority, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = Apart.started(limits)
    assert threads() == []
    pem = authority.leaf().chain_pem()
    url = repository.put("good.pem", pem)
    assert (await apart.fetch(url)).body == pem and threads() == ["certs-fetch"]  # nothing is known of the process yet
    sent: list[int] = []
    true = apart._sent
    monkeypatch.setattr(apart, "_sent", lambda number, url: sent.append(number) or true(number, url))

    async def asked() -> bool:
        assert (await apart.fetch(url)).body == pem
        return any(sent)

    await comes(asked, "the process is asked")
    await apart.close()
    assert threads() == []


async def test_one_that_is_slow_to_give_a_sign_of_life_is_asked_nothing(
    repository: Repository, authority: Authority, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "QUICK", -1.0)  # it is always too slow
    apart = Apart.started(limits)
    sent: list[int] = []
    true = apart._sent
    monkeypatch.setattr(apart, "_sent", lambda number, url: sent.append(number) or true(number, url))
    pem = authority.leaf().chain_pem()
    until = asyncio.get_running_loop().time() + 3 * BEAT_SECONDS
    while asyncio.get_running_loop().time() < until:
        assert (await apart.fetch(repository.put("good.pem", pem))).body == pem
    assert len(sent) >= 2 and not any(sent)
    await apart.close()


async def test_it_gives_way_to_the_calls(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    apart = Apart.started(limits)

    def gives_way() -> bool:
        nicer = os.getpriority(os.PRIO_PROCESS, apart.child) == min(os.getpriority(os.PRIO_PROCESS, 0) + NICE, 19)
        return os.sched_getscheduler(apart.child) == os.SCHED_IDLE or nicer

    await turns(gives_way, "it gives way")
    await apart.close()


async def test_a_thread_fetches_where_the_process_starves(
    repository: Repository, authority: Authority, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = await begun(limits)
    os.kill(apart.child, signal.SIGSTOP)  # as one that never gets a core
    apart._limits = replace(limits, seconds=0.5)
    pem = authority.leaf().chain_pem()
    with pytest.raises(FetchError) as error:
        await apart.fetch(repository.put("a.pem", pem))
    assert error.value.slug == "timeout" and repository.hits["/a.pem"] == 0  # nobody is asked a second time
    apart._limits, sent, true = limits, list[int](), apart._sent
    monkeypatch.setattr(apart, "_sent", lambda number, url: sent.append(number) or true(number, url))
    assert (await apart.fetch(repository.put("b.pem", pem))).body == pem
    assert not any(sent)  # it is not asked again for a while
    os.kill(apart.child, signal.SIGCONT)
    await apart.close()


async def test_a_thread_fetches_when_the_process_has_died(
    repository: Repository, authority: Authority, apart: Apart
) -> None:
    hanging = asyncio.create_task(apart.fetch(repository.put("slow.pem", b"", "hang")))
    await asyncio.wait_for(repository.waiting.wait(), SECONDS)
    os.kill(apart.child, signal.SIGKILL)
    with pytest.raises(FetchError) as error:
        await hanging
    assert error.value.slug == "broken"
    pem = authority.leaf().chain_pem()
    assert (await apart.fetch(repository.put("good.pem", pem))).body == pem


async def test_the_end_ends_what_hangs_and_nothing_is_fetched_after_it(repository: Repository, limits: Limits) -> None:
    apart = await begun(limits)
    hanging = asyncio.create_task(apart.fetch(repository.put("a.pem", b"", "hang")))
    await asyncio.wait_for(repository.waiting.wait(), SECONDS)
    await apart.close()
    with pytest.raises(FetchError):
        await hanging
    with pytest.raises(FetchError):
        await apart.fetch(repository.put("b.pem", b""))
    assert not living(apart.child)


async def test_a_caller_that_gives_up_leaves_the_others_alone(
    repository: Repository, authority: Authority, apart: Apart
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await apart.fetch(repository.put("a.pem", b"", "hang"))
    pem = authority.leaf().chain_pem()
    assert (await apart.fetch(repository.put("good.pem", pem))).body == pem


def test_roots_that_are_none_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no usable certificate authority"):
        Apart.started(Limits(tls_ca=b""))


def test_where_there_can_be_no_process_nothing_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", full)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(BlockingIOError):
        Apart.started(Limits())
    assert os.listdir("/proc/self/fd") == before
