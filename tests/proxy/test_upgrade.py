"""`ringwarden upgrade` with real processes: calls, counters, the journal and connections go on; a new version that cannot start
changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy import cli
from proxy.lab.calling import Answer
from proxy.lab.ports import free_port, is_free
from proxy.lab.world import World
from proxy.succession import ask
from proxy.workers.legacy import until
from tests.interop.test_torture_wire import another, ordinary_by_tcp
from tests.proxy.test_app import CONFIG, call
from tests.proxy.test_supervisor import children
from tests.waiting import SECONDS, comes, counted
from tests.waiting import until as waits

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no memory files")
ALLOWED = 'ringwarden_decisions_total{action="allow",attest="none",direction="inbound",reason="none"}'


def noted(folder: Path) -> int:
    (found,) = folder.rglob("ringwarden.pid")
    return int(found.read_text())


def follows(folder: Path, old: int) -> bool:
    """Whether another one has noted itself; for a moment nobody may have."""
    try:
        return noted(folder) != old
    except (OSError, ValueError):
        return False


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@asynccontextmanager
async def ending(folder: Path) -> AsyncIterator[None]:
    """Ends whoever runs in the end: it need not be the one that was started."""
    try:
        yield
    finally:
        pid = noted(folder)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        assert await until(lambda: not lives(pid), 0.02, SECONDS)


async def upgraded(folder: Path) -> tuple[int, str]:
    command = (sys.executable, "-m", "proxy.cli", "upgrade", "--config", str(folder / CONFIG))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def placed(world: World, numbers: range) -> None:
    calls = [call(world, f"1301555{number:04}") for number in numbers]
    outcomes = await asyncio.gather(*(world.carrier.call(one, world.proxy) for one in calls))
    assert [one.status for one in outcomes] == [200] * len(calls)


class Connection:
    """One TCP connection of the carrier's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self._number = 0

    async def pings(self) -> bytes:
        """The first line of the answer to an OPTIONS."""
        self._number += 1
        here = "{}:{}".format(*self.writer.get_extra_info("sockname"))
        there = "{}:{}".format(*self.writer.get_extra_info("peername"))
        self.writer.write(
            f"OPTIONS sip:{there} SIP/2.0\r\nVia: SIP/2.0/TCP {here};branch=z9hG4bKp{self._number}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:c@{here}>;tag=c\r\nTo: <sip:{there}>\r\nCall-ID: ping{self._number}@{here}\r\nCSeq: 1 OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        async with asyncio.timeout(SECONDS):
            return (await self._reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0]

    async def busy(self, long: Callable[[], bool]) -> None:
        """Never idle for long, until this is so no more."""

        async def over() -> bool:
            assert await self.pings() == b"SIP/2.0 200 OK"
            return not long()

        await comes(over, "what it was kept busy for", 2 * SECONDS)

    async def ends(self) -> bool:
        """Whether the other side lets it go."""
        async with asyncio.timeout(SECONDS):
            return await self._reader.read(1) == b""


@pytest.mark.parametrize("workers", [1, 2])
async def test_calls_counters_journal_and_connections_go_on_under_a_new_version(tmp_path: Path, workers: int) -> None:
    port = free_port()
    async with World(
        tmp_path, workers=workers, amend=lambda text: another(text, "tcp", f"127.0.0.1:{port}", "127.0.0.2")
    ) as world, ending(tmp_path):
        await placed(world, range(100, 106))
        open_call = await world.carrier.call(call(world, "13015550101"), world.proxy, hang_up=False)
        assert open_call.dialog is not None
        await counted(world, ALLOWED, 7)
        connection = Connection(*await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)))
        assert await connection.pings() == b"SIP/2.0 200 OK"
        talked = asyncio.Event()
        talk = asyncio.create_task(ordinary_by_tcp(world, port, talked))
        await counted(world, ALLOWED, 8)
        old = noted(tmp_path)
        assert world.process is not None and world.process.pid == old
        # One rings as long as this test likes: so long has the old one to live, however slow the machine.
        picked_up = asyncio.Event()
        world.pbx.answers = Answer(until=picked_up)
        ringing = await world.carrier.invite(call(world, "13015550102"), world.proxy)
        await ringing.response(180)
        world.pbx.answers = Answer()
        # Calls are placed while it happens.
        (code, said), _, _ = await asyncio.gather(
            upgraded(tmp_path), placed(world, range(106, 130)), connection.busy(lambda: noted(tmp_path) == old)
        )
        assert code == 0 and f"from process {old}" in said, said
        new = noted(tmp_path)
        assert new != old and lives(old)
        assert await connection.pings() == b"SIP/2.0 200 OK"  # by the old one, which has this connection
        await placed(world, range(130, 136))
        await ordinary_by_tcp(world, port)
        # Whose connection is the old one's ends there, and is up no more with the new one.
        await counted(world, "ringwarden_active_calls", 2)
        talked.set()
        await talk
        await counted(world, "ringwarden_active_calls", 1)
        assert (await world.carrier.within(open_call.dialog, "BYE")).status == 200
        await counted(world, ALLOWED, 8 + 1 + 24 + 6 + 1)
        await counted(world, "ringwarden_active_calls", 0)
        # One after the other: what comes for the first could not find it through two others.
        code, said = await upgraded(tmp_path)
        assert code == 1 and "has calls to end" in said and noted(tmp_path) == new, said
        assert await connection.ends() and lives(old)
        picked_up.set()
        answered = await ringing.outcome()
        assert answered.status == 200 and answered.dialog is not None
        assert (await world.carrier.within(answered.dialog, "BYE")).status == 200
        connection.writer.close()
        with contextlib.suppress(OSError):
            await connection.writer.wait_closed()
        # Signals and commands reach the newest.
        assert cli.main(["bypass", "on", "--config", str(tmp_path / CONFIG)]) == 0
        await counted(world, "ringwarden_bypass", workers)
    assert cli.main(["journal", "verify", "--config", str(tmp_path / CONFIG)]) == 0


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_call_goes_on_under_a_new_version_also_where_another_secret_was_set_meanwhile(tmp_path: Path, workers: int) -> None:
    def listless(text: str) -> str:
        return text.replace('campaigns = ["campaigns.csv"]', "campaigns = []")

    async with World(tmp_path, workers=workers, amend=listless) as world, ending(tmp_path):
        dialog = (await world.carrier.call(call(world), world.proxy, hang_up=False)).dialog
        assert dialog is not None
        text = world.config.read_text().replace("campaigns = []", 'campaigns = ["campaigns.csv"]')
        world.config.write_text('secret = "another one of sixteen"\n' + text)
        code, said = await upgraded(tmp_path)
        assert code == 0, said
        again = await world.carrier.within(dialog, "INVITE")
        assert again.status == 200 and again.dialog is not None
        assert (await world.carrier.call(call(world), world.proxy)).status == 603  # a new one is refused by now
        assert (await world.carrier.within(again.dialog, "BYE")).status == 200


SLOW = """\
import sys
from pathlib import Path
from proxy import cli
from tests.waiting import found
Path({begun!r}).touch()
found(Path({may!r}).exists, "leave to go on")
sys.exit(cli.main())
"""
"""A new version that takes as long to start as this test likes."""


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_bypass_that_is_pulled_while_the_new_version_starts_holds_there(tmp_path: Path, workers: int) -> None:
    async with World(tmp_path, workers=workers) as world, ending(tmp_path):
        old, begun, may = noted(tmp_path), tmp_path / "begun", tmp_path / "may"
        command = [sys.executable, "-c", SLOW.format(begun=str(begun), may=str(may))]
        asked = asyncio.create_task(asyncio.to_thread(ask, tmp_path / "state", command, os.environ))
        await waits(begun.exists, "a new version")
        assert cli.main(["bypass", "on", "--config", str(world.config)]) == 0
        await counted(world, "ringwarden_bypass", workers)
        may.touch()
        well, said = await asked
        assert well, said
        await waits(lambda: follows(tmp_path, old), "the note of the new one")
        for number in range(8):
            assert (number, (await world.carrier.call(call(world), world.proxy)).status) == (number, 200)
        await waits(lambda: not lives(old) and not is_free(world.ports["admin"], socket.SOCK_STREAM), "its admin address")
        await counted(world, "ringwarden_bypass", workers)
        if workers > 1:  # who is started later knows of it too
            dead = children(noted(tmp_path))[2]
            os.kill(dead, signal.SIGKILL)
            await waits(lambda: dead not in (now := children(noted(tmp_path))) and len(now) == 3, "one in its place")
            for number in range(8):
                assert (number, (await world.carrier.call(call(world), world.proxy)).status) == (number, 200)
        assert cli.main(["bypass", "off", "--config", str(world.config)]) == 0
        await counted(world, "ringwarden_bypass", 0)
        assert (await world.carrier.call(call(world), world.proxy)).status == 603


async def test_a_new_version_that_cannot_start_leaves_the_old_one_serving(tmp_path: Path) -> None:
    async with World(tmp_path) as world, ending(tmp_path):
        old, path = noted(tmp_path), tmp_path / CONFIG
        text = path.read_text()
        # An address that no machine of ours has: the file is well, and the start fails.
        path.write_text(text.replace("[[trunk]]", '[[listen]]\naddress = "127.0.0.1:1"\ntransport = "tcp"\n\n[[trunk]]', 1))
        taken = socket.socket()
        with taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            path.write_text(path.read_text().replace("127.0.0.1:1\"", f"127.0.0.1:{taken.getsockname()[1]}\""))
            code, said = await upgraded(tmp_path)
        assert code == 1 and "not upgraded, the old version serves on" in said, said
        assert noted(tmp_path) == old and lives(old)
        await placed(world, range(100, 103))
        # A file with a fault does not even get that far.
        path.write_text(text + "\nnonsense = 1\n")
        code, said = await upgraded(tmp_path)
        assert code == 2 and "nonsense" in said
        # Once all is well again, it goes.
        path.write_text(text)
        code, said = await upgraded(tmp_path)
        assert code == 0 and noted(tmp_path) != old, said
        await placed(world, range(103, 106))


def test_nobody_there_is_said_plainly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").mkdir()
    path = tmp_path / "small.toml"
    path.write_text(
        '[[listen]]\naddress = "127.0.0.1:0"\n[[trunk]]\nname = "c"\nside = "carrier"\nsources = ["127.0.0.2"]\n'
        '[next_hop]\npbx = ["127.0.0.3"]\n[lab]\nenabled = true\n[paths]\nstate = "state"\n'
    )
    assert cli.main(["upgrade", "--config", str(path)]) == 2
    assert "is it running?" in capsys.readouterr().err
    assert not any((tmp_path / "state").iterdir())  # what another user makes here the service cannot read
