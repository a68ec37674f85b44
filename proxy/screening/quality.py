"""How a call sounded, as telephones and PBXs tell it: RFC 6035 reports, and the X-RTP-Stat header of a BYE or its 200.

Read for the call's record, never weighed: whoever talks badly of a line is no judge of who called. What cannot be read
is left out; nothing here raises but ParseError.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from proxy.sip.errors import ParseError
from proxy.sip.message import Message

KIND = b"application/vq-rtcpxr"
EVENT = b"vq-rtcpxr"
HEADERS = ("x-rtp-stat", "p-rtp-stat", "x-rtp-stat-add")
MAX_BODY = 8192
"""Octets of a report; real ones have 500 to 1500."""
MAX_LINES = 128
MAX_STAT = 1024
"""Octets of a header."""


class Heard(NamedTuple):
    """What one end heard of a call. None: it did not say."""

    call_id: str
    mos: float | None = None
    """1.0 to 5.0, the conversational one where both are told."""
    loss: float | None = None
    """Percent of packets that were lost or came too late."""
    jitter: float | None = None
    """Milliseconds."""
    delay: float | None = None
    """Milliseconds there and back."""
    codec: str = ""
    form: str = "rtcpxr"
    """rtcpxr or stat"""

    @property
    def tells(self) -> bool:
        """Does it say anything?"""
        return any(value is not None for value in (self.mos, self.loss, self.jitter, self.delay))


_PAIR = re.compile(r"([A-Za-z]{1,16})=\"?([^\s\"]{1,32})").findall
_BETWEEN = re.compile(r"[;,](?=\s*[A-Za-z]{1,16}=)").sub
_CODEC = re.compile(r"[A-Za-z0-9_.-]{1,16}\Z").match


def report(message: Message) -> Heard:
    """The report of a PUBLISH or NOTIFY: what its sender heard of a call, over or not. Raises ParseError."""
    kind = (message.first("content-type") or b"").partition(b";")[0].strip().lower()
    if kind != KIND or len(message.body) > MAX_BODY:
        raise ParseError("this is no vq-rtcpxr report of a usual size")
    said: dict[str, dict[str, str]] = {}
    call_id, local = "", True
    lines = message.body.decode("utf-8", "replace").splitlines()
    if len(lines) > MAX_LINES:
        raise ParseError("the report has too many lines")
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            continue
        if name == "callid":
            call_id = value[:256]
        elif name == "localmetrics":
            local = True
        elif name == "remotemetrics":
            local = False  # what the other end says: it reports itself, or nobody can vouch for it
        elif local and name not in said:
            said[name] = {key.upper(): text for key, text in _PAIR(value)}
    if not call_id:
        raise ParseError("the report names no call")
    codec = said.get("sessiondesc", {}).get("PD", "")
    estimate, lost = said.get("qualityest", {}), said.get("packetloss", {})
    delay = said.get("delay", {})
    network, late = _number(lost.get("NLR"), 0, 100), _number(lost.get("JDR"), 0, 100)
    mos = _number(estimate.get("MOSCQ"), 1, 5)
    return Heard(
        call_id,
        mos if mos is not None else _number(estimate.get("MOSLQ"), 1, 5),
        None if network is None and late is None else min(100.0, (network or 0.0) + (late or 0.0)),
        _number(delay.get("IAJ"), 0, 60_000),
        _number(delay.get("RTD"), 0, 60_000),
        codec if _CODEC(codec) else "",
    )


def stat(message: Message, call_id: str) -> Heard | None:
    """The X-RTP-Stat of a BYE or of its answer; None where there is none, or it says nothing."""
    value = next((found for name in HEADERS if (found := message.first(name)) is not None), None)
    if value is None or len(value) > MAX_STAT:
        return None
    written = _BETWEEN(" ", value.decode("utf-8", "replace"))
    said = {key.upper(): text for key, text in _PAIR(written)}
    got, lost = _number(_first(said.get("PR")), 0, 1e9), _number(_first(said.get("PL")), 0, 1e9)
    codec = said.get("DE", said.get("EN", "")).rstrip(",")
    heard = Heard(
        call_id,
        _number(_first(said.get("MOSCQ", said.get("MOS", said.get("MOSLQ")))), 1, 5),
        round(100 * lost / (got + lost), 2) if got is not None and lost is not None and got + lost else None,
        _number(_first(said.get("JI")), 0, 60_000),
        _number(_first(said.get("DL", said.get("LA"))), 0, 60_000),
        codec if _CODEC(codec) else "",
        "stat",
    )
    return heard if heard.tells else None


def _first(text: str | None) -> str | None:
    """The first of several values, `12,40`."""
    return text.partition(",")[0] if text is not None else None


def _number(text: str | None, low: float, high: float) -> float | None:
    """A measured value; None for what was not measured (127 and the like say so) or cannot be."""
    try:
        value = float(text) if text is not None and len(text) <= 16 else None
    except ValueError:
        return None
    return value if value is not None and low <= value <= high else None
