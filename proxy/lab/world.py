"""A telephone world on loopback: authority, certificate repository, carrier, PBX, and a real ringwarden between them.

Everything that is started here is stopped here, or ends with us where we are killed. ringwarden runs as a process of
its own, as an operator runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from certs.lab import Authority, Issued
from proxy import lists, tied
from proxy.lab.phone import Phone
from proxy.lab.ports import free_port, is_free
from proxy.lab.repository import Repository
from shaken.sign import Signer

READY_SECONDS = 120.0
"""How long ringwarden may take to start on a slow machine."""
STOP_SECONDS = 30.0
SPC = "709J"
ORIGID = "7d3bb1f0-57a2-4b6c-9a38-1f6c5f0d2a11"
OWN = ("12025550100-12025550199",)
"""The PBX's numbers: the block for fiction."""
ROOT = str(Path(__file__).resolve().parents[2])
"""Where our packages are, for a ringwarden that runs from the source."""
DEMO_PORTS = {"carrier": 15060, "proxy": 15070, "pbx": 15080, "repository": 18443, "admin": 19464}

CONFIG = """\
# Written by the lab. A whole telephone world on loopback: nothing of it is fit for a network.
[[listen]]
transport = "udp"
address = "127.0.0.1:{proxy}"

[[trunk]]
name = "carrier"
side = "carrier"
sources = ["127.0.0.1:{carrier}"]
profile = "demo"
mode = "enforce"
area = "202"

[[trunk]]
name = "pbx"
side = "pbx"
sources = ["127.0.0.1:{pbx}"]
trust = "identity"
mode = "enforce"
area = "202"
sign = true

[next_hop]
carrier = ["127.0.0.1:{carrier}"]
pbx = ["127.0.0.1:{pbx}"]

# Verdicts are shown here, not patience: on a slow machine too a certificate is waited for, and each call is screened.
[identity]
anchors = "anchors.pem"
tls_ca = "web-ca.pem"
deadline_ms = 5000

[load]
unscreened_ms = 0

[numbers]
own = {own}

[signing]
key = "pbx.key"
certificate_url = "{url}"
origid = "{origid}"

# The demo acts on identity findings; by default they only inform.
[policy.codes]
identity-bad-signature = 438
identity-stale-iat = 403
identity-orig-mismatch = 438
identity-dest-mismatch = 438

[policy.redress]
url = "https://redress.example.com"
tel = "+12025550100"

[profile.demo]
tags = ["attestation-c"]

[lists]
bundled = false
campaigns = ["campaigns.csv"]

[admin]
address = "127.0.0.1:{admin}"

[paths]
journal = "journal.db"
state = "state"

[log]
level = "{level}"

[lab]
enabled = true
"""


class WorldError(Exception):
    """The world did not come up; the text says why, with what ringwarden said."""


def ports(wanted: dict[str, int] | None) -> dict[str, int]:
    """The wanted ports where all are free, else free ones: two demos at a time do not meet."""
    stream = ("repository", "admin")
    kinds = {name: socket.SOCK_STREAM if name in stream else socket.SOCK_DGRAM for name in DEMO_PORTS}
    if wanted is not None and all(is_free(port, kinds[name]) for name, port in wanted.items()):
        return dict(wanted)
    return {name: free_port() for name in kinds}


def recent_campaigns(now: float) -> str:
    """The bundled list with all its dates moved to yesterday, so that its numbers weigh as on the day after the
    notice.
    """
    yesterday = datetime.fromtimestamp(now - 86_400, UTC)
    lines = [
        "# The letter's numbers, dated yesterday: the lab's own list.",
        "notified,called,caller,campaign,confidence,source",
    ]
    for row in lists.bundled().rows:
        day = f"{yesterday:%Y-%m-%d}"
        lines.append(f"{day},{day},+{row.caller},{row.campaign},high,{row.source}")
    return "\n".join(lines) + "\n"


class World:
    """`async with World(folder) as world`: everything runs inside."""

    def __init__(
        self,
        folder: Path,
        wanted: dict[str, int] | None = None,
        *,
        campaigns: str | None = None,
        level: str = "warning",
        amend: Callable[[str], str] = lambda text: text,
        workers: int = 1,
    ) -> None:
        """`campaigns`: the text of the campaign list; `amend` changes the configuration before it is written."""
        self.workers = workers
        self.command: tuple[str, ...] = ("-m", "proxy.cli")
        """What Python is given, before what ringwarden is."""
        self.folder = folder
        self.ports = ports(wanted)
        self._campaigns, self._level, self._amend = campaigns, level, amend
        self._stack = AsyncExitStack()
        self.said: list[str] = []
        """What ringwarden wrote."""

    @property
    def proxy(self) -> tuple[str, int]:
        """Where ringwarden listens."""
        return ("127.0.0.1", self.ports["proxy"])

    @property
    def admin(self) -> str:
        """The base URL of ringwarden's admin address."""
        return f"http://127.0.0.1:{self.ports['admin']}"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = authority = Authority()
        certificate, key = authority.tls().save(folder, "repository")
        (folder / "anchors.pem").write_bytes(authority.anchors_pem)
        (folder / "web-ca.pem").write_bytes(authority.web_ca_pem)
        self.repository = await self._stack.enter_async_context(
            Repository(certificate, key, port=self.ports["repository"])
        )
        self.carrier_leaf = authority.leaf(SPC, organisation="Example Carrier")
        self.pbx_leaf = authority.leaf("810K", organisation="Example Company")
        self.pbx_leaf.save(folder, "pbx")
        self.carrier_signer = self._signer(self.carrier_leaf, "carrier.pem")
        self.signers = {
            "carrier": self.carrier_signer,
            # With a key that the certificate at its URL does not know.
            "forger": Signer(authority.leaf(SPC, bad="wrong-key").key, self.carrier_signer.x5u),
            # Rightly, but nobody can fetch the certificate.
            "lost": Signer(self.carrier_leaf.key, self.repository.put("lost.pem", b"", "status-503")),
        }
        url = self._signer(self.pbx_leaf, "pbx.pem").x5u
        (folder / "campaigns.csv").write_text(self._campaigns or recent_campaigns(time.time()))
        own = "[" + ", ".join(f'"{entry}"' for entry in OWN) + "]"
        self.config = folder / "ringwarden.toml"
        text = CONFIG.format(**self.ports, own=own, url=url, origid=ORIGID, level=self._level)
        self.config.write_text(self._amend(text))
        self.carrier = await self._stack.enter_async_context(Phone(port=self.ports["carrier"], user="carrier"))
        self.pbx = await self._stack.enter_async_context(Phone(port=self.ports["pbx"], user="pbx"))
        await self.run()

    def _signer(self, leaf: Issued, name: str) -> Signer:
        return Signer(leaf.key, self.repository.put(name, leaf.chain_pem()))

    async def run(self) -> None:
        """Start ringwarden and wait until it is ready. Raises WorldError."""
        root = ROOT
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
        self.process = await asyncio.create_subprocess_exec(
            *tied.command(
                [sys.executable, *self.command, "run", "--config", str(self.config), "--workers", str(self.workers)]
            ),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        ready = asyncio.Event()
        reader = asyncio.create_task(self._listen(self.process, ready), name="ringwarden output")
        self._stack.push_async_callback(self._end, self.process, reader)
        waits = (asyncio.create_task(ready.wait()), asyncio.create_task(self.process.wait()))
        try:
            await asyncio.wait(waits, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not ready.is_set():
            raise WorldError("ringwarden did not start:\n" + "\n".join(self.said[-20:]))

    async def _listen(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            text = line.decode("utf-8", "replace").rstrip()
            self.said.append(text)
            del self.said[:-1000]
            if text.startswith("ringwarden ready"):
                ready.set()

    async def _end(self, process: asyncio.subprocess.Process, reader: asyncio.Task[None]) -> None:
        """Stop the process that we started, by its id, and no other; what it still has to say is read to the end."""
        try:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                try:
                    async with asyncio.timeout(STOP_SECONDS):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await reader
        finally:
            reader.cancel()

    def sign(
        self,
        orig: str,
        dest: Sequence[str],
        attest: str = "A",
        age: float = 0.0,
        signer: str = "carrier",
    ) -> str:
        """The value of an Identity header, `age` seconds old, by one of `signers`."""
        value = self.signers[signer].identity(
            orig=orig,
            dest=dest,
            iat=int(time.time() - age),
            attest=attest,
            origid="123e4567-e89b-42d3-a456-426655440000",
        )
        return value.decode()
