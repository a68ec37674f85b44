"""The story of a call against a real ringwarden on loopback: who is let through, who is asked, and what nothing may stop."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from benchmarks import cpu
from proxy.lab.calling import Answer
from proxy.lab.cases import CALLEE, UTILITY
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.ports import free_port
from proxy.lab.world import World
from shaken.sign import Signer
from tests.waiting import SECONDS, metrics, until


def call(world: World, caller: str, dialled: str = f"+{CALLEE}", *lines: str, callee: str = "") -> Invitation:
    identity = f"<sip:+{caller}@carrier.example.net>"
    target = f"sip:{dialled}@127.0.0.1:{world.ports['proxy']}"
    return Invitation(target, identity, callee=callee, lines=(f"P-Asserted-Identity: {identity}", *lines))


def mode(name: str) -> Callable[[str], str]:
    return lambda text: text.replace('mode = "enforce"', f'mode = "{name}"')


@pytest.mark.req("SIP-034", "STI-041", "SIP-117", "SIP-005")
async def test_a_fresh_install_changes_nothing_but_what_a_proxy_must(tmp_path: Path) -> None:
    async with World(tmp_path, amend=mode("observe")) as world:
        lines = ("X-Screen-Verdict: forged", "P-Attestation-Indicator: A", "X-Odd: ;;,,;", "Max-Forwards: 0068")
        sent = call(world, UTILITY, f"+{CALLEE}", *lines)
        outcome = await world.carrier.call(sent, world.proxy)
        assert outcome.status == 200
        heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
        before, after = outcome.sent.split(b"\r\n"), heard.data.split(b"\r\n")
        ours = [line for line in after if line not in before]
        assert [line.partition(b":")[0] for line in ours] == [b"Via", b"Record-Route", b"Via", b"Max-Forwards", b"Max-Breadth"]
        assert b"Max-Forwards: 67" in ours and b"Max-Breadth: 60" in ours
        # And what is left is in the order in which it was sent.
        kept = [line for line in after if line in before]
        assert kept == [line for line in before if line in kept]


@pytest.mark.req("EMG-001", "EMG-003", "REG-009", "TRAP-77", "TRAP-78")
@pytest.mark.parametrize("name", ["observe", "tag", "enforce"])
@pytest.mark.parametrize("target", ["911", "933", "112", "9911", "+1911"])
async def test_an_emergency_call_passes_in_every_mode_whatever_else_is_wrong(target: str, name: str, tmp_path: Path) -> None:
    # The caller is listed, the token is forged, the call comes from the carrier's side: nobody asks.
    async with World(tmp_path, amend=mode(name)) as world:
        sent = call(world, UTILITY, target, "Identity: nonsense", "Proxy-Require: nothing-we-know")
        assert (await world.carrier.call(sent, world.proxy)).status == 200
        heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
        assert heard.header("identity") == "nonsense"
        assert heard.header("x-screen-verdict") is None
        stranger_call = call(world, "12025550177", target)
        async with Phone() as stranger:
            assert (await stranger.call(stranger_call, world.proxy)).status == 200
        await world.carrier.hears("INVITE", call_id=stranger_call.call_id)


@pytest.mark.req("EMG-001", "TRAP-77")
@pytest.mark.parametrize("lines", [(), ("P-Asserted-Identity: <sip:911@carrier.example.net>",), ("Route: <sip:911@192.0.2.9;lr>",)])
async def test_who_writes_911_anywhere_but_into_the_request_uri_is_judged(lines: tuple[str, ...], tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        sent = call(world, UTILITY, f"+{CALLEE}", *lines, callee=f"<sip:911@127.0.0.1:{world.ports['proxy']}>")
        assert (await world.carrier.call(sent, world.proxy)).status == 603


@pytest.mark.req("EMG-001")
async def test_urn_service_sos_passes_too(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        sent = Invitation("urn:service:sos", "<sip:+12025550100@pbx.example.com>")
        assert (await world.pbx.call(sent, world.proxy)).status == 200
        await world.carrier.hears("INVITE", call_id=sent.call_id)


@pytest.mark.req("EMG-003", "EMG-004")
async def test_an_emergency_call_passes_with_headers_that_cannot_be_read(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        sent = Invitation(
            f"sip:911@127.0.0.1:{world.ports['proxy']}", '"torn <sip:@@>>', callee="<<911>", lines=("Contact: ;;,", "Date: never")
        )
        world.carrier.answers = Answer(0)  # our phone could not answer such a message; that it arrives is what counts
        await world.pbx.invite(sent, world.proxy)
        heard = await world.carrier.hears("INVITE", call_id=sent.call_id)
        assert b'From: "torn <sip:@@>>' in heard.data and b"Contact: ;;," in heard.data


@pytest.mark.req("TRAP-63", "SIP-071")
async def test_a_to_tag_proves_nothing_and_the_sealed_route_does(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        # A listed caller who writes a To tag is screened all the same.
        tagged = call(world, UTILITY, f"+{CALLEE}", callee=f"<sip:+{CALLEE}@pbx.example.com>;tag=made-up")
        assert (await world.carrier.call(tagged, world.proxy)).status == 603
        # A good call's re-INVITE passes unscreened in both directions, by its route set.
        sent = call(world, "13015550101")
        outcome = await world.carrier.call(sent, world.proxy, hang_up=False)
        assert outcome.status == 200 and outcome.dialog is not None
        again = await world.carrier.within(outcome.dialog, "INFO", ("X-Screen-Verdict: forged", "X-Other: kept"))
        assert again.status == 200
        heard = await world.pbx.hears("INFO", call_id=sent.call_id)
        assert heard.header("x-screen-verdict") is None and heard.header("x-other") == "kept"
        back = await world.pbx.within(world.pbx.dialogs[sent.call_id], "BYE")
        assert back.status == 200
        await world.carrier.hears("BYE", call_id=sent.call_id)


@pytest.mark.req("TRAP-62", "SIP-071")
async def test_who_changes_a_running_call_is_not_judged_for_it(tmp_path: Path) -> None:
    """Called back by a listed number: the callee's own requests have From and To the other way round."""
    async with World(tmp_path) as world:
        sent = call(world, "13015550101", callee=f"<sip:+{UTILITY}@pbx.example.com>")
        outcome = await world.carrier.call(sent, world.proxy, hang_up=False)
        assert outcome.status == 200 and outcome.dialog is not None
        judged = judged_in(await metrics(world))
        assert judged == 1
        for method in ("INVITE", "UPDATE", "INFO"):
            back = await world.pbx.within(world.pbx.dialogs[sent.call_id], method)
            assert back.status == 200, method
            heard = await world.carrier.hears(method, call_id=sent.call_id)
            assert heard.header("x-screen-verdict") is None
            assert UTILITY in (heard.header("from") or "")  # a number that is refused when it calls
        assert (await world.carrier.within(outcome.dialog, "BYE")).status == 200
        assert judged_in(await metrics(world)) == judged


def judged_in(text: str) -> float:
    return sum(float(one) for one in re.findall(r"^ringwarden_decisions_total\{[^}]*\} (\S+)$", text, re.MULTILINE))


@pytest.mark.req("TRAP-64")
async def test_a_call_that_wants_to_take_over_another_is_screened_as_any(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        first = call(world, "13015550101")
        outcome = await world.carrier.call(first, world.proxy, hang_up=False)
        dialog = outcome.dialog
        assert outcome.status == 200 and dialog is not None
        tags = [value.rpartition("tag=")[2] for value in (dialog.theirs, dialog.ours)]
        for header in ("Replaces", "Join"):
            line = f"{header}: {first.call_id};to-tag={tags[0]};from-tag={tags[1]}"
            assert (await world.carrier.call(call(world, UTILITY, f"+{CALLEE}", line), world.proxy)).status == 603
        assert (await world.carrier.within(dialog, "BYE")).status == 200


@pytest.mark.req("TRAP-64", "TRAP-65")
async def test_what_else_is_judged_outside_of_a_call_is_the_operators_choice(tmp_path: Path) -> None:
    def judging(methods: str) -> Callable[[str], str]:
        return lambda text: text.replace("[policy.codes]", f"[policy]\nmethods = [{methods}]\n\n[policy.codes]")

    async def answers(world: World, caller: str, method: str) -> int:
        sent = replace(call(world, caller, f"+{CALLEE}", f"Refer-To: <sip:+{CALLEE}@127.0.0.1>"), method=method)
        return (await world.carrier.call(sent, world.proxy)).status

    good = "13015550101"
    async with World(tmp_path / "a") as world:
        assert [await answers(world, UTILITY, method) for method in ("MESSAGE", "SUBSCRIBE")] == [200, 200]
        assert [await answers(world, one, "REFER") for one in (good, UTILITY)] == [403, 403]
        assert world.pbx.requests("REFER") == []
        sent = replace(call(world, "12025550100", "+12125550147", "Refer-To: <sip:x@127.0.0.1>"), method="REFER")
        assert (await world.pbx.call(sent, world.proxy)).status == 200  # our own side may
    async with World(tmp_path / "b", amend=judging('"MESSAGE", "SUBSCRIBE", "REFER"')) as world:
        for method in ("MESSAGE", "SUBSCRIBE", "REFER"):
            assert (await answers(world, UTILITY, method), await answers(world, good, method)) == (603, 200), method
        assert "ringwarden_active_calls 0.0" in await metrics(world)
        assert (await world.carrier.call(call(world, UTILITY), world.proxy)).status == 603  # INVITE always


@pytest.mark.req("TRAP-67", "SIP-034")
async def test_no_header_is_taken_off_for_tidiness(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        kept = {
            "History-Info": "<sip:+12025550177@pbx.example.com?Reason=SIP%3Bcause%3D486>;index=1",
            "Diversion": "<sip:+12025550178@pbx.example.com>;reason=unconditional",
            "Geolocation": "<cid:loc77@pbx.example.com>",
            "Geolocation-Routing": "yes",
            "Identity": "nonsense;info=<https://cr.example.net/x.pem>;alg=ES256;ppt=shaken",
            "Resource-Priority": "ets.0, wps.1",
            "Reason": 'SIP;cause=200;text="a;b"',
            "Alert-Info": "<http://example.com/ring>",
            "User-to-User": "00ab;encoding=hex",
            "P-Charging-Vector": "icid-value=1",
        }
        for phone, other, caller in ((world.carrier, world.pbx, "13015550101"), (world.pbx, world.carrier, "12025550100")):
            sent = call(world, caller, f"+{CALLEE}", *(f"{name}: {value}" for name, value in kept.items()))
            assert (await phone.call(sent, world.proxy)).status == 200
            heard = await other.hears("INVITE", call_id=sent.call_id)
            assert {name: heard.header(name) for name in kept} == kept


@pytest.mark.req("SIP-033")
async def test_who_is_not_there_is_404_and_a_side_without_anybody_480(tmp_path: Path) -> None:
    def nobody(text: str) -> str:
        peers = r'[[peer]]\nname = "c"\nside = "carrier"\nhops = ["nobody.invalid"]\nsources = ["192.0.2.1"]\n[[peer]]\nname = "p"\nside = "pbx"\nhops = ["\1"]'
        return re.sub(r'\[next_hop\]\n.*\npbx = \["(.*?)"\]', peers, text)

    async with World(tmp_path, amend=nobody) as world:
        assert (await world.pbx.call(call(world, "12025550100", "+12125550147"), world.proxy)).status == 480
        outcome = await world.carrier.call(call(world, "13015550101"), world.proxy, hang_up=False)
        assert outcome.dialog is not None
        # The way of a call's own request ends with us: nobody here has that name.
        ours = replace(outcome.dialog, target=f"sip:nobody@127.0.0.1:{world.ports['proxy']}")
        assert (await world.carrier.within(ours, "INFO")).status == 404
        assert (await world.carrier.within(outcome.dialog, "BYE")).status == 200


@pytest.mark.req("STI-044")
async def test_a_stranger_is_refused_and_an_options_ping_is_answered(tmp_path: Path) -> None:
    async with World(tmp_path) as world, Phone() as stranger:
        assert (await stranger.call(call(world, "13015550101"), world.proxy)).status == 403
        ping = Invitation(f"sip:127.0.0.1:{world.ports['proxy']}", "<sip:probe@pbx.example.com>", method="OPTIONS")
        assert (await world.pbx.call(ping, world.proxy)).status == 200


@pytest.mark.req("SIP-114", "SIP-041")
async def test_the_second_next_hop_is_tried_when_the_first_does_not_answer(tmp_path: Path) -> None:
    dead = free_port()

    def two(text: str) -> str:
        return text.replace('[next_hop]\n', "[next_hop]\nsilence_ms = 500\n").replace('pbx = ["', f'pbx = ["127.0.0.1:{dead}", "')

    async with World(tmp_path, amend=two) as world:
        sent = call(world, "13015550101")
        outcome = await world.carrier.call(sent, world.proxy, seconds=10)
        assert outcome.status == 200
        told = await metrics(world)
        assert re.search(r'ringwarden_failovers_total\{why="\w+"\} 1\.0', told)
        # Two hops were asked; it is one call to whoever counts calls.
        assert [float(one) for one in re.findall(r"^ringwarden_decisions_total\{.*\} ([1-9]\S*)$", told, re.MULTILINE)] == [1.0]
        assert re.search(r"^ringwarden_decision_seconds_count(?:\{.*\})? 1\.0$", told, re.MULTILINE)
    with closing(sqlite3.connect(world.journal)) as rows:
        assert rows.execute("SELECT count(*) FROM calls WHERE call_id = ?", (sent.call_id,)).fetchone() == (1,)


@pytest.mark.req("SIP-051")
async def test_a_503_of_the_only_hop_reaches_the_caller_as_500(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.pbx.answers = Answer(503, "Service Unavailable", rings=False)
        assert (await world.carrier.call(call(world, "13015550101"), world.proxy)).status == 500


@pytest.mark.req("SIP-062", "SIP-067")
async def test_a_caller_can_give_up_while_it_rings(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.pbx.answers = Answer(until=asyncio.Event())
        calling = await world.carrier.invite(call(world, "13015550101"), world.proxy)
        await calling.response(180)
        assert (await world.carrier.cancel(calling)).status == 200
        assert (await calling.outcome()).status == 487


def bad_messages(world: World) -> list[dict[str, object]]:
    """The log lines about messages that could not be acted on."""
    return [found for line in world.said if line[:1] == "{" and (found := json.loads(line))["event"] == "bad-message"]


@pytest.mark.req("SIP-016")
async def test_bad_input_is_answered_or_met_with_silence_and_each_time_counted_and_said_once(tmp_path: Path) -> None:
    async with World(tmp_path, level="info") as world:
        good = call(world, "13015550101").with_lines("Call-ID: again")
        assert (await world.carrier.call(good, world.proxy)).status == 400
        silent = (b"\xff" + os.urandom(2000), b"INVITE x SIP/2.0\r\n\r\n", b"SIP/2.0 200\r\n\r\n", b"ACK sip:a@b SIP/2.0\r\nVia: x\r\n\r\n")
        for data in (b"", b"\r\n\r\n", b"\0" * 100, *silent):
            await world.carrier.send(data, world.proxy)
        assert (await world.carrier.call(call(world, "13015550102"), world.proxy)).status == 200
        counted = re.findall(r'^ringwarden_parse_errors_total\{kind="(\w+)"\} ([1-9]\S*)$', await metrics(world), re.MULTILINE)
        assert counted == [("400", f"{1 + len(silent)}.0")]  # a keep-alive of blanks and zeros is no error
    assert [(one["status"], one["source"], one["known"]) for one in bad_messages(world)] == [(400, "127.0.0.1", True)] * (1 + len(silent))
    assert all(one["why"] for one in bad_messages(world))


@pytest.mark.req("EMG-004", "SIP-016")
async def test_hostile_bytes_and_broken_storage_cost_no_call(tmp_path: Path) -> None:
    busy = socket.socket()
    busy.bind(("127.0.0.1", 0))
    busy.listen()

    def broken(text: str) -> str:
        text, times = re.subn(r'(\[admin\]\naddress = ")[^"]+', rf"\g<1>127.0.0.1:{busy.getsockname()[1]}", text)
        assert times == 1
        return text.replace('journal = "journal.db"', 'journal = "taken"')

    (tmp_path / "taken").mkdir()  # the journal's name is a folder: no database can be there
    async with World(tmp_path, amend=broken) as world:
        for data in (b"", b"\r\n\r\n", b"\0" * 100, os.urandom(2000), b"INVITE x SIP/2.0\r\n\r\n", b"SIP/2.0 200\r\n\r\n"):
            await world.carrier.send(data, world.proxy)
        assert (await world.carrier.call(call(world, "13015550101"), world.proxy)).status == 200
        assert (await world.carrier.call(call(world, UTILITY), world.proxy)).status == 603
        assert (await world.pbx.call(call(world, "12025550100", "911"), world.proxy)).status == 200
    busy.close()
    events = {json.loads(line)["event"] for line in world.said if line[:1] == "{"}
    assert {"admin-down", "journal-down"} <= events


@pytest.mark.req("EMG-004")
async def test_a_full_disk_stops_no_call_and_is_counted(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: nothing can be written from now on."""
    async with World(tmp_path) as world:
        assert world.process is not None
        assert (await world.carrier.call(call(world, "13015550101"), world.proxy)).status == 200
        for one in cpu.tree(world.process.pid):
            resource.prlimit(one, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        for caller, status in (("13015550102", 200), (UTILITY, 603)):
            assert (await world.carrier.call(call(world, caller), world.proxy)).status == status
        assert (await world.pbx.call(call(world, "12025550100", "911"), world.proxy)).status == 200
        async with asyncio.timeout(SECONDS):
            while not any('"journal-down"' in line for line in world.said):
                assert (await world.carrier.call(call(world, "13015550103"), world.proxy)).status == 200
        async with aiohttp.ClientSession() as session, session.get(f"{world.admin}/healthz") as answer:
            assert answer.status == 200 and (await answer.json())["status"] == "degraded"


@pytest.mark.req("EMG-004")
async def test_a_locked_database_stops_no_call(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        assert (await world.carrier.call(call(world, "13015550101"), world.proxy)).status == 200
        other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
            assert (await world.carrier.call(call(world, "13015550102"), world.proxy)).status == 200
        finally:
            other.close()


@pytest.mark.req("STI-070", "STI-071", "LAB-14")
async def test_a_repository_that_hangs_costs_the_call_its_deadline_and_no_more(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        slow = Signer(world.carrier_leaf.key, world.repository.put("slow.pem", world.carrier_leaf.chain_pem(), "hang"))
        value = slow.identity(
            orig="13015550101", dest=[CALLEE], iat=int(time.time()), attest="A", origid="123e4567-e89b-42d3-a456-426655440000"
        )
        sent = call(world, "13015550101", f"+{CALLEE}", f"Identity: {value.decode()}")
        outcome = await world.carrier.call(sent, world.proxy)
        assert outcome.status == 200
        assert outcome.statuses[0] == 100  # at once, because a wait was ahead
        heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
        assert "verstat=No-TN-Validation" in (heard.header("p-asserted-identity") or "")


def diverting(by: str) -> Callable[[str], str]:
    extra = f'divert_at = 40\ndivert_to = "sip:voicemail@127.0.0.1"\ndivert_by = "{by}"\nreject_at = 10000'
    return lambda text: text.replace('tags = ["attestation-c"]', f'tags = ["attestation-c"]\n{extra}')


async def test_a_suspicious_call_can_go_to_voicemail_instead(tmp_path: Path) -> None:
    async with World(tmp_path, amend=diverting("request-uri")) as world:
        sent = call(world, UTILITY)
        assert (await world.carrier.call(sent, world.proxy)).status == 200
        heard = await world.pbx.hears("INVITE", call_id=sent.call_id)
        assert heard.data.startswith(b"INVITE sip:voicemail@127.0.0.1 SIP/2.0") and heard.header("x-screen-verdict") == "divert"


async def test_or_be_sent_there_by_a_redirection(tmp_path: Path) -> None:
    async with World(tmp_path, amend=diverting("302")) as world:
        outcome = await world.carrier.call(call(world, UTILITY), world.proxy)
        assert outcome.status == 302 and world.pbx.requests("INVITE") == []


async def test_callers_are_remembered_and_their_patterns_rehearsed(tmp_path: Path) -> None:
    # Twelve calls of one number, each to the next one: the check is in shadow, so nothing is done, and it is written down.
    async with World(tmp_path) as world:
        for number in range(12):
            sent = call(world, "13015550101", f"+120255501{40 + number}")
            assert (await world.carrier.call(sent, world.proxy)).status == 200
        path = tmp_path / "journal.db"

        def noticed() -> bool:
            with closing(sqlite3.connect(path)) as link:
                try:
                    return bool(link.execute("SELECT 1 FROM calls WHERE findings LIKE '%pattern-sequence%'").fetchone())
                except sqlite3.OperationalError:
                    return False  # nothing is written yet

        await until(noticed, "the pattern is in the journal")
