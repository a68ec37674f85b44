"""What does the verification of one Identity header cost beside the bare ES256 check, and signing beside the bare signature?

In one process, without sockets: tokens that differ in numbers and time, one signer whose certificate is at hand. "Without the
check" is the same verification with a key that says yes at once: all that is ours. Everything in turns with its floor.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from time import thread_time_ns
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.report import Spread, table
from certs.lab import Authority
from shaken.credential import Anchors, der_signature, validate
from shaken.passport import decode
from shaken.sign import Signer
from shaken.verify import Claim, Rules, examine, judge

UTC = 1_794_000_000.0
URL = "https://cr.example.net/carrier/709J.pem"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"
VERIFY, SIGN, OURS = 1.35, 1.5, 15.0
"""Limits: the whole verification in bare checks, signing in bare signatures, and our own part in microseconds."""


class Willing:
    """A key to which every signature is right."""

    def verify(self, *_: Any) -> None:
        """Says nothing, as a key does that agrees."""


def timed(work: Callable[[], object]) -> float:
    """CPU microseconds of one run."""
    gc.collect()
    gc.disable()
    began = thread_time_ns()
    work()
    spent = (thread_time_ns() - began) / 1000
    gc.enable()
    return spent


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 1 if a limit is not kept."""
    options = argparse.ArgumentParser(prog="benchmarks.verify", description=__doc__)
    options.add_argument("--turns", type=int, default=15)
    options.add_argument("--calls", type=int, default=1000)
    options.add_argument("--quick", action="store_true")
    args = options.parse_args(argv)
    turns, calls = (3, 100) if args.quick else (args.turns, args.calls)

    authority = Authority(UTC, seed="benchmark")
    leaf = authority.leaf("709J")
    credential = validate(URL, leaf.chain_pem(), Anchors.of([authority.anchors_pem]), UTC)
    willing = replace(credential, key=Willing())  # type: ignore[arg-type]
    signer, rules = Signer(leaf.key, URL), Rules()
    plain, fixed = ec.ECDSA(hashes.SHA256()), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    wanted = [(f"1202555{100 + at % 100:04}", f"1212{200 + at % 700}{at % 10_000:04}", int(UTC) - at % 30) for at in range(calls)]
    values = [
        signer.identity(orig=orig, dest=(dest,), iat=iat, attest="ABC"[iat % 3], origid=ORIGID) for orig, dest, iat in wanted
    ]
    claims = [Claim(orig, None, (dest,)) for orig, dest, _ in wanted]
    both = list(zip(values, claims, strict=True))
    tokens = [value.partition(b";")[0].rpartition(b".") for value in values]
    bare = [(der_signature(decode(signature)) or b"", signed) for signed, _, signature in tokens]

    def whole(key: Any) -> None:
        for value, claim in both:
            if not judge(examine(value, claim, rules, UTC), key, UTC).proved:
                raise AssertionError("a good token was refused")

    def checks() -> None:
        verify = credential.key.verify
        for signature, signed in bare:
            verify(signature, signed, plain)

    def examined() -> None:
        for value, claim in both:
            examine(value, claim, rules, UTC)

    def signed() -> None:
        for orig, dest, iat in wanted:
            signer.identity(orig=orig, dest=(dest,), iat=iat, attest="A", origid=ORIGID)

    def signatures() -> None:
        for _, octets in bare:
            leaf.key.sign(octets, fixed)

    works: dict[str, Callable[[], object]] = {
        "floor: one bare ES256 check": checks,
        "the whole verification": lambda: whole(credential),
        "the same without the check": lambda: whole(willing),
        "of that, before a certificate": examined,
        "floor: one bare signature": signatures,
        "signing": signed,
    }
    found: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(turns):
        for name, work in works.items():
            found[name].append(timed(work) / calls)
    check, verify, ours, _, signature, sign = found.values()
    verified = Spread.of([one / other for one, other in zip(verify, check, strict=True)])
    made = Spread.of([one / other for one, other in zip(sign, signature, strict=True)])
    ratio = {"the whole verification": verified, "signing": made}
    rows = [(name, Spread.of(spent).shown(1), ratio[name].shown(2) if name in ratio else "") for name, spent in found.items()]
    print(table(f"What one Identity header costs; {turns} turns of {calls} tokens", ("", "CPU µs", "to its floor"), rows))
    kept = True
    for what, figure, limit in (
        ("verification to its floor", verified.median, VERIFY),
        ("signing to its floor", made.median, SIGN),
        ("our own part, µs", median(ours), OURS),
    ):
        good = figure <= limit
        kept = kept and good
        print(f"{what}: {figure:.2f}, at most {limit}: {'kept' if good else 'NOT KEPT'}")
    return 0 if kept or args.quick else 1


if __name__ == "__main__":
    sys.exit(main())
