"""A service that is asked, late, broken or gone: the call goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from aiohttp import web

from policy.call import Call
from policy.decide import decide
from policy.rulebook import Profile, Rulebook
from policy.verdict import EMERGENCY, Verdict
from proxy.hook import DecisionHook, question, read
from proxy.outside import REST, TRIES
from tests.serving import served

CALL = Call(caller="12025550100", callee="12025550199", call_id="a@example.com", attempts=31)
BOOK = Rulebook(key=b"k")
VERDICT = decide(CALL, BOOK, Profile(), "enforce")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Service:
    """A web server on loopback that answers as it is told."""

    def __init__(self) -> None:
        self.answer: Answer = self.agree
        self.asked: list[dict[str, object]] = []
        self.url = ""

    async def agree(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"action": "tag"})

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        return await self.answer(request)


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    one = Service()
    async with served(one.take, "/call") as url:
        one.url = f"{url}/call"
        yield one


def says(**answer: object) -> Answer:
    async def reply(request: web.Request) -> web.StreamResponse:
        return web.json_response(answer)

    return reply


async def asked(service: Service, verdict: Verdict = VERDICT, mode: str = "enforce") -> tuple[Verdict, list[str]]:
    counts: list[str] = []
    hook = DecisionHook(service.url, lambda: 0.0, count=counts.append)
    try:
        for _ in range(3):  # the first may be late while the connection is made
            got = await hook.ask(CALL, verdict, BOOK, mode)  # type: ignore[arg-type]
            if counts[-1:] != ["late"]:
                break
        return got, counts
    finally:
        await hook.close()


@pytest.mark.parametrize(
    ("action", "mode", "done"),
    [
        ("reject", "enforce", "reject"),
        ("reject", "tag", "tag"),
        ("reject", "observe", "allow"),
        ("allow", "enforce", "allow"),
    ],
)
async def test_the_service_may_decide_otherwise_below_the_mode(
    service: Service, action: str, mode: str, done: str
) -> None:
    service.answer = says(action=action, why="known to us\r\nX: y")
    verdict, counts = await asked(service, mode=mode)
    assert (verdict.would, verdict.action, verdict.reason, counts[-1]) == (action, done, "hook", "overruled")
    assert verdict.findings[-1].why == "known to usX: y"
    assert bool(verdict.id) is (action == "reject")
    assert service.asked[-1]["reason"] == "velocity-caller"


async def test_agreement_changes_nothing(service: Service) -> None:
    verdict, counts = await asked(service)
    assert verdict is VERDICT and counts[-1] == "agreed"


async def test_an_answer_that_comes_in_pieces_is_read_whole(service: Service) -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        for part in (b'{"action": ', b'"reject"}'):
            await reply.write(part)
            for _ in range(20):  # turns in which the asker reads what is there
                await asyncio.sleep(0)
        return reply

    service.answer = slowly
    verdict, counts = await asked(service)
    assert (verdict.would, counts[-1]) == ("reject", "overruled")


@pytest.mark.parametrize(
    "answer", [{}, {"action": "explode"}, {"action": "honeypot"}, {"action": 1}, {"action": "tag", "why": 1}]
)
async def test_an_answer_of_another_kind_changes_nothing(service: Service, answer: dict[str, object]) -> None:
    service.answer = says(**answer)
    verdict, counts = await asked(service)
    assert verdict is VERDICT and counts[-1] == "failed"


async def test_a_service_that_hangs_costs_50_ms_and_is_then_left_alone(service: Service) -> None:
    gone = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        await gone.wait()
        return web.Response()

    service.answer = hang
    counts: list[str] = []
    now = [0.0]
    hook = DecisionHook(service.url, lambda: now[0], seconds=0.01, count=counts.append)
    for _ in range(TRIES + 3):
        assert await hook.ask(CALL, VERDICT, BOOK, "enforce") is VERDICT
    assert counts == ["late"] * TRIES + ["resting"] * 3
    now[0] = REST + 1
    assert await hook.ask(CALL, VERDICT, BOOK, "enforce") is VERDICT
    assert counts[-1] == "late"
    gone.set()
    await hook.close()


async def test_a_service_that_is_gone_changes_nothing(service: Service) -> None:
    counts: list[str] = []
    hook = DecisionHook("http://127.0.0.1:9/call", lambda: 0.0, count=counts.append)
    assert await hook.ask(CALL, VERDICT, BOOK, "enforce") is VERDICT
    assert counts[-1] in ("failed", "late")
    await hook.close()


@pytest.mark.req("REG-009", "REG-010")
async def test_nobody_is_asked_about_calls_that_nothing_may_stop(service: Service) -> None:
    for verdict in (EMERGENCY, VERDICT._replace(allowed=True)):
        got, _ = await asked(service, verdict)
        assert got is verdict
    assert service.asked == []


def test_the_limit_is_hard_and_the_address_is_http() -> None:
    for seconds in (0.0, 0.051, 1.0):
        with pytest.raises(ValueError, match="50 ms"):
            DecisionHook("http://127.0.0.1/", lambda: 0.0, seconds=seconds)
    with pytest.raises(ValueError, match="http"):
        DecisionHook("file:///etc/passwd", lambda: 0.0)


def test_what_is_asked_and_answered() -> None:
    facts = json.loads(question(CALL, VERDICT))
    assert (facts["caller"], facts["action"], facts["findings"][0]["slug"]) == ("12025550100", "tag", "velocity-caller")
    assert read(b'{"action":"divert"}') == ("divert", "")
    for bad in (b"", b"[]", b"[" * 4000, b"\xff", b'{"action":["tag"]}'):
        with pytest.raises(ValueError):
            read(bad)
