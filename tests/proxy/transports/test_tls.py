"""Certificates by name, and new ones without a restart."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from certs.lab import Authority
from proxy.settings import TlsSettings
from proxy.settings.network import NamedCertificate
from proxy.transports import Tls
from tests.proxy.transports.test_stream import connected, desk
from tests.waiting import SECONDS


async def shown(one: object, name: str) -> str:
    """The common name of the certificate that somebody sees who asks for this name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await connected(one, ssl=context, server_hostname=name)  # type: ignore[arg-type]
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return ssl.DER_cert_to_PEM_cert(der)


async def test_the_name_that_is_asked_for_chooses_the_certificate(
    tls: TlsSettings, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.tls(("other.example.com",)).save(tmp_path, "other")
    named = replace(tls, names=(NamedCertificate("Other.Example.com", certificate, key),))
    async with desk(tls=Tls(named)) as one:
        first = await shown(one, "unknown.example.com")
        assert first in tls.certificate.read_text() and first == await shown(one, "sip.example.com")
        assert await shown(one, "other.example.com") in certificate.read_text()


async def test_new_certificates_serve_new_connections_and_open_ones_go_on(
    tls: TlsSettings, authority: Authority, tmp_path: Path
) -> None:
    mine = Tls(tls)
    async with desk(tls=mine) as one:
        before = await shown(one, "sip.example.com")
        context = ssl.create_default_context(cafile=tls.ca)
        reader, writer = await connected(one, ssl=context, server_hostname="127.0.0.1")
        authority.tls(("127.0.0.1",)).save(tmp_path, "tls")
        mine.renew()
        assert await shown(one, "sip.example.com") != before
        writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(2), SECONDS) == b"\r\n"
        # What cannot be read changes nothing.
        now = await shown(one, "sip.example.com")
        tls.certificate.write_text("no certificate")
        with pytest.raises(OSError):
            mine.renew()
        assert await shown(one, "sip.example.com") == now
