"""What the bytes of a message say of who need not wait, and who need not be heard, while more comes than can be served.

`proxy.inbox` asks, before anything is parsed. Each answer stands on something that a sender cannot write by himself:
our sealed token with the Call-ID and the tag that it was made for, a contact that we sealed when it was registered, the
memory of the lines that called 911, the address that he sends from, the numbers of emergency centres where a trunk is
believed about numbers. What is not seen at a glance is "no", and costs a place in the order.
"""

from __future__ import annotations

import re

from proxy.registration import Bindings
from proxy.screening.case import Lane
from proxy.sip.flow import Flow
from proxy.world import World
from shaken.number import canonical

REMEMBERED, SECONDS = 4096, 1.0
"""Request-URIs whose answer is remembered, and for how long: those who flood us call the same numbers."""
MOST_TOKENS = 4
"""Tokens of one message that are opened: a call that came by us twice bears two."""

_TOKEN = re.compile(rb";rw=([A-Za-z0-9_=-]{16,64})").finditer
_CALL_ID = re.compile(rb"\r\n(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]*[^\r\n \t])", re.IGNORECASE).search
_TAG = re.compile(
    rb"\r\n(?:From|f|To|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=[ \t]*([^;,> \t\r\n]+)", re.IGNORECASE
).findall
_ASSERTED = re.compile(
    rb"\r\nP-Asserted-Identity[ \t]*:[^\r\n]*?(?:sips?|tel):(\+?[0-9]{7,15})[@;>]", re.IGNORECASE
).search
_USER = re.compile(rb"(?:sips?|tel):([^@;?> ]{1,64})", re.IGNORECASE).match
_TO = re.compile(
    rb"\r\n(?:To|t)[ \t]*:(?:[^<\r\n]*<)?[ \t]*(?:sips?|tel):([^@;?>\r\n ]{1,64})", re.IGNORECASE
).search
_PATH = re.compile(rb";rw=(rwc-[A-Za-z0-9_-]{16,768})").search
_IN_FULL = re.compile(rb"sip:\+([1-9][0-9]{6,14})[@;]").match
"""A number that is written as `canonical` gives it: by far the most."""


class Triage:
    """Answers by the world as it is now."""

    __slots__ = ("_lines", "_since", "_world")

    def __init__(self, world: World) -> None:
        self._world = world
        self._lines: dict[bytes, bool] = {}
        self._since = 0.0

    def ours(self, data: bytes) -> bool:
        """Whether an INVITE with a token in it belongs to a call that we let through."""
        call_id = _CALL_ID(data)
        if call_id is None:
            return False
        tags = tuple(tag.decode("utf-8", "surrogateescape") for tag in _TAG(data)[:2])
        opened = self._world.sealer.open
        for count, token in enumerate(_TOKEN(data)):
            if count >= MOST_TOKENS:
                break
            if opened(token[1].decode("ascii"), call_id[1], tags) is not None:
                return True
        return False

    def awaited(self, data: bytes, flow: Flow) -> bool:
        """Whether an INVITE may be an emergency centre's: from outside, to a line that lately called 911, or of a
        number of the operator's list of centres.
        """
        lane = self._lane(flow)
        if lane is None or lane.side != "carrier":
            return False
        aftermath, psap = self._world.aftermath, self._world.book.psap
        if aftermath is not None and aftermath.open(utc := self._world.utc()):
            target = data[7 : max(data.find(b" ", 7), 7)]
            if not 0 <= utc - self._since < SECONDS or len(self._lines) >= REMEMBERED:
                self._lines.clear()
                self._since = utc
            awaits = self._lines.get(target)
            if awaits is None:
                if (full := _IN_FULL(target)) is not None:
                    line = full[1].decode("ascii")
                else:
                    line = _line(_USER(self._contact(target) or target), lane)
                awaits = self._lines[target] = aftermath.awaits(line, utc)
            if awaits:
                return True
            if Bindings.concerns(target, data) and aftermath.awaits(_line(_TO(data), lane), utc):
                # The number of a call for a contact that was registered through us stands in To; elsewhere that
                # proves nothing.
                if self._contact(target) is not None or self._by_path(data):
                    return True
        if psap and lane.trunk.trust != "none" and (found := _ASSERTED(data)) is not None:
            return canonical(found[1].decode("ascii"), lane.plan) in psap
        return False

    def known(self, flow: Flow) -> bool:
        """Whether somebody that we know sends from there."""
        return self._lane(flow) is not None

    def _contact(self, target: bytes) -> bytes | None:
        """The contact that a Request-URI of ours stands for."""
        found = self._world.bindings.opened(target)
        return found.contact if found is not None and found.uri is not None else None

    def _by_path(self, data: bytes) -> bool:
        """Whether a Path of ours brought it."""
        found = _PATH(data)
        return found is not None and self._world.bindings.path_of((found[1].decode("ascii"),)) is not None

    def _lane(self, flow: Flow) -> Lane | None:
        trunk = self._world.trunks.find(flow.host, flow.port)
        return self._world.lanes.get(trunk.name) if trunk is not None else None


def _line(user: re.Match[bytes] | None, lane: Lane) -> str:
    """The user part that was found, as `proxy.aftermath.line_of` names a line."""
    dialled = user[1].decode("utf-8", "replace") if user is not None else ""
    return canonical(dialled, lane.plan) or dialled.lower()
