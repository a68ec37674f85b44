"""ringwarden as a program under test: its configuration, its start, and what it counts.

It runs as an operator would run it, in a process of its own, with policy, metrics and journal on; the lab settings
allow the test authority and a repository on loopback, and nothing else.
"""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from benchmarks import cpu
from benchmarks.programs import PATIENCE, Program, free_port
from benchmarks.sender import alive
from benchmarks.sipp import Address
from benchmarks.stage import ROOT, Stage
from proxy.lab.load.stand import CONFIG, total
from proxy.lab.world import ORIGID

SECONDS = 3.0
"""Deadline of one look at the metrics."""

CONFIGURATION = (
    CONFIG.replace("{origid}", ORIGID).replace("{pbx_mode}", "{mode}").replace("{more}", "[policy.codes]\n{codes}\n")
)
"""What the stand of `ringwarden bench` is told, in one mode on both sides and with codes of refusals."""

REFUSED = {
    slug: 438
    for slug in (
        "identity-bad-signature",
        "identity-untrusted-chain",
        "identity-orig-mismatch",
        "identity-dest-mismatch",
        "identity-stale-iat",
    )  # fmt: skip
}
"""What the Kamailio configuration refuses, with the code that it uses."""


class Ringwarden:
    """One ringwarden between a carrier and the next hop. Use it in a `with` block."""

    def __init__(
        self,
        stage: Stage,
        folder: Path,
        *,
        me: Address | None = None,
        carrier: Address | None = None,
        pbx: Address | None = None,
        mode: str = "tag",
        codes: Mapping[str, int] | None = None,
        cores: tuple[int, ...] = (),
        name: str = "ringwarden",
        transport: str = "udp",
        workers: int = 1,
        more: str = "",
        amend: Callable[[str], str] = lambda text: text,
        patience: float = PATIENCE,
        before: Sequence[str] = (),
        tree: Path = ROOT,
    ) -> None:
        """Start it and wait until it says that it is ready and answers, `patience` seconds at most. transport: of the
        next hops; more: further tables of its configuration; amend: changes what is written; before: words that stand
        before the command (a profiler's); tree: whose ringwarden, where it is an older one.
        """
        # Before there were workers, next hops were written without a transport.
        alone = not (tree / "proxy" / "workers").is_dir()
        self.me, self.admin = me or stage.proxy, free_port()
        run = folder / name
        (run / "state").mkdir(parents=True, exist_ok=True)
        path = run / "ringwarden.toml"
        text = (CONFIGURATION.replace("{transport}:", "") if alone else CONFIGURATION).format(
            secret="4c6162" * 11, me=self.me, carrier=carrier or stage.carrier, pbx=pbx or stage.pbx, mode=mode,
            anchors=stage.anchors, web_ca=stage.web_ca, key=stage.key, url=stage.good_url, admin=self.admin, folder=run,
            transport=transport,
            codes="\n".join(f"{slug} = {code}" for slug, code in (codes or {}).items()),
        )  # fmt: skip
        path.write_text(amend(text + more), encoding="utf-8")
        self.program = Program(
            name,
            [
                *before, sys.executable, "-m", "proxy.cli", "run", "--config", str(path),
                *(() if alone else ("--workers", str(workers))),
            ],
            run,
            cores=cores,
            environment={"PYTHONPATH": str(tree), "PYTHONUNBUFFERED": "1"},
        )
        try:
            self.program.ready(lambda: self.program.says("ringwarden ready") and alive(self.me), patience)
        except BaseException:
            self.program.stop()
            raise

    def metrics(self) -> str:
        """What /metrics says now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=SECONDS) as answer:
            text: str = answer.read().decode("utf-8")
            return text

    def resident(self) -> float:
        """MiB of all its processes."""
        found = 0
        for process in cpu.tree(self.program.pid):
            text = (cpu.PROC / str(process) / "status").read_text(encoding="ascii", errors="replace")
            found += int(text.partition("VmRSS:")[2].split()[0]) if "VmRSS:" in text else 0
        return found / 1024

    def count(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name which carry these labels."""
        return total(self.metrics(), name, **labels)

    def __enter__(self) -> Ringwarden:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.__exit__(kind, error, trace)
