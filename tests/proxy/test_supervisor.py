"""Several workers behind one address: one ringwarden to everybody else, also when one of them dies."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from proxy import cli
from proxy.lab.calling import Answer
from proxy.lab.cases import CALLEE
from proxy.lab.dialog import companion, opening
from proxy.lab.ports import free_port, is_free
from proxy.lab.world import World
from proxy.sip.framing import Framer
from proxy.sip.message import Request, Response
from proxy.sip.parser import parse
from proxy.workers.steering import REACH, owner
from tests.interop.test_torture_wire import another, ordinary_by_tcp
from tests.proxy.test_app import CONFIG, call
from tests.waiting import SECONDS, comes, counted, metrics, turns, until

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
WORKERS = 3


def children(pid: int) -> list[int]:
    """The processes that a process started, oldest first: the desk, then the workers."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return list(map(int, text.split()))  # the system tells them in this order; their numbers begin anew some day


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="this machine has one core only")
async def test_auto_starts_a_worker_for_each_core_that_we_may_use(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    world = World(tmp_path)
    world.workers = "auto"  # type: ignore[assignment]  # as on the command line
    os.sched_setaffinity(0, sorted(before)[:2])
    try:
        async with world:
            assert world.process is not None and len(children(world.process.pid)) == 2 + 1
            assert (await world.carrier.call(call(world, "13015550101"), world.proxy)).status == 200
    finally:
        os.sched_setaffinity(0, before)


async def test_calls_from_one_address_are_shared_and_counted_together(tmp_path: Path) -> None:
    async with World(tmp_path, workers=WORKERS) as world:
        calls = [call(world, f"1301555{number:04}") for number in range(100, 130)]
        outcomes = await asyncio.gather(*(world.carrier.call(one, world.proxy) for one in calls))
        assert [one.status for one in outcomes] == [200] * len(calls)
        line = 'ringwarden_decisions_total{action="allow",attest="none",direction="inbound",reason="none"}'
        await counted(world, line, len(calls))
        await counted(world, "ringwarden_active_calls", 0)
        await counted(world, "ringwarden_journal_written_total", 2 * len(calls))
        assert (await world.carrier.call(call(world), world.proxy)).status == 603


async def test_a_certificate_is_fetched_once_for_all_workers(tmp_path: Path) -> None:
    async with World(tmp_path, workers=WORKERS) as world:
        caller = "13015550101"
        for _ in range(12):
            one = call(world, caller).with_lines(f"Identity: {world.sign(caller, [CALLEE])}")
            assert (await world.carrier.call(one, world.proxy)).status == 200
        await counted(world, 'ringwarden_verify_total{attest="A",result="passed"}', 12)
        assert sum(world.repository.hits.values()) == 1


@pytest.mark.req("STI-074", "LAB-26")
async def test_a_token_that_one_worker_has_seen_is_no_new_one_to_another(tmp_path: Path) -> None:
    caller = "13015550101"
    async with World(tmp_path, workers=WORKERS) as world:
        value = world.sign(caller, [CALLEE])
        for _ in range(8):
            one = call(world, caller).with_lines(f"Identity: {value}")
            assert (await world.carrier.call(one, world.proxy)).status == 200
        line = 'ringwarden_decisions_total{action="%s",attest="A",direction="inbound",reason="%s"}'
        await counted(world, line % ("tag", "identity-replayed"), 7)
        await counted(world, line % ("allow", "none"), 1)


async def test_what_a_caller_may_try_is_counted_over_all_workers(tmp_path: Path) -> None:
    def narrow(text: str) -> str:
        more = "[policy.weights]\nvelocity-caller = 1000\n\n[policy.velocity]\nlimit = 3\n\n"
        return text.replace("[policy.redress]", f"{more}[policy.redress]")

    async with World(tmp_path, workers=WORKERS, amend=narrow) as world:
        tried = [(await world.carrier.call(call(world, "13015550101"), world.proxy)).status for _ in range(10)]
        assert tried == [200] * 3 + [603] * 7
        # Another caller has his own count.
        assert (await world.carrier.call(call(world, "13015550102"), world.proxy)).status == 200


async def test_a_worker_that_is_killed_is_replaced_and_nobody_notices(tmp_path: Path) -> None:
    async with World(tmp_path, workers=WORKERS) as world:
        assert world.process is not None
        open_call = await world.carrier.call(call(world, "13015550101"), world.proxy, hang_up=False)
        assert open_call.dialog is not None
        before = children(world.process.pid)
        assert len(before) == WORKERS + 1
        for pid in before[1:]:
            os.kill(pid, signal.SIGKILL)
        # What arrives for a dead worker waits in its socket for the successor: calls are late, none is lost.
        calls = [call(world, f"1301555{number:04}") for number in range(100, 112)]
        outcomes = await asyncio.gather(*(world.carrier.call(one, world.proxy) for one in calls))
        assert [one.status for one in outcomes] == [200] * len(calls)
        assert not set(before[1:]) & set(children(world.process.pid)) and before[0] in children(world.process.pid)
        # The dialog's proof is in its route, so any worker ends it.
        assert (await world.carrier.within(open_call.dialog, "BYE")).status == 200
        os.kill(before[0], signal.SIGKILL)  # the desk
        assert (await world.carrier.call(call(world), world.proxy)).status == 603


async def test_the_journal_goes_on_when_the_process_that_writes_it_for_the_desk_is_killed(tmp_path: Path) -> None:
    async with World(tmp_path, workers=WORKERS) as world:
        assert world.process is not None
        (writer,) = children(children(world.process.pid)[0])
        assert (await world.carrier.call(call(world), world.proxy)).status == 603
        await counted(world, "ringwarden_journal_written_total", 1)
        os.kill(writer, signal.SIGKILL)
        assert (await world.carrier.call(call(world), world.proxy)).status == 603
        await counted(world, "ringwarden_journal_written_total", 2)
        await counted(world, "ringwarden_journal_dropped_total", 0)


async def test_workers_do_not_outlive_a_supervisor_that_is_killed_and_the_next_start_has_the_address(tmp_path: Path) -> None:
    async with World(tmp_path, workers=WORKERS) as world:
        assert world.process is not None
        world.process.kill()
        async with asyncio.timeout(SECONDS):
            await world.process.wait()  # it ends when nobody holds its output any more: when the workers have ended
        await world.run()
        calls = [call(world, f"1301555{number:04}") for number in range(100, 112)]
        outcomes = await asyncio.gather(*(world.carrier.call(one, world.proxy) for one in calls))
        assert [one.status for one in outcomes] == [200] * len(calls)


SOON = """\
import sys
from proxy import cli
from proxy.workers import pulse
pulse.BEAT_SECONDS, pulse.HUNG_SECONDS = 0.2, 3.0
{more}
sys.exit(cli.main())
"""
"""A ringwarden that finds out sooner who hangs; in between a busy machine must let everybody have a core."""


def notified(folder: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """Where systemd would hear, and would want to hear every 0.2 s."""
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(folder / "notify"))
    heard.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    return heard


def words(heard: socket.socket) -> list[bytes]:
    """What it has heard since it was last asked."""
    said = []
    with suppress(BlockingIOError):
        while True:
            said.append(heard.recv(200))
    return said


async def test_who_hangs_is_killed_and_replaced_and_what_waited_for_it_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, workers=2)
    world.command = ("-c", SOON.format(more=""))
    with notified(tmp_path, monkeypatch) as heard:
        async with world:
            assert world.process is not None
            pid = world.process.pid
            before = children(pid)
            for stopped in before[:2]:
                os.kill(stopped, signal.SIGSTOP)
            calls = [call(world, f"1301555{number:04}") for number in range(100, 112)]
            outcomes = await asyncio.gather(*(world.carrier.call(one, world.proxy) for one in calls))
            assert [one.status for one in outcomes] == [200] * len(calls)
            await until(lambda: len(children(pid)) == 3 and not {*before[:2]} & {*children(pid)}, "two in their places")
            for who in ("worker 0", "the desk"):
                assert f"ringwarden: {who} hangs and is killed" in world.said
            words(heard)
            await turns(lambda: b"WATCHDOG=1" in words(heard), "a sign of life")
            await until(lambda: not is_free(world.ports["admin"], socket.SOCK_STREAM), "an admin address")
            await counted(world, "ringwarden_processes_hung_total", sum("hangs" in line for line in world.said))


async def test_systemd_hears_no_sign_of_life_while_somebody_hangs_who_cannot_be_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, workers=2)
    more = "from proxy import supervisor\nsupervisor.Supervisor._kill = lambda self, number: supervisor._say('hangs')"
    world.command = ("-c", SOON.format(more=more))
    with notified(tmp_path, monkeypatch) as heard:
        async with world:
            assert world.process is not None
            stopped = children(world.process.pid)[1]
            os.kill(stopped, signal.SIGSTOP)
            await turns(lambda: b"WATCHDOG=1" in words(heard), "a sign of life")
            await turns(lambda: "ringwarden: hangs" in world.said, "that it was found out")
            words(heard)
            os.kill(stopped, signal.SIGCONT)
            said: list[bytes] = []

            def again() -> bool:
                said.extend(words(heard))
                return said[-1:] == [b"READY=1"]

            for _ in range(2):  # whoever reads again has been past the sign of life since
                os.kill(world.process.pid, signal.SIGHUP)
                await turns(again, "that it has read again")
                said.append(b"")
            assert [word.partition(b"\n")[0] for word in said if word] == [b"RELOADING=1", b"READY=1"] * 2


async def test_reload_and_bypass_reach_every_worker(tmp_path: Path) -> None:
    async with World(tmp_path, workers=WORKERS) as world:
        path = tmp_path / CONFIG
        assert cli.main(["bypass", "on", "--config", str(path)]) == 0
        await counted(world, "ringwarden_bypass", WORKERS)
        assert (await world.carrier.call(call(world), world.proxy)).status == 200
        assert cli.main(["bypass", "off", "--config", str(path)]) == 0
        await counted(world, "ringwarden_bypass", 0)
        path.write_text(path.read_text().replace('campaigns = ["campaigns.csv"]', "campaigns = []"))
        assert cli.main(["reload", "--config", str(path)]) == 0
        await counted(world, 'ringwarden_reloads_total{result="ok"}', WORKERS)
        for _ in range(6):
            assert (await world.carrier.call(call(world), world.proxy)).status == 200


def unsteered(data: bytes) -> bytes:
    """The same request where the kernel sees no branch: a long header stands before Via."""
    first, end, rest = data.partition(b"\r\n")
    return first + end + b"Subject: " + b"a" * REACH + end + rest


def transactions(world: World, method: str) -> int:
    """How many requests the PBX heard, however often each."""
    return len({heard.message.via.branch for heard in world.pbx.requests(method)})


async def handed_over(world: World) -> None:
    """Returns once a message is known to have been given to its worker."""

    async def told() -> bool:
        return "\nringwarden_handed_over_total 0.0\n" not in await metrics(world)

    await comes(told, "a message that was given to its worker")


async def test_a_request_for_another_workers_transaction_is_handed_over(tmp_path: Path) -> None:
    async with World(tmp_path, workers=WORKERS) as world:
        world.pbx.answers = Answer(until=asyncio.Event())
        for number in range(9):
            sent = call(world, f"1301555{number:04}")
            calling = await world.carrier.invite(sent, world.proxy)
            await world.pbx.hears("INVITE", call_id=sent.call_id)
            again, cancel = unsteered(calling.sent), unsteered(companion(calling.request, "CANCEL"))
            assert owner(again, WORKERS) == owner(cancel, WORKERS) == owner(calling.sent, WORKERS)
            await world.carrier.send(again, world.proxy)
            await world.carrier.send(cancel, world.proxy)
            assert (await calling.outcome()).status == 487
        assert transactions(world, "INVITE") == transactions(world, "CANCEL") == 9
        await handed_over(world)


@asynccontextmanager
async def connected(port: int, finals: list[tuple[int, str]]) -> AsyncIterator[asyncio.StreamWriter]:
    """A connection of the carrier's; final answers that come by it are noted with the method that they answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))

    async def read() -> None:
        framer = Framer()
        while octets := await reader.read(65_536):
            framer.feed(octets)
            while (data := framer.next()) is not None:
                answer = parse(data)
                if isinstance(answer, Response) and answer.status >= 200:
                    finals.append((answer.status, answer.cseq.method))

    reading = asyncio.create_task(read())
    try:
        yield writer
    finally:
        reading.cancel()
        writer.close()
        await writer.wait_closed()


async def test_a_cancel_and_an_ack_find_their_call_by_whichever_connection_they_come(tmp_path: Path) -> None:
    port = free_port()
    async with World(
        tmp_path, workers=WORKERS, amend=lambda text: another(text, "tcp", f"127.0.0.1:{port}", "127.0.0.2")
    ) as world:
        world.pbx.answers = Answer(until=asyncio.Event())
        for number in range(2 * WORKERS):
            finals: list[tuple[int, str]] = []
            async with connected(port, finals) as first, connected(port, finals) as second:
                own = first.get_extra_info("sockname")[1]
                via = f"Via: SIP/2.0/TCP 127.0.0.2:{own};branch=z9hG4bK{number}x{port}"
                sent = call(world, f"1301555{number:04}")
                invite = opening(sent, via, f"sip:lab@127.0.0.2:{own};transport=tcp", "1")
                request = parse(invite)
                assert isinstance(request, Request)
                first.write(invite)
                await world.pbx.hears("INVITE", call_id=sent.call_id)
                second.write(companion(request, "CANCEL"))
                await turns(lambda: len(finals) == 2, "both final answers")  # noqa: B023 - asked in this turn only
                assert sorted(finals) == [(200, "CANCEL"), (487, "INVITE")]
                second.write(companion(request, "ACK"))
        assert transactions(world, "INVITE") == transactions(world, "CANCEL") == 2 * WORKERS
        # Each ACK ended where its refusal was given: had one found nobody, it would have gone on.
        world.pbx.answers = Answer()
        await ordinary_by_tcp(world, port)
        assert transactions(world, "ACK") == 2 * WORKERS + 1
        await handed_over(world)


async def test_connections_are_dealt_to_the_workers_in_turn_and_calls_pass_by_each(tmp_path: Path) -> None:
    port = free_port()
    async with World(
        tmp_path, workers=WORKERS, amend=lambda text: another(text, "tcp", f"127.0.0.1:{port}", "127.0.0.2")
    ) as world:
        for _ in range(3 * WORKERS):
            await ordinary_by_tcp(world, port)
        await counted(world, 'ringwarden_connections_begun_total{transport="tcp",way="in"}', 3 * WORKERS)
        line = 'ringwarden_decisions_total{action="allow",attest="none",direction="inbound",reason="none"}'
        await counted(world, line, 3 * WORKERS)
        # Whoever accepted them: of each worker's own, two in three went to the others.
        async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as session:
            dealt = 0.0
            while not WORKERS < dealt <= 2 * WORKERS:
                async with session.get(f"{world.admin}/metrics") as answer:
                    found = re.search(r"^ringwarden_connections_dealt_total (\S+)$", await answer.text(), re.MULTILINE)
                    dealt = float(found[1]) if found is not None else 0.0


def test_too_many_workers_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.toml"
    path.write_text(
        '[[listen]]\naddress = "127.0.0.1:0"\n[[trunk]]\nname = "c"\nside = "carrier"\nsources = ["127.0.0.2"]\n'
        '[next_hop]\npbx = ["127.0.0.3"]\n[lab]\nenabled = true\n'
    )
    assert cli.main(["run", "--config", str(path), "--workers", "99"]) == 2
    assert cli.main(["run", "--config", str(path), "--workers", "many"]) == 2
    assert "1 to 36 workers" in capsys.readouterr().err


async def test_what_workers_know_of_callers_outlives_them_also_where_their_number_changes(tmp_path: Path) -> None:
    def ends(file: Path) -> dict[str, int]:
        rows = [line.split() for line in file.read_text().splitlines()[1:]]
        return {row[0]: int(row[2]) for row in rows if row[0] != "s"}

    async with World(tmp_path, workers=WORKERS) as world:
        state = tmp_path / "state"
        for workers, files in ((WORKERS, WORKERS), (1, 1), (2, 2)):
            if world.process is None or world.process.returncode is not None:
                world.workers = workers
                await world.run()
            for number in (100, 100, 101):
                assert (await world.carrier.call(call(world, f"1301555{number:04}"), world.proxy)).status == 200
            await counted(world, "ringwarden_active_calls", 0)
            assert world.process is not None
            world.process.terminate()
            async with asyncio.timeout(SECONDS):
                await world.process.wait()
            assert len(list(state.glob("callers*.txt"))) == len(list(state.glob("reputation*.json"))) == files
    known: dict[str, int] = {}
    for file in state.glob("callers*.txt"):
        for key, count in ends(file).items():
            known[key] = known.get(key, 0) + count
    assert known == {"13015550100": 6, "13015550101": 3, "13015550": 9}


async def test_a_worker_that_follows_a_dead_one_knows_what_that_one_knew(tmp_path: Path) -> None:
    async with World(tmp_path, workers=2) as world:
        assert world.process is not None
        for _ in range(12):
            assert (await world.carrier.call(call(world, "13015550100"), world.proxy)).status == 200
        await counted(world, "ringwarden_active_calls", 0)
        for pid in children(world.process.pid)[1:]:
            os.kill(pid, signal.SIGKILL)
        # So many that both successors have some: whoever has not begun when all ends writes nothing.
        calls = [call(world, f"1301555{number:04}") for number in range(110, 134)]
        outcomes = await asyncio.gather(*(world.carrier.call(one, world.proxy) for one in calls))
        assert [one.status for one in outcomes] == [200] * len(calls)
        world.process.terminate()
        async with asyncio.timeout(SECONDS):
            await world.process.wait()
        rows = [line.split() for file in (tmp_path / "state").glob("callers-*.txt") for line in file.read_text().splitlines()]
        assert sum(int(row[2]) for row in rows if row[0] == "13015550100") >= 10
