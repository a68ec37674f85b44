"""A test stand: a ringwarden of our own on loopback between callers and callees, for `ringwarden bench` without a
target. It runs in a process of its own, as an operator runs it, with policy, metrics and journal on.
"""

from __future__ import annotations

import secrets
import urllib.request
from pathlib import Path
from types import TracebackType

from prometheus_client.parser import text_string_to_metric_families

from proxy.lab.load.plan import Address
from proxy.lab.load.trust import Program, Trust
from proxy.lab.ports import free_port
from proxy.lab.world import ORIGID

CONFIG = """\
# Written by `ringwarden bench`. Loopback only: nothing of it is fit for a network.
secret = "{secret}"

[[listen]]
address = "{me}"

[[trunk]]
name = "carrier"
side = "carrier"
sources = ["{carrier.host}"]
mode = "{mode}"

[[trunk]]
name = "pbx"
side = "pbx"
sources = ["{pbx.host}"]
mode = "{pbx_mode}"

[next_hop]
pbx = ["{transport}:{pbx}"]
carrier = ["{transport}:{carrier}"]

[identity]
anchors = "{anchors}"
tls_ca = "{web_ca}"

[numbers]
own = ["19085550*"]

[signing]
key = "{key}"
certificate_url = "{url}"
origid = "{origid}"

[admin]
address = "127.0.0.1:{admin}"

[paths]
journal = "{folder}/journal.db"
state = "{folder}/state"

[log]
level = "warning"

{more}
[lab]
enabled = true
"""
"""What a ringwarden between one carrier and one PBX is told; `more` are further tables. The benchmarks use it too."""

PATIENT = "[load]\nunscreened_ms = 0\n"
"""No call goes on unscreened, however long it has waited."""

PATIENCE = 60.0
"""Seconds that a look at the metrics may take on a busy machine."""


class Stand:
    """One ringwarden. Use it in a `with` block."""

    def __init__(
        self, folder: Path, trust: Trust, carrier: Address, pbx: Address, *, transport: str = "udp", workers: int = 1
    ) -> None:
        """carrier: where calls come from; pbx: who answers. Raises LoadError."""
        self.me = Address("127.0.0.1", free_port())
        self.admin = free_port()
        (folder / "state").mkdir(parents=True, exist_ok=True)
        path = folder / "ringwarden.toml"
        path.write_text(
            CONFIG.replace("[identity]\n", "[identity]\ndeadline_ms = 5000\n").format(
                secret=secrets.token_hex(24), me=self.me, carrier=carrier, pbx=pbx, transport=transport,
                anchors=trust.anchors.resolve(), web_ca=trust.web_ca.resolve(), key=trust.key.resolve(), url=trust.url,
                origid=ORIGID, admin=self.admin, folder=folder.resolve(), mode="tag", pbx_mode="observe", more=PATIENT,
            ),
            encoding="utf-8",
        )  # fmt: skip
        self.program = Program(
            folder, "ringwarden", "proxy.cli", "run", "--config", str(path), "--workers", str(workers)
        )
        try:
            self.program.says("ringwarden ready")
        except BaseException:
            self.program.stop()
            raise

    def count(self, name: str, **labels: str) -> float:
        """The sum of the samples of /metrics of that name which carry these labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=PATIENCE) as answer:
            return total(answer.read().decode("utf-8"), name, **labels)

    def __enter__(self) -> Stand:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.stop()


def total(text: str, name: str, **labels: str) -> float:
    """The sum over one text of /metrics; 0.0 where there is no such sample."""
    # The others need not be read, which takes a tenth of a second.
    lines = "\n".join(line for line in text.splitlines() if name in line) + "\n"
    return sum(
        float(sample.value)
        for family in text_string_to_metric_families(lines)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
