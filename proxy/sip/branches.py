"""The branches of a request: where it is sent, what comes back, and when an answer goes `upstream` (RFC 3261 sections
16.6 to 16.10, RFC 4320, RFC 5393). Which answer is the best stands in `finals`.

One target at a time: the next one when a hop fails or is silent. A silent hop is not given up: it stays until its own
timer, and the first hop that says anything has the call.
"""

from __future__ import annotations

from proxy.sip import reply, transactions
from proxy.sip.context import Branch, Context, FailedOver, Plan
from proxy.sip.edit import rebuilt
from proxy.sip.errors import ParseError
from proxy.sip.finals import FAILURES, best_of, with_challenges
from proxy.sip.flow import Flow
from proxy.sip.layer import Layer, Transaction
from proxy.sip.message import Request, Response
from proxy.sip.options import Options, Tokens
from proxy.sip.parser import parse
from proxy.sip.plain import Plain
from proxy.sip.plain import rebuilt as rebuilt_plain
from proxy.sip.routing import MAX_BREADTH, SPOKEN, TOKEN_PARAM, hostport
from proxy.sip.timers import OWNER
from proxy.sip.upstream import Upstream

BREADTH = b"Max-Breadth: %d\r\n" % MAX_BREADTH
MAX_UDP = 1300
"""Octets of a request above which a stream carries it where the hop has one (section 18.1.1)."""
MOST_V4, MOST_V6 = 65_507, 65_527
"""Octets that a datagram holds: 65,535 less the headers of UDP and IPv4 (RFC 791), or of UDP (RFC 8200)."""
NO_BOUND = 1 << 60


class Branches:
    """What an endpoint does towards the next hops, and with what they say."""

    __slots__ = ("_layer", "_most", "_options", "_records", "_tokens", "_up", "unanswered", "vias")

    def __init__(self, options: Options, tokens: Tokens, layer: Layer, up: Upstream) -> None:
        self._options, self._tokens, self._layer, self._up = options, tokens, layer, up
        self.unanswered: dict[Flow, dict[bytes, Branch]] = {}
        """Branches that nothing was heard of, by where they went: those that fail together."""
        self._most = tuple(
            NO_BOUND if one.transport != "UDP" else MOST_V6 if ":" in one.host else MOST_V4 for one in options.listeners
        )
        """For each listener: the octets of the longest message that can leave by it."""
        shown = [hostport(one.advertised_host, one.advertised_port) for one in options.listeners]
        self.vias = [
            b"Via: SIP/2.0/%s %s;branch=z9hG4bK" % (one.transport.upper().encode(), address)
            for one, address in zip(options.listeners, shown, strict=True)
        ]
        """For each listener, our Via line up to the part of the branch that is unique."""
        self._records = {
            scheme: [
                b"Record-Route: <%s:%s%s;lr;%s=" % (scheme, address, SPOKEN[one.transport], TOKEN_PARAM.encode())
                for one, address in zip(options.listeners, shown, strict=True)
            ]
            for scheme in (b"sip", b"sips")
        }

    # Going out

    def next_branch(self, context: Context, now: float) -> bool:
        """Try the next target: a new branch with a Via and a transaction of its own (section 16.6(7), (8); SIP-041).
        One that the request is too long for is passed by; False where none is left that it is not too long for.
        """
        plan, edits = context.plan, context.edits
        assert plan is not None and edits is not None
        at = context.tried
        target = plan.targets[at]
        context.tried += 1
        request = context.request
        layer, timers = self._layer, self._layer.timers
        key = self._tokens.branch().encode() + context.mark
        head, share = [self.vias[target.listener] + key], 0
        # That its length forced one request onto a stream says nothing of the way that it takes, nor of those that
        # follow (section 16.6(4), (6)): it goes to the target that the stream stands in for.
        far = target
        if at + 1 < len(plan.targets) and self._options.large.get(plan.targets[at + 1]) == target:
            far = plan.targets[at + 1]
        if context.breadth:
            share = self._share(context, len(plan.targets) - at)
            head.append(b"Max-Breadth: %d" % share)
        if (token := plan.record_route) is not None:
            # A sips request keeps to sips (section 16.6(4)). Where the two sides of us differ both are named, the far
            # one on top (RFC 5658 section 6.2).
            records = self._records[b"sips" if plan.routed.target[:5].lower() == b"sips:" else b"sip"]
            head.append(records[far.listener] + token + b">")
            if context.flow.listener != far.listener:
                head.append(records[context.flow.listener] + token + b">")
        if plan.preload and (ahead := self._options.preloaded.get(far)) is not None:
            head += ahead
        head += self._up.length(request, target)
        start = request.start
        if plan.routed.target != request.target:
            start = b"%s %s SIP/2.0" % (request.method.encode(), plan.routed.target)
        data = rebuilt(request, start, head, edits)
        if len(data) > MAX_UDP:
            stream = self._options.large.get(target)
            if stream is not None and (at == 0 or plan.targets[at - 1] != stream):
                # Too long for a datagram, and the hop has TCP too: by that, and as it is if no connection can be had
                # (section 18.1.1).
                context.plan = plan._replace(targets=(*plan.targets[:at], stream, *plan.targets[at:]))
                context.tried = at
                return self.next_branch(context, now)
            if len(data) > self._most[target.listener]:
                # The network would refuse it, and that says nothing of the hop.
                return context.tried < len(plan.targets) and self.next_branch(context, now)
        if request.method == "INVITE":
            cseq = request.line("cseq") or b""
            branch = Branch(transactions.INVITE_CLIENT, transactions.CALLING, key, layer.clients, target, context, cseq)
            layer.start_timer(branch, "A", now)
            layer.start_timer(branch, "B", now)
            branch.timer_c = timers.start(self._options.timer_c, branch, "C", now)
        else:
            branch = self._trying(key, target, context, request.line("cseq") or b"", now)
        if context.tried < len(plan.targets) and not context.serial:
            branch.silence_timer = timers.start(self._options.silence, branch, "silence", now)
        branch.breadth = share
        self._gone(branch, data)
        return True

    def _trying(self, key: bytes, target: Flow, context: Context, cseq: bytes, now: float) -> Branch:
        branch = Branch(transactions.CLIENT, transactions.TRYING, key, self._layer.clients, target, context, cseq)
        self._layer.start_timer(branch, "E", now)
        self._layer.start_timer(branch, "F", now)
        return branch

    def _gone(self, branch: Branch, data: bytes) -> None:
        context, key, target = branch.context, branch.key, branch.to
        branch.last = data
        context.branches = (*context.branches, branch)
        self._layer.clients[key] = branch
        waiting = self.unanswered.get(target)
        if waiting is None:
            waiting = self.unanswered[target] = {}
        waiting[key] = branch
        self._layer.out.append((data, target))

    def plain_branch(self, context: Context, plain: Plain, target: Flow, stamp: bytes, now: float) -> bool:
        """The one branch of a plain request, sent on by its bytes; False where they are too many for a datagram."""
        key = self._tokens.branch().encode()
        data = rebuilt_plain(plain, self.vias[target.listener] + key, stamp, BREADTH)
        if len(data) > MAX_UDP and (target in self._options.large or len(data) > self._most[target.listener]):
            return False
        context.tried = 1
        self._gone(self._trying(key, target, context, plain.cseq, now), data)
        return True

    @staticmethod
    def _share(context: Context, left: int) -> int:
        """What a branch gets of the request's Max-Breadth: all that is free, less a share for each target after it, and
        1 at least, for with 0 it would be refused (440).

        The sum over the branches without a final never exceeds it (RFC 5393 section 5.3.3; SIP-118), but for an
        emergency call.
        """
        if context.serial:
            return context.breadth
        return max(_free(context) // left, 1)

    def _hunt(self, branch: Branch, why: str, now: float, response: Response | None = None) -> bool:
        """Try the next target, unless the call has moved on or is given up; says whether one is tried."""
        context, plan = branch.context, branch.context.plan
        if plan is None or context.cancelled or context.final or branch.abandoned:
            return False
        left = len(plan.targets) - context.tried
        if why == "silence" and not plan.insist:
            if context.breadth and _free(context) < 1:
                return False  # a branch more has to wait for the end of one
            if left > 1 and self._options.large.get(plan.targets[context.tried]) == branch.to:
                context.tried += 1  # who is silent by TCP is not asked by UDP too while somebody else is there
        if context.tried >= len(plan.targets) or not self.next_branch(context, now):
            return False
        self._up.pending.append(FailedOver(context, branch.to, context.branches[-1].to, why, response))
        return True

    def silent(self, branch: Branch, now: float) -> None:
        """Nothing was heard of a hop in time: the next one is tried, and this one stays until its own timer."""
        branch.silence_timer = None
        branch.abandoned = self._hunt(branch, "silence", now)

    # Coming back

    def heard(self, branch: Branch) -> None:
        """Something came of a hop, or nothing will come any more."""
        if (timer := branch.silence_timer) is not None:
            timer[OWNER] = branch.silence_timer = None
        waiting = self.unanswered.get(branch.to)
        if waiting is not None and waiting.pop(branch.key, None) is not None and not waiting:
            del self.unanswered[branch.to]

    def _over(self, branch: Branch) -> None:
        """A branch has its final, or gets none any more."""
        branch.done = True
        if (timer := branch.timer_c) is not None:
            timer[OWNER] = branch.timer_c = None

    def passed(self, branch: Branch, status: int, data: bytes, now: float) -> None:
        """A 1xx or 2xx that the transaction passes up, with the bytes that go on: our Via is off (section 16.7)."""
        if not branch.provisional:
            self.heard(branch)
        if status >= 200:
            self._over(branch)
            branch.last = None
            context = branch.context
            self._up.sent(context, status, data, branch.to, now)
            if len(context.branches) > 1:
                self._cancel_others(branch, now)
        elif self._rings(branch, status, now):
            self._up.sent(branch.context, status, data, branch.to, now)

    def received(self, branch: Branch, response: Response, now: float) -> None:
        """A response that the transaction passes up (section 16.7)."""
        self.heard(branch)
        status, context = response.status, branch.context
        if status < 200:
            if self._rings(branch, status, now):
                self._up.passed(context, response, branch.to, now)
            return
        self._over(branch)
        if branch.table is not transactions.INVITE_CLIENT or status < 300:
            branch.last = None
        if status < 300:
            self._up.passed(context, response, branch.to, now)
            self._cancel_others(branch, now)
            return
        if context.dead:
            return
        context.best = (*context.best, (response, branch))
        plan = context.plan
        if status < 400 and plan is not None and self._moved(context, plan, response, branch.to, now):
            return
        if status == 503:
            self._hunt(branch, "503", now, response)
        elif plan is not None and plan.insist:
            # One carrier's refusal, a 6xx too, says nothing about the others: section 16.7(5) bows to EMG-003.
            self._hunt(branch, "refused", now, response)
        elif status >= 600:
            context.reasons = context.reasons or (b"Reason: SIP;cause=%d" % status,)  # RFC 8197 section 4
            self._cancel_others(branch, now)
            if plan is not None:
                context.tried = len(plan.targets)
        self._conclude(context, now)

    def _moved(self, context: Context, plan: Plan, response: Response, flow: Flow, now: float) -> bool:
        """Follow a 3xx, once, where the user says so (section 16.7(5)): it does not go upstream then."""
        if plan.follow is None or context.cancelled or context.final:
            return False
        moved = plan.follow(context, response, flow)
        if moved is None:
            return False
        target, reached, lines = moved
        if lines and context.edits is not None:
            context.edits.add.extend(lines)
        context.plan = plan._replace(
            targets=(*plan.targets[: context.tried], reached), routed=plan.routed._replace(target=target), follow=None
        )
        if not self.next_branch(context, now):
            return False
        context.best = context.best[:-1]
        return True

    def _rings(self, branch: Branch, status: int, now: float) -> bool:
        """A provisional of a branch: whether it goes upstream."""
        context = branch.context
        branch.provisional = True
        if branch.cancel_wanted or context.final:
            self.cancel(branch, now)
            return False
        if len(context.branches) > 1:
            others = [one for one in context.branches if one is not branch and not one.done]
            if any(one.provisional and not one.cancel_wanted for one in others):
                # Another hop has the call: this one stops ringing.
                self.cancel(branch, now)
                return False
            branch.abandoned = False
            for one in others:
                one.abandoned = True
                self._layer.timers.cancel(one.silence_timer)
                one.silence_timer = None
        if status == 100 or branch.table is not transactions.INVITE_CLIENT:
            return False  # a provisional of any other request goes no further (RFC 4320 section 4.1)
        if (timer := branch.timer_c) is not None:
            timer[OWNER] = None
            branch.timer_c = self._layer.timers.start(self._options.timer_c, branch, "C", now)
        return True

    def failed(self, branch: Branch, why: str, now: float) -> None:
        """A branch that gave no final: as if it had answered 408, or 503 to a transport error (sections 16.8, 16.9)."""
        self.heard(branch)
        self._over(branch)
        if why == "timeout":
            branch.context.timed_out = True
        self._hunt(branch, why, now)
        self._conclude(branch.context, now)

    def acknowledge(self, branch: Branch, response: Response) -> None:
        """Our own ACK of a non-2xx final, to where the INVITE went; again for each that comes again (17.1.1.3)."""
        if not branch.done:
            sent = _sent(branch)
            branch.last = reply.acknowledgement(sent, response) if sent is not None else None
        if branch.last is not None:
            self._layer.out.append((branch.last, branch.to))

    def _conclude(self, context: Context, now: float) -> None:
        """Send the best final upstream once nothing is left to wait for (section 16.7(5) to (7))."""
        if context.dead:
            return
        alive = False
        for one in context.branches:
            if not one.done:
                if not one.abandoned:
                    return
                alive = True
        best, giver = best_of(context)
        if best is None or best.status in FAILURES:
            if alive:
                return  # what is left was silent so far, and may still answer
        status = best.status if best is not None else 408
        if context.timed_out and 500 <= status < 600:
            best, status = None, 408  # the 408 that we make for a timeout is of a lower class
        if context.table is not transactions.INVITE_SERVER and status == 408:
            self._up.give_up(context)
        elif context.cancelled and status in FAILURES:
            self._up.answer(context, 487, reply.PHRASES[487], now)
        elif best is None:
            self._up.answer(context, 408, reply.PHRASES[408], now)
        elif status == 503:
            # A 503 would make the element before us avoid us altogether (section 16.7(6); SIP-051).
            self._up.answer(context, 500, reply.PHRASES[500], now)
        else:
            flow = giver.to if giver is not None else None
            self._up.passed(context, with_challenges(best, context), flow, now)
        for one in context.branches:
            self.cancel(one, now)

    # Ending

    def _cancel_others(self, winner: Branch, now: float) -> None:
        for one in winner.context.branches:
            if one is not winner:
                self.cancel(one, now)

    def cancel(self, branch: Branch, now: float) -> None:
        """CANCEL a branch that has no final, once something provisional came; until then it is only wished (9.1)."""
        if branch.done or branch.cancel_sent or branch.table is not transactions.INVITE_CLIENT:
            return
        layer = self._layer
        branch.cancel_wanted = True
        layer.timers.cancel(branch.silence_timer)
        branch.silence_timer = None
        if not branch.provisional:
            return
        branch.cancel_sent = True
        # A hop that lets the CANCEL change nothing is given up after 64*T1 (section 9.1): Timer B runs again.
        layer.timers.cancel(branch.timer_c)
        branch.timer_c = None
        layer.start_timer(branch, "B", now)
        sent = _sent(branch)
        if sent is None:
            return
        key: bytes = branch.key
        own = Transaction(transactions.CLIENT, transactions.TRYING, key, layer.cancels, branch.to)
        own.last = reply.cancellation(sent, branch.context.reasons)
        layer.cancels[key] = own
        layer.start_timer(own, "E", now)
        layer.start_timer(own, "F", now)
        layer.out.append((own.last, branch.to))

    def timer_c(self, branch: Branch, now: float) -> None:
        """Section 16.8: with a provisional, CANCEL; without one, as if a 408 had come."""
        branch.timer_c = None
        if branch.done:
            return
        if branch.provisional:
            self.cancel(branch, now)
        elif self._layer.feed(branch, transactions.TIMER_B, now):
            self.failed(branch, "timeout", now)


def _free(context: Context) -> int:
    """What the branches without a final leave of the request's Max-Breadth."""
    return context.breadth - sum(one.breadth for one in context.branches if not one.done)


def _sent(branch: Branch) -> Request | None:
    """The request of a branch as it was sent."""
    if branch.last is None:
        return None
    try:
        message = parse(branch.last)
    except ParseError as error:
        return error.partial  # an emergency call that was let through with a fault
    return message if isinstance(message, Request) else None


