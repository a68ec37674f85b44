"""911, 933 and urn:service:sos against a real ringwarden in which everything that can be broken is broken.

The caller is on every list, all checks are enforced and each finding has a code that refuses, the carrier is blocked, its
country denied, its rate one call a second, the decision service says reject, the journal is locked, the certificate's host
hangs; another neighbour asks by redirects. Ordinary calls of the same callers show that all this is in force.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import statistics
import time
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from policy.checks import allow
from policy.decide import CHECK_OF, HOOK, OPTED_OUT, ROOMS, reason_slugs
from policy.lint import HARMLESS
from proxy.lab.calling import Answer, Outcome
from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.ports import free_port
from proxy.lab.world import World
from proxy.lists.kinds import FOLDER, bring_in
from proxy.storage.find import JournalError, find
from proxy.storage.rows import Row
from shaken.sign import Signer
from tests.serving import served
from tests.waiting import SECONDS, comes, recorded, until

LISTED = "13015550166"
LINE = "12025550177"
TOLL_FREE = "18005550199"
TARGETS = ("911", "9911", "933", "112", "+1911", "urn:service:sos", "urn:service:sos.fire", "urn:service:test.sos")
ROOT = Path(__file__).resolve().parents[2]
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
PATIENCE = SECONDS
"""Seconds: a call that was read by a process which died is sent again, and again."""
ORIGID = "123e4567-e89b-42d3-a456-426655440000"

REFUSING = tuple(slug for room in ROOMS if room is not allow for slug in room.SLUGS)
"""All that any check can find."""
STRICT = f"""
[profile.demo]
tag_at = 1
reject_at = 1

[policy]
telemarketing = true
unknown_zone_is_open = false
methods = ["INVITE", "MESSAGE"]

[policy.checks]
{"".join(f"{name} = 'enforce'{chr(10)}" for name in sorted(set(CHECK_OF.values())))}
[policy.codes]
{"".join(f"{slug} = 403{chr(10)}" for slug in REFUSING if slug not in HARMLESS)}
[policy.weights]
{"".join(f"{slug} = 1000{chr(10)}" for slug in REFUSING)}
[policy.velocity]
limit = 1
seconds = 60

[[policy.country]]
countries = ["*", "unknown"]
action = "deny"

[[policy.country]]
countries = ["*", "unknown"]
of = "callee"
action = "deny"

[policy.hook]
url = "HOOK"
"""
GO_ON = 503
"""What a border controller hears that asks and is to carry the call."""
ASKING = f"""
[[trunk]]
name = "sbc"
side = "carrier"
sources = ["127.0.0.1:SBC"]
profile = "demo"
mode = "enforce"
shell = "redirect"
go_on = {GO_ON}
blocked = "notice DA-25-1"

[next_hop]
"""
FOUND = {
    "carrier": {"upstream", "impossible", "subscriber", "country", "identity", "campaign", "complaint", "velocity", "pattern", "brand"},
    "pbx": {"country", "caller_id", "optout", "recorded", "dnc", "hours"},
}
"""Checks that an ordinary call is shown to fall foul of. The others know calls of weeks, answers of a database, or messages."""


def strict(hook: str, sbc: int) -> Callable[[str], str]:
    """All that a file can refuse calls by, each finding with a code that refuses by itself."""

    def amend(text: str) -> str:
        text = re.sub(r"\[policy\.codes\]\n(?:.+\n)+", "", text)
        text = text.replace('[profile.demo]\ntags = ["attestation-c"]\n', STRICT)
        text = text.replace('profile = "demo"\n', 'profile = "demo"\nblocked = "notice DA-25-1"\n')
        text = text.replace('mode = "enforce"\n', 'mode = "enforce"\ncalls_per_second = 1\n').replace("[next_hop]\n", ASKING)
        text = text.replace("[identity]\n", "[identity]\nrequired = true\n").replace("deadline_ms = 5000", "deadline_ms = 300")
        text = text.replace("[lists]\n", '[lists]\ndeny = ["listed"]\ndno = ["listed"]\ndnc = ["called"]\n')
        return text.replace("HOOK", hook).replace("SBC", str(sbc))

    return amend


@dataclass
class Against:
    """The world in which everything is against a call."""

    world: World
    sbc: Phone
    token: str
    """An Identity whose certificate never comes."""
    asked: list[dict[str, object]]
    """What the decision service was asked; it says that each call is to be refused."""


@asynccontextmanager
async def broken(folder: Path, workers: int = 1, *, shown: bool = True) -> AsyncIterator[Against]:
    """The world, once ordinary calls have shown what refuses them (`shown`); from then on its journal is locked."""
    (folder / "listed").write_text(f"+{LISTED}\n+{LINE}\n")
    (folder / "called").write_text(f"+{TOLL_FREE}\n")
    for kind, head, row in (
        ("optout", "caller,callee,at,scope,how", f"*,+{TOLL_FREE},2026-01-01,any,call"),
        ("complaints", "number,complaints,last", f"+{LISTED},50,{datetime.now(UTC):%Y-%m-%d}"),
    ):
        (folder / kind).write_text(f"{head}\n{row}\n")
        bring_in(folder / "state" / FOLDER, kind, [folder / kind], time.time())
    asked: list[dict[str, object]] = []

    async def reject(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.json_response({"action": "reject", "why": "as all of them"})

    async with (
        Phone(user="sbc") as sbc,
        served(reject) as hook,
        World(folder, amend=strict(f"{hook}/", sbc.port), workers=workers, campaigns=listed()) as world,
    ):
        url = world.repository.put("slow.pem", world.carrier_leaf.chain_pem(), "hang")
        token = Signer(world.carrier_leaf.key, url).identity(
            orig=LISTED, dest=[CALLEE], iat=int(time.time()), attest="A", origid=ORIGID
        )
        against = Against(world, sbc, token.decode(), asked)
        if shown:
            await in_force(against)
        other = sqlite3.connect(world.journal, isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
            yield against
        finally:
            other.close()


def listed() -> str:
    """The caller as a number of a campaign of yesterday."""
    day = f"{datetime.fromtimestamp(time.time() - 86_400, UTC):%Y-%m-%d}"
    return f"notified,called,caller,campaign,confidence,source\n{day},{day},+{LISTED},Utility-SupplyCharges,high,traceback\n"


async def in_force(against: Against) -> None:
    """Ordinary calls of the same callers are refused, by each check that can be shown, by the rate, and in both shells."""
    world = against.world
    said = "X-Screen-Purpose: prerecorded"
    waited = await refused(against, "carrier", f"+{CALLEE}", said, f"Identity: {against.token}")
    assert waited, "nobody waited for a certificate"
    await refused(against, "pbx", f"+{TOLL_FREE}", said)
    assert (await against.sbc.call(call(world, f"+{CALLEE}", LISTED), world.proxy)).status == 603
    assert against.asked, "the decision service was never asked"


async def refused(against: Against, side: str, target: str, *lines: str) -> bool:
    """Calls from this side, three at once, until each check has found something and the rate was felt. Whether any waited."""
    world = against.world
    phone: Phone = getattr(world, side)
    outcomes: list[Outcome] = []
    found: set[str] = set()

    async def tried() -> bool:
        # Another name each time: that is a pattern.
        sent = [call(world, target, LISTED, *lines, shown=f"Amazon {chr(65 + (len(outcomes) + at) % 26)}") for at in range(3)]
        fresh = await asyncio.gather(*(phone.call(one, world.proxy, seconds=PATIENCE) for one in sent))
        outcomes.extend(fresh)
        assert all(one.status in (403, 503) for one in fresh), "not all is in force: this test would show nothing"
        for one in fresh:
            if one.status == 403:
                record = await recorded(world.journal, one.call_id)
                found.update(CHECK_OF[slug] for slug, *_ in record.row.findings if slug in CHECK_OF)
        return found >= FOUND[side] and any(one.status == 503 for one in outcomes)

    await comes(tried, f"{side}: refused by {sorted(FOUND[side])}, and for its rate")
    return any(one.statuses[0] == 100 for one in outcomes)


def children(pid: int) -> list[int]:
    """The processes that a process started, oldest first: the desk, then the workers."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def call(world: World, target: str, caller: str, *lines: str, shown: str = "") -> Invitation:
    uri = target if target.startswith("urn:") else f"sip:{target}@127.0.0.1:{world.ports['proxy']}"
    identity = f"<sip:+{caller}@pbx.example.com>"
    return Invitation(uri, f'"{shown}" {identity}' if shown else identity, lines=(f"P-Asserted-Identity: {identity}", *lines))


def test_no_check_is_left_out_of_what_refuses() -> None:
    told = tomllib.loads(STRICT)["policy"]
    assert set(told["checks"]) == {path.stem for path in (ROOT / "policy" / "checks").glob("*.py")} - {"__init__"}
    assert set(told["checks"].values()) == {"enforce"}
    every = set(reason_slugs()) - {"none", "emergency", HOOK, OPTED_OUT, *allow.SLUGS}
    assert set(told["weights"]) == every and set(told["codes"]) == every - HARMLESS


@pytest.mark.req("EMG-001", "EMG-002", "EMG-003", "EMG-004", "REG-009", "STI-058", "TRAP-77")
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=FORKS)])
async def test_an_emergency_call_completes_with_everything_against_it(workers: int, tmp_path: Path) -> None:
    async with broken(tmp_path, workers) as against:
        world, token = against.world, against.token
        asked = len(against.asked)
        async with Phone() as stranger:
            for caller, number in ((world.carrier, LISTED), (world.pbx, LINE), (against.sbc, LISTED), (stranger, LISTED)):
                for target in TARGETS:
                    sent = call(world, target, number, f"Identity: {token}", "Proxy-Require: nothing-we-know")
                    outcome = await caller.call(sent, world.proxy)
                    if caller is against.sbc:
                        # Whoever asks carries the call: it is told to, at once and with no verdict.
                        assert outcome.statuses == (GO_ON,), (target, outcome.statuses)
                        assert outcome.final is not None and outcome.final.header("x-screen-verdict") is None
                        continue
                    assert outcome.status == 200, (target, outcome.statuses)
                    # Nobody was waited for: a call that waits hears 100 first.
                    assert outcome.statuses[0] == 180, (target, outcome.statuses)
                    heard = await (world.pbx if caller is world.carrier else world.carrier).hears("INVITE", call_id=sent.call_id)
                    assert heard.header("identity") == token
                    assert heard.header("x-screen-verdict") is None
        assert len(against.asked) == asked, "the decision service was asked about an emergency call"
        after = await world.carrier.call(call(world, f"+{CALLEE}", LISTED), world.proxy, seconds=PATIENCE)
        assert after.status in (403, 503), "nothing was in force any more"


@pytest.mark.req("EMG-003", "EMG-004")
@FORKS
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
    async with broken(tmp_path, shown=False) as against:
        world, token = against.world, against.token
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
