"""One HTTPS GET of a certificate file, by rules that a hostile URL cannot bend (RFC 8224 section 7.2).

The URL comes from the caller, so does the host behind it: https only, no redirect, no private address
(asked of the resolved one, and only addresses that passed are ever connected to, so a second look-up cannot
swap them), TLS verified, a cap on size and on the time of the whole, no decompression. What comes back is
octets, and how long their server calls them fresh; what they are worth is `shaken.credential`'s business, and
caching is `certs.store`'s.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from certs.addresses import is_allowed
from certs.freshness import lifetime

MAX_SIZE = 64 * 1024
"""Octets of one certificate file; real chains have two to five thousand."""
MAX_URL = 2048
"""Characters of a URL that we ask for."""
RESOLVER_THREADS = 16
"""Look-ups at once. They have their own threads, so that names which never resolve delay no other work."""
CHUNK = 16 * 1024

SLUGS = (
    "url",  # not a URL that may be fetched at all
    "host",  # a host or port outside of what is configured
    "address",  # the name leads to an address that we do not connect to
    "dns",  # the name does not resolve
    "connect",  # nobody there
    "tls",  # a bad certificate, name or handshake
    "timeout",  # not done in time
    "redirect",  # 3xx
    "server",  # 5xx
    "status",  # any other than 200
    "resting",  # not asked, because its host failed again and again a moment ago
    "type",  # a web page or a picture instead of a certificate
    "encoding",  # compressed, though we asked for no such thing
    "size",  # larger than allowed
    "broken",  # the connection or the HTTP ended wrongly
)
"""Why a fetch may fail: all values of `FetchError.slug`."""

_URL = re.compile(
    r"https://(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?))"
    r"(?::(?P<port>[0-9]{1,5}))?(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)?",
    re.ASCII,
)
# No userinfo, query or fragment (STI-073), and no character on which two URL parsers could disagree.
_TYPES = re.compile(
    r"text/plain|(?:application|binary)/(?:octet-stream|tnauthlist|.*(?:pem|x509|pkix|pkcs|cert).*)", re.ASCII
)

HEADERS = {
    "Accept": "application/pem-certificate-chain, application/x-pem-file, */*;q=0.5",
    "Accept-Encoding": "identity",
    "User-Agent": "ringwarden",
}


class FetchError(Exception):
    """The file could not be had; `slug` is one of SLUGS."""

    def __init__(self, slug: str, why: str) -> None:
        super().__init__(why)
        self.slug = slug


class Fetched(NamedTuple):
    """A file, and how long it is fresh."""

    body: bytes
    seconds: float | None = None
    """From now on, as the server says; None: it does not say."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a fetch may do."""

    size: int = MAX_SIZE
    """Octets of the body."""
    seconds: float = 2.0
    """For the whole: look-up, connection, TLS, body. A call waits less; the cache may fill later."""
    ports: tuple[int, ...] = (443, 8443)
    hosts: frozenset[str] | None = None
    """Lower-case names that certificates may come from; None: any."""
    lab: bool = False
    """Allows loopback and private addresses, and any port."""
    tls_ca: bytes | None = None
    """PEM of the roots that vouch for repositories (never the STI anchors); None: the system's."""
    any_type: bool = False
    """Whatever the Content-Type says: for lists that an operator's own URL gives, which are signed."""


DEFAULT = Limits()


def tls_context(ca: bytes | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later, certificate and name verified, against these roots only or else the system's.

    Raises ValueError when `ca` holds no certificate.
    """
    if ca is not None and not ca.strip():
        raise ValueError("no usable certificate authority: empty")  # ssl would take the system's roots then
    try:
        context = ssl.create_default_context(cadata=None if ca is None else ca.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise ValueError(f"no usable certificate authority: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Fetcher:
    """Asks repositories for certificate files. Made anywhere; used and closed in one event loop."""

    def __init__(self, limits: Limits = DEFAULT, ssl_context: ssl.SSLContext | None = None) -> None:
        self._limits = limits
        self._tls = ssl_context if ssl_context is not None else tls_context(limits.tls_ca)
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str) -> bytes:
        """The octets at this URL. FetchError whatever goes wrong, after `Limits.seconds` at the latest."""
        return (await self.fetch(url)).body

    async def fetch(self, url: str) -> Fetched:
        """As `get`, with how long the octets are fresh."""
        check(url, self._limits)
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._get(url)
        except TimeoutError:
            raise FetchError("timeout", f"not complete after {self._limits.seconds:g} s") from None
        except aiohttp.ClientConnectorDNSError as error:
            refused = error.os_error
            if isinstance(refused, _Refused):
                raise FetchError("address", str(refused)) from None
            raise FetchError("dns", f"{error.host} does not resolve") from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:  # certificate errors are among them
            raise FetchError("tls", f"TLS failed: {error}") from None
        except aiohttp.InvalidURL as error:
            raise FetchError("url", f"not a URL: {error}") from None
        except aiohttp.ClientConnectorError as error:
            raise FetchError("connect", f"no connection: {error.os_error}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FetchError("broken", f"broken off: {error or type(error).__name__}") from None

    async def close(self) -> None:
        """Ends all connections; a fetch under way fails."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _get(self, url: str) -> Fetched:
        async with self._open().get(url, allow_redirects=False) as response:
            try:
                return Fetched(await self._body(response), lifetime(response.headers, time.time()))
            except BaseException:
                response.close()  # what is refused is not read to its end
                raise

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if 300 <= response.status < 400:
            raise FetchError("redirect", f"answered {response.status}; redirects are not followed")
        if response.status != 200:
            raise FetchError("server" if response.status >= 500 else "status", f"answered {response.status}")
        if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise FetchError("encoding", "the answer is compressed")
        kind = response.headers.get("Content-Type")
        if kind and not (self._limits.any_type or names_certificate(kind)):
            raise FetchError("type", f"a certificate is not {kind[:80]}")
        size = self._limits.size
        if (response.content_length or 0) > size:
            raise FetchError("size", f"{response.content_length} octets, allowed are {size}")
        body = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK):
            body += chunk
            if len(body) > size:
                raise FetchError("size", f"more than {size} octets")
        return bytes(body)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # How many may run at once is the store's to say; it sees the hosts.
                connector=aiohttp.TCPConnector(
                    ssl=self._tls, resolver=_Resolver(self._limits.lab), use_dns_cache=False, limit=0
                ),
                headers=HEADERS,
                timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def check(url: str, limits: Limits) -> None:
    """Refuses what may not be asked for, before any look-up: FetchError "url", "host" or "address"."""
    found = _URL.fullmatch(url) if len(url) <= MAX_URL else None
    if found is None:
        raise FetchError("url", "not an https URL of host, port and path")
    port = int(found["port"] or 443)
    if not 0 < port < 65536:
        raise FetchError("url", "no such port")
    if not limits.lab and port not in limits.ports:
        raise FetchError("host", f"port {port} is not allowed")
    name = (found["v6"] or found["name"]).lower()
    if limits.hosts is not None and name.rstrip(".") not in limits.hosts:
        raise FetchError("host", f"{name[:80]} is not among the allowed hosts")
    # The connector asks no resolver about literal addresses. 127.1 and 2130706433 are literals too, to some.
    if (found["v6"] or name.replace(".", "").isdigit()) and not is_allowed(name, limits.lab):
        raise FetchError("address", f"{name[:80]} is not an address that we connect to")


def names_certificate(kind: str) -> bool:
    """Whether a Content-Type may stand for PEM: servers name it in a dozen ways, but never as a web page."""
    return _TYPES.fullmatch(kind.partition(";")[0].strip().lower()) is not None


class _Refused(OSError):
    """A name that leads to no address which we would connect to."""


class _Resolver(AbstractResolver):
    """The system's look-up, less every address that may not be asked."""

    def __init__(self, lab: bool) -> None:
        self._lab = lab
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="certs-dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port, family)
        return allowed(host, port, found, self._lab)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def allowed(host: str, port: int, found: list[tuple[socket.AddressFamily, str]], lab: bool) -> list[ResolveResult]:
    """Those of the found addresses that we may connect to; OSError when none is left."""
    kept = [
        ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
        for family, address in found
        if is_allowed(address, lab)
    ]
    if not kept:
        raise _Refused(f"{host} leads to no address that we connect to")
    return kept


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[tuple[socket.AddressFamily, str]]:
    try:
        answers = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as error:  # a label of more than 63 characters
        raise OSError(str(error)) from error
    return [(answer[0], str(answer[4][0])) for answer in answers]
