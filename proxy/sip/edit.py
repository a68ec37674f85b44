"""The bytes that go on: the received lines, but for the few that a proxy must change (RFC 3261 sections 16.6, 16.7).

Nothing that is not named here changes by one octet (SIP-034). Each verb writes what it wants into an `Edits`; `rebuilt`
joins once. The message itself stays as it was received.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from proxy.sip.grammar import COMMA, CR, QUOTE
from proxy.sip.headers import first_of, split_list, value_of
from proxy.sip.message import Message, Request, Response

DEFAULT_MAX_FORWARDS = 70
"""RFC 3261 section 16.6(3)."""


class Edits:
    """What changes of the received lines, by their numbers in `message.lines`."""

    __slots__ = ("add", "drop", "swap")

    def __init__(self) -> None:
        self.drop: set[int] = set()
        """Lines that do not go on."""
        self.swap: dict[int, bytes] = {}
        """Lines that go on as these bytes, at the same place. A line that is dropped too is dropped."""
        self.add: list[bytes] = []
        """Lines that come after the received ones."""

    def take(self, other: Edits | None) -> Edits:
        """Adds the other's edits to these; where both swap a line, the other's counts. Gives itself back."""
        if other is not None:
            self.drop |= other.drop
            self.swap |= other.swap
            self.add += other.add
        return self

    def line(self, message: Message, number: int) -> bytes:
        """A line as it stands after the edits made so far."""
        return self.swap.get(number) or message.lines[number]

    def __repr__(self) -> str:
        return f"<drop {sorted(self.drop)}, swap {self.swap}, add {self.add}>"


def header(name: bytes, value: bytes) -> bytes:
    """One header line of ours. Raises ValueError when the value could end the line early: that is a fault of our
    own.
    """
    if b"\r" in value or b"\n" in value or b"\0" in value:
        raise ValueError(f"a value for {name!r} would break the line")
    return name + b": " + value


def rebuilt(message: Message, start: bytes, head: Sequence[bytes], edits: Edits | None) -> bytes:
    """Start line, then `head` (our Via, our Record-Route), the received lines as edited, what is added, the body."""
    lines = message.lines
    if edits is None:
        return b"\r\n".join((start, *head, *lines, b"", message.body))
    if edits.swap or edits.drop:
        lines = lines.copy()
        for i, line in edits.swap.items():
            lines[i] = line
        if edits.drop:
            for i in sorted(edits.drop, reverse=True):
                del lines[i]
    return b"\r\n".join((start, *head, *lines, *edits.add, b"", message.body))


def drop_top_via(response: Response, edits: Edits) -> None:
    """Takes our own Via off a response: the whole line, or the first value of its comma list (section 16.7(3))."""
    at = response.find("via")
    if at < 0:
        return
    line = edits.line(response, at)
    if COMMA in line:
        start = line.index(b":") + 1
        value = line[start:]
        if rest := value[first_of(value) + 1 :].strip(b" \t\r\n,"):
            edits.swap[at] = line[:start] + b" " + rest
            return
    edits.drop.add(at)


_PART = re.compile(rb'(?>(?:[^;"]++|"(?>(?:[^"\\]++|\\.)*)"|")+)', re.DOTALL)


def _plain(line: bytes) -> bool:
    """Whether a Via can be stamped in one go: one value, one `;rport`, no quotes, folds or blanks in its parameters."""
    return (
        line.count(b";rport") == 1
        and (line[-6:] == b";rport" or line.find(b";rport;") >= 0)
        and COMMA not in line
        and QUOTE not in line
        and CR not in line
        and line.rfind(b" ") < line.index(b";")
    )


def stamp_via(request: Request, host: str, port: int, edits: Edits) -> None:
    """Notes in the top Via where the request came from (RFC 3261 section 18.2.1, RFC 3581 section 4).

    `received` is added where sent-by names another address, or a name, or where `rport` is asked for. One that the
    sender wrote itself is taken out: a response would go wherever it says. An rport with a value, or twice, stays
    as it is, and nobody answers by it (SIP-095). Raises ParseError when the Via is malformed.
    """
    via = request.via
    wants = via.wants_rport
    if not wants and via.host == host and "received" not in via.params:
        return
    at = request.find("via")
    line = edits.line(request, at)
    if wants and "received" not in via.params and _plain(line):
        # As nearly all of them are: one value, no blanks, and the flag is written in lower case.
        edits.swap[at] = line.replace(b";rport", b";rport=%d;received=%s" % (port, host.encode("ascii")))
        return
    start = line.index(b":") + 1
    end = start + first_of(line[start:])
    parts = _PART.findall(line, start, end)
    kept = [parts[0].rstrip(b" \t\r\n")]
    note = b"received=" + host.encode("ascii")  # IPv6 without brackets (RFC 5118 section 4.5)
    for part in parts[1:]:
        name = part.partition(b"=")[0].strip(b" \t\r\n").lower()
        if name == b"rport" and wants:
            kept.append(b"rport=%d" % port)
            kept.append(note)
        elif name != b"received":
            kept.append(part)
    if not wants and via.host != host:
        kept.append(note)
    edits.swap[at] = line[:start] + b";".join(kept) + line[end:]


def drop_routes(request: Request, count: int, edits: Edits) -> None:
    """Takes the first `count` Route values off: whole lines, or the first values of a comma list (section 16.4)."""
    for at in request.where("route"):
        if count <= 0:
            return
        line = edits.line(request, at)
        start = line.index(b":") + 1
        value = line[start:]
        here = len(split_list(value_of(line)))
        if here <= count:
            count -= here
            edits.drop.add(at)
            continue
        while count > 0:
            rest = value[first_of(value) + 1 :]
            count -= 1 if value[: first_of(value)].strip(b" \t\r\n") else 0
            value = rest
        edits.swap[at] = line[:start] + b" " + value.strip(b" \t\r\n")


_NUMBER = re.compile(rb"([^:]*+:(?>(?:[ \t\r\n])*))([0-9]++)([ \t]*+)", re.DOTALL).fullmatch


def set_max_forwards(request: Request, number: int, edits: Edits) -> None:
    """Writes Max-Forwards with the header's own spelling; adds the header where there is none (section 16.6(3))."""
    at = request.find("max-forwards")
    if at < 0:
        edits.add.append(b"Max-Forwards: %d" % number)
        return
    line = request.lines[at]
    found = _NUMBER(line)
    edits.swap[at] = (found[1] if found else line[: line.index(b":") + 1] + b" ") + b"%d" % number


COUNTED = {b"Max-Forwards: %d" % number: b"Max-Forwards: %d" % (number - 1) for number in range(1, 256)}
"""The line as nearly all write it, less one."""


def count_down(request: Request, edits: Edits) -> None:
    """Max-Forwards less one; 70 where it is absent or no number (SIP-004, SIP-005, SIP-007). Zero is the caller's to
    refuse.
    """
    line = request.line("max-forwards")
    if line is not None and (less := COUNTED.get(line)) is not None:
        edits.swap[request.names.index("max-forwards")] = less
        return
    now = request.max_forwards
    set_max_forwards(request, DEFAULT_MAX_FORWARDS if now is None else max(now - 1, 0), edits)
