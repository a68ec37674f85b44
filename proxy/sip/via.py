"""Via: which way a response goes back (RFC 3261 section 20.42, RFC 3581)."""

from __future__ import annotations

import re
from typing import NamedTuple

from proxy.sip.errors import ParseError
from proxy.sip.grammar import HOST, PARAMS, PLAIN_PARAMS, PORT, TOKEN, WSP
from proxy.sip.headers import MEMO_LENGTH, first_of, unfold, value_of
from proxy.sip.params import NONE, Params, plain, quoted

COOKIE = "z9hg4bk"
"""What a branch of RFC 3261 begins with, in lower case: it is compared without case."""

# via-parm = sent-protocol LWS sent-by *( SEMI via-params ); sent-protocol = name SLASH version SLASH transport
# SLASH = SWS "/" SWS, and COLON may have blanks around it too.
_VALUE = re.compile(
    rf"({TOKEN}){WSP}/{WSP}({TOKEN}){WSP}/{WSP}({TOKEN})[ \t]++"
    rf"({HOST})(?>(?:{WSP}:{WSP}({PORT}))?)({PARAMS}){WSP}",
    re.DOTALL,
).fullmatch
# The line as nearly all of them are; what does not match is looked at with care.
_LINE = re.compile(rf"[^:]++:[ \t]*+(SIP)/(2\.0)/([A-Z]++) ({HOST})(?>(?::({PORT}))?)({PLAIN_PARAMS})").fullmatch
_RPORT = re.compile(rf";{WSP}rport(?![A-Za-z0-9\-.!%*_+`'~])", re.IGNORECASE | re.ASCII).findall
_new = tuple.__new__  # what the NamedTuple does, without a call in between: one Via a message


class Via(NamedTuple):
    """One hop that the request has made."""

    version: str
    transport: str
    """Upper case: UDP, TCP, TLS, or whatever a stranger wrote."""
    host: str
    """As received; IPv6 without brackets."""
    port: int | None
    params: Params
    rport_fault: bool = False
    """rport came twice: nobody may answer by it (RFC 3581 knows one)."""

    @property
    def branch(self) -> str:
        """As received; empty where there is none."""
        return self.params.get("branch") or ""

    @property
    def cookie(self) -> bool:
        """Whether the branch is one of RFC 3261, unique by itself. The bare cookie is not (RFC 4475 3.2.1)."""
        branch = self.params.get("branch")
        return branch is not None and len(branch) > 7 and branch[:7].lower() == COOKIE

    @property
    def sent_by(self) -> str:
        """`host[:port]`, lower case, as the matching rules want it (RFC 3261 section 17.2.3)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (host if self.port is None else f"{host}:{self.port}").lower()

    @property
    def wants_rport(self) -> bool:
        """RFC 3581 section 3: one `rport`, without a value. With one, or twice, it is malformed."""
        return not self.rport_fault and self.params.get("rport", "") is None

    @property
    def received(self) -> str | None:
        """The address that an element saw, without the brackets that some put there (RFC 5118 section 4.5)."""
        value = self.params.get("received")
        return value.strip("[]") if value else None

    @property
    def rport(self) -> int | None:
        """The port that an element filled in; None where it is absent, empty or no port."""
        value = self.params.get("rport")
        if not value or self.rport_fault or not (value.isascii() and value.isdigit() and len(value) <= 5):
            return None
        return port if 0 < (port := int(value)) < 65536 else None


def parse(value: bytes) -> Via:
    """One Via value, unfolded, alone. Raises ParseError."""
    found = _VALUE(value.decode("utf-8", "surrogateescape"))
    if found is None:
        raise ParseError("a Via is malformed")
    return _built(found)


def parse_first(value: bytes) -> Via:
    """The first Via of a value that may be a comma list. Raises ParseError."""
    return parse(unfold(value[: first_of(value)]))


MEMO_HOPS = 1024
"""How many beginnings of Via lines are remembered. Strangers write them: past this theirs are read anew each time."""
_HOPS: dict[bytes, Via] = {}
"""`Via: SIP/2.0/UDP host:port` as received -> the Via that it begins: the same in every call of a peer."""
_TAILS: dict[bytes, tuple[tuple[str, str | None], ...]] = {b"": (), b";rport": (("rport", None),)}
"""What may follow the branch for the line to be read in one go."""
_PLAIN_BRANCH = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]++").fullmatch


def known_hop(start: bytes) -> Via | None:
    """What a Via line begins with, up to its branch, where that was met before."""
    return _HOPS.get(start)


def first_of_line(line: bytes) -> Via:
    """The first Via of a header line, as received. Raises ParseError."""
    start, mark, rest = line.partition(b";branch=")
    if mark and (hop := _HOPS.get(start)) is not None:
        branch, semicolon, tail = rest.partition(b";")
        more = _TAILS.get(semicolon + tail)
        if more is not None and _PLAIN_BRANCH(branch) is not None:
            params: dict[str, str | None] = {"branch": branch.decode("ascii")}
            params.update(more)
            return _new(Via, (hop[0], hop[1], hop[2], hop[3], params, False))
    found = _LINE(line.decode("utf-8", "surrogateescape"))
    if found is None:
        return parse_first(value_of(line))
    via = _built(found)
    if mark and b";" not in start and len(start) <= MEMO_LENGTH and len(_HOPS) < MEMO_HOPS:
        _HOPS[start] = via
    return via


def _built(found: re.Match[str]) -> Via:
    name, version, transport, host, port, tail = found.groups()
    if name.upper() != "SIP":
        raise ParseError("a Via is not SIP's")
    if host[0] == "[":
        host = host[1:-1]
    number = None
    if port is not None:
        number = int(port)
        if not 0 < number < 65536:
            raise ParseError("a Via has an impossible port")
    transport = transport.upper()
    if not tail:
        return Via(version, transport, host, number, NONE)
    params = quoted(tail) if '"' in tail or " " in tail or "\t" in tail else plain(tail)
    if "" in params.values():
        raise ParseError("a Via parameter is empty")
    fault = "rport" in params and tail.lower().count("rport") > 1 and len(_RPORT(tail)) > 1
    return _new(Via, (version, transport, host, number, params, fault))
