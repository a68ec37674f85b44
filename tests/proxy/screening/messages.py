"""Requests for the rooms that put one in the words of shaken and policy."""

from __future__ import annotations

from proxy.sip.message import Request
from proxy.sip.parser import parse


def made(start: str, sender: str, to: str, *lines: str, call_id: str = "4a1d7e90@198.51.100.10", body: str = "") -> Request:
    """A request with the lines that each has, six with its start line, and these. start: method and target."""
    method, _, target = start.partition(" ")
    head = (
        f"{method} {target} SIP/2.0", "Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK-7f3a9c11", f"From: {sender}", f"To: {to}",
        f"Call-ID: {call_id}", f"CSeq: 1 {method}", *lines,
    )  # fmt: skip
    length = (f"Content-Length: {len(body)}",) if body else ()
    found = parse("\r\n".join((*head, *length, "", body)).encode())
    assert isinstance(found, Request)
    return found
