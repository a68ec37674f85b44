"""The marks on a call: which headers are taken off a side that is not trusted for them, and which of ours are put on.

First read, then strip, then add. Stripped are the verdict headers of the field and our own, whatever their case,
folds or escapes, and every `verstat` parameter outside a quoted display name. What we have no rule for keeps its
bytes. In `observe` nothing of this touches the call: it is only counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress
from types import MappingProxyType
from urllib.parse import unquote

from policy.emergency import is_callback_mark
from policy.verdict import Verdict
from proxy.screening.stated import FORMS, HEADERS
from proxy.sip.edit import Edits
from proxy.sip.grammar import PERCENT, QUOTE
from proxy.sip.headers import value_of
from proxy.sip.message import Request

NONE: Mapping[str, str] = MappingProxyType({})
VERDICT_HEADERS = HEADERS
"""Headers by which a network states its verdict (3GPP TS 24.229 7.2.18 and 7.2.19, and the vendors' forms; STI-077)."""

ADDRESS_HEADERS = frozenset(
    {
        "from", "to", "contact", "p-asserted-identity", "p-preferred-identity", "remote-party-id", "diversion",
        "history-info", "referred-by", "reply-to",
    }
)  # fmt: skip
"""Headers whose URIs or parameters may carry a verstat."""

HARMLESS = frozenset(
    "via max-forwards call-id cseq identity content-type content-length allow supported date user-agent record-route "
    "route session-expires min-se max-breadth require accept privacy session-id subject expires allow-events "
    "content-disposition mime-version p-charging-vector p-early-media p-access-network-info".split()
)
"""Header names that are met in nearly every call and never carry a verdict."""

QUOTED = rb'"(?>(?:[^"\\]|\\.)*)"'
LWS = rb"(?:[ \t]|\r\n[ \t])*"


def spelled(name: str) -> bytes:
    """A pattern for a parameter name whose every letter may be percent-escaped, in either case."""
    return b"".join(b"(?:%c|%%%02X|%%%02X)" % (ord(c), ord(c), ord(c.upper())) for c in name)


VERSTAT = re.compile(
    rb"(" + QUOTED + rb")|;" + LWS + spelled("verstat") + LWS
    + rb"(?:=" + LWS + rb"(?:" + QUOTED + rb'|[^;>,@?\s"]*))?(?=[\s;>,@?"]|$)',
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
# A SIP URI without a user part is stepped over as a whole.
TELEPHONE_URI = re.compile(
    rb"(" + QUOTED + rb')|sips?:[^@>,?"\s]++(?:(?=(@))|)|tel:[^>,?"\s]++()', re.IGNORECASE | re.DOTALL
)
_CLOSED = re.compile(rb'(?>(?:[^"]++|' + QUOTED + rb")*)", re.DOTALL).match


MAX_PASSES = 8
"""So many times what has come together is taken out without a trace; then something stays in its place."""


@dataclass(slots=True)
class Marks:
    """What is to change on one request, and how much of it."""

    edits: Edits
    stripped: int = 0
    added: int = 0
    give_back: list[tuple[bytes, bytes]] = field(default_factory=list)
    """(the line that we sent, the line that we received): From or To, given back in responses (STI-078)."""


def without_verstat(line: bytes) -> bytes:
    """A header line without any verstat parameter; quoted strings are left alone."""
    # What stood apart can come together when something between is taken out: again, until nothing is left to take.
    for _ in range(MAX_PASSES):
        clean = _outside(VERSTAT, lambda match: match.group(1) or b"", line)
        if clean == line:
            return line
        line = clean
    return _outside(VERSTAT, lambda match: match.group(1) or b";x", line)


def _outside(pattern: re.Pattern[bytes], turn: Callable[[re.Match[bytes]], bytes], line: bytes) -> bytes:
    """A line with what is found in it turned. A quote that nothing closes is no quoted string, and is looked for once:
    from each quote behind it anew, hostile octets would cost the square of their number.
    """
    closed = _CLOSED(line)
    end = closed.end() if closed is not None else 0
    if end == len(line):
        return pattern.sub(turn, line)
    parts = (part for piece in line[end:].split(b'"') for part in (b'"', pattern.sub(turn, piece)))
    return pattern.sub(turn, line[:end]) + b"".join(parts)[1:]


def with_verstat(line: bytes, verstat: str) -> bytes:
    """A header line whose SIP and tel URIs carry our verstat in the user part (24.229 7.2A.20; STI-075)."""
    mark = b";verstat=" + verstat.encode()
    # One SIP URI in angle brackets and nothing quoted is the rule: then the one "@" ends the user part.
    if QUOTE not in line and line.count(b"@") == 1 and line.count(b"<") == 1 and line.find(b"<sip:") >= 0:
        user, _, rest = line.partition(b"@")
        return user + mark + b"@" + rest

    def add(match: re.Match[bytes]) -> bytes:
        return match.group(0) if match.lastindex in (None, 1) else match.group(0) + mark

    return _outside(TELEPHONE_URI, add, line)


MAX_PREFIXES = 16
"""Prefixes whose usual names are remembered; a configuration has one."""


@lru_cache(maxsize=MAX_PREFIXES)
def usual(prefix: str) -> frozenset[str]:
    """Header names that need not be looked at one by one: of these only addresses may carry a verdict."""
    return HARMLESS | {name for name in ADDRESS_HEADERS if not name.startswith(prefix)}


def foreign(name: str, prefix: str) -> bool:
    """Whether a header name is one that only a trusted side may send, also when it hides behind percent-escapes."""
    if "%" in name:
        name = unquote(name).strip().lower()
    return name in VERDICT_HEADERS or name.startswith(prefix)


def silent(low: bytes, prefix: bytes) -> bool:
    """Whether nothing hides behind an escape and nobody states a verdict in these header lines, in lower case."""
    # Written out: a loop, and a pattern too, take longer than all six searches.
    return (
        PERCENT not in low and low.find(b"verstat") < 0 and low.find(b"attestation-in") < 0
        and low.find(b"origination-id") < 0 and low.find(b"-stir-") < 0 and low.find(prefix) < 0
    )  # fmt: skip


def strip(
    request: Request, *, prefix: str, keep_verdicts: bool, keep_asserted: bool, keep_callback: bool = False,
    carrier: str = "3gpp",
) -> Marks:  # fmt: skip
    """What must come off a request. `prefix` is that of our own headers, lower-case, with its dash.

    keep_verdicts: the side is trusted for verdicts in the form of this carrier; our own headers and all others go.
    keep_asserted: the side is trusted for P-Asserted-Identity (SIP-126).
    keep_callback: the call is proved to be an emergency centre's, and may say so (RFC 7090 section 5.3; EMG-013).
    """
    marks = Marks(Edits())
    edits, lines = marks.edits, request.lines
    form = FORMS[carrier]
    kept = form.headers if keep_verdicts else frozenset()
    keep_verstat = keep_verdicts and not form.header
    names = request.names
    if usual(prefix).issuperset(names) and (keep_asserted or request.line("p-asserted-identity") is None):
        # Nearly every call.
        shown = b"".join(compress(lines, map(ADDRESS_HEADERS.__contains__, names)))
        if PERCENT not in shown and shown.lower().find(b"verstat") < 0:
            return marks
    for place, name in enumerate(names):
        if name in HARMLESS:
            continue
        if foreign(name, prefix) and name not in kept:
            edits.drop.add(place)
            marks.stripped += 1
        elif name == "priority":
            if not keep_callback and is_callback_mark(value_of(lines[place]).decode("utf-8", "replace")):
                edits.drop.add(place)
                marks.stripped += 1
        elif name in ADDRESS_HEADERS:
            if name == "p-asserted-identity" and not keep_asserted:
                edits.drop.add(place)
                marks.stripped += 1
                continue
            line = lines[place]
            if (PERCENT in line or line.lower().find(b"verstat") >= 0) and not keep_verstat:
                clean = without_verstat(line)
                if clean != line:
                    edits.swap[place] = clean
                    marks.stripped += 1
                    if name in ("from", "to"):
                        marks.give_back.append((clean, line))
    return marks


def add(
    marks: Marks,
    request: Request,
    verdict: Verdict,
    *,
    prefix: str,
    verstat: str,
    attestation: str | None,
    origid: str | None,
    in_from: bool,
    elsewhere: Mapping[str, str] = NONE,
) -> None:
    """Put our own marks on a call that goes on. `prefix` is in the spelling of the settings, with its dash. elsewhere:
    headers whose number is not the one that `verstat` was found of, and what is said of theirs.
    """
    edits = marks.edits
    places = request.where("p-asserted-identity")
    if in_from:
        places += request.where("from")
    for place in places:
        name = request.names[place]
        if place in edits.drop:
            continue
        # A side that is trusted for verdicts may have its verstat still there: ours, made from it, replaces it.
        before = edits.swap.get(place, request.lines[place])
        if PERCENT in before or before.lower().find(b"verstat") >= 0:
            before = without_verstat(before)
        after = with_verstat(before, elsewhere.get(name, verstat))
        if after != request.lines[place]:
            edits.swap[place] = after
            marks.added += 1
            if name == "from":
                marks.give_back = [pair for pair in marks.give_back if pair[1] != request.lines[place]]
                marks.give_back.append((after, request.lines[place]))
    ours = headers(verdict, prefix, attestation, origid)
    edits.add.extend(ours)
    marks.added += len(ours)


def headers(verdict: Verdict, prefix: str, attestation: str | None, origid: str | None) -> Sequence[bytes]:
    """Our header lines for a verdict; the attestation only where it is proved."""
    lines = []
    if attestation is not None:
        lines.append(b"P-Attestation-Indicator: " + attestation.encode())
        if origid is not None:
            lines.append(b"P-Origination-ID: " + printable(origid))
    name = prefix.encode()
    lines.append(name + b"Verdict: " + verdict.action.encode())
    lines.append(name + b"Score: %d" % verdict.score)
    if verdict.deciding is not None:
        lines.append(name + b"Reason: " + verdict.deciding.slug.encode())
    if verdict.campaign:
        lines.append(name + b"Campaign: " + printable(verdict.campaign))
    return lines


def printable(text: str) -> bytes:
    """Text from outside (an origid, a campaign label) as one header value: no line ends, printable ASCII, bounded."""
    text = text[:128]
    if text.isascii() and text.isprintable():
        return text.encode("ascii")
    return "".join(c if " " <= c <= "~" else "?" for c in text).encode()
