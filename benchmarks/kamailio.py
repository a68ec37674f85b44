"""Kamailio as the peer that ringwarden is measured against, and as a neighbour in the interoperability tests.

Packaged, it is about six times slower than it can be; here it gets the allocators, the memory and the configuration
that make it fast (kamailio.cfg beside this file). Three modes: a relay that verifies nothing, secsipid as it comes
(signature only), and like for like with us: signature, certificate chain and both numbers. Its certificate cache is
filled before it starts, so no mode ever downloads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType

from benchmarks.programs import Program
from benchmarks.sender import alive
from benchmarks.sipp import Address

TEMPLATE = Path(__file__).parent / "kamailio.cfg"
SHARED_MIB = 2048
PRIVATE_MIB = 32


class Mode(Enum):
    """What is done to an INVITE; the values are the words of the configuration."""

    RELAY = "RELAY"
    SIGNATURE = "SIGNATURE"
    WHOLE = "WHOLE"
    SIGN = "SIGN"
    """Not measured: each call leaves with an Identity header of its making."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verifying modes need."""

    roots: Path
    """PEM file with the trust anchors."""
    chains: Mapping[str, bytes]
    """Certificate URL -> PEM chain: the warm cache."""
    key: Path | None = None
    """What it signs with, and where the certificate of that is."""
    url: str = ""


def cached_name(url: str) -> str:
    """The file name under which libsecsipid keeps what came from a URL."""
    return url.replace("://", "_").replace("/", "_")


def configuration(mode: Mode, me: Address, following: Address, folder: Path, trust: Trust | None, trying: bool) -> str:
    words = {
        "MODE": mode.value,
        "HOST": me.host,
        "PORT": str(me.port),
        "NEXT_HOST": following.host,
        "NEXT_PORT": str(following.port),
        "TRYING": str(int(trying)),
        "CACHE": str(folder / "cache"),
        "ROOTS": str(trust.roots if trust else ""),
        "KEY": str(trust.key if trust and trust.key else ""),
        "URL": trust.url if trust else "",
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


class Kamailio:
    """One Kamailio between a carrier and the next hop. Use it in a `with` block."""

    def __init__(
        self,
        mode: Mode,
        me: Address,
        following: Address,
        folder: Path,
        *,
        trust: Trust | None = None,
        trying: bool = False,
        cores: tuple[int, ...] = (),
        name: str = "kamailio",
    ) -> None:
        """Start it and wait until it answers. `trying`: send 100 at once, which ringwarden does only when a wait is
        ahead.
        """
        if mode is not Mode.RELAY and trust is None:
            raise ValueError("a verifying mode needs trust anchors and chains")
        self.me = me
        run = folder / name
        (run / "cache").mkdir(parents=True, exist_ok=True)
        for url, pem in (trust.chains if trust else {}).items():
            (run / "cache" / cached_name(url)).write_bytes(pem)
        path = run / "kamailio.cfg"
        path.write_text(configuration(mode, me, following, run, trust, trying), encoding="utf-8")
        self.program = Program(
            name,
            [
                "kamailio", "-f", str(path), "-DD", "-E", "-x", "tlsf", "-X", "tlsf",
                "-m", str(SHARED_MIB), "-M", str(PRIVATE_MIB), "-Y", str(run), "-w", str(run),
            ],
            run,
            cores=cores,
        )  # fmt: skip
        try:
            self.program.ready(lambda: alive(me))
        except BaseException:
            self.program.stop()
            raise

    def __enter__(self) -> Kamailio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.__exit__(kind, error, trace)
