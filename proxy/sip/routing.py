"""What a proxy does with the route of a request (RFC 3261 sections 16.3, 16.4 and 16.6). Pure: values in, values
out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from proxy.sip import address
from proxy.sip.edit import Edits, drop_routes
from proxy.sip.errors import ParseError
from proxy.sip.message import Request
from proxy.sip.uri import Uri
from proxy.sip.uri import parse as parse_uri

DEFAULT_PORT = 5060
TOKEN_PARAM = "rw"
"""The parameter of our Record-Route URI in which the user's token travels."""
MAX_BREADTH = 60
"""RFC 5393 section 5.3.3."""
MAX_OWN_ROUTES = 8
"""Route values of ours taken off one request; double record-routing makes two a pass."""

UNDERSTOOD = frozenset(("sip", "sips", "tel"))
URNS = "urn:service:"

LOOP_FIELDS = frozenset(
    ("route", "call-id", "from", "to", "p-asserted-identity", "identity", "proxy-require", "proxy-authorization")
)
"""Header fields that our decision may rest on: where one of them changed, the request is a spiral and no loop
(SIP-010).
"""


class Me:
    """Who we are: the addresses that we listen on and those that we write into Via and Record-Route."""

    def __init__(self, addresses: Iterable[tuple[str, int]]) -> None:
        self._own = frozenset((host.lower().strip("[]"), port) for host, port in addresses)
        hosts = ((f"[{host}]" if ":" in host else host, port) for host, port in self._own)
        self.records = tuple(f"<sip:{host}:{port};lr;{TOKEN_PARAM}=".encode() for host, port in hosts)
        """How the Record-Route values begin that we write ourselves: what comes back so needs no taking apart."""

    def owns(self, uri: Uri) -> bool:
        """Whether a URI leads to us."""
        return uri.scheme in ("sip", "sips") and (uri.host.lower(), uri.port or DEFAULT_PORT) in self._own

    def at(self, host: str, port: int | None) -> bool:
        """Whether this is an address of ours (SIP-092, SIP-107)."""
        return (host.lower().strip("[]"), port or DEFAULT_PORT) in self._own


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further, as an answer."""

    status: int
    reason: str
    lines: tuple[bytes, ...] = ()


def check(request: Request) -> Refusal | None:
    """Section 16.3, steps 2, 3 and 5; the syntax was `parser.check`'s, loops are found when it is forwarded."""
    # 2. The scheme of the Request-URI.
    target = request.target
    if target[:4] not in (b"sip:", b"tel:") and target[:5] != b"sips:":
        scheme = target.partition(b":")[0].lower().decode("latin-1")
        if scheme not in UNDERSTOOD and not target[: len(URNS)].lower() == URNS.encode():
            return Refusal(416, "Unsupported URI Scheme")
    # 3. Max-Forwards.
    if request.max_forwards == 0:
        return Refusal(483, "Too Many Hops")
    # 5. Proxy-Require: we have no extension that a caller could demand of us.
    if "proxy-require" in request.names and request.method not in ("ACK", "CANCEL"):
        unknown = b", ".join(tag for tag in request.values("proxy-require") if tag)
        if unknown:
            return Refusal(420, "Bad Extension", (b"Unsupported: " + unknown,))
    return None


class Routed(NamedTuple):
    """A request after its routes were looked at."""

    target: bytes
    """The Request-URI that goes on."""
    edits: Edits
    tokens: tuple[str, ...]
    """The `rw` parameters of the Route values of ours that were taken off."""
    next: Uri
    """Where it goes if nobody says otherwise: the topmost Route that is left, or the Request-URI."""
    own: bool
    """That is ourselves: the request is for us, or for a number that we know the way to."""


def route(request: Request, me: Me) -> Routed:
    """Sections 16.4 and 16.6(6). Raises ParseError when the Request-URI cannot be read; a broken Route is left
    alone.
    """
    edits = Edits()
    uri, target = request.uri, request.target
    tokens: list[str] = []
    routes = request.values("route") if "route" in request.names else []
    if not routes and "lr" not in uri.params and "maddr" not in uri.params:
        return Routed(target, edits, (), uri, me.owns(uri))
    if len(routes) == 1 and "lr" not in uri.params and "maddr" not in uri.params:
        # One Route, exactly as we wrote it: nearly every in-dialog request.
        value = routes[0]
        for record in me.records:
            if value.startswith(record) and value[-1:] == b">" and b";" not in (token := value[len(record) : -1]):
                edits.drop.add(request.find("route"))
                return Routed(target, edits, (token.decode("latin-1"),), uri, me.owns(uri))
    # A strict router in front of us put our own Record-Route value into the Request-URI: the last Route is the real
    # one.
    if routes and "lr" in uri.params and not uri.user and me.owns(uri):
        mark = uri.params.get(TOKEN_PARAM)
        tokens += [mark] if mark else []
        last = _uri_of(routes[-1])
        if last is not None:
            target, uri = last.raw, last
            _drop_last(request, edits)
            routes.pop()
    # maddr that names us has done its work (section 16.4).
    maddr = uri.params.get("maddr")
    if maddr and me.at(maddr, uri.port):
        target = _without(uri, ("maddr", "transport"))
        uri = parse_uri(target)
    # Our own values on top: one, or two where we changed between two addresses of ours (RFC 5658 section 6.2).
    own = 0
    top: Uri | None = None
    for value in routes[:MAX_OWN_ROUTES]:
        top = _uri_of(value)
        if top is None or not me.owns(top):
            break
        own += 1
        mark = top.params.get(TOKEN_PARAM)
        tokens += [mark] if mark else []
        top = None
    if own:
        drop_routes(request, own, edits)
    if top is None and own == len(routes):
        return Routed(target, edits, tuple(tokens), uri, me.owns(uri))
    if top is None or "lr" in top.params:
        # A Route that cannot be read leads nowhere; the Request-URI stays, and the user answers.
        return Routed(target, edits, tuple(tokens), top or uri, top is not None and me.owns(top))
    # The next hop is a strict router: it goes into the Request-URI, and that to the end of the routes.
    drop_routes(request, own + 1, edits)
    edits.add.append(b"Route: <" + target + b">")
    return Routed(_without(top, ("method",), headers=False), edits, tuple(tokens), top, False)


def _uri_of(value: bytes) -> Uri | None:
    try:
        return address.parse(value).uri
    except ParseError:
        return None


def _drop_last(request: Request, edits: Edits) -> None:
    """Takes the last Route value off."""
    at = request.where("route")[-1]
    line = edits.line(request, at)
    start = line.index(b":") + 1
    from proxy.sip.headers import split_list, value_of

    left = split_list(value_of(line))[:-1]
    if left:
        edits.swap[at] = line[:start] + b" " + b", ".join(left)
    else:
        edits.drop.add(at)


def _without(uri: Uri, names: tuple[str, ...], headers: bool = True) -> bytes:
    """A URI without some parameters, and without headers where it becomes a Request-URI (SIP-035)."""
    base, mark, tail = uri.raw.partition(b"?")
    head, *params = (
        base.split(b";") if uri.user is None or b";" not in uri.raw.partition(b"@")[0] else _after_user(base)
    )
    kept = [part for part in params if part.partition(b"=")[0].strip().lower().decode("latin-1") not in names]
    if "maddr" in names:
        # The port and the transport belonged to maddr (section 16.4); the default ones are implied again.
        pass
    return b";".join((head, *kept)) + (mark + tail if headers else b"")


def _after_user(base: bytes) -> list[bytes]:
    user, at, rest = base.rpartition(b"@")
    first, *params = rest.split(b";")
    return [user + at + first, *params]


def loop_mark(request: Request, target: bytes) -> str:
    """The second part of our branch: the same for the same request, another when anything changed that we look at.

    It does not depend on the method, so a CANCEL has the mark of its INVITE (section 16.6(8), RFC 5393 section 4.2.1).
    """
    lines = request.lines
    parts = [target]
    for place, name in enumerate(request.names):
        if name in LOOP_FIELDS:
            parts.append(lines[place])
    parts.append(b"%d" % request.cseq.number)
    return blake2b(b"\n".join(parts), digest_size=6).hexdigest()
