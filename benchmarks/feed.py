"""Calls to place: fictional numbers, and for each call a PASSporT of its own, signed a moment ago.

sipp reads them from an injection file, where a semicolon parts the fields; an Identity value holds three of them, so
it takes four fields and the scenarios put it together again. Numbers are 555-01XX of real area codes, which are kept
free for fiction. A feed is stale after a minute (RFC 8224 section 4.4), so it is made just before it is used and
never kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shaken.sign import Signer, load_key

AREAS = (
    "201", "202", "203", "205", "206", "207", "208", "209", "210", "212", "213", "214", "215", "216", "217", "218", "219", "224",
    "225", "228", "229", "231", "234", "239", "240", "248", "251", "252", "253", "254", "256", "260", "262", "267", "269", "270",
    "276", "281", "301", "302", "303", "304", "305", "307", "308", "309", "310", "312", "313", "314", "315", "316", "317", "318",
    "319", "320", "321", "323", "325", "330", "334", "336", "337", "339", "347", "351", "352", "360", "361", "386", "401", "402",
)  # fmt: skip
"""Area codes in use; times 100 numbers each, so that no caller calls twice within a run and no velocity check wakes."""
NUMBERS = len(AREAS) * 100
CALLEE_STRIDE = 3_701
"""Coprime to NUMBERS: callers and callees go round in different steps, and nobody calls himself."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the carrier sends it; numbers are digits with the country code, no plus."""

    caller: str
    callee: str
    asserted: str
    """The number in P-Asserted-Identity."""
    identity: str
    """The value of the Identity header; empty for a call that nobody signed."""

    @property
    def injected(self) -> str:
        """The line of sipp's injection file."""
        return ";".join((self.caller, self.callee, self.asserted, self.identity or "none;;;"))


def number(index: int) -> str:
    """The fictional number of that index; the same after NUMBERS of them."""
    return f"1{AREAS[index // 100 % len(AREAS)]}55501{index % 100:02d}"


def pairs(count: int, first: int = 0) -> Iterator[tuple[str, str]]:
    """Caller and callee of that many calls."""
    for index in range(first, first + count):
        yield number(index), number(index + CALLEE_STRIDE)


def signed(count: int, signer: Signer, utc: float, *, attest: str = "A", first: int = 0) -> list[Call]:
    """That many calls, each with a unique PASSporT of this moment (`utc`, Unix seconds)."""
    iat, run = int(utc), f"{time.monotonic_ns() & 0xFFFFFFFFFFFF:012x}"
    calls = []
    for index, (caller, callee) in enumerate(pairs(count, first), first):
        origid = f"{index & 0xFFFFFFFF:08x}-0000-4000-8000-{run}"
        value = signer.identity(orig=caller, dest=(callee,), iat=iat, attest=attest, origid=origid)
        calls.append(Call(caller, callee, caller, value.decode("ascii")))
    return calls


def forged(call: Call) -> Call:
    """The same call with one octet of its signature changed."""
    token, rest = call.identity.split(";", 1)
    head, payload, signature = token.split(".")
    other = "A" if signature[10] != "A" else "B"
    return replace(call, identity=f"{head}.{payload}.{signature[:10]}{other}{signature[11:]};{rest}")


def elsewhere(call: Call) -> Call:
    """The same token, sent to another number than it was signed for."""
    return replace(call, callee=number(AREAS.index(call.callee[1:4]) * 100 + (int(call.callee[-2:]) + 1) % 100))


def from_another(call: Call) -> Call:
    """The same token, sent by another caller than it was signed for."""
    other = number(AREAS.index(call.caller[1:4]) * 100 + (int(call.caller[-2:]) + 1) % 100)
    return replace(call, caller=other, asserted=other)


def write(path: Path, calls: Iterable[Call]) -> Path:
    """sipp's injection file: how to read it in the first line, then a line a call."""
    path.write_text("SEQUENTIAL\n" + "".join(f"{call.injected}\n" for call in calls), encoding="ascii")
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Write a sipp injection file of freshly signed calls (good for one minute)."
    )
    parser.add_argument("--key", type=Path, required=True, help="P-256 private key, PEM")
    parser.add_argument("--url", required=True, help="where its certificate chain is served (x5u)")
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--attest", choices=("A", "B", "C"), default="A")
    parser.add_argument("output", type=Path)
    options = parser.parse_args(arguments)
    signer = Signer(load_key(options.key.read_bytes()), options.url)
    began = time.perf_counter()
    write(options.output, signed(options.calls, signer, time.time(), attest=options.attest))
    print(f"{options.calls} calls, {options.calls / (time.perf_counter() - began):,.0f} a second")


if __name__ == "__main__":
    main()
