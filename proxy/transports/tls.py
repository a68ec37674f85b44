"""What TLS connections are made with: our certificates by name, whom we believe, and how they are renewed.

TLS 1.2 is the least (RFC 8996). The contexts live as long as the listener; `renew` puts new certificates into them, so
that new connections use them and the open ones go on.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.settings import TlsSettings
from proxy.settings.network import NamedCertificate


@dataclass(slots=True)
class Tls:
    """The two contexts of one configuration. Building raises OSError, ssl.SSLError included: a file is missing or is no
    certificate, or the key is another one's.
    """

    settings: TlsSettings
    server: ssl.SSLContext = field(init=False)
    client: ssl.SSLContext = field(init=False)
    _named: dict[str, ssl.SSLContext] = field(init=False)
    _fresh: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self._named = {one.name.lower(): self._accepting(one) for one in self.settings.names}
        self.server = self._accepting(self.settings)
        self.server.sni_callback = self._chosen
        self.client = self._asking()

    def renew(self) -> None:
        """Read the files again. All of them are read before the first is used. Raises OSError, and nothing changed."""
        self.take(Tls(self.settings))

    def take(self, fresh: Tls) -> None:
        """New connections are made with these from now on."""
        self.settings, self._named, self.client = fresh.settings, fresh._named, fresh.client
        # The listener keeps its context, and hands each connection over to the fresh one.
        self._fresh = fresh.server

    def _chosen(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        """SNI: the certificate of the name that was asked for, else the first one (RFC 6066 section 3)."""
        context = self._named.get(name.lower()) if name is not None else None
        if context is not None or (context := self._fresh) is not None:
            connection.context = context

    def _accepting(self, certificate: TlsSettings | NamedCertificate) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load(context, certificate)
        if self.settings.clients != "none":
            context.load_verify_locations(self.settings.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED if self.settings.clients == "required" else ssl.CERT_OPTIONAL
        return context

    def _asking(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.settings.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # The chain is OpenSSL's business; the name is ours (`belongs`): it lets wildcards pass, RFC 5922 does not.
        context.check_hostname = False
        if self.settings.verify == "none":
            context.verify_mode = ssl.CERT_NONE
        _load(context, self.settings)  # for peers that want to know us
        return context


def _load(context: ssl.SSLContext, certificate: TlsSettings | NamedCertificate) -> None:
    # A key with a password would ask for it on the terminal: it is refused instead.
    context.load_cert_chain(certificate.certificate, certificate.key, password=lambda: "")


def belongs(certificate: Mapping[str, Any] | None, domain: str, host: str) -> bool:
    """Whether a certificate, as `ssl` shows one that was verified, is for this domain; without one, for this address.

    RFC 5922 section 7.1: SIP URIs among the alternative names count alone where there are any, then DNS names, then,
    where there are neither, the common name. Compared whole and without case.
    """
    if not certificate:
        return False
    said: Sequence[tuple[str, str]] = certificate.get("subjectAltName", ())
    if not domain:
        return any(kind == "IP Address" and _same(value, host) for kind, value in said)
    wanted = domain.lower().rstrip(".")
    return wanted in _domains(certificate)


def _domains(certificate: Mapping[str, Any]) -> frozenset[str]:
    said: Sequence[tuple[str, str]] = certificate.get("subjectAltName", ())
    uris = [value[4:] for kind, value in said if kind == "URI" and value[:4].lower() == "sip:" and "@" not in value]
    found = uris or [value for kind, value in said if kind == "DNS"]
    if not found and not any(kind in ("DNS", "URI") for kind, _ in said):
        found = [
            value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"
        ]
    return frozenset(name.lower().rstrip(".") for name in found if "*" not in name)


def _same(said: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(said.strip()) == ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
