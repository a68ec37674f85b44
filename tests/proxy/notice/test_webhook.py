"""The notice by HTTP against a real server on loopback: signed, once per call, and never led elsewhere."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from certs.lab import Authority
from proxy.notice.content import Notice
from proxy.notice.sending import Sending, Undelivered
from proxy.notice.webhook import SIGNATURE, Webhook, signature, trusted, verified
from proxy.settings import WebhookSettings
from tests.proxy.notice.conftest import Edge

SECRET = b"0123456789abcdef"


class Desk:
    """A front desk: answers as it is told and keeps what it got."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[tuple[dict[str, str], bytes]] = []

    async def post(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})

    async def start(self, tls: Path | None = None) -> str:
        app = web.Application()
        app.router.add_post("/emergency", self.post)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        context = None
        if tls is not None:
            import ssl

            authority = Authority()
            certificate, key = authority.tls().save(tls, "desk")
            (tls / "ca.pem").write_bytes(authority.web_ca_pem)
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate, key)
        site = web.TCPSite(self.runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = self.runner.addresses[0][1]
        return f"{'https' if tls else 'http'}://127.0.0.1:{port}/emergency"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    one = Desk()
    yield one
    await one.runner.cleanup()


@pytest.mark.req("EMG-005", "EMG-006")
async def test_a_notice_arrives_signed_and_repetitions_have_one_key(desk: Desk, edge: Edge, notice: Notice) -> None:
    hook = Webhook(WebhookSettings(await desk.start(), SECRET), time.time)
    desk.answers = [503, 500]
    sending = Sending((hook,), spawn=edge.spawn, count=edge.count, say=edge.say, sleep=edge.sleep)
    sending.put(notice)
    await edge.settled()
    await sending.close()
    assert edge.slept == [1.0, 2.0]
    assert edge.counted["webhook", "sent"] == 1
    assert len(desk.got) == 3
    for headers, body in desk.got:
        assert headers["Idempotency-Key"] == notice.key
        assert headers["Content-Type"] == "application/json"
        assert verified(SECRET, headers[SIGNATURE], body, time.time())
        assert json.loads(body) == notice.fields()


@pytest.mark.parametrize("status", [302, 400, 404, 500])
async def test_anything_but_a_2xx_is_no_delivery_and_a_redirect_is_not_followed(
    desk: Desk, notice: Notice, status: int
) -> None:
    hook = Webhook(WebhookSettings(await desk.start(), SECRET), time.time)
    desk.answers = [status]
    with pytest.raises(Undelivered, match=str(status)):
        await hook.send(notice)
    await hook.close()
    assert len(desk.got) == 1


async def test_a_dead_port_is_no_delivery(notice: Notice, unused_port: int) -> None:
    hook = Webhook(WebhookSettings(f"http://127.0.0.1:{unused_port}/", SECRET), time.time)
    with pytest.raises(Undelivered, match="ClientConnector"):
        await hook.send(notice)
    await hook.close()


async def test_a_desk_is_believed_with_the_operators_authority_only(desk: Desk, notice: Notice, tmp_path: Path) -> None:
    url = await desk.start(tmp_path)
    stranger = Webhook(WebhookSettings(url, SECRET), time.time)
    with pytest.raises(Undelivered, match="Certificate"):
        await stranger.send(notice)
    await stranger.close()
    hook = Webhook(WebhookSettings(url, SECRET, tmp_path / "ca.pem"), time.time)
    await hook.send(notice)
    await hook.close()
    assert len(desk.got) == 1
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(OSError):
        trusted(tmp_path / "empty.pem")


def test_a_signature_is_of_its_secret_its_body_and_its_time() -> None:
    value = signature(SECRET, 1000.9, b"body")
    assert verified(SECRET, value, b"body", 1299.0)
    assert not verified(SECRET, value, b"body", 1301.0)
    assert not verified(SECRET, value, b"bodx", 1000.0)
    assert not verified(SECRET, value.replace("t=1000", "t=1200"), b"body", 1200.0)  # an old one is not made new
    assert not verified(b"another secret..", value, b"body", 1000.0)
    for wrong in ("", "t=", "t=x,v1=", "v1=00", "t=1000", "t=1000,v1=\N{LATIN SMALL LETTER E WITH ACUTE}"):
        assert not verified(SECRET, wrong, b"body", 1000.0)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_event_loop_is_not_needed_to_build_one() -> None:
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    Webhook(WebhookSettings("https://desk.example.com/", SECRET), time.time)
