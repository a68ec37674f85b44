"""Manners under load and towards strangers: what is not answered, what is refused, what goes on unscreened; and what the called side's
answers bring back to the signer.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.world import World
from proxy.sip.endpoint import Retransmitted
from proxy.sip.message import Request, Response
from proxy.strangers import ANSWERS, MOST, Buckets
from tests.conversations.wire import Wire
from tests.proxy.test_app import call
from tests.waiting import SECONDS, counted, turns, until

# Token buckets


def test_a_bucket_gives_so_many_at_once_and_then_so_many_a_second() -> None:
    buckets = Buckets()
    assert [buckets.take("a", 100.0, 3.0) for _ in range(5)] == [True, True, True, False, False]
    assert buckets.take("b", 100.0, 3.0), "one name's rate is no other's"
    assert [buckets.take("a", 100.4, 3.0) for _ in range(2)] == [True, False]
    assert [buckets.take("a", 200.0, 3.0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=200))
def test_no_pace_gets_more_out_of_a_bucket_than_flows_in(pauses: list[float]) -> None:
    buckets, now, taken = Buckets(), 0.0, 0
    for pause in pauses:
        now += pause
        taken += buckets.take("a", now, 5.0)
    assert taken <= 5.0 + now * 5.0 + 1e-6


def test_a_flood_of_names_costs_bounded_memory() -> None:
    buckets = Buckets(most=100)
    for number in range(1000):
        assert buckets.take(f"n{number}", 1.0, 1.0)
    assert len(buckets._buckets) == 100 < MOST


# What comes too late


@pytest.mark.req("SIP-120")
def test_a_call_that_comes_too_late_is_answered_503_without_a_transaction_and_its_ack_ends_here(wire: Wire) -> None:
    data = wire.caller.request("INVITE")
    wire.proxy.busy(data, wire.caller.flow, 5)
    wire.drain()
    answer = wire.caller.hears(503)
    assert answer.first("retry-after") == b"5" and wire.proxy.transactions == 0
    wire.caller.acks(data, answer)
    wire.drain()
    assert not wire.callee.inbox and not wire.events


VIAS = (
    "SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKa1",
    "SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKa1;rport",
    "SIP/2.0/UDP Gateway.example.com:5060;rport;BRANCH=Z9HG4BKa1.B;keep",
    "SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKa1;branch=z9hG4bKa2",
    "SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK",
    "SIP/2.0/UDP 198.51.100.10:5060;branch=old-1",
    "SIP/2.0/UDP 198.51.100.10:5060;rport",
    'SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKa1;x="quoted"',
    "SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKa1, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb",
    "SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bKa1",
)
"""As it is read from octets alone, and as only the parser reads it."""


@pytest.mark.req("SIP-120", "SIP-083", "SIP-084")
@pytest.mark.parametrize("via", VIAS)
def test_a_call_that_is_carried_is_not_refused_when_its_invite_comes_again(via: str, wire: Wire) -> None:
    data = wire.caller.invites(via=via)
    wire.callee.gets("INVITE")
    refused = wire.proxy.busy(data, wire.caller.flow, 5)
    wire.drain()
    wire.caller.hears_nothing()  # no 503, and nothing else was said yet
    assert refused is False
    wire.callee.answers(180)
    wire.caller.hears(180)
    assert wire.proxy.busy(data, wire.caller.flow, 5) is False
    wire.drain()
    wire.caller.hears(180)  # what was answered comes again (section 17.2.1)
    # Whoever differs in what makes a transaction is another call, and is refused.
    for part, other in ((b"198.51.100.10", b"198.51.100.11"), (b"a1", b"a3"), (b"5060;", b"5061;"), (b"old-1", b"old-2")):
        if part in data.split(b"\r\n")[1]:
            assert wire.proxy.busy(data.replace(part, other), wire.caller.flow, 5) is True


@pytest.mark.req("SIP-083")
def test_an_invite_that_comes_again_while_too_many_come_is_told_as_such(wire: Wire) -> None:
    data = wire.caller.invites()
    wire.proxy.busy(data, wire.caller.flow, 5)
    wire.advance(0.3)
    assert wire.told(Retransmitted) == [Retransmitted(False)]


@pytest.mark.parametrize("data", [b"", b"nonsense", b"INVITE sip:x SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n"])
def test_bytes_that_cannot_be_answered_are_not(data: bytes, wire: Wire) -> None:
    wire.proxy.busy(data, wire.caller.flow, 5)
    assert wire.proxy.to_send() == []


@pytest.fixture
def wire() -> Wire:
    return Wire()


# Strangers


async def test_a_scanner_hears_nothing_and_other_strangers_hear_no_more_than_a_few_answers(tmp_path: Path) -> None:
    async with World(tmp_path, level="warning") as world:
        async with Phone(t1=0.2) as stranger:
            scan = Invitation(f"sip:100@127.0.0.1:{world.ports['proxy']}", "<sip:100@127.0.0.1>", lines=("User-Agent: friendly-scanner",))
            begun = await stranger.invite(scan, world.proxy)
            mild = [call(world, f"1301555{number:04}") for number in range(100, 130)]
            others = [await stranger.invite(one, world.proxy) for one in mild]
            # One of those whom we know: by then all the others have been served.
            assert (await world.carrier.call(call(world, "13015550101"), world.proxy)).status == 200
            answered = [one for one in others if one.answers]
            assert begun.answers == []
            assert ANSWERS <= len(answered) < len(others)
            assert all(answer.message.start == b"SIP/2.0 403 Forbidden" for one in answered for answer in one.answers)
            # Emergency calls of strangers are carried whatever their rate.
            assert (await stranger.call(Invitation("sip:911@127.0.0.1", "<sip:100@127.0.0.1>"), world.proxy)).status == 200
        await turns(lambda: any('"scanner":"friendly-scanner"' in line for line in world.said), "the scanner is said")


async def test_a_trunk_that_places_more_calls_than_it_may_is_told_to_wait(tmp_path: Path) -> None:
    def limited(text: str) -> str:
        return text.replace('profile = "demo"', 'profile = "demo"\ncalls_per_second = 3', 1)

    async with World(tmp_path, amend=limited) as world:
        outcomes = await asyncio.gather(
            *(world.carrier.call(call(world, f"1301555{number:04}"), world.proxy) for number in range(100, 112))
        )
        refused = [one for one in outcomes if one.status == 503]
        assert 3 <= len(outcomes) - len(refused) <= 6 and refused
        emergency = Invitation("sip:911@127.0.0.1", "<sip:+13015550101@carrier.example.net>")
        assert (await world.carrier.call(emergency, world.proxy)).status == 200
        await counted(world, "ringwarden_over_rate_total", len(refused))
        # The other side is nobody's business.
        out = Invitation(f"sip:+12125550147@127.0.0.1:{world.ports['proxy']}", "<sip:+12025550100@pbx.example.com>")
        assert (await world.pbx.call(out, world.proxy)).status == 200


async def test_the_rate_of_a_trunk_is_one_rate_for_all_workers(tmp_path: Path) -> None:
    def limited(text: str) -> str:
        return text.replace('profile = "demo"', 'profile = "demo"\ncalls_per_second = 5', 1)

    async with World(tmp_path, amend=limited, workers=3) as world:
        began = monotonic()
        outcomes = await asyncio.gather(
            *(world.carrier.call(call(world, f"1301555{number:04}"), world.proxy) for number in range(100, 140))
        )
        seconds = monotonic() - began
        passed = [one for one in outcomes if one.status != 503]
        assert 5 <= len(passed) <= 5 * (1 + seconds) + 2  # one more of each other worker, where they ask at the same moment
        await counted(world, "ringwarden_over_rate_total", len(outcomes) - len(passed))


@pytest.mark.req("EMG-012")
async def test_a_call_back_to_a_line_that_called_911_is_under_no_limit(tmp_path: Path) -> None:
    def limited(text: str) -> str:
        return text.replace('profile = "demo"', 'profile = "demo"\ncalls_per_second = 1', 1)

    async with World(tmp_path, amend=limited) as world:
        line = CALLEE
        out = Invitation("sip:911@127.0.0.1", f"<sip:+{line}@pbx.example.com>")
        assert (await world.pbx.call(out, world.proxy)).status == 200
        back = [call(world, f"1301555{number:04}") for number in range(100, 108)]
        assert [(await world.carrier.call(one, world.proxy)).status for one in back] == [200] * len(back)


# Failures and stop messages, all the way through


@pytest.mark.req("STI-110", "STI-112")
@pytest.mark.parametrize("mode", ["tag", "observe"])
async def test_the_signer_learns_from_the_called_sides_answers_what_failed(mode: str, tmp_path: Path) -> None:
    caller = "13015550101"
    async with World(tmp_path, amend=lambda text: text.replace('mode = "enforce"', f'mode = "{mode}"')) as world:
        sent = call(world, caller).with_lines(f"Identity: {world.sign(caller, [CALLEE], age=300)}")
        calling = await world.carrier.invite(sent, world.proxy)
        outcome = await calling.outcome(SECONDS)
        assert outcome.status == 200 and outcome.dialog is not None
        found = {
            answer.message.status: [value.decode() for value in answer.message.all("reason")]
            for answer in calling.answers
            if isinstance(answer.message, Response)
        }
        for status in (180, 200):
            told = found[status]
            assert (len(told) == 1 and told[0].startswith("STIR") and "403" in told[0]) if mode == "tag" else not told
        await world.carrier.within(outcome.dialog, "BYE")


@pytest.mark.req("STI-111")
async def test_what_is_said_of_our_own_token_goes_no_further_than_here(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        out = Invitation(f"sip:+12125550147@127.0.0.1:{world.ports['proxy']}", "<sip:+12025550100@pbx.example.com>")
        calling = await world.pbx.invite(out, world.proxy)
        assert (await calling.outcome(SECONDS)).status == 200
        heard = await world.carrier.hears("INVITE", call_id=out.call_id)
        assert isinstance(heard.message, Request) and heard.header("identity")
        for answer in calling.answers:
            assert not [line for line in answer.message.all("reason") if line.upper().startswith(b"STIR")]


@pytest.mark.req("TRAP-82")
async def test_a_signature_that_does_not_hold_makes_us_look_for_another_certificate(tmp_path: Path) -> None:
    caller = "13015550101"
    async with World(tmp_path) as world:
        first = call(world, caller).with_lines(f"Identity: {world.sign(caller, [CALLEE])}")
        assert (await world.carrier.call(first, world.proxy)).status == 200
        # The signer has another key now, and its certificate stands where the old one stood.
        fresh = world.authority.leaf("709J", organisation="Example Carrier")
        world.repository.put("carrier.pem", fresh.chain_pem())
        world.signers["carrier"] = type(world.carrier_signer)(fresh.key, world.carrier_signer.x5u)
        other = "13015550102"
        second = call(world, other).with_lines(f"Identity: {world.sign(other, [CALLEE])}")
        assert (await world.carrier.call(second, world.proxy)).status == 200
        await counted(world, 'ringwarden_verify_total{attest="A",result="passed"}', 2)
        # Whoever signs with a key that nobody knows causes no second look within the minute, and is refused.
        third = "13015550103"
        forged = call(world, third).with_lines(f"Identity: {world.sign(third, [CALLEE], signer='forger')}")
        hits = sum(world.repository.hits.values())
        assert (await world.carrier.call(forged, world.proxy)).status == 438
        assert sum(world.repository.hits.values()) == hits == 2


@pytest.mark.req("REG-061")
async def test_a_text_message_that_says_stop_is_heeded(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        port = world.carrier.port
        data = (
            f"MESSAGE sip:+{CALLEE}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKstop;rport\r\n"
            f"From: <sip:+13015550101@carrier.example.net>;tag=a\r\nTo: <sip:+{CALLEE}@127.0.0.1>\r\nCall-ID: stop-1\r\n"
            "CSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nSTOP"
        ).encode()
        await world.carrier.send(data, world.proxy)
        await world.pbx.hears("MESSAGE", call_id="stop-1")
        await until(lambda: any("3015550101" in text for text in texts(world.folder / "state")), "the wish is written down")


def texts(folder: Path) -> list[str]:
    return [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]
