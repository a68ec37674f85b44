"""Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3)."""

from __future__ import annotations

from collections.abc import Hashable

from proxy.sip.message import Request
from proxy.sip.via import COOKIE


def server_key(request: Request, method: str | None = None) -> Hashable:
    """The key of the server transaction of a request; an ACK has the key of its INVITE.

    `method` asks for another transaction of the same branch: a CANCEL for the INVITE that it aims at (section 9.2).

    With the cookie, it is branch, sent-by (host and port) and method; the branch is compared without case (section
    7.3.1). Without it, the rule of RFC 2543 as section 17.2.3 has it. Raises ParseError.
    """
    via = request.via
    if method is None:
        method = request.method
        if method == "ACK":
            method = "INVITE"
    branch = (via.params.get("branch") or "").lower()
    if len(branch) > len(COOKIE) and branch.startswith(COOKIE):
        return (branch, via.host.lower(), via.port, method)
    # The To tag of an ACK is that of our response, which its INVITE did not have: it is no part of that key.
    tag = "" if method == "INVITE" else request.to_tag or ""
    return (
        request.target, tag, request.from_tag or "", request.call_id, request.cseq.number, branch, via.sent_by, method,
    )  # fmt: skip
