"""Calls over real TCP connections, through the real pump: whose connection takes what, and who loses it."""

from __future__ import annotations

import asyncio
import socket

import pytest

from proxy.app import App
from proxy.sip.message import Request, Response
from tests.proxy.transports.peers import (
    CARRIER,
    PBX,
    Datagrams,
    Line,
    Phone,
    Run,
    count,
    on_uvloop,
    request,
    response,
    streams,
    until,
    where,
)
from tests.waiting import SECONDS


def hop(address: tuple[str, int], transport: str = "tcp") -> str:
    return f"{transport}:{address[0]}:{address[1]}"


def status(message: Request | Response) -> int:
    assert isinstance(message, Response)
    return message.status


@pytest.mark.req("SIP-096")
@on_uvloop
async def test_a_call_comes_by_tcp_goes_on_by_udp_and_comes_back(run: Run) -> None:
    pbx = Datagrams()
    async with run(hop(pbx.address, "udp")) as app:
        line = await Line.open(where(app))
        line.send(request())
        invite = await pbx.hears()
        assert invite.lines[0].startswith(b"Via: SIP/2.0/UDP 127.0.0.1:")
        pbx.send(response(invite, 180), where(app, "UDP"))
        pbx.send(response(invite, 200, f"Contact: <sip:b@{PBX}:{pbx.address[1]}>"), where(app, "UDP"))
        assert [status(await line.hears()) for _ in range(2)] == [180, 200]
        assert len(invite.names) and count(app, "connections_begun", "tcp", "in") == 1


@pytest.mark.req("SIP-120")
@on_uvloop
async def test_what_there_is_no_time_to_judge_goes_on(run: Run) -> None:
    pbx = Datagrams()
    async with run(hop(pbx.address, "udp")) as app:
        app.server._hurry = -1.0  # all have waited too long
        line = await Line.open(where(app))
        line.send(request())
        assert (await pbx.hears()).first("call-id") is not None
        assert count(app, "decisions", "inbound", "unscreened", "none", "none") == 1


@pytest.mark.req("SIP-098")
@on_uvloop
async def test_tcp_in_and_out_three_calls_in_one_segment_and_in_single_octets(run: Run) -> None:
    phone = await Phone.at()
    async with run(hop(phone.address)) as app:
        line = await Line.open(where(app))
        line.send(b"".join(request(call=name, body=b"v=0\r\n\r\n") for name in "abc"))
        for octet in request(call="d"):
            line.send(bytes((octet,)))
            await line.writer.drain()
        other = await phone.line()
        calls = [await other.hears() for _ in range(4)]
        assert [one.first("call-id") for one in calls] == [b"a", b"b", b"c", b"d"]
        assert all(b"SIP/2.0/TCP 127.0.0.1:" in one.lines[0] for one in calls)
        assert other.me == phone.address  # one connection took them all
        for one in calls:
            other.send(response(one, 486))
        for _ in calls:
            assert status(await line.hears()) == 486
        for _ in calls:
            ack = await other.hears()
            assert isinstance(ack, Request) and ack.method == "ACK"
        assert phone.lines.empty() and count(app, "connections_begun", "tcp", "out") == 1


@pytest.mark.req("SIP-101")
@on_uvloop
async def test_a_ping_is_answered_with_one_line_end(run: Run) -> None:
    async with run(hop((PBX, 5060), "udp")) as app:
        line = await Line.open(where(app))
        line.send(b"\r\n\r\n")
        assert await asyncio.wait_for(line.reader.readexactly(2), SECONDS) == b"\r\n"
        line.send(b"\r\n")
        line.send(b"\r\n")
        assert await asyncio.wait_for(line.reader.readexactly(2), SECONDS) == b"\r\n"


@pytest.mark.req("SIP-096")
@on_uvloop
async def test_a_response_whose_connection_is_gone_goes_to_the_port_of_sent_by(run: Run) -> None:
    pbx, carrier = Datagrams(), await Phone.at(CARRIER)
    async with run(hop(pbx.address, "udp")) as app:
        line = await Line.open(where(app))
        line.send(request(via=f"SIP/2.0/TCP {CARRIER}:{carrier.address[1]}"))
        invite = await pbx.hears()
        line.close()
        await until(lambda: app.room.total == 0)
        pbx.send(response(invite, 486), where(app, "UDP"))
        assert status(await (await carrier.line()).hears()) == 486


@pytest.mark.req("SIP-104")
@on_uvloop
async def test_a_request_never_goes_by_a_connection_that_came_from_another_port_of_its_host(run: Run) -> None:
    phone = await Phone.at()
    async with run(hop(phone.address)) as app:
        # The PBX's host is connected to us, and says alias; the call goes to its own port all the same.
        stranger = await Line.open(where(app), me=PBX)
        stranger.send(request("OPTIONS", f"SIP/2.0/TCP {PBX}:{phone.address[1]};alias", "Max-Forwards: 0", call="o"))
        await stranger.hears()
        line = await Line.open(where(app))
        line.send(request())
        assert (await (await phone.line()).hears()).first("call-id") == b"call"


@pytest.mark.req("SIP-061")
@on_uvloop
async def test_a_hop_that_refuses_the_connection_is_left_for_the_next_one_at_once(run: Run) -> None:
    with socket.socket() as probe:
        probe.bind((PBX, 0))
        nobody = probe.getsockname()[:2]
    second = Datagrams()
    async with run("", next_hop={"pbx": [hop(nobody), hop(second.address, "udp")]}) as app:
        line = await Line.open(where(app))
        line.send(request())
        invite = await second.hears()
        second.send(response(invite, 486), where(app, "UDP"))
        assert status(await line.hears()) == 486
        assert count(app, "failovers", "transport") == 1
        assert count(app, "connections_ended", "tcp", "connect") >= 1


@pytest.mark.req("SIP-089", "TRAP-52")
@on_uvloop
async def test_what_is_too_long_goes_by_udp_where_nobody_listens_by_tcp_and_it_is_counted(run: Run) -> None:
    pbx = Datagrams()  # and by TCP nobody is there
    async with run(hop(pbx.address, "udp+tcp")) as app:
        line = await Line.open(where(app))
        line.send(request(body=b"x" * 1400))
        invite = await pbx.hears()
        assert len(invite.body) == 1400 and b"SIP/2.0/UDP 127.0.0.1:" in invite.lines[0]
        pbx.send(response(invite, 486), where(app, "UDP"))
        assert status(await line.hears()) == 486
        assert count(app, "udp_oversize") >= 1 and count(app, "failovers", "transport") == 1
        line.send(request(call="short"))
        assert (await pbx.hears()).first("call-id") is not None
        assert count(app, "failovers", "transport") == 1  # the hop itself is well


def plain_hop(address: tuple[str, int]) -> str:
    """As most operators write it: no transport."""
    return f"{address[0]}:{address[1]}"


@pytest.mark.req("SIP-087", "TRAP-52")
@on_uvloop
async def test_a_hop_without_a_word_gets_by_tcp_what_is_too_long_because_it_has_tcp(run: Run) -> None:
    phone = await Phone.at()
    datagrams = Datagrams(*phone.address)
    async with run(plain_hop(phone.address)) as app:
        other = await phone.line()  # it was tried before any call
        assert count(app, "connections_begun", "tcp", "out") == 1
        line = await Line.open(where(app))
        line.send(request(call="long", body=b"x" * 1400))
        assert (await other.hears()).first("call-id") == b"long"
        line.send(request(call="short"))
        assert (await datagrams.hears()).first("call-id") == b"short"
        assert count(app, "udp_oversize") == 0 and count(app, "connections_begun", "tcp", "out") == 1


@pytest.mark.req("SIP-089", "TRAP-52")
@on_uvloop
async def test_a_hop_without_a_word_and_without_tcp_costs_no_call_anything(run: Run) -> None:
    pbx = Datagrams()
    async with run(plain_hop(pbx.address)) as app:
        assert count(app, "connections_ended", "tcp", "connect") == 1  # found out before any call
        line = await Line.open(where(app))
        for name in ("a", "b"):
            line.send(request(call=name, body=b"x" * 1400))
            assert (await pbx.hears()).first("call-id") == name.encode()
        assert count(app, "connections_begun", "tcp", "out") == 1 and count(app, "failovers", "transport") == 0


@pytest.mark.req("SIP-061")
@on_uvloop
async def test_a_connection_that_breaks_under_a_call_fails_it_over(run: Run) -> None:
    first, second = await Phone.at(), Datagrams()
    async with run("", next_hop={"pbx": [hop(first.address), hop(second.address, "udp")]}) as app:
        line = await Line.open(where(app))
        line.send(request())
        other = await first.line()
        await other.hears()
        other.close()
        assert (await second.hears()).first("call-id") == b"call"


def look(app: App, now: float) -> None:
    """Who has taken too long by then loses his connection."""
    for stream in streams(app):
        for connection in tuple(stream._open.values()):
            connection.look(now, stream.room.bounds)


FAULTY = {
    "no length": (request().replace(b"Content-Length: 0", b"X: y"), 400),
    "a negative length": (request().replace(b"Length: 0", b"Length: -1"), 400),
    "two lengths": (request().replace(b"Length: 0", b"Length: 0\r\nl: 5"), 400),
    "a huge length": (request().replace(b"Length: 0", b"Length: 9999999999"), 413),
}


@pytest.mark.req("SIP-099", "T-16", "T-42")
@pytest.mark.parametrize("case", FAULTY)
@on_uvloop
async def test_a_length_that_cannot_be_is_answered_and_the_connection_ends(case: str, run: Run) -> None:
    octets, expected = FAULTY[case]
    async with run(hop((PBX, 5060), "udp")) as app:
        line = await Line.open(where(app))
        line.send(octets + request(call="after"))
        assert status(await line.hears()) == expected
        assert await line.ended() == b""
        await until(lambda: count(app, "connections_ended", "tcp", "framing") == 1)
        assert count(app, "parse_errors", str(expected)) == 1
        assert app.endpoint.transactions == 0


@pytest.mark.req("SIP-099")
@on_uvloop
async def test_an_emergency_call_without_length_goes_on_all_the_same(run: Run) -> None:
    pbx = Datagrams(CARRIER)
    async with run(hop((PBX, 5060)), next_hop={"carrier": [hop(pbx.address, "udp")]}) as app:
        line = await Line.open(where(app), me=PBX)
        line.send(request(target="sip:911@carrier.example.net").replace(b"Content-Length: 0", b"X: y"))
        invite = await pbx.hears()
        pbx.send(response(invite, 180), where(app, "UDP"))
        assert status(await line.hears()) == 180


@on_uvloop
async def test_what_is_no_sip_at_all_ends_its_connection_without_an_answer(run: Run) -> None:
    async with run(hop((PBX, 5060), "udp")) as app:
        for octets in (b"\x16\x03\x01\x00\x05hello", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
            line = await Line.open(where(app))
            line.send(octets)
            assert await line.ended() == b""


@pytest.mark.req("SIP-106", "T-15")
@on_uvloop
async def test_a_slow_sender_loses_its_connection_and_another_call_passes(run: Run) -> None:
    pbx = Datagrams()
    async with run(hop(pbx.address, "udp")) as app:
        slow, silent, idle = [await Line.open(where(app)) for _ in range(3)]
        slow.send(request(call="slow", body=b"x" * 900)[:-800])
        idle.send(b"\r\n\r\n")
        await idle.reader.readexactly(2)
        line = await Line.open(where(app))
        line.send(request())
        assert (await pbx.hears()).first("call-id") == b"call"
        look(app, app.clock.now() + 16.5)
        assert status(await slow.hears()) == 408
        assert await slow.ended() == b"" and await silent.ended() == b""
        assert count(app, "connections_ended", "tcp", "slow") == count(app, "connections_ended", "tcp", "silent") == 1
        await until(lambda: app.room.total == 2)
        line.send(request(call="again"))
        assert (await pbx.hears()).first("call-id") == b"again"
        look(app, app.clock.now() + 900.5)
        assert await idle.ended() == b"" and await line.ended() == b""
        assert count(app, "connections_ended", "tcp", "idle") == 2


@pytest.mark.req("SIP-106")
@on_uvloop
async def test_beyond_the_half_open_limit_the_oldest_goes_and_whoever_brings_a_message_stays(run: Run) -> None:
    pbx = Datagrams()
    async with run(hop(pbx.address, "udp"), connections={"half_open": 3}) as app:
        honest = await Line.open(where(app))
        honest.send(request())
        await pbx.hears()
        slow = []
        for number in range(5):
            slow.append(await Line.open(where(app), me="127.0.0.9"))
            slow[-1].send(b"INVITE sip:")
            await until(lambda number=number: count(app, "connections_begun", "tcp", "in") == number + 2)
        assert await slow[0].ended() == b"" and await slow[1].ended() == b""
        await until(lambda: app.room.total == 4)
        assert (app.room.half_open, count(app, "connections_ended", "tcp", "evicted")) == (3, 2)
        honest.send(request(call="again"))
        assert (await pbx.hears()).first("call-id") == b"again"


@pytest.mark.req("SIP-106")
@on_uvloop
async def test_one_source_may_have_so_many_connections_and_the_others_are_not_held_up(run: Run) -> None:
    pbx = Datagrams()
    async with run(hop(pbx.address, "udp"), connections={"per_source": 2}) as app:
        kept = [await Line.open(where(app), me="127.0.0.9") for _ in range(2)]
        await until(lambda: app.room.total == 2)
        assert await (await Line.open(where(app), me="127.0.0.9")).ended() == b""
        assert count(app, "connections_refused", "tcp", "source") == 1
        line = await Line.open(where(app))
        line.send(request())
        await pbx.hears()
        await until(lambda: app.room.total == 3)
        assert len(kept) == 2


@pytest.mark.req("SIP-106")
@on_uvloop
async def test_strangers_that_take_all_connections_keep_neither_a_peer_nor_us_from_a_hop(run: Run) -> None:
    phone = await Phone.at("127.0.0.4")  # a hop that sends nothing by itself: no trunk has its address
    async with run(hop(phone.address), connections={"total": 6}, health={"ping_seconds": 0}) as app:
        async def pinged() -> None:
            stranger = await Line.open(where(app), me="127.0.0.9")
            stranger.send(b"\r\n\r\n")
            assert await stranger.reader.readexactly(2) == b"\r\n"

        carrier = await Line.open(where(app))
        carrier.send(b"\r\n\r\n")
        await carrier.reader.readexactly(2)
        while app.room.total < 6:
            await pinged()
        assert app.room.half_open == 0
        carrier.send(request())
        line = await phone.line()
        line.send(response(await line.hears(), 200))
        assert status(await carrier.hears()) == 200
        again = await Line.open(where(app))
        again.send(request(call="again"))
        assert (await line.hears()).first("call-id") == b"again"
        for _ in range(8):  # however many come, they only take each other's place
            await pinged()
        for number, one in enumerate((carrier, again)):
            one.send(request(call=f"after{number}"))
            assert (await line.hears()).first("call-id") == b"after%d" % number
        await until(lambda: app.room.total == 6)
        assert count(app, "connections_refused", "tcp", "total") == 0


@pytest.mark.req("SIP-106")
@on_uvloop
async def test_a_peer_that_does_not_read_loses_its_connection(run: Run) -> None:
    phone = await Phone.at()
    async with run(hop(phone.address), connections={"unsent_kib": 64}) as app:
        line = await Line.open(where(app))
        line.send(request(call="first"))
        other = await phone.line()
        other.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport that can
        body = b"x" * 60_000
        for number in range(400):
            line.send(request(call=f"c{number}", body=body))
            await line.writer.drain()
            if count(app, "connections_ended", "tcp", "unread"):
                break
        await until(lambda: count(app, "connections_ended", "tcp", "unread") >= 1)


@on_uvloop
async def test_a_call_over_ipv6(run: Run) -> None:
    try:
        pbx = Datagrams("::1")
    except OSError:
        pytest.skip("::1 is not there")
    listen = [{"address": "[::1]:0"}, {"address": "127.0.0.1:0"}]
    async with run(f"udp:[::1]:{pbx.address[1]}", listen=listen) as app:
        line = await Line.open(where(app, "TCP", 6), me="::1")
        line.send(request(via=f"SIP/2.0/TCP [::1]:{line.me[1]}"))
        invite = await pbx.hears()
        assert b"SIP/2.0/UDP [::1]:" in invite.lines[0]
        pbx.send(response(invite, 486), where(app, "UDP", 6))
        assert status(await line.hears()) == 486
