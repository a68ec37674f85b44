"""A service of somebody else: its answer, its limit, its rest, and nothing but `Unanswered` for whatever else it does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from proxy.outside import ANSWER, MOST, REST, TRIES, Outside, Unanswered
from tests.serving import never, served


class Service:
    def __init__(self) -> None:
        self.body, self.status, self.hangs = b"yes", 200, False
        self.asked: list[tuple[str, bytes]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, await request.read()))
        if self.hangs:
            await never()
        if self.status == 302:
            raise web.HTTPFound("/elsewhere")
        return web.Response(body=self.body, status=self.status)


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    one = Service()
    async with served(one.take) as url:
        one.url = url
        yield one


def yes(answer: bytes) -> str:
    if answer != b"yes":
        raise ValueError("no")
    return answer.decode()


async def how(asker: Outside) -> str:
    try:
        return await asker.ask(b"?", yes)
    except Unanswered as error:
        return error.how


async def test_an_answer_is_what_the_reader_makes_of_it(service: Service) -> None:
    for url, path in ((service.url, "/usual"), (service.url + "/", "/usual"), (service.url + "/own/path", "/own/path")):
        asker = Outside(url, "/usual", lambda: 0.0, 5.0)
        assert await how(asker) == "yes" and service.asked[-1] == (path, b"?")
        await asker.close()


@pytest.mark.parametrize(("status", "body"), [(500, b"yes"), (204, b""), (302, b"yes"), (200, b"no"), (200, b"x" * (ANSWER + 1))])
async def test_anything_else_is_a_failure(status: int, body: bytes, service: Service) -> None:
    service.status, service.body = status, body
    asker = Outside(service.url, "/usual", lambda: 0.0, 5.0)
    assert await how(asker) == "failed" and len(service.asked) == 1
    await asker.close()


@pytest.mark.req("API-007")
async def test_it_rests_after_failures_in_a_row_and_is_asked_again(service: Service) -> None:
    service.hangs, now = True, [0.0]
    asker = Outside(service.url, "/usual", lambda: now[0], 0.02)
    for _ in range(TRIES - 1):
        assert await how(asker) == "late"
    service.hangs, asker.seconds = False, 5.0
    assert await how(asker) == "yes"  # and what failed before is forgotten
    service.status = 500
    for _ in range(TRIES):
        assert await how(asker) == "failed"
    tried = len(service.asked)
    assert await how(asker) == "resting" and len(service.asked) == tried
    now[0], service.status = REST - 0.001, 200
    assert await how(asker) == "resting"
    now[0] = REST
    assert await how(asker) == "yes"
    await asker.close()


async def test_so_many_wait_and_no_more(service: Service) -> None:
    asker = Outside(service.url, "/usual", lambda: 0.0, 5.0)
    asker._asking = MOST - 1
    assert await how(asker) == "yes"
    asker._asking = MOST
    assert await how(asker) == "full" and len(service.asked) == 1
    await asker.close()
