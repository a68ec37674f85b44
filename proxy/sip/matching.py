"""Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3)."""

from __future__ import annotations

from collections.abc import Hashable

from proxy.sip.message import Request


def server_key(request: Request) -> Hashable:
    """The key of the server transaction of a request; an ACK has the key of its INVITE.

    With the cookie: branch, sent-by and method. The branch is compared without case (section 7.3.1). Without it: the
    rule of RFC 2543, as section 17.2.3 has it. Raises ParseError.
    """
    via = request.via
    method = request.method
    if method == "ACK":
        method = "INVITE"
    if via.cookie:
        return (via.branch.lower(), via.sent_by, method)
    # The To tag of an ACK is that of our response, which the INVITE did not have: it cannot be part of the key.
    tag = "" if method == "INVITE" else request.to_tag or ""
    return (
        request.target, tag, request.from_tag or "", request.call_id, request.cseq.number,
        via.branch, via.sent_by, method,
    )  # fmt: skip


def invite_key(cancel: Request) -> Hashable:
    """The key of the INVITE server transaction that a CANCEL aims at (section 9.2). Raises ParseError."""
    via = cancel.via
    if via.cookie:
        return (via.branch.lower(), via.sent_by, "INVITE")
    return (
        cancel.target, "", cancel.from_tag or "", cancel.call_id, cancel.cseq.number, via.branch, via.sent_by, "INVITE",
    )  # fmt: skip
