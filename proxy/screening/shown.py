"""The name that a telephone shows: a mark before it, or the name that was looked up in its place. And by which trunk.

Written into From and P-Asserted-Identity of a call that goes on to the PBX. Neither is signed by a `shaken` token; the
line of From is given back in responses, as dialogs demand (RFC 3261 section 8.2.6.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from policy.verdict import Verdict
from proxy.screening.marks import Marks
from proxy.sip.message import Request

LONGEST = 96
"""Octets of a name that is shown, mark and all; more than any telephone has room for."""
_BLANKS = b" \t\r\n"
# Of a value without blanks before it. No two runs of blanks meet: hostile ones would cost the cube of their number.
_NAMED = re.compile(rb'(?:"((?>(?:[^"\\]|\\.)*))"[ \t\r\n]*+|([^<"]*+))(<.*)\Z', re.DOTALL)
_BARE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*:[^;,<>\"\s]+)(.*)\Z", re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Shows:
    """What is shown of which call."""

    tagged: str = ""
    """Before the name of a call that is tagged or diverted."""
    proved: str = ""
    """Before the name of one whose caller proved the number (A)."""
    trunk: bytes = b""
    """The name of the header that says by which trunk the call came; empty: none does."""
    name: str = "never"
    """Where the name that was looked up is shown: never, missing (where the call shows none), always."""

    def __bool__(self) -> bool:
        return bool(self.tagged or self.proved or self.trunk or self.name != "never")

    def on(
        self, marks: Marks, request: Request, verdict: Verdict, attestation: str | None, name: str, trunk: str = ""
    ) -> None:
        """Change what a call that goes on shows."""
        if self.trunk:
            marks.edits.add.append(self.trunk + b": " + trunk.encode())
            marks.added += 1
        tagged = verdict.action in ("tag", "divert")
        mark = self.tagged if tagged else self.proved if attestation == "A" else ""
        name = name if self.name != "never" else ""
        if mark or name:
            show(marks, request, mark, name, self.name == "always")


def show(marks: Marks, request: Request, mark: str, name: str, always: bool) -> None:
    """Put `mark` before the shown name, and `name` in its place: where the call shows none, or `always`."""
    edits = marks.edits
    for place in (*request.where("from"), *request.where("p-asserted-identity")):
        if place in edits.drop:
            continue
        received = request.lines[place]
        before = edits.swap.get(place, received)
        after = renamed(before, mark, name, always)
        if after == before:
            continue
        edits.swap[place] = after
        marks.added += 1
        if request.names[place] == "from":
            marks.give_back = [pair for pair in marks.give_back if pair[1] != received]
            marks.give_back.append((after, received))


def renamed(line: bytes, mark: str, name: str, always: bool) -> bytes:
    """A header line of one address with another name; as it was where it cannot be read."""
    head, colon, value = line.partition(b":")
    value = value.lstrip(_BLANKS)
    if (found := _NAMED.match(value)) is not None:
        quoted, plain, rest = found.groups()
        shown = _ESCAPED.sub(rb"\1", quoted) if quoted is not None else plain.rstrip(_BLANKS)
    elif (bare := _BARE.match(value)) is not None:
        # Parameters of a URI without brackets are the header's.
        shown, rest = b"", b"<" + bare[1] + b">" + bare[2]
    else:
        return line
    new = name.encode() if name and (always or not shown.strip()) else shown
    new = (mark.encode() + new)[:LONGEST]
    if new == shown:
        return line
    new = new.decode("utf-8", "ignore").encode()  # never half a letter
    safe = bytes(octet for octet in new if octet >= 0x20 and octet != 0x7F)
    return head + colon + b' "' + safe.replace(b"\\", rb"\\").replace(b'"', rb"\"") + b'" ' + rest
