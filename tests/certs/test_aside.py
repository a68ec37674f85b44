"""The fetcher in a thread: the same answers, the loop of the calls undisturbed, and nothing left behind."""

from __future__ import annotations

import asyncio
import threading

import pytest

from certs.aside import Aside
from certs.fetch import FetchError, Limits
from certs.lab import Authority
from proxy.lab.repository import Repository
from tests.waiting import SECONDS


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "certs-fetch"]


@pytest.mark.req("STI-071")
async def test_answers_and_failures_are_those_of_the_fetcher(repository: Repository, authority: Authority) -> None:
    aside = Aside(Limits(lab=True, tls_ca=authority.web_ca_pem, seconds=SECONDS))
    assert threads() == []  # nothing runs before the first fetch
    pem = authority.leaf().chain_pem()
    good, bad = repository.put("good.pem", pem), repository.put("bad.pem", pem, "status-503")
    assert (await aside.fetch(good)).body == pem and threads() == ["certs-fetch"]
    with pytest.raises(FetchError) as error:
        await aside.fetch(bad)
    assert error.value.slug == "server"
    with pytest.raises(FetchError) as error:
        await aside.fetch("https://10.0.0.1?x")
    assert error.value.slug == "url"
    await aside.close()
    assert threads() == []
    with pytest.raises(FetchError):
        await aside.fetch(good)


async def test_the_end_ends_what_hangs(repository: Repository, authority: Authority) -> None:
    aside = Aside(Limits(lab=True, tls_ca=authority.web_ca_pem, seconds=SECONDS))
    hanging = asyncio.create_task(aside.fetch(repository.put("a.pem", b"", "hang")))
    await asyncio.wait_for(repository.waiting.wait(), SECONDS)
    await aside.close()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert threads() == []


async def test_a_caller_that_gives_up_ends_his_fetch(repository: Repository, authority: Authority) -> None:
    aside = Aside(Limits(lab=True, tls_ca=authority.web_ca_pem, seconds=SECONDS))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await aside.fetch(repository.put("a.pem", b"", "hang"))
    await aside.close()
    assert threads() == []


async def test_the_end_before_the_beginning_is_quiet(authority: Authority) -> None:
    await Aside(Limits(lab=True, tls_ca=authority.web_ca_pem)).close()


def test_roots_that_are_none_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no usable certificate authority"):
        Aside(Limits(tls_ca=b""))
