"""What people tell us in passing, while requests go by: a message that says STOP, a call of ours that was answered.

Nothing here holds a request up or changes it, and nothing raises: a message that cannot be read tells nothing.
"""

from __future__ import annotations

from policy.agreements import stop_word
from policy.call import Call
from proxy.lists.promises import Promises
from proxy.screening.case import Lane, open_case
from proxy.sip.errors import ParseError
from proxy.sip.message import Request

MOST = 256
"""Octets of a body that are looked at: a stop word alone is what counts."""


def message(promises: Promises, request: Request, lane: Lane, utc: float) -> str | None:
    """Heed a MESSAGE from outside (RFC 3428): its sender may opt out with it. Gives back the word, if it is one."""
    body = request.body
    if request.method != "MESSAGE" or lane.side != "carrier" or not body or len(body) > MOST:
        return None
    try:
        kind = (request.first("content-type") or b"text/plain").partition(b";")[0].strip().lower()
        text = body.decode("utf-8", "replace")
        if kind != b"text/plain" or stop_word(text) is None:
            return None
        case = open_case(request, lane, utc)
    except ParseError:
        return None
    return promises.message(case.callee, case.caller.tn, text, utc)


def answered(promises: Promises, call: Call | None, utc: float) -> None:
    """Heed that a call of our own people was answered: who was called may call back."""
    if call is not None and call.side == "pbx":
        promises.answered(call.callee, call.purpose, utc)
