"""What a proxy does with the route of a request (RFC 3261 sections 16.3, 16.4 and 16.6): values in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple
from zlib import crc32

from proxy.sip import address
from proxy.sip.edit import COUNTED, Edits, drop_routes
from proxy.sip.errors import ParseError
from proxy.sip.headers import split_list, value_of
from proxy.sip.message import Request
from proxy.sip.plain import Plain
from proxy.sip.uri import Uri
from proxy.sip.uri import parse as parse_uri

DEFAULT_PORTS = {"sip": 5060, "sips": 5061}
TOKEN_PARAM = "rw"
"""The parameter of our Record-Route URI in which the user's token travels."""
SPOKEN = {"UDP": b"", "TCP": b";transport=tcp", "TLS": b";transport=tls"}
"""How a transport stands in our Record-Route. `transport=tls` is deprecated (RFC 3261 section 26.2.2) and what peers
understand: a sips URI would bind every hop of the call to TLS."""
MAX_BREADTH = 60
"""RFC 5393 section 5.3.3: what a request gets that comes without, and the most that one keeps."""
MAX_OWN_ROUTES = 8
"""Route values of ours that are taken off one request; double record-routing makes two a pass."""

UNDERSTOOD = ("sip", "sips", "tel")
SERVICE = b"urn:service:"
"""The URNs that we understand (RFC 5031): emergency and other services, which the user knows the way to."""

LOOP_FIELDS = frozenset(
    ("route", "call-id", "from", "to", "p-asserted-identity", "identity", "proxy-require", "proxy-authorization")
)
"""Header fields that a decision may rest on: where one of them changed, it is a spiral and no loop (SIP-010)."""


class Me:
    """Who we are: the addresses that we listen on and those that we write into Via and Record-Route."""

    __slots__ = ("_own", "echo")

    def __init__(self, addresses: Iterable[tuple[str, int]]) -> None:
        own = [(host.lower().strip("[]"), port) for host, port in addresses]
        self._own = frozenset(own)
        ours = (
            b"Route: <sip:" + hostport(host, port) + spoken + b";lr;" + TOKEN_PARAM.encode() + b"="
            for host, port in own
            for spoken in SPOKEN.values()
        )
        self.echo = re.compile(b"(?:%b)([A-Za-z0-9_=-]++)>" % b"|".join(map(re.escape, ours))).fullmatch
        """A Route line that gives back our own Record-Route as we wrote it, and nothing beside it; with the token."""

    def owns(self, uri: Uri) -> bool:
        """Whether a URI leads to us."""
        default = DEFAULT_PORTS.get(uri.scheme)
        return default is not None and (uri.host.lower(), uri.port or default) in self._own

    def at(self, host: str, port: int | None) -> bool:
        """Whether this is an address of ours."""
        return (host.lower().strip("[]"), port or 5060) in self._own


def hostport(host: str, port: int) -> bytes:
    """As it stands in a URI or a Via; IPv6 in brackets, the default port written too."""
    return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further, as an answer."""

    status: int
    reason: str
    lines: tuple[bytes, ...] = ()


def check(request: Request) -> Refusal | None:
    """Section 16.3, steps 2, 3 and 5, and Max-Breadth. The syntax was `parser.check`'s, loops are `forward`'s."""
    # 2. The scheme of the Request-URI.
    target = request.target
    if target[:4] != b"sip:":
        scheme = target.partition(b":")[0].lower().decode("latin-1")
        if scheme not in UNDERSTOOD and target[: len(SERVICE)].lower() != SERVICE:
            return Refusal(416, "Unsupported URI Scheme")
    # 3. Max-Forwards.
    if request.line("max-forwards") not in COUNTED and request.max_forwards == 0:
        return Refusal(483, "Too Many Hops")
    # 5. Proxy-Require: we have no extension that a caller could demand of us.
    if request.line("proxy-require") is not None and request.method not in ("ACK", "CANCEL"):
        unknown = b", ".join(request.values("proxy-require"))
        if unknown:
            return Refusal(420, "Bad Extension", (b"Unsupported: " + unknown,))
    # RFC 5393 section 5.3.3: nobody is left that it could be sent to.
    if request.line("max-breadth") is not None and breadth(request) == 0:
        return Refusal(440, "Max-Breadth Exceeded")
    return None


def breadth(request: Request) -> int | None:
    """The Max-Breadth of a request, 60 at most; None where there is none, or none that can be read."""
    if request.line("max-breadth") is None:
        return None
    values = [int(value) for value in request.all("max-breadth") if value.isdigit() and len(value) <= 10]
    return min(*values, MAX_BREADTH) if values else None


class Routed(NamedTuple):
    """A request after its routes were looked at."""

    target: bytes
    """The Request-URI that goes on."""
    edits: Edits | None
    tokens: tuple[str, ...]
    """The `rw` parameters of the Route values of ours that were taken off."""
    next: Uri
    """Where it goes if nobody says otherwise: the topmost Route that is left, or the Request-URI."""
    own: bool
    """That is ourselves: the request is for us, or for a number that we know the way to."""


def route(request: Request, me: Me) -> Routed:
    """Sections 16.4 and 16.6(6). Raises ParseError if the Request-URI cannot be read; a broken Route is left alone."""
    uri, target = request.uri, request.target
    params = uri.params
    line = request.line("route")
    if "maddr" not in params and "lr" not in params:
        if line is None:
            return _new(Routed, (target, None, (), uri, me.owns(uri)))
        # The one Route is our own Record-Route as we wrote it: nearly every request of a dialog.
        if (echo := me.echo(line)) is not None and request.names.count("route") == 1:
            edits = Edits()
            edits.drop.add(request.names.index("route"))
            return _new(Routed, (target, edits, (echo[1].decode(),), uri, me.owns(uri)))
    edits = Edits()
    routes = request.values("route") if line is not None else []
    tokens: list[str] = []
    # A strict router in front of us put our own Record-Route value into the Request-URI: the last Route is the real
    # one.
    if routes and "lr" in params and not uri.user and me.owns(uri):
        _collect(uri, tokens)
        last = _uri_of(routes[-1])
        if last is not None:
            uri, target = last, _without(last, ("method",), headers=False)
            _drop_last(request, edits)
            routes.pop()
    # A maddr that names us has done its work, and so have the port and the transport that belong to it (section 16.4).
    maddr = uri.params.get("maddr")
    if maddr and me.at(maddr, uri.port) and (uri.params.get("transport") or "udp").lower() == "udp":
        target = _without(uri, ("maddr", "transport"), port=False)
        uri = parse_uri(target)
    # Our own values on top: one, or two where we changed between two addresses of ours (RFC 5658 section 6.2).
    own = 0
    top: Uri | None = None
    for value in routes[:MAX_OWN_ROUTES]:
        top = _uri_of(value)
        if top is None or not me.owns(top):
            break
        own += 1
        _collect(top, tokens)
    strict = own < len(routes) and top is not None and "lr" not in top.params
    if own or strict:
        drop_routes(request, own + strict, edits)
    if own == len(routes):
        return Routed(target, edits, tuple(tokens), uri, me.owns(uri))
    if top is None or not strict:
        # A Route that cannot be read leads nowhere: the Request-URI is what is left to go by.
        return Routed(target, edits, tuple(tokens), top or uri, me.owns(top or uri))
    # The next hop is a strict router: it goes into the Request-URI, and that to the end of the routes.
    edits.add.append(b"Route: <" + target + b">")
    return Routed(_without(top, ("method",), headers=False), edits, tuple(tokens), top, False)


def own_route(plain: Plain, me: Me) -> bytes:
    """The token in the one Route line of a plain request, where that is our own Record-Route as we wrote it; empty
    where `route` has to look closer.
    """
    places = plain.shape.places.get(b"route", ())
    found = me.echo(plain.rows[places[0]]) if len(places) == 1 else None
    return found[1] if found is not None else b""


def leads_on(uri: Uri, me: Me) -> bool:
    """Whether a Request-URI leads to somebody else, and is no strict router's."""
    return "maddr" not in uri.params and "lr" not in uri.params and not me.owns(uri)


_new = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long


def _collect(uri: Uri, tokens: list[str]) -> None:
    if token := uri.params.get(TOKEN_PARAM):
        tokens.append(token)


def _uri_of(value: bytes) -> Uri | None:
    try:
        return address.parse(value).uri
    except ParseError:
        return None


def _drop_last(request: Request, edits: Edits) -> None:
    """Takes the last Route value off."""
    at = request.where("route")[-1]
    line = request.lines[at]
    left = split_list(value_of(line))[:-1]
    if left:
        edits.swap[at] = line[: line.index(b":") + 1] + b" " + b", ".join(left)
    else:
        edits.drop.add(at)


def _without(uri: Uri, names: tuple[str, ...], headers: bool = True, port: bool = True) -> bytes:
    """A URI without some parameters; without its headers where it becomes a Request-URI (SIP-035); without port."""
    if uri.scheme not in DEFAULT_PORTS:
        return uri.raw
    raw, host = uri.raw, uri.host.encode("utf-8", "surrogateescape")
    # The user part may hold ";" and "?" too, but no "@"; what follows the host is ours to look through.
    start = raw.index(b"@") + 1 if uri.user is not None else raw.index(b":") + 1
    end = start + len(host) + (2 if raw[start : start + 1] == b"[" else 0)
    tail, mark, query = raw[end:].partition(b"?")
    shown, *params = tail.split(b";")
    kept = [part for part in params if part.partition(b"=")[0].lower().decode("latin-1") not in names]
    return b";".join((raw[:end] + (shown if port else b""), *kept)) + (mark + query if headers else b"")


def loop_mark(request: Request) -> bytes:
    """The second part of our branch: the same for the same request, another when anything changed that decides.

    It does not depend on the method (section 16.6(8), RFC 5393 section 4.2.1).
    """
    parts = list(compress(request.lines, map(LOOP_FIELDS.__contains__, request.names)))
    parts.append(b"%d" % request.cseq.number)
    parts.append(request.target)
    # A checksum is enough: whoever makes two requests with the same one stops nobody's calls but his own.
    return b".%08x" % crc32(b"\n".join(parts))


def loops(request: Request, mark: bytes, ours: Iterable[bytes]) -> bool:
    """Whether the request was here before, unchanged: a Via of ours bears its mark (16.3(4), RFC 5393 section 4.2).

    `ours` is what stands in our Via values between the transport and the branch.
    """
    if request.once:
        vias = [request.line("via") or b""]
    else:
        vias = [request.lines[place] for place in request.where("via")]
    for line in vias:
        if line.find(mark) >= 0 and any(one in line for one in ours):
            return True
    return False
