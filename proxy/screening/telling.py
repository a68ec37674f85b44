"""What the caller's side learns of its tokens from the responses (RFC 9410).

A call that goes on in spite of a failed token is not answered with 436 to 438; each failure rides as a Reason on the
responses of the called side instead: on any but 100, because a proxy makes no provisional response of its own
(STI-112). The other way round: what is said of tokens that we made ourselves ends here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from proxy.screening.case import Case
from proxy.sip.edit import Edits
from proxy.sip.headers import split_list, value_of
from proxy.sip.message import Request, Response
from shaken.reason import ppi, reason, reasons, without_ours

Turn = Callable[[Response], Edits]


def upstream(lines: Sequence[bytes]) -> Turn | None:
    """What puts these Reason lines on the responses of a call; None where there are none."""
    if not lines:
        return None
    told = tuple(lines)

    def turn(response: Response) -> Edits:
        edits = Edits()
        if response.status != 100:
            edits.add.extend(told)
        return edits

    return turn


def inward(ours: Collection[bytes]) -> Turn | None:
    """What takes off the Reason values that speak of tokens of ours (`shaken.reason.ppi`); None where we made none."""
    if not ours:
        return None

    def turn(response: Response) -> Edits:
        edits = Edits()
        for place in response.where("reason"):
            values = split_list(value_of(response.lines[place]))
            kept = without_ours(values, ours)
            if not kept:
                edits.drop.add(place)
            elif len(kept) < len(values):
                edits.swap[place] = b"Reason: " + b", ".join(kept)
        return edits

    return turn


def stir_reasons(request: Request, case: Case) -> tuple[bytes, ...]:
    """Reason lines for the tokens that failed, to ride on the responses of a call that goes on (RFC 9410; STI-112: a
    proxy makes no 1xx of its own for them).
    """
    if case.hearing is not None:
        return reasons(case.hearing, case.heard) if case.heard is not None else ()
    if case.judgement is None or case.judgement.failure is None:
        return ()
    return (reason(case.judgement.failure, ppi(request.first("identity") or b"")),)


def turn_of(request: Request, case: Case) -> Turn | None:
    """How the responses of a call that goes on are turned: with its failures, or without what is said of our token.
    None for nearly every call, and in observe, which changes nothing, for every call that we did not sign.
    """
    if case.hearing is None and not case.ours and (case.judgement is None or case.judgement.failure is None):
        return None
    if case.lane.mode != "observe" and (lines := stir_reasons(request, case)):
        return upstream(lines)
    return inward(case.ours)
