"""The fetcher in a process: the same answers, the loop of the calls undisturbed, a thread in its place when it dies, and
nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator

import pytest

from certs import apart as room
from certs.apart import BEAT_SECONDS, GRACE_SECONDS, NICE, Apart
from certs.fetch import FetchError, Limits
from certs.lab import Authority
from proxy.lab.repository import Repository

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
    """A machine with many tests on it gives signs of life late."""
    monkeypatch.setattr(room, "QUICK", 10.0)
    monkeypatch.setattr(room, "WELL_SECONDS", 60.0)


async def begun(limits: Limits) -> Apart:
    """One that has given a sign of life."""
    apart = Apart.started(limits)
    async with asyncio.timeout(20):
        while apart._well_until < asyncio.get_running_loop().time():
            with pytest.raises(FetchError):
                await apart.fetch("https://10.0.0.1?x")
            await asyncio.sleep(0.01)
    return apart


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "certs-fetch"]


@pytest.fixture
async def apart(authority: Authority) -> AsyncIterator[Apart]:
    apart = await begun(Limits(lab=True, tls_ca=authority.web_ca_pem))
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


async def test_one_fetch_alone_is_the_threads_and_the_next_ones_the_process(
    repository: Repository, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = Apart.started(Limits(lab=True, tls_ca=authority.web_ca_pem))
    assert threads() == []
    pem = authority.leaf().chain_pem()
    url = repository.put("good.pem", pem)
    assert (await apart.fetch(url)).body == pem and threads() == ["certs-fetch"]  # nothing is known of the process yet
    sent: list[int] = []
    true = apart._sent
    monkeypatch.setattr(apart, "_sent", lambda number, url: sent.append(number) or true(number, url))
    async with asyncio.timeout(20):
        while not any(sent):
            assert (await apart.fetch(url)).body == pem
            await asyncio.sleep(0.01)
    await apart.close()
    assert threads() == []


async def test_one_that_is_slow_to_give_a_sign_of_life_is_asked_nothing(
    repository: Repository, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "QUICK", -1.0)  # it is always too slow
    apart = Apart.started(Limits(lab=True, tls_ca=authority.web_ca_pem))
    sent: list[int] = []
    true = apart._sent
    monkeypatch.setattr(apart, "_sent", lambda number, url: sent.append(number) or true(number, url))
    pem = authority.leaf().chain_pem()
    until = asyncio.get_running_loop().time() + 3 * BEAT_SECONDS
    while asyncio.get_running_loop().time() < until:
        assert (await apart.fetch(repository.put("good.pem", pem))).body == pem
    assert len(sent) >= 2 and not any(sent)
    await apart.close()


async def test_it_gives_way_to_the_calls(repository: Repository, apart: Apart) -> None:
    with pytest.raises(FetchError):
        await apart.fetch("https://10.0.0.1?x")  # it lives
    nicer = os.getpriority(os.PRIO_PROCESS, apart.child) == min(os.getpriority(os.PRIO_PROCESS, 0) + NICE, 19)
    assert os.sched_getscheduler(apart.child) == os.SCHED_IDLE or nicer


async def test_a_thread_fetches_where_the_process_starves(repository: Repository, authority: Authority) -> None:
    apart = await begun(Limits(lab=True, tls_ca=authority.web_ca_pem, seconds=1.0))
    os.kill(apart.child, signal.SIGSTOP)  # as one that never gets a core
    pem = authority.leaf().chain_pem()
    with pytest.raises(FetchError) as error:
        await apart.fetch(repository.put("a.pem", pem))
    assert error.value.slug == "timeout" and repository.hits["/a.pem"] == 0  # nobody is asked a second time
    began = asyncio.get_running_loop().time()
    assert (await apart.fetch(repository.put("b.pem", pem))).body == pem
    assert asyncio.get_running_loop().time() - began < 1.0 + GRACE_SECONDS  # it is not asked again for a while
    os.kill(apart.child, signal.SIGCONT)
    await apart.close()


async def test_a_thread_fetches_when_the_process_has_died(
    repository: Repository, authority: Authority, apart: Apart
) -> None:
    hanging = asyncio.create_task(apart.fetch(repository.put("slow.pem", b"", "hang")))
    await asyncio.wait_for(repository.waiting.wait(), 10)
    os.kill(apart.child, signal.SIGKILL)
    with pytest.raises(FetchError) as error:
        await hanging
    assert error.value.slug == "broken"
    pem = authority.leaf().chain_pem()
    assert (await apart.fetch(repository.put("good.pem", pem))).body == pem


async def test_the_end_ends_what_hangs_and_nothing_is_fetched_after_it(
    repository: Repository, authority: Authority
) -> None:
    apart = await begun(Limits(lab=True, tls_ca=authority.web_ca_pem, seconds=60.0))
    hanging = asyncio.create_task(apart.fetch(repository.put("a.pem", b"", "hang")))
    await asyncio.wait_for(repository.waiting.wait(), 10)
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
