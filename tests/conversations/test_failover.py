"""Several next hops, tried one after the other (RFC 3261 sections 16.6, 16.7, 16.9; RFC 5393)."""

from __future__ import annotations

import pytest

from proxy.sip.endpoint import Endpoint, FailedOver, Faulted, Finished, Listener
from proxy.sip.flow import Flow
from proxy.sip.message import Request
from tests.conversations.wire import OWN, CountedTokens, Wire


def ways(wire: Wire) -> list[str]:
    return [event.why for event in wire.told(FailedOver)]


@pytest.mark.req("SIP-041", "SIP-114")
@pytest.mark.parametrize("why", ["503", "transport", "silence"])
def test_the_next_hop_is_tried_when_the_first_does_not_serve(fork: Wire, why: str) -> None:
    first, second = fork.callees
    if why == "transport":
        fork.dead.add((first.flow.host, first.flow.port))
    fork.caller.invites()
    if why == "503":
        lost = first.gets("INVITE")
        first.answers(503)
        assert first.gets("ACK").via.branch == lost.via.branch
    elif why == "silence":
        fork.advance(2.1)
    one = second.gets("INVITE")
    if why == "503":
        assert one.via.branch != lost.via.branch
    second.answers(180)
    second.answers(200)
    if why == "silence":
        fork.caller.hears(100)
    fork.caller.hears(180)
    fork.caller.hears(200)
    assert ways(fork) == [why]
    assert fork.told(FailedOver)[0].left == first.flow and fork.told(FailedOver)[0].taken == second.flow
    assert fork.told(Finished)[0].flow == second.flow
    fork.quiet()


@pytest.mark.req("SIP-050")
def test_any_other_final_of_a_hop_is_an_answer_and_no_reason_to_try_the_next(fork: Wire) -> None:
    fork.caller.invites()
    fork.callees[0].gets("INVITE")
    fork.callees[0].answers(486)
    fork.caller.hears(486)
    fork.callees[1].hears_nothing()


@pytest.mark.req("SIP-048")
def test_a_silent_hop_that_rings_late_is_cancelled_when_another_rings(fork: Wire) -> None:
    first, second = fork.callees
    late, _ = fork.forked()
    second.answers(180)
    fork.caller.hears(100)
    fork.caller.hears(180)
    first.answers(180, to=late)
    fork.caller.hears_nothing()
    cancel = first.gets("CANCEL")
    first.answers(200, to=cancel)
    first.answers(487, to=late)
    first.gets("ACK")
    second.answers(200)
    fork.caller.hears(200)
    fork.quiet()


@pytest.mark.req("SIP-048")
def test_a_silent_hop_that_answers_late_is_heard_upstream(fork: Wire) -> None:
    first, second = fork.callees
    late, _ = fork.forked()
    second.answers(200, tag="second")
    fork.caller.hears(100)
    assert fork.caller.hears(200).to_tag == "second"
    first.answers(200, to=late, tag="first")
    assert fork.caller.hears(200).to_tag == "first"
    fork.quiet()


def test_the_first_hop_to_say_anything_has_the_call(fork: Wire) -> None:
    first, second = fork.callees
    late, also = fork.forked()
    first.answers(180, to=late)
    fork.caller.hears(100)
    fork.caller.hears(180)
    second.answers(100, to=also)
    assert second.gets("CANCEL").via.branch == also.via.branch
    second.answers(487, to=also)
    second.gets("ACK")
    fork.caller.hears_nothing()
    first.answers(200, to=late)
    fork.caller.hears(200)
    fork.quiet()


def test_a_silent_hop_is_used_when_it_is_the_only_one_alive(fork: Wire) -> None:
    first, second = fork.callees
    late, _ = fork.forked()
    second.answers(503)
    second.gets("ACK")
    fork.caller.hears(100)
    fork.caller.hears_nothing()
    first.answers(180, to=late)
    fork.caller.hears(180)
    first.answers(200, to=late)
    fork.caller.hears(200)
    fork.quiet()


def test_a_real_answer_of_the_second_hop_does_not_wait_for_the_silent_first(fork: Wire) -> None:
    first, second = fork.callees
    late, _ = fork.forked()
    second.answers(486)
    fork.caller.hears(100)
    fork.caller.hears(486)
    first.answers(180, to=late)  # too late: it stops ringing
    first.gets("CANCEL")
    fork.quiet()


@pytest.mark.req("SIP-044", "SIP-061")
def test_when_no_hop_can_be_reached_it_is_408(fork: Wire) -> None:
    for callee in fork.callees:
        fork.dead.add((callee.flow.host, callee.flow.port))
    fork.caller.invites()
    fork.caller.hears(408)
    assert ways(fork) == ["transport"]


@pytest.mark.req("SIP-052")
def test_when_no_hop_answers_it_is_408_after_the_last_one_timed_out(fork: Wire) -> None:
    fork.caller.invites()
    fork.advance(33)
    fork.caller.hears(100)
    fork.caller.hears_nothing()
    fork.advance(2)
    fork.caller.hears(408)
    fork.quiet()


@pytest.mark.req("SIP-061", "SIP-081")
def test_a_response_that_cannot_be_sent_cancels_nothing(wire: Wire) -> None:
    invite = wire.caller.invites()
    wire.callee.gets("INVITE")
    wire.dead.add((wire.caller.flow.host, wire.caller.flow.port))
    wire.callee.answers(180)
    wire.callee.hears_nothing()
    wire.dead.clear()
    wire.caller.says(invite)
    wire.caller.hears(180)
    wire.callee.hears_nothing()


@pytest.mark.req("SIP-118")
@pytest.mark.parametrize(
    ("given", "shares"),
    [(None, [60, 60]), (60, [30, 30]), (200, [30, 30]), (9, [4, 5]), (2, [1, 1])],
)
def test_max_breadth_is_shared_among_hops_that_may_be_asked_together(
    fork: Wire, given: int | None, shares: list[int]
) -> None:
    fork.caller.invites(lines=[f"Max-Breadth: {given}"] if given is not None else [])
    fork.advance(2.1)
    got = [callee.gets("INVITE").all("max-breadth") for callee in fork.callees]
    assert got == [[b"%d" % share] for share in shares]


@pytest.mark.req("SIP-118")
def test_max_breadth_1_makes_it_strictly_one_after_the_other(fork: Wire) -> None:
    first, second = fork.callees
    fork.caller.invites(lines=["Max-Breadth: 1"])
    assert first.gets("INVITE").all("max-breadth") == [b"1"]
    fork.advance(20)
    second.hears_nothing()
    first.answers(503)
    assert second.gets("INVITE").all("max-breadth") == [b"1"]


def shared(callees: int, bound: int, filling: int = 1300, **acts: object) -> Wire:
    """A call with so many octets more and a Max-Breadth, to hops that have TCP too."""
    there = [Flow(0, f"192.0.2.{20 + 10 * number}", 5060) for number in range(callees)]
    listeners = (Listener("UDP", *OWN, *OWN), Listener("TCP", *OWN, *OWN))
    wire = Wire(callees, listeners=listeners, large={one: one._replace(listener=1) for one in there})
    for name, value in acts.items():
        setattr(wire.acts, name, value)
    wire.caller.invites(lines=[f"X-Long: {'a' * filling}", f"Max-Breadth: {bound}"])
    return wire


def asked(wire: Wire) -> dict[str, tuple[str, str, int]]:
    """The branches that went out and have not been told yet: who got each, by what, and which Max-Breadth it has."""
    found = {}
    for callee in wire.callees:
        while callee.inbox:
            if isinstance(message := callee.inbox.popleft()[1], Request) and message.method == "INVITE":
                callee.invite = message
                (value,) = message.all("max-breadth")
                found[message.via.branch] = callee.flow.host, message.via.transport, int(value)
    return found


@pytest.mark.req("SIP-118", "SIP-087")
def test_a_long_request_with_a_small_max_breadth_goes_to_each_hop_with_some_of_it() -> None:
    wire = shared(2, 2)
    wire.advance(2.1)
    assert list(asked(wire).values()) == [("192.0.2.20", "TCP", 1), ("192.0.2.30", "TCP", 1)]
    # A third branch waits for the end of one.
    wire.advance(27.0)
    assert not asked(wire)
    wire.advance(10.0)
    assert [one[:2] for one in asked(wire).values()] == [("192.0.2.30", "UDP")]
    wire.callees[1].answers(486)
    wire.caller.hears(100)
    wire.caller.hears(486)
    wire.quiet()


@pytest.mark.req("SIP-118", "SIP-087")
def test_a_hop_whose_connection_cannot_be_had_frees_its_max_breadth_for_its_datagram() -> None:
    wire = shared(2, 2)
    wire.advance(2.1)
    asked(wire)
    wire.act(wire.proxy.transport_error(wire.callees[1].flow._replace(listener=1), wire.now))
    wire.drain()
    assert list(asked(wire).values()) == [("192.0.2.30", "UDP", 1)]


@pytest.mark.req("SIP-118")
@pytest.mark.parametrize("filling", [0, 1300])
@pytest.mark.parametrize("callees", [2, 3, 4])
@pytest.mark.parametrize("bound", [1, 2, 3, 4, 5, 6, 9, 60])
def test_no_branch_has_less_than_1_of_max_breadth_and_together_they_never_have_more(callees: int, bound: int, filling: int) -> None:
    wire = shared(callees, bound, filling)
    wire.advance(30.0)  # nobody says anything, and none has ended yet
    shares = [one[2] for one in asked(wire).values()]
    assert min(shares) >= 1 and sum(shares) <= bound


@pytest.mark.req("EMG-003")
def test_an_emergency_call_waits_for_no_max_breadth() -> None:
    wire = shared(2, 2, insist=True)
    wire.advance(10.0)
    ways = [("192.0.2.20", "TCP", 1), ("192.0.2.20", "UDP", 1), ("192.0.2.30", "TCP", 1), ("192.0.2.30", "UDP", 1)]
    assert sorted(asked(wire).values()) == ways


@pytest.mark.req("SIP-117", "SIP-119")
@pytest.mark.parametrize(("given", "kept"), [(None, 60), ("60", 60), ("7", 7), ("200", 60), ("x", 60)])
def test_one_hop_keeps_the_whole_max_breadth(wire: Wire, given: str | None, kept: int) -> None:
    wire.caller.invites(lines=[f"Max-Breadth: {given}"] if given is not None else [])
    assert wire.callee.gets("INVITE").all("max-breadth") == [b"%d" % kept]


@pytest.mark.req("SIP-074")
def test_other_requests_fail_over_too(fork: Wire) -> None:
    fork.caller.asks("OPTIONS")
    fork.advance(2.1)
    fork.callees[1].gets("OPTIONS")
    fork.callees[1].answers(200)
    fork.caller.hears(200)
    fork.callees[0].gets("OPTIONS")
    fork.callees[0].answers(200)
    fork.caller.hears_nothing()  # late
    fork.quiet()


@pytest.mark.req("SIP-048")
def test_a_late_answer_goes_upstream_also_after_another_hop_refused(fork: Wire) -> None:
    first, second = fork.callees
    late, other = fork.forked()
    second.answers(486, to=other)
    fork.caller.hears(100)
    fork.caller.hears(486)
    first.answers(200, to=late)
    fork.caller.hears(200)  # the callee has picked up: somebody must say so
    first.inbox.clear()
    first.answers(486, to=other)
    fork.caller.hears_nothing()
    assert [event.status for event in fork.told(Finished)] == [486]
    fork.quiet()


def test_a_late_failure_after_the_end_changes_nothing(fork: Wire) -> None:
    first, second = fork.callees
    late, other = fork.forked()
    second.answers(486, to=other)
    fork.caller.hears(100)
    fork.caller.hears(486)
    first.answers(503, to=late)
    first.gets("ACK")
    fork.caller.inbox.clear()
    fork.callees[1].gets("ACK")
    second.hears_nothing()
    fork.quiet()


@pytest.mark.req("SIP-050", "SIP-052")
def test_a_timeout_counts_as_408_and_so_comes_before_a_503(fork: Wire) -> None:
    first, second = fork.callees
    fork.forked()
    second.answers(503)
    fork.advance(31)
    fork.caller.hears(100)
    fork.caller.hears(408)
    fork.quiet()


def test_a_hop_that_answers_before_the_end_of_its_neighbours_silence_keeps_the_call() -> None:
    """Three hops: the second answers while the third was not tried yet, so it never is."""
    wire = Wire(callees=3)
    wire.caller.invites()
    wire.advance(2.1)
    wire.callees[1].gets("INVITE")
    wire.callees[1].answers(180)
    wire.advance(30)
    wire.callees[2].hears_nothing()
    assert ways(wire) == ["silence"]


def test_an_emergency_call_with_a_fault_fails_over_and_is_cancelled_like_any_other() -> None:
    wire = Wire(callees=2, vital=lambda uri: b"911" in uri)
    invite = wire.caller.invites(target="sip:911@pbx.example.com", lines=["Call-ID: again", "bad name: x"])
    first, second = wire.callees
    first.inbox.clear()
    wire.advance(2.1)
    (_, request, data) = second.inbox.popleft()
    assert b"bad name: x" in data
    second.answers(180, to=request)
    wire.caller.cancels(invite)
    second.gets("CANCEL")
    second.answers(487, to=request)
    second.gets("ACK")
    wire.quiet()


class Torn(CountedTokens):
    """Gives no branch when it is to fail."""

    fails = False

    def branch(self) -> str:
        if self.fails:
            self.fails = False
            raise RuntimeError("a fault of ours")
        return super().branch()


def test_a_fault_in_what_the_silence_of_one_hop_leads_to_costs_no_other_call_its_timers(fork: Wire) -> None:
    tokens, fork.faulty = Torn(), True
    fork.proxy = Endpoint(fork.options, tokens)
    for call in ("one", "two", "three"):
        fork.caller.invites(call=call)
    tokens.fails = True
    fork.advance(2.1)
    assert [one.call_id for one in (fork.callees[1].gets("INVITE"), fork.callees[1].gets("INVITE"))] == [b"two", b"three"]
    (told,) = fork.told(Faulted)
    assert isinstance(told, Faulted) and (told.timer, repr(told.error)) == ("silence", "RuntimeError('a fault of ours')")
    fork.advance(1.0)
    assert {response.call_id for _, response, _ in fork.caller.inbox} == {b"one", b"two", b"three"}  # each its 100
    fork.quiet()
