"""What a measured call needs around it: an authority, signing keys, a certificate repository, and free addresses on
loopback.

The same trust serves both sides: ringwarden fetches the chains from the repository, Kamailio finds them in its filled
cache. Addresses are of 127.0.0.0/8 only: the proxy on .1, the carrier on .2, the PBX on .3, a second proxy on .4.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

from benchmarks import cpu
from benchmarks.kamailio import Trust
from benchmarks.programs import Program, free_port
from benchmarks.sipp import Address
from certs.lab import Authority
from shaken.sign import Signer

ROOT = Path(__file__).resolve().parents[1]
"""Where the packages are, for programs that are started as `python -m`."""


class Stage:
    """Keys, repository and addresses in one folder. Use it in a `with` block, which ends the repository."""

    def __init__(self, folder: Path, *, places: cpu.Places | None = None) -> None:
        self.folder = folder
        self.places = places or cpu.Places.here()
        self.proxy, self.carrier, self.pbx, self.second = (
            Address(host, free_port(host)) for host in ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
        )
        self.authority = authority = Authority(name="Bench Root")
        self.anchors = _written(folder / "anchors.pem", authority.anchors_pem)
        self.web_ca = _written(folder / "web-ca.pem", authority.web_ca_pem)
        served = folder / "served"
        served.mkdir(exist_ok=True)
        self.good, self.stranger = authority.leaf("709J"), authority.leaf("709J", bad="stranger")
        for name, issued in (("good", self.good), ("stranger", self.stranger)):
            (served / f"{name}.pem").write_bytes(issued.chain_pem())
        self.key = self.good.save(folder, "signing")[1]
        tls = authority.tls().save(folder, "repository")
        self.repository = Program(
            "repository",
            [
                sys.executable, "-m", "proxy.lab.repository",
                "--folder", str(served), "--cert", str(tls[0]), "--key", str(tls[1]),
            ],
            folder,
            cores=self.places.load[-1:],
            environment={"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        try:
            self.repository.ready(lambda: self.repository.says("https://"))
        except BaseException:
            self.repository.stop()
            raise
        base = next(line for line in self.repository.log().splitlines() if line.startswith("https://"))
        self.good_url, self.stranger_url = f"{base}/good.pem", f"{base}/stranger.pem"

    @property
    def signer(self) -> Signer:
        """Signs for the carrier whose chain leads to the anchors."""
        return Signer(self.good.key, self.good_url)

    @property
    def impostor(self) -> Signer:
        """Signs with a right key whose chain leads to a root that nobody trusts."""
        return Signer(self.stranger.key, self.stranger_url)

    @property
    def trust(self) -> Trust:
        return Trust(self.anchors, {self.good_url: self.good.chain_pem(), self.stranger_url: self.stranger.chain_pem()})

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.repository.stop()


def _written(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path
