"""A PBX registers at its carrier through us: only the contact changes, calls come back, also after a restart and with two workers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from proxy.lab.cases import UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.world import World
from proxy.sip.message import Request
from tests.waiting import recorded

AUTHORIZATION = 'Digest username="pbx", realm="carrier.example.net", nonce="n1", uri="sip:carrier.example.net", response="0"'
CALLER, LISTED = "<sip:+13015550101@carrier.example.net>", f"<sip:+{UTILITY}@carrier.example.net>"
LINE, OTHER_LINE = "<sip:+12025550123@carrier.example.net>", "<sip:+12025550124@carrier.example.net>"


class Registrar:
    """What a carrier's registrar says: a challenge first, then the contacts that it holds, with an expiry of its own."""

    def __init__(self) -> None:
        self.contacts: list[str] = []
        self.supported = ""

    def __call__(self, request: Request) -> tuple[int, str, Sequence[str]]:
        if request.method != "REGISTER":
            return 200, "OK", ()
        if request.first("authorization") is None:
            return 401, "Unauthorized", ('WWW-Authenticate: Digest realm="carrier.example.net",\r\n nonce="n1"',)
        given = [value.decode() for value in request.values("contact")]
        self.contacts = [] if given == ["*"] else given
        path = [f"Path: {value.decode()}" for value in request.all("path")]
        return 200, "OK", (*path, *(f"Contact: {value};expires=120" for value in self.contacts), "Service-Route: <sip:x;lr>")


async def registers(world: World, number: int, *lines: str, phone: Phone | None = None) -> tuple[bytes, bytes, bytes]:
    """What the PBX sent, what the registrar heard, what the PBX was answered."""
    phone = phone or world.pbx
    data = (
        f"REGISTER sip:carrier.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{phone.port};branch=z9hG4bKreg{number};rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:pbx@carrier.example.net>;tag=f1\r\nTo:  <sip:pbx@carrier.example.net>\r\n"
        f"Call-ID: reg-1\r\nCSeq: {number} REGISTER\r\n" + "".join(f"{line}\r\n" for line in lines) + "Content-Length: 0\r\n\r\n"
    ).encode()
    await phone.send(data, world.proxy)
    cseq = f"{number} REGISTER"
    heard = await world.carrier.hears(lambda one: one.header("cseq") == cseq and isinstance(one.message, Request))
    answer = await phone.hears(lambda one: one.header("cseq") == cseq and not isinstance(one.message, Request))
    return data, heard.data, answer.data


def named(data: bytes, name: bytes) -> list[bytes]:
    return [line for line in data.split(b"\r\n") if line.lower().startswith(name.lower() + b":")]


async def called(world: World, contact: str, *lines: str, caller: str = CALLER) -> Request:
    """A call of the carrier for a registered contact: what the PBX got. It is answered and ended."""
    sent = Invitation(contact.strip("<>"), caller, callee=LINE, lines=lines)
    assert (await world.carrier.call(sent, world.proxy)).status == 200
    heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
    assert isinstance(heard.message, Request)
    await world.pbx.hears("BYE", call_id=sent.call_id)
    return heard.message


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_registered_pbx_is_called_through_us_also_after_a_restart(workers: int, tmp_path: Path) -> None:
    async with World(tmp_path, workers=workers) as world:
        registrar = world.carrier.others = Registrar()
        own = f"<sip:pbx@127.0.0.1:{world.ports['pbx']};rinstance=4a1d;line=sr6>"
        # The challenge passes as it came, folds and all.
        _, _, challenged = await registers(world, 1, f"Contact: {own}")
        assert challenged.startswith(b"SIP/2.0 401") and b'WWW-Authenticate: Digest realm="carrier.example.net",\r\n nonce="n1"' in challenged
        sent, heard, answer = await registers(world, 2, f"Contact: {own}", f"Authorization: {AUTHORIZATION}")
        for name in (b"From", b"To", b"Authorization", b"Call-ID", b"CSeq"):
            assert named(heard, name) == named(sent, name)
        assert heard.split(b"\r\n")[0] == sent.split(b"\r\n")[0]
        assert not named(heard, b"Record-Route")
        (contact,) = registrar.contacts
        assert "rwc-" in contact and f"@127.0.0.1:{world.ports['proxy']};rinstance=4a1d;line=sr6>" in contact
        # The registrar's answer: our contact is the PBX's own again, with the registrar's expiry.
        assert named(answer, b"Contact") == [f"Contact: {own};expires=120".encode()]
        assert named(answer, b"Service-Route") == [b"Service-Route: <sip:x;lr>"]
        assert (await called(world, contact)).target == own.strip("<>").encode()
        world.process.kill()  # nothing is stored that could be lost
        await world.process.wait()
        await world.run()
        assert (await called(world, contact)).target == own.strip("<>").encode()
        # A refresh is the same binding, and the end of all bindings passes.
        await registers(world, 3, f"Contact: {own}", f"Authorization: {AUTHORIZATION}")
        assert registrar.contacts == [contact]
        _, heard, _ = await registers(world, 4, "Contact: *", "Expires: 0", f"Authorization: {AUTHORIZATION}")
        assert named(heard, b"Contact") == [b"Contact: *"] and registrar.contacts == []


async def test_a_call_for_a_registered_contact_is_screened_like_any_other(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        registrar = world.carrier.others = Registrar()
        await registers(world, 1, f"Contact: <sip:pbx@127.0.0.1:{world.ports['pbx']}>", f"Authorization: {AUTHORIZATION}")
        (contact,) = registrar.contacts
        heard = await called(world, contact)
        assert heard.first("x-screen-verdict") is not None
        # Strangers get nothing for knowing it.
        async with Phone() as stranger:
            assert (await stranger.call(Invitation(contact.strip("<>"), CALLER), world.proxy)).status == 403


@pytest.mark.parametrize("supported", [True, False])
async def test_path_is_written_where_it_is_wished_and_supported(supported: bool, tmp_path: Path) -> None:
    wished = '\n[registration]\nthrough = "path"\n'
    async with World(tmp_path, amend=lambda text: text + wished) as world:
        registrar = world.carrier.others = Registrar()
        own = f"<sip:pbx@127.0.0.1:{world.ports['pbx']}>"
        more = ("Supported: outbound, path",) if supported else ()
        _, heard, answer = await registers(world, 1, f"Contact: {own}", f"Authorization: {AUTHORIZATION}", *more)
        paths = named(heard, b"Path")
        if not supported:
            assert not paths and "rwc-" in registrar.contacts[0]
            return
        assert registrar.contacts == [own] and named(answer, b"Path") == paths
        (path,) = paths
        sent = Invitation(own.strip("<>"), CALLER, lines=(f"Route: {path.partition(b': ')[2].decode()}",))
        assert (await world.carrier.call(sent, world.proxy)).status == 200
        got = await world.pbx.hears("INVITE", call_id=sent.call_id)
        assert isinstance(got.message, Request) and got.message.target == own.strip("<>").encode()
        assert got.message.first("route") is None


@pytest.mark.req("EMG-012")
@pytest.mark.parametrize("through", ["contact", "path"])
@pytest.mark.parametrize("line", [LINE, "<sip:pbx@127.0.0.1>"])
async def test_who_calls_back_a_registered_line_that_called_911_is_not_screened(line: str, through: str, tmp_path: Path) -> None:
    wished = f'\n[registration]\nthrough = "{through}"\n'
    async with World(tmp_path, amend=lambda text: text + wished) as world:
        registrar = world.carrier.others = Registrar()
        own = f"<sip:pbx@127.0.0.1:{world.ports['pbx']}>"
        _, heard, _ = await registers(world, 1, f"Contact: {own}", f"Authorization: {AUTHORIZATION}", "Supported: path")
        (contact,) = registrar.contacts
        routes = [f"Route: {path.partition(b': ')[2].decode()}" for path in named(heard, b"Path")]
        assert ("rwc-" in contact) != (through == "path") == bool(routes)

        async def status(target: str, callee: str = LINE, *lines: str) -> int | None:
            sent = Invitation(target.strip("<>"), LISTED, callee=callee, lines=lines)
            return (await world.carrier.call(sent, world.proxy)).status

        assert await status(contact, LINE, *routes) == 603
        emergency = Invitation(f"sip:911@127.0.0.1:{world.ports['proxy']}", line)
        assert (await world.pbx.call(emergency, world.proxy)).status == 200
        message = await called(world, contact, *routes, caller=LISTED)
        assert message.target == own.strip("<>").encode() and message.first("x-screen-verdict") is None
        assert (await recorded(world.journal, message.call_id.decode())).row.action == "callback"
        # What anybody can write opens nothing: a To, also with a contact or a Path that is none of ours.
        if line == LINE:
            assert await status(contact, OTHER_LINE, *routes) == 603
            assert await status(f"sip:+12025550124@127.0.0.1:{world.ports['proxy']}") == 603
            assert await status(f"sip:rwc-AAAAAAAA@127.0.0.1:{world.ports['proxy']}") == 603
            assert await status(own, LINE, f"Route: <sip:127.0.0.1:{world.ports['proxy']};lr;rw=rwc-AAAAAAAA>") == 603


async def test_each_trunk_of_a_pbx_registers_with_its_own_carrier(tmp_path: Path) -> None:
    async with Phone() as second:
        def two(text: str) -> str:
            peer = f'\n[[peer]]\nname = "second"\nside = "carrier"\nhops = ["127.0.0.1:{second.port}"]\ndomains = ["Second.example"]\n'
            first = text.index("carrier = [")
            line = text[first : text.index("\n", first) + 1]
            hop = line.partition("[")[2].partition("]")[0]
            text = text.replace(line, "")
            return text + peer + f'\n[[peer]]\nname = "first"\nside = "carrier"\nhops = [{hop}]\nsources = ["127.0.0.9"]\n'

        async with World(tmp_path, amend=two) as world:
            data = (
                f"REGISTER sip:second.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{world.ports['pbx']};branch=z9hG4bKsec;rport\r\n"
                "From: <sip:pbx@second.example>;tag=f1\r\nTo: <sip:pbx@second.example>\r\nCall-ID: reg-2\r\nCSeq: 1 REGISTER\r\n"
                f"Contact: <sip:pbx@127.0.0.1:{world.ports['pbx']}>\r\nContent-Length: 0\r\n\r\n"
            ).encode()
            for _ in range(4):  # however the dice fall
                await world.pbx.send(data, world.proxy)
                data = data.replace(b"reg-2", b"reg-2x").replace(b"4bKsec", b"4bKsecx")
            for _ in range(4):
                await second.hears("REGISTER")
            await asyncio.gather(*(world.pbx.hears(lambda one: one.message.start == b"SIP/2.0 200 OK") for _ in range(4)))
            assert not world.carrier.requests("REGISTER")
