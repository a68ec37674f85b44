"""Calls over real TLS, and whose certificate is believed."""

from __future__ import annotations

import contextlib
import ssl
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from certs.lab import Authority
from proxy.app import App
from proxy.sip.message import Response
from proxy.transports.tls import belongs
from tests.proxy.transports.peers import (
    PBX,
    PLAIN,
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

VIA = "SIP/2.0/TLS 127.0.0.2:5061"


LISTEN = [{"transport": "tls", "address": "127.0.0.1:0"}, PLAIN]


@pytest.fixture
def ours(authority: Authority, tmp_path: Path) -> dict[str, Any]:
    """A certificate for 127.0.0.1 and localhost."""
    (tmp_path / "ca.pem").write_bytes(authority.web_ca_pem)
    authority.tls().save(tmp_path, "ours")
    return {"certificate": "ours.pem", "key": "ours.key", "ca": "ca.pem"}


def client(authority: Authority, folder: Path | None = None) -> ssl.SSLContext:
    """A peer that believes the lab's web root; with a folder, one that has a certificate of its own."""
    context = ssl.create_default_context(cadata=authority.web_ca_pem.decode())
    context.check_hostname = False
    if folder is not None:
        context.load_cert_chain(*authority.tls(["127.0.0.2"]).save(folder, "client"))
    return context


def server(authority: Authority, folder: Path, *hosts: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.tls(hosts).save(folder, "server"))
    return context


def subject(line: Line) -> str:
    """The first name of the certificate that the other end showed."""
    certificate = line.writer.get_extra_info("peercert")
    return str(certificate["subjectAltName"][0][1])


@on_uvloop
async def test_a_call_comes_by_tls_and_goes_on_by_udp(run: Run, ours: dict[str, Any], authority: Authority) -> None:
    pbx = Datagrams()
    async with run(f"udp:{pbx.address[0]}:{pbx.address[1]}", listen=LISTEN, tls=ours) as app:
        line = await Line.open(where(app, "TLS"), tls=client(authority))
        line.send(b"\r\n\r\n" + request(via=VIA))
        assert await line.reader.readexactly(2) == b"\r\n"
        invite = await pbx.hears()
        pbx.send(response(invite, 486), where(app, "UDP"))
        answer = await line.hears()
        assert isinstance(answer, Response) and answer.status == 486
        assert line.writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")


@on_uvloop
async def test_a_call_goes_on_by_tls_to_whom_the_certificate_is_for(
    run: Run, ours: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    phone = await Phone.at(tls=server(authority, tmp_path, PBX))
    async with run(f"tls:{PBX}:{phone.address[1]}", listen=LISTEN, tls=ours) as app:
        line = await Line.open(where(app, "TLS"), tls=client(authority))
        line.send(request(via=VIA))
        other = await phone.line()
        invite = await other.hears()
        assert invite.lines[0].startswith(b"Via: SIP/2.0/TLS 127.0.0.1:")
        other.send(response(invite, 486))
        assert isinstance(answer := await line.hears(), Response) and answer.status == 486


@contextlib.asynccontextmanager
async def passed_over(
    run: Run, ours: dict[str, Any], authority: Authority, theirs: ssl.SSLContext
) -> AsyncIterator[tuple[App, Line, Phone]]:
    """A call by TLS that the first hop, with this certificate, does not get, and the second does."""
    phone, second = await Phone.at(tls=theirs), Datagrams()
    hops = [f"tls:{PBX}:{phone.address[1]}", f"udp:{PBX}:{second.address[1]}"]
    async with run("", next_hop={"pbx": hops}, listen=LISTEN, tls=ours) as app:
        line = await Line.open(where(app, "TLS"), tls=client(authority))
        line.send(request(via=VIA))
        await second.hears()
        yield app, line, phone


@pytest.mark.req("SIP-105")
@on_uvloop
async def test_a_hop_whose_certificate_is_for_somebody_else_gets_no_call(
    run: Run, ours: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    theirs = server(authority, tmp_path, "127.0.0.4", "pbx.example.com")
    async with passed_over(run, ours, authority, theirs) as (app, line, phone):
        assert count(app, "connections_ended", "tls", "identity") >= 1
        # The same certificate serves where the name that was asked for is in it.
        streams(app)[0]._domain = lambda flow: "PBX.example.com"
        line.send(request(via=VIA, call="named"))
        heard = None
        while heard is None:
            with contextlib.suppress(AssertionError, ConnectionError):  # the connections before: nothing came by them
                heard = await (await phone.line()).hears()
        assert heard.first("call-id") == b"named"


@on_uvloop
async def test_a_root_that_nobody_knows_makes_no_connection(
    run: Run, ours: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    theirs = server(Authority(seed="stranger"), tmp_path, PBX)
    async with passed_over(run, ours, authority, theirs) as (app, _, _):
        assert count(app, "connections_ended", "tls", "connect") == 1


@on_uvloop
async def test_clients_may_show_a_certificate_where_it_is_their_choice(
    run: Run, ours: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    pbx = Datagrams()
    async with run(f"udp:{PBX}:{pbx.address[1]}", listen=LISTEN, tls={**ours, "client_ca": "ca.pem", "clients": "optional"}) as app:
        for number, shown in enumerate((client(authority), client(authority, tmp_path))):
            line = await Line.open(where(app, "TLS"), tls=shown)
            line.send(request(via=VIA, call=f"call-{number}"))
            assert (await pbx.hears()).first("call-id") == b"call-%d" % number
        stranger = Authority()
        stranger.tls().save(tmp_path, "strange")
        wrong = client(authority)
        wrong.load_cert_chain(tmp_path / "strange.pem", tmp_path / "strange.key")
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            line = await Line.open(where(app, "TLS"), tls=wrong)
            line.send(request(via=VIA, call="never"))
            await line.hears()


@on_uvloop
async def test_clients_must_show_a_certificate_where_they_must(
    run: Run, ours: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    pbx = Datagrams()
    strict = {**ours, "client_ca": "ca.pem", "clients": "required"}
    async with run(f"udp:{PBX}:{pbx.address[1]}", listen=LISTEN, tls=strict) as app:
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            # TLS 1.3 tells a client with its first octets only.
            line = await Line.open(where(app, "TLS"), tls=client(authority))
            line.send(request(via=VIA))
            await line.hears()
        await until(lambda: count(app, "connections_ended", "tls", "handshake") == 1)
        line = await Line.open(where(app, "TLS"), tls=client(authority, tmp_path))
        line.send(request(via=VIA))
        assert (await pbx.hears()).first("call-id") == b"call"


@on_uvloop
async def test_old_versions_and_plain_text_get_no_connection(run: Run, ours: dict[str, Any], authority: Authority) -> None:
    old = client(authority)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    old.set_ciphers("ALL:@SECLEVEL=0")
    async with run(f"udp:{PBX}:5060", listen=LISTEN, tls=ours) as app:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await Line.open(where(app, "TLS"), tls=old)
        plain = await Line.open(where(app, "TLS"))
        plain.send(request())
        await plain.ended()
        await until(lambda: count(app, "connections_ended", "tls", "handshake") == 2)
        await until(lambda: app.room.total == 0)


@pytest.mark.req("SIP-106")
@on_uvloop
async def test_a_handshake_that_never_ends_gives_way_to_others(run: Run, ours: dict[str, Any], authority: Authority) -> None:
    async with run(f"udp:{PBX}:5060", listen=LISTEN, tls=ours, connections={"half_open": 2}) as app:
        held = [await Line.open(where(app, "TLS")) for _ in range(2)]
        await until(lambda: app.room.half_open == 2)
        line = await Line.open(where(app, "TLS"), tls=client(authority))
        line.send(b"\r\n\r\n")
        assert await line.reader.readexactly(2) == b"\r\n"
        assert await held[0].ended() == b""
        assert count(app, "connections_ended", "tls", "evicted") == 1
        await until(lambda: app.room.total == 2)


@on_uvloop
async def test_certificates_are_renewed_while_calls_go_on(
    run: Run, ours: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    pbx = Datagrams()
    async with run(f"udp:{PBX}:{pbx.address[1]}", listen=LISTEN, tls=ours) as app:
        before = await Line.open(where(app, "TLS"), tls=client(authority))
        before.send(request(via=VIA))
        await pbx.hears()
        authority.tls(["renewed.example.com"]).save(tmp_path, "ours")
        assert app.tls is not None
        app.tls.renew()
        after = await Line.open(where(app, "TLS"), tls=client(authority))
        assert (subject(before), subject(after)) == ("localhost", "renewed.example.com")
        before.send(request(via=VIA, call="still"))
        assert (await pbx.hears()).first("call-id") == b"still"


def names(**said: list[str]) -> dict[str, Any]:
    return {"subjectAltName": tuple((kind.replace("_", " "), value) for kind, values in said.items() for value in values)}


BELONGS: list[tuple[dict[str, Any] | None, str, str, bool]] = [
    (names(DNS=["sip.example.com"]), "sip.example.com", "192.0.2.1", True),
    (names(DNS=["SIP.Example.com."]), "sip.example.COM", "192.0.2.1", True),
    (names(DNS=["*.example.com"]), "sip.example.com", "192.0.2.1", False),
    (names(DNS=["*.example.com"]), "*.example.com", "192.0.2.1", False),
    (names(DNS=["example.com"]), "sip.example.com", "192.0.2.1", False),
    (names(URI=["sip:example.com"], DNS=["sip.example.com"]), "example.com", "192.0.2.1", True),
    (names(URI=["sip:example.com"], DNS=["sip.example.com"]), "sip.example.com", "192.0.2.1", False),
    (names(URI=["sip:bob@example.com"]), "example.com", "192.0.2.1", False),
    (names(IP_Address=["192.0.2.1"]), "", "192.0.2.1", True),
    (names(IP_Address=["2001:DB8:0:0:0:0:0:1"]), "", "2001:db8::1", True),
    (names(IP_Address=["192.0.2.1"], DNS=["a.example"]), "", "192.0.2.2", False),
    (names(IP_Address=["192.0.2.1"]), "example.com", "192.0.2.1", False),
    ({"subject": ((("commonName", "example.com"),),)}, "example.com", "192.0.2.1", True),
    ({"subject": ((("commonName", "example.com"),),), **names(DNS=["a.example"])}, "example.com", "192.0.2.1", False),
    ({}, "example.com", "192.0.2.1", False),
    (None, "", "192.0.2.1", False),
]


@pytest.mark.req("SIP-105")
@pytest.mark.parametrize(("certificate", "domain", "host", "expected"), BELONGS)
def test_a_certificate_is_for_a_whole_name(certificate: dict[str, Any] | None, domain: str, host: str, expected: bool) -> None:
    assert belongs(certificate, domain, host) is expected
