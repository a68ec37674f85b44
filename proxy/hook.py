"""A decision service of the operator's own: asked by HTTP about a call, with a hard limit, failing open.

`POST` with a JSON body of what is known; the answer is `{"action": "allow", "why": "..."}`, or tag, divert, reject.
No answer in time, any other answer, or a service that is down (`proxy.outside`): the verdict stays as it was, and that
is counted. After some failures in a row it is left alone for a while: a hanging service delays a few calls and not all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

from policy.call import Call
from policy.decide import overruled
from policy.rulebook import Rulebook
from policy.verdict import Action, Mode, Verdict
from proxy.outside import Outside, Unanswered

LIMIT = 0.05
"""Seconds that a call waits at most."""

ACTIONS = frozenset(get_args(Action)) - {"challenge", "honeypot"}


class DecisionHook:
    """One service. `count` is told how each question ended: asked, agreed, overruled, late, failed, resting, full."""

    def __init__(
        self,
        url: str,
        now: Callable[[], float],
        *,
        seconds: float = LIMIT,
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Raises ValueError for a limit beyond 50 ms, or an address that is not http or https."""
        if not 0 < seconds <= LIMIT:
            raise ValueError("a call waits for its verdict: more than 50 ms are not given away")
        if not url.startswith(("http://", "https://")):
            raise ValueError("the hook is an http or https address")
        self._outside, self._count = Outside(url, "", now, seconds), count

    async def ask(self, call: Call, verdict: Verdict, book: Rulebook, mode: Mode, percent: int = 100) -> Verdict:
        """The verdict after the service was asked; the same one where it does not answer as it should. Never raises
        but CancelledError. Calls that nothing may stop are not asked about."""
        if verdict.emergency or verdict.allowed:
            return verdict
        try:
            action, why = await self._outside.ask(question(call, verdict), read)
        except Unanswered as error:
            self._count(error.how)
            return verdict
        decided = overruled(verdict, action, why, call, book, mode, percent)
        self._count("agreed" if decided is verdict else "overruled")
        return decided

    async def close(self) -> None:
        """Let the connections go."""
        await self._outside.close()


def question(call: Call, verdict: Verdict) -> bytes:
    """What the service is told."""
    facts: dict[str, Any] = {
        "call_id": call.call_id,
        "utc": call.utc,
        "side": call.side,
        "trunk": call.trunk,
        "caller": call.caller,
        "caller_kind": call.caller_kind,
        "callee": call.callee,
        "diverted": list(call.diverted),
        "display_name": call.display_name,
        "attestation": call.attestation,
        "action": verdict.would,
        "score": verdict.score,
        "reason": verdict.reason,
        "findings": [
            {"slug": one.slug, "class": one.kind.value, "weight": one.weight, "why": one.why}
            for one in verdict.findings
        ],
    }
    return json.dumps(facts).encode()


def read(answer: bytes) -> tuple[Action, str]:
    """Action and reason of an answer. Raises ValueError."""
    try:
        said = json.loads(answer)
    except RecursionError:
        raise ValueError("the hook's answer is nested too deeply") from None
    if not isinstance(said, dict):
        raise ValueError("the hook's answer is no object")
    action, why = said.get("action"), said.get("why", "")
    if not isinstance(action, str) or action not in ACTIONS or not isinstance(why, str):
        raise ValueError("the hook's answer has no action")
    return action, "".join(c for c in why if c.isprintable())  # type: ignore[return-value]  # one of ACTIONS
