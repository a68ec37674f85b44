"""A service of names that answers, is late, talks nonsense or is gone: the call goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import StreamReader, web
from hypothesis import given
from hypothesis import strategies as st

from proxy import cnam
from proxy.cnam import ANSWER, LONGEST, NOBODY_SECONDS, REST, TRIES, NameService, read
from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.sip.message import Request
from shaken.sign import Signer
from tests.proxy.transports.peers import PBX, Datagrams, Line, count, on_uvloop, request, running, where
from tests.serving import never, served
from tests.shaken.tokens import KEY, ORIGID, URL
from tests.waiting import SECONDS

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
ONE = "13015550101"


class Base:
    """A web server on loopback that knows names."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.url = ""
        self.answer: Answer = self.text

    async def text(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=" CITY\tHOSPITAL\n")

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.match_info["number"], request.headers.get("Authorization", "")))
        return await self.answer(request)


@pytest_asyncio.fixture
async def base() -> AsyncIterator[Base]:
    one = Base()
    async with served(one.take, "/{number}", "GET") as url:
        one.url = f"{url}/{{number}}"
        yield one


class Desk:
    def __init__(self, url: str, **more: object) -> None:
        self.now, self.counts = 0.0, [""]
        self.service = NameService(url, lambda: self.now, count=self.counts.append, **more)  # type: ignore[arg-type]

    async def name(self, number: str = ONE) -> str:
        if (known := self.service.peek(number)) is not None:
            return known
        return await self.service.ask(number)

    async def patiently(self, number: str = ONE) -> str:
        for _ in range(4):  # a busy machine may need longer than the limit to make the connection
            found = await self.name(number)
            if self.counts[-1] != "late":
                break
        return found


async def test_a_name_is_asked_for_once_and_remembered(base: Base) -> None:
    desk = Desk(base.url, authorization="Bearer x", keep=100.0)
    assert await desk.patiently() == "CITY HOSPITAL"
    assert base.asked[-1] == ("+" + ONE, "Bearer x") and desk.counts[-1] == "found"
    asked = len(base.asked)
    assert await desk.name() == "CITY HOSPITAL"
    assert desk.counts[-1] == "hit" and len(base.asked) == asked
    desk.now = 100.0
    assert desk.service.peek(ONE) is None, "it may have changed"
    await desk.service.close()


async def test_a_name_that_comes_in_pieces_is_read_to_its_end(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnam, "LIMIT", SECONDS)
    heard = asyncio.Event()
    usual = StreamReader.feed_data

    def hears(self: StreamReader, *of: bytes) -> object:
        heard.set()
        return usual(self, *of)

    async def pieces(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await answer.prepare(request)
        await answer.write(b"ACME C")
        await heard.wait()  # the asker has the first piece
        await answer.write(b"ORPORATION")
        await answer.write_eof()
        return answer

    monkeypatch.setattr(StreamReader, "feed_data", hears)
    base.answer = pieces
    desk = Desk(base.url, seconds=SECONDS)
    assert await desk.service.ask(ONE) == "ACME CORPORATION"
    assert await desk.name() == "ACME CORPORATION" and desk.counts[1:] == ["found", "hit"]
    await desk.service.close()


async def test_an_answer_is_read_up_to_its_limit_and_one_beyond_it_is_no_name(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnam, "LIMIT", SECONDS)
    length = ANSWER

    async def long(request: web.Request) -> web.StreamResponse:
        return web.Response(text="ACME".ljust(length))

    base.answer = long
    desk = Desk(base.url, seconds=SECONDS)
    assert await desk.service.ask(ONE) == "ACME"
    length += 1
    assert await desk.service.ask(ONE[::-1]) == "" and desk.counts[-1] == "failed"
    await desk.service.close()


@pytest.mark.parametrize("status", [404, 204])
async def test_that_there_is_no_name_is_remembered_for_an_hour(base: Base, status: int) -> None:
    async def nobody(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    base.answer = nobody
    desk = Desk(base.url)
    assert await desk.patiently() == "" and desk.counts[-1] == "nobody"
    assert desk.service.peek(ONE) == ""
    desk.now = NOBODY_SECONDS
    assert desk.service.peek(ONE) is None
    await desk.service.close()


async def test_calls_of_one_caller_ask_once(base: Base) -> None:
    desk = Desk(base.url)
    await desk.patiently("13015550199")
    asked = len(base.asked)
    names = await asyncio.gather(*(desk.service.ask(ONE) for _ in range(20)))
    assert len(set(names)) == 1 and len(base.asked) - asked == 1
    await desk.service.close()


async def test_a_service_that_hangs_is_waited_for_no_longer_and_then_left_alone(base: Base) -> None:
    async def hangs(request: web.Request) -> web.StreamResponse:
        await never()
        raise AssertionError

    base.answer = hangs
    desk = Desk(base.url, seconds=0.01)
    began = asyncio.get_running_loop().time()
    for _ in range(TRIES):
        assert await desk.name() == ""
    assert asyncio.get_running_loop().time() - began < 25
    assert desk.counts[1:] == ["late"] * TRIES
    assert await desk.name() == "" and desk.counts[-1] == "resting"
    desk.now = REST
    assert await desk.name() == "" and desk.counts[-1] == "late"
    await desk.service.close()


def hanging(asked: asyncio.Event) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A service that says that it was asked, and nothing more."""

    async def hangs(request: web.Request) -> web.StreamResponse:
        asked.set()
        await never()
        raise AssertionError

    return hangs


async def test_whoever_waits_when_the_service_is_closed_goes_on_without_a_name(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnam, "LIMIT", SECONDS)
    asked = asyncio.Event()

    base.answer = hanging(asked)
    desk = Desk(base.url, seconds=SECONDS)
    waiting = [asyncio.ensure_future(desk.name()) for _ in range(3)]
    await asked.wait()
    waiting[2].cancel()  # its caller has hung up
    await desk.service.close()
    first, second, called_off = await asyncio.gather(*waiting, return_exceptions=True)
    assert first == second == "" and isinstance(called_off, asyncio.CancelledError)
    assert desk.counts[1:] == ["failed"]


@pytest.mark.parametrize("fault", ["closed", "broken"])
@on_uvloop
async def test_a_call_that_waits_for_a_verifier_too_outlives_the_service_of_names(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cnam, "LIMIT", SECONDS)
    asked = asyncio.Event()

    async def vouches(request: web.Request) -> web.StreamResponse:
        return web.json_response({"verificationResponse": {"verstat": "TN-Validation-Passed"}})

    async def breaks(number: str) -> str:
        asked.set()
        raise RuntimeError("a fault of ours")

    pbx = Datagrams()
    async with (
        served(vouches) as verifier,
        served(hanging(asked), "/{number}", "GET") as url,
        running(tmp_path, f"udp:{PBX}:{pbx.address[1]}", identity={"service": verifier}) as app,
    ):
        names = NameService(url + "/{number}", app.clock.now, seconds=SECONDS, count=app.metrics.named)
        if fault == "broken":
            monkeypatch.setattr(names, "ask", breaks)
        app.calls.world.naming = names
        line = await Line.open(where(app))
        token = Signer(KEY, URL).identity(orig="12025550101", dest=["12025550123"], iat=int(time.time()), attest="A", origid=ORIGID)
        line.send(request("INVITE", "SIP/2.0/TCP 127.0.0.2:5060", f"Identity: {token.decode()}"))
        await asyncio.wait_for(asked.wait(), SECONDS)
        app.calls.world.naming = None  # what a reload does
        await names.close()
        heard = await pbx.hears()
        assert isinstance(heard, Request) and heard.method == "INVITE"
        assert count(app, "verifier", "passed") == 1 and count(app, "names", "failed") == (fault == "closed")


@pytest.mark.parametrize(
    "answer",
    [{"status": 500}, {"status": 302, "headers": {"Location": "/x"}}, {"body": b"\xff", "content_type": "text/plain"},
     {"text": "[1]", "content_type": "application/json"}, {"text": "<b>A</b>", "content_type": "text/html"}],
)  # fmt: skip
async def test_another_answer_is_no_name_and_not_remembered(base: Base, answer: dict[str, object]) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(**answer)  # type: ignore[arg-type]

    base.answer = reply
    desk = Desk(base.url)
    assert await desk.patiently() == "" and desk.counts[-1] == "failed"
    assert desk.service.peek(ONE) is None
    await desk.service.close()


async def test_nobody_there_and_too_many_at_once(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Desk("http://127.0.0.1:1/{number}")
    assert await gone.name() == "" and gone.counts[-1] in ("failed", "late")
    await gone.service.close()
    monkeypatch.setattr(cnam, "MOST", 0)
    desk = Desk(base.url)
    assert await desk.name() == "" and desk.counts[-1] == "full"
    await desk.service.close()


async def test_the_oldest_name_makes_room(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnam, "KEPT", 2)
    desk = Desk(base.url)
    for number in ("13015550101", "13015550102", "13015550103"):
        assert await desk.patiently(number)
    assert len(desk.service) == 2 and desk.service.peek("13015550101") is None
    await desk.service.close()


@pytest.mark.parametrize(("url", "seconds"), [("http://127.0.0.1/", 0.05), ("ftp://x/{number}", 0.05), ("http://x/{number}", 0.06)])
def test_a_service_that_cannot_be_is_refused(url: str, seconds: float) -> None:
    with pytest.raises(ValueError):
        NameService(url, lambda: 0.0, seconds=seconds)


@given(st.binary(max_size=300), st.sampled_from(["text/plain", "application/json", "text/html", ""]))
def test_an_answer_is_a_short_printable_name_or_a_fault(answer: bytes, kind: str) -> None:
    try:
        name = read(answer, kind)
    except ValueError:
        return
    assert len(name) <= LONGEST and name.isprintable()


def shown(url: str) -> Callable[[str], str]:
    more = f'[policy.names]\nurl = "{url}"\nshow = "missing"\n\n[marking]\nname_tagged = "SPAM? "\nname_proved = "[V] "\ntrunk = true\n\n[log]'
    return lambda text: text.replace("[log]", more)


async def test_the_pbx_is_shown_the_name_and_what_is_thought_of_it(base: Base, tmp_path: Path) -> None:
    async with World(tmp_path, amend=shown(base.url)) as world:
        target = f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}"
        froms = {}
        for caller, name in (("13015550111", ""), ("13015550112", '"ANN" ')):
            for _ in range(3):  # a busy machine may answer too late once
                identity = f"{name}<sip:+{caller}@carrier.example.net>"
                sent = Invitation(target, identity, lines=(f"P-Asserted-Identity: {identity}",))
                outcome = await world.carrier.call(sent, world.proxy)
                assert outcome.status == 200
                heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
                froms[caller] = heard.header("from") or ""
                assert heard.header("x-screen-trunk") == "carrier"
                assert froms[caller].partition("<")[0] == (heard.header("p-asserted-identity") or "").partition("<")[0]
                # Dialogs hold: the answer brings back the line that was sent.
                assert (outcome.answers[-1].header("from") or "").startswith(identity)
                if "HOSPITAL" in froms[caller] or name:
                    break
        assert froms["13015550111"].startswith('"CITY HOSPITAL" <sip:+13015550111@')
        assert froms["13015550112"].startswith('"ANN" <')
        listed = f"<sip:+{UTILITY}@carrier.example.net>"
        tagged = Invitation(target, listed, lines=(f"P-Asserted-Identity: {listed}",))
        await world.carrier.call(tagged, world.proxy)
        assert world.pbx.requests("INVITE", tagged.call_id) == []  # enforce refuses it
        asked = len(base.asked)
        emergency = Invitation(f"sip:911@127.0.0.1:{world.ports['proxy']}", listed)
        assert (await world.carrier.call(emergency, world.proxy)).status == 200
        assert len(base.asked) == asked, "nobody waits for a name in an emergency"


async def test_a_tagged_call_shows_its_mark_also_where_the_service_is_gone(tmp_path: Path) -> None:
    def amend(text: str) -> str:
        return shown("http://127.0.0.1:1/{number}")(text.replace('mode = "enforce"', 'mode = "tag"'))

    async with World(tmp_path, amend=amend) as world:
        listed = f'"Utility" <sip:+{UTILITY}@carrier.example.net>'
        sent = Invitation(f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}", listed, lines=(f"P-Asserted-Identity: {listed}",))
        assert (await world.carrier.call(sent, world.proxy)).status == 200
        heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
        assert (heard.header("from") or "").startswith('"SPAM? Utility" <')
