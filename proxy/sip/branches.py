"""The client side of the endpoint: branches, their order, their end, and which answer is the best (sections 16.6 to
16.10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.sip import reply, transactions
from proxy.sip.context import Branch, Context, Event, FailedOver, Transaction
from proxy.sip.edit import rebuilt
from proxy.sip.errors import ParseError
from proxy.sip.flow import Flow
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.sip.routing import TOKEN_PARAM
from proxy.sip.timers import Timers

if TYPE_CHECKING:
    from proxy.sip.endpoint import Options, Tokens

PREFERRED = (401, 407, 415, 420, 484)
"""Within 4xx: those that tell the caller how to try again (section 16.7(6))."""


def hostport(host: str, port: int) -> bytes:
    """As it stands in a URI or a Via; IPv6 in brackets, the default port written too."""
    return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()


def rank(status: int) -> tuple[int, int]:
    """The order of final responses, the best first (section 16.7(6)): any 6xx, else the lowest class."""
    if status >= 600:
        return (0, 0)
    return (status // 100, 0 if status in PREFERRED else 2 if status in (503, 408) else 1)


class Branches:
    """What the endpoint does towards the next hops."""

    def __init__(self, options: Options, tokens: Tokens) -> None:
        self._options, self._tokens = options, tokens
        self._timers = Timers()
        self._out: list[tuple[bytes, Flow]] = []
        self._pending: list[Event] = []
        self._clients: dict[str, Branch] = {}
        self._cancels: dict[str, Branch] = {}
        self._unanswered: dict[str, Branch] = {}
        self._sending = b""
        self._current: Response | None = None
        addresses = [hostport(one.advertised_host, one.advertised_port) for one in options.listeners]
        self._vias = [
            b"Via: SIP/2.0/%s %s;branch=" % (one.transport.upper().encode(), address)
            for one, address in zip(options.listeners, addresses, strict=True)
        ]
        self._records = [
            b"Record-Route: <sip:" + address + b";lr;" + TOKEN_PARAM.encode() + b"=" for address in addresses
        ]
        self._sent_by = frozenset((one.advertised_host.lower(), one.advertised_port) for one in options.listeners)
        self._sent_by_bytes = tuple(addresses)
        whole = 64 * options.t1
        self._seconds = {
            "B": whole, "F": whole, "H": whole, "J": whole, "L": whole, "M": whole, "D": max(32.0, whole),
            "I": options.t4, "K": options.t4,
        }  # fmt: skip

    # What the endpoint gives us.
    def _feed(self, one: Transaction, event: str, now: float) -> None:
        raise AssertionError("the endpoint's")

    def _upstream(self, context: Context, response: Response, branch: Branch | None, now: float) -> None:
        raise AssertionError("the endpoint's")

    def _finish(self, context: Context, status: int, reason: str, now: float) -> None:
        """A final of our own after the branches have failed."""
        self._answer(context, status, reason, now)

    def _answer(self, context: Context, status: int, reason: str, now: float) -> None:
        raise AssertionError("the endpoint's")

    def _reported(self) -> list[Event]:
        events, self._pending = self._pending, []
        return events

    def _start_timer(self, one: Transaction, name: str, now: float) -> None:
        if name in "AEG":
            # Doubled each time: A without a limit of its own, E and G up to T2; Proceeding repeats at T2 (17.1.2.2).
            t1, t2 = self._options.t1, self._options.t2
            one.retry = one.retry * 2 or t1
            if name != "A":
                one.retry = t2 if name == "E" and one.state == transactions.PROCEEDING else min(one.retry, t2)
            one.retry_timer = self._timers.start(one.retry, one, name, now)
        else:
            one.timer = self._timers.start(self._seconds[name], one, name, now)

    # Going out

    def _start(self, request: Request, target: bytes) -> bytes:
        if target == request.target:
            return request.start
        return request.method.encode() + b" " + target + b" SIP/2.0"

    def _next_branch(self, context: Context, now: float) -> None:
        """Try the next target: a new branch, with a Via and a transaction of its own (SIP-041)."""
        plan = context.plan
        assert plan is not None and context.prepared is not None
        target = plan.targets[context.next_target]
        context.next_target += 1
        request = context.request
        name = f"z9hG4bK{self._tokens.branch()}.{context.mark}"
        head = [self._vias[target.listener] + name.encode()]
        if plan.record_route is not None:
            head.append(self._records[target.listener] + plan.record_route + b">")
            if context.flow.listener != target.listener:
                # Both sides of us are named where they differ, the far one on top (RFC 5658 section 6.2).
                head.append(self._records[context.flow.listener] + plan.record_route + b">")
        data = rebuilt(request, self._start(request, plan.routed.target), head, context.prepared)
        if request.method == "INVITE":
            branch = Branch("INVITE_CLIENT", transactions.INVITE_CLIENT, transactions.CALLING, name, context, target)
            first, last = "A", "B"
            branch.timer_c = self._timers.start(self._options.timer_c, branch, "C", now)
        else:
            branch = Branch("CLIENT", transactions.CLIENT, transactions.TRYING, name, context, target)
            first, last = "E", "F"
        branch.last = data
        context.branches.append(branch)
        self._clients[name] = self._unanswered[name] = branch
        self._start_timer(branch, first, now)
        self._start_timer(branch, last, now)
        if context.next_target < len(plan.targets):
            branch.silence_timer = self._timers.start(self._options.silence, branch, "silence", now)
        self._out.append((data, target))

    # What comes back, by the actions of the tables

    def _act(self, branch: Branch, action: str, now: float) -> None:
        if action == transactions.PASS:
            self._passed(branch, now)
        elif action == transactions.ACKNOWLEDGE:
            self._acknowledge(branch)
        elif action == transactions.TIMEOUT:
            self._failed(branch, 408, "timeout", now)
        elif action == transactions.FAIL:
            self._failed(branch, 503, "transport", now)

    def _passed(self, branch: Branch, now: float) -> None:
        response, context = self._current, branch.context
        if response is None:
            return
        self._heard(branch)
        status = response.status
        if branch.key in self._cancels and self._cancels[str(branch.key)] is branch:
            return  # the answer to our own CANCEL ends here (SIP-057)
        if status < 200:
            self._provisional(branch, response, now)
            return
        branch.done = True
        self._timers.cancel(branch.timer_c)
        branch.timer_c = None
        if status < 300:
            branch.last = None
            self._upstream(context, response, branch, now)
            self._cancel_others(context, branch, now)
            return
        context.best.append(response)
        if status >= 600:
            self._cancel_others(context, branch, now)
            context.next_target = len(context.plan.targets) if context.plan is not None else 0
        elif status == 503:
            self._hunt(branch, "503", now)
        self._conclude(context, now)

    def _heard(self, branch: Branch) -> None:
        if branch.silence_timer is not None:
            self._timers.cancel(branch.silence_timer)
            branch.silence_timer = None
        self._unanswered.pop(str(branch.key), None)

    def _provisional(self, branch: Branch, response: Response, now: float) -> None:
        context = branch.context
        first, branch.provisional = not branch.provisional, True
        if branch.cancel_wanted:
            self._cancel_branch(branch, now)
            return
        if branch.abandoned:
            if context.final or any(not other.done and not other.abandoned for other in context.branches):
                # The call has moved on to another hop: this one may stop ringing (SIP-048).
                self._cancel_branch(branch, now)
                return
            branch.abandoned = False
        if first and branch.timer_c is None and branch.kind == "INVITE_CLIENT":
            branch.timer_c = self._timers.start(self._options.timer_c, branch, "C", now)
        if response.status > 100:
            if branch.timer_c is not None:
                self._timers.cancel(branch.timer_c)
                branch.timer_c = self._timers.start(self._options.timer_c, branch, "C", now)
            if not context.final and branch.kind == "INVITE_CLIENT":
                self._upstream(context, response, branch, now)
            # A non-INVITE's provisional other than 100 is not passed on (RFC 4320 section 4.1).

    def _acknowledge(self, branch: Branch) -> None:
        """Our own ACK for a non-2xx final, to where the INVITE went (section 17.1.1.3)."""
        if branch.last is None or self._current is None:
            return
        try:
            sent = parse(branch.last)
        except ParseError:
            return
        if isinstance(sent, Request):
            self._out.append((reply.acknowledgement(sent, self._current), branch.target))

    def _failed(self, branch: Branch, status: int, why: str, now: float) -> None:
        """A branch that gave no final: as if it had answered 408 or 503 (sections 16.8 and 16.9)."""
        self._heard(branch)
        if self._cancels.get(str(branch.key)) is branch:
            return
        branch.done = True
        self._hunt(branch, why, now)
        self._conclude(branch.context, now)

    def _hunt(self, branch: Branch, why: str, now: float) -> None:
        """Try the next target after a failure, unless the call has moved on or is given up."""
        context, plan = branch.context, branch.context.plan
        if plan is None or context.cancelled or context.final or branch.abandoned:
            return
        if context.next_target < len(plan.targets):
            self._next_branch(context, now)
            taken = plan.targets[context.next_target - 1]
            self._pending.append(FailedOver(context, branch.target, taken, why))

    def _silent(self, branch: Branch, now: float) -> None:
        """Nothing was heard of a hop: the next one is tried, and this one stays until its own timer."""
        branch.silence_timer = None
        self._hunt(branch, "silence", now)
        if branch.context.branches[-1] is not branch:
            branch.abandoned = True

    def _conclude(self, context: Context, now: float) -> None:
        """Send the best final upstream once nothing is left to wait for (section 16.7(5) to (7))."""
        if context.final or any(not one.done and not one.abandoned for one in context.branches):
            return
        if not context.best and any(not one.done for one in context.branches):
            return  # all that is left was silent so far: it may still answer
        invite = context.request.method == "INVITE"
        if context.best:
            best = min(context.best, key=lambda one: rank(one.status))
            if best.status == 503:
                # A 503 would make the element before us avoid us altogether (section 16.7(6); SIP-051).
                self._finish(context, 500, "Server Internal Error", now)
            else:
                self._upstream(context, self._with_challenges(best, context.best), None, now)
        elif not invite:
            context.dead = True  # no 408 for a non-INVITE (RFC 4320 section 4.2)
        elif context.cancelled:
            self._finish(context, 487, "Request Terminated", now)
        else:
            self._finish(context, 408, "Request Timeout", now)

    @staticmethod
    def _with_challenges(best: Response, others: list[Response]) -> Response:
        """A 401 or 407 with the challenges of all the others (section 16.7(7))."""
        if best.status not in (401, 407) or len(others) == 1:
            return best
        more = [
            (line, name)
            for other in others
            if other is not best and other.status in (401, 407)
            for line, name in zip(other.lines, other.names, strict=True)
            if name in ("www-authenticate", "proxy-authenticate")
        ]
        return Response(
            best.start, [*best.lines, *(line for line, _ in more)], [*best.names, *(name for _, name in more)],
            best.body, best.status, best.phrase,
        )  # fmt: skip

    # Ending

    def _cancel_others(self, context: Context, winner: Branch, now: float) -> None:
        for other in context.branches:
            if other is not winner:
                self._cancel_branch(other, now)

    def _cancel_branch(self, branch: Branch, now: float) -> None:
        """CANCEL a branch, once something provisional came and no final did; else as soon as it comes (section 9.1)."""
        if branch.done or branch.cancel_sent or branch.kind != "INVITE_CLIENT":
            return
        branch.cancel_wanted = True
        self._timers.cancel(branch.silence_timer)
        branch.silence_timer = None
        if not branch.provisional or branch.last is None:
            return
        branch.cancel_sent = True
        sent = parse(branch.last)
        if not isinstance(sent, Request):
            return
        data = reply.cancellation(sent, branch.context.reasons)
        name = str(branch.key)
        own = Branch("CLIENT", transactions.CLIENT, transactions.TRYING, name, branch.context, branch.target)
        own.last = data
        self._cancels[name] = own
        self._start_timer(own, "E", now)
        self._start_timer(own, "F", now)
        self._out.append((data, branch.target))
        # A hop that does not answer the CANCEL either is given up after 64*T1 (section 9.1).
        self._timers.cancel(branch.timer_c)
        branch.timer_c = None
        if branch.timer is None:
            branch.timer = self._timers.start(self._seconds["B"], branch, "B", now)

    def _timer_c(self, branch: Branch, now: float) -> None:
        """Section 16.8: with a provisional, CANCEL; without one, as if a 408 had come."""
        branch.timer_c = None
        if not branch.done:
            if branch.provisional:
                self._cancel_branch(branch, now)
            else:
                self._feed(branch, transactions.TIMER_B, now)

    def _forget(self, branch: Branch) -> None:
        """A client transaction has ended."""
        for timer in (branch.timer_c, branch.silence_timer):
            self._timers.cancel(timer)
        branch.timer_c = branch.silence_timer = None
        name = str(branch.key)
        if self._cancels.get(name) is branch:
            del self._cancels[name]
            return
        branch.done = True
        self._clients.pop(name, None)
        self._unanswered.pop(name, None)
