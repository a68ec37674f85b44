"""The shortest answer: a new INVITE refused from its octets alone, and the ACK that ends that, known by them.

For the time in which more comes than can be read. It says what `reply.answer` says without a transaction (RFC 3261
section 8.2.7), at a fifth of the cost of parsing. Whatever is written in an unusual way is left to the parser. Nothing
here raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import NamedTuple

from proxy.sip.flow import Flow
from proxy.sip.reply import DEFAULT_PORT, STATELESS
from proxy.sip.via import COOKIE

MAX_ROWS, MAX_OCTETS = 64, 4096
"""Lines and octets of a head whose shape is remembered: so many shapes at the most."""

_LONG = (b"Via: ", b"From: ", b"To: ", b"Call-ID: ", b"CSeq: ")
_SPELLINGS = frozenset((b"via", b"from", b"to", b"call-id", b"cseq", b"v", b"f", b"t", b"i"))
_VIA = re.compile(
    rb"Via: SIP/2\.0/(?:UDP|TCP|TLS) ([A-Za-z0-9.\-]+)(?::([0-9]{1,5}))?"
    rb"((?:;[A-Za-z0-9\-]+(?:=[A-Za-z0-9.\-_~*+!%]+)?)+)"
).fullmatch
_BRANCH = b";branch"
_UNIQUE = _BRANCH + b"=" + COOKIE.encode()
_OURS = b";tag=" + STATELESS.encode()


class Shape(NamedTuple):
    """Which lines a message is made of."""

    names: tuple[bytes, ...]
    """What each line begins with, to the end of its name."""
    pick: Callable[[Sequence[bytes]], tuple[bytes, ...]]
    """From, To, Call-ID, CSeq and all Vias of such lines."""


class Shapes:
    """How the last messages of so many lines were made up: one sender makes all of his in one way, so that a look at
    how each line begins is enough.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, Shape] = {}

    def refusal(
        self, data: bytes, flow: Flow, start: bytes, lines: Sequence[bytes],
        served: Mapping[Hashable, object] | None = None,
    ) -> tuple[bytes, Flow] | None:  # fmt: skip
        """The answer to an INVITE that begins with `start` and has these lines more, and where it goes; None: only the
        parser can say. served: the live server transactions, by `matching.server_key`: what may be of one of them is
        the parser's.
        """
        end = data.find(b"\r\n\r\n")
        if end < 0 or data[:7] != b"INVITE ":
            return None
        rows = data[:end].split(b"\r\n")
        count = len(rows)
        shape = self._known.get(count)
        if shape is None or not all(map(bytes.startswith, rows, shape.names)):
            shape = _shape(rows)
            if shape is None:
                return None
            if count <= MAX_ROWS and end <= MAX_OCTETS:
                self._known[count] = shape
        if data.count(b"\n", 0, end) >= count or data.count(b"\r", 0, end) >= count:
            return None  # a line end stands alone
        return _answer(*shape.pick(rows), flow=flow, start=start, lines=lines, served=served)


def _shape(rows: Sequence[bytes]) -> Shape | None:
    """What these lines are; None where one is written in an unusual way, or is missing, or stands there twice."""
    names, vias, places = [b"INVITE "], [], dict[bytes, int]()
    for place, line in enumerate(rows[1:], 1):
        colon = line.find(b":")
        name = line[: colon + 1]
        if line.startswith(_LONG):
            name = line[: colon + 2]
            if name == b"Via: ":
                vias.append(place)
            elif name in places:
                return None
            else:
                places[name] = place
        elif colon <= 0 or line[:1] in b" \t" or name[:-1].rstrip().lower() in _SPELLINGS:
            return None
        names.append(name)
    if len(places) != len(_LONG) - 1 or not vias:
        return None
    return Shape(tuple(names), itemgetter(*(places[name] for name in _LONG[1:]), *vias))


def _answer(
    sender: bytes, to: bytes, call_id: bytes, cseq: bytes, top: bytes, *vias: bytes,
    flow: Flow, start: bytes, lines: Sequence[bytes], served: Mapping[Hashable, object] | None,
) -> tuple[bytes, Flow] | None:  # fmt: skip
    """The answer, of the lines that it repeats."""
    if to.lower().find(b"tag") >= 0 or cseq[-7:] != b" INVITE":
        return None
    via = _VIA(top)
    if via is None:
        return None
    host, port, params = via.groups()
    names = params.lower()
    if served is not None and _may_be(served, host, port, names):
        return None
    source, wants = flow.host.encode("ascii"), False
    if names.find(b";r") >= 0:
        wants = params.endswith(b";rport") or b";rport;" in params
        if b";received" in names or names.count(b";rport") != wants:
            return None
    if wants:
        top = top.replace(b";rport", b";rport=%d;received=%s" % (flow.port, source))
    elif host != source:
        top += b";received=" + source
    out = [start, top, *vias]
    out += (sender, to + b";tag=" + _tag(sender, call_id, cseq), call_id, cseq, *lines, b"Content-Length: 0\r\n\r\n")
    if not wants or flow.connection:
        flow = Flow(flow.listener, flow.host, int(port or 0) or DEFAULT_PORT, flow.connection)
    return b"\r\n".join(out), flow


def _may_be(served: Mapping[Hashable, object], host: bytes, port: bytes | None, names: bytes) -> bool:
    """Whether an INVITE may have come before: its transaction lives, or only the parser can say which it is. names:
    what follows the sent-by of its Via, in lower case.
    """
    at = names.find(_UNIQUE)
    if at < 0 or names.count(_BRANCH) != 1:
        return True
    branch = names[at + len(_BRANCH) + 1 :].partition(b";")[0].decode("ascii")
    if len(branch) == len(COOKIE):
        return True
    return (branch, host.decode("ascii").lower(), int(port) if port else None, "INVITE") in served


def ends(data: bytes) -> bool:
    """Whether this is the ACK of an answer without a transaction, which nobody waits for."""
    if data[:4] != b"ACK " or data.find(_OURS) < 0:
        return False
    parts: list[bytes] = []
    for name in (b"\r\nTo: ", b"\r\nFrom: ", b"\r\nCall-ID: ", b"\r\nCSeq: "):
        place = data.find(name)
        if place < 0:
            return False
        parts.append(data[place + 2 : data.find(b"\r\n", place + 2)])
    to, *others = parts
    return to.endswith(b";tag=" + _tag(*others))


def _tag(sender: bytes, call_id: bytes, cseq: bytes) -> bytes:
    """The To tag as `reply.stateless_tag` makes it."""
    parts = (sender, call_id, *cseq[6:].split()[:1])
    return STATELESS.encode() + blake2b(b"\n".join(parts), digest_size=8).hexdigest().encode()

