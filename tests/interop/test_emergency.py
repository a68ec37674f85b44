"""911, 933 and urn:service:sos against a real ringwarden in which everything that can be broken is broken.

The caller is on every list, each check rejects, the journal is locked, the certificate's host hangs. An ordinary call of
the same caller shows that all this is in force.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.lab.calling import Answer, Outcome
from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.ports import free_port
from proxy.lab.world import World
from proxy.storage.find import JournalError, find
from proxy.storage.rows import Row
from shaken.sign import Signer
from tests.waiting import SECONDS, until

LISTED = "13015550166"
LINE = "12025550177"
TARGETS = ("911", "9911", "933", "112", "+1911", "urn:service:sos", "urn:service:sos.fire", "urn:service:test.sos")
PATIENCE = SECONDS
"""Seconds: a call that was read by a process which died is sent again, and again."""
ORIGID = "123e4567-e89b-42d3-a456-426655440000"

STRICT = """
[policy.weights]
velocity-caller = 1000
identity-missing = 1000
identity-unreachable = 1000

[policy.velocity]
limit = 1
seconds = 60

[profile.demo]
tag_at = 1
reject_at = 1
"""


def strict(text: str) -> str:
    """Every check that a file can make strict rejects."""
    text = text.replace('[profile.demo]\ntags = ["attestation-c"]\n', STRICT)
    text = text.replace("[identity]\n", "[identity]\nrequired = true\n").replace("deadline_ms = 5000", "deadline_ms = 300")
    text = text.replace("[policy.codes]\n", "[policy.codes]\nidentity-missing = 428\nidentity-unreachable = 436\n")
    return text.replace("[lists]\n", '[lists]\ndeny = ["listed"]\ndno = ["listed"]\n')


@asynccontextmanager
async def broken(folder: Path) -> AsyncIterator[tuple[World, str]]:
    """The world, and an Identity whose certificate never comes."""
    (folder / "listed").write_text(f"+{LISTED}\n+{LINE}\n")
    async with World(folder, amend=strict) as world:
        url = world.repository.put("slow.pem", world.carrier_leaf.chain_pem(), "hang")
        token = Signer(world.carrier_leaf.key, url).identity(
            orig=LISTED, dest=[CALLEE], iat=int(time.time()), attest="A", origid=ORIGID
        )
        other = sqlite3.connect(world.journal, isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
            yield world, token.decode()
        finally:
            other.close()


def children(pid: int) -> list[int]:
    """The processes that a process started, oldest first: the desk, then the workers."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def call(world: World, target: str, caller: str, *lines: str) -> Invitation:
    uri = target if target.startswith("urn:") else f"sip:{target}@127.0.0.1:{world.ports['proxy']}"
    identity = f"<sip:+{caller}@pbx.example.com>"
    return Invitation(uri, identity, lines=(f"P-Asserted-Identity: {identity}", *lines))


@pytest.mark.req("EMG-001", "EMG-002", "EMG-003", "EMG-004", "REG-009", "STI-058", "TRAP-77")
async def test_an_emergency_call_completes_with_everything_against_it(tmp_path: Path) -> None:
    async with broken(tmp_path) as (world, token):
        refused = await world.carrier.call(call(world, f"+{CALLEE}", LISTED), world.proxy)
        assert refused.status >= 400, "nothing is in force: this test would show nothing"
        waits = await world.carrier.call(call(world, f"+{CALLEE}", LISTED, f"Identity: {token}"), world.proxy)
        assert waits.statuses[0] == 100 and waits.status >= 400
        async with Phone() as stranger:
            for caller, number in ((world.carrier, LISTED), (world.pbx, LINE), (stranger, LISTED)):
                for target in TARGETS:
                    sent = call(world, target, number, f"Identity: {token}", "Proxy-Require: nothing-we-know")
                    outcome = await caller.call(sent, world.proxy)
                    assert outcome.status == 200, (target, outcome.statuses)
                    # Nobody was waited for: a call that waits hears 100 first.
                    assert outcome.statuses[0] == 180, (target, outcome.statuses)
                    heard = await (world.pbx if caller is world.carrier else world.carrier).hears("INVITE", call_id=sent.call_id)
                    assert heard.header("identity") == token
                    assert heard.header("x-screen-verdict") is None


@pytest.mark.req("EMG-003", "EMG-004")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
async def test_an_emergency_call_completes_with_a_worker_just_killed(tmp_path: Path) -> None:
    """Whichever of the two it is, and whichever of them the call belongs to: calls are placed before the successor lives."""
    async with World(tmp_path, workers=2) as world:
        assert world.process is not None
        for _ in range(2):
            _, victim, *others = children(world.process.pid)  # the older of the two: in the end both were
            assert len(others) == 1
            os.kill(victim, signal.SIGKILL)
            calls = [call(world, target, LINE) for target in ("911", "933", "urn:service:sos") for _ in range(4)]
            outcomes = await asyncio.gather(*(world.pbx.call(one, world.proxy, seconds=PATIENCE) for one in calls))
            assert [one.status for one in outcomes] == [200] * len(calls)
            for one in calls:
                await world.carrier.hears("INVITE", call_id=one.call_id)
            pid = world.process.pid
            await until(lambda gone=victim, pid=pid: gone not in children(pid) and len(children(pid)) == 3, "a successor lives")  # type: ignore[misc]


@pytest.mark.req("EMG-003")
async def test_an_emergency_call_takes_no_longer_than_a_call_that_is_not_screened(tmp_path: Path) -> None:
    """Medians of one run, taken in turns: an emergency call against an OPTIONS that is forwarded unscreened."""
    async with broken(tmp_path) as (world, token):
        floor: list[int] = []
        taken: list[int] = []
        for _ in range(15):
            ping = Invitation(f"sip:x@127.0.0.1:{world.ports['proxy']}", f"<sip:+{LINE}@pbx.example.com>", method="OPTIONS")
            floor.append((await world.pbx.call(ping, world.proxy)).final_us)
            taken.append((await world.pbx.call(call(world, "911", LINE, f"Identity: {token}"), world.proxy)).final_us)
        # The invitation has two answers to carry where the ping has one; a wait of any kind would be 300 ms.
        assert statistics.median(taken) < 50_000 + 3 * statistics.median(floor)


@pytest.mark.req("EMG-003", "SIP-041", "SIP-114")
async def test_all_peers_of_the_emergency_route_are_tried(tmp_path: Path) -> None:
    dead, silent, unwilling = free_port(), Phone(answers=Answer(0)), Phone(answers=Answer(603))

    async with silent, unwilling:
        def four(text: str) -> str:
            text = text.replace("[next_hop]\n", "[next_hop]\nsilence_ms = 300\n")
            before = ", ".join(f'"127.0.0.1:{port}"' for port in (dead, silent.port, unwilling.port))
            return text.replace('carrier = ["', f'carrier = [{before}, "')

        async with World(tmp_path, amend=four) as world:
            outcome = await world.pbx.call(call(world, "911", LINE), world.proxy, seconds=PATIENCE)
            assert outcome.status == 200
            await silent.hears("INVITE", call_id=outcome.call_id)
            await unwilling.hears("INVITE", call_id=outcome.call_id)


@pytest.mark.req("EMG-015")
async def test_other_service_codes_are_not_blocked_by_default(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for caller, number in ((world.pbx, LINE), (world.carrier, "13015550101")):
            for service in ("988", "211", "311", "411", "511", "611", "711", "811"):
                sent = call(world, service, number)
                assert (await caller.call(sent, world.proxy)).status == 200, service


@pytest.mark.req("EMG-017")
async def test_emergency_calls_are_written_down_and_count_against_nobody(tmp_path: Path) -> None:
    def once(text: str) -> str:
        return text.replace("[policy.redress]", "[policy.weights]\nvelocity-caller = 1000\n\n[policy.velocity]\nlimit = 2\n\n[policy.redress]")

    async with World(tmp_path, amend=once) as world:
        told: list[Outcome] = []
        for _ in range(5):
            told.append(await world.carrier.call(call(world, "911", "13015550101"), world.proxy))
        assert [one.status for one in told] == [200] * 5
        ordinary = [await world.carrier.call(call(world, f"+{CALLEE}", "13015550101"), world.proxy) for _ in range(3)]
        assert [one.status for one in ordinary[:2]] == [200, 200], "emergency calls were counted"
        assert ordinary[2].status >= 400, "nothing is counted: this test would show nothing"

        def rows_now() -> list[Row]:
            if not world.journal.is_file():
                return []
            try:
                return [found.row for one in told for found in find(world.journal, one.call_id)]
            except JournalError:
                return []  # the file is there, its table is not yet

        await until(lambda: len(rows_now()) == 5, "all five calls are in the journal")
        rows = rows_now()
        assert [(row.action, row.emergency, row.reason, row.score) for row in rows] == [("emergency", True, "emergency", 0)] * 5
