"""Hostile Identity headers, certificate extensions and files, seeded: `python -m tests.fuzz.identity`. `files` knows the files
(chains, revocation lists, lists of authorities), and `python -m tests.fuzz.files` asks them alone.

Every input goes through every reader that it could reach. The readers raise ParseError and nothing else, the verification
raises nothing at all, and nothing is ever proved that the signer did not sign for this very call.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from cryptography.hazmat.primitives.asymmetric import ec

from shaken import constraints, identity, passport, quick, reason, reference, tnauthlist
from shaken.constraints import Constraints
from shaken.credential import Credential
from shaken.digest import digest
from shaken.errors import ParseError
from shaken.hearing import Circumstances, conclude, open_hearing
from shaken.passport import decode, encode
from shaken.sign import Signer, sign_octets
from shaken.tnauthlist import TNAuthList
from shaken.verify import Claim, Rules
from tests.fuzz import files
from tests.fuzz.mutations import mutated

IAT = 1_767_225_600
URL = "https://cr.example.net/sp818h.pem"
ORIGID = "123e4567-e89b-42d3-a456-426655440000"
KEY = ec.derive_private_key(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1())
CREDENTIAL = Credential(
    URL, KEY.public_key(), None, "Company", None, IAT - 9e4, IAT + 9e4,
    TNAuthList(numbers=("12025550123", "12025550199")), "", (Constraints(exclude=("forbidden",)),),
)  # fmt: skip
CALLS = (
    Claim("12025550123", None, ("12025550199",)),
    Claim("12025550123", None, ("12025550199", "12025550177"), float(IAT), ("sip:help@example.net",)),
    Claim(None, None, ()),
    Claim(None, "sip:alice@example.com", ("12025550177",)),
)
RULES = (Rules(), Rules(compact=True, kinds=frozenset(("shaken", "")), lab=True))
SAID = Circumstances(("ets.0", "esnet.1"), "psap-callback", "Example Parcel Co", b"Hello", (("sha-256", "AB"),))
READERS: tuple[Callable[[bytes], object], ...] = (
    identity.parse, passport.parse, passport.decode, tnauthlist.from_der,
    lambda der: constraints.from_der(der, enhanced=True), lambda der: constraints.from_der(der, enhanced=False),
    reference.attached, lambda der: reference.attach(b"", der),
)  # fmt: skip


def values() -> list[bytes]:
    """One good header of each kind, and combinations of them."""
    signer, base = Signer(KEY, URL), {"orig": {"tn": "12025550123"}, "iat": IAT, "dest": {"tn": ["12025550199"]}}
    usual = signer.identity(orig="12025550123", dest=("12025550199",), iat=IAT, attest="A", origid=ORIGID)
    div = signer.value("div", {**base, "dest": {"tn": ["12025550177"]}, "div": {"tn": "12025550199"}})
    found = [
        usual,
        div,
        signer.value("", base),
        signer.value("", {**base, "dest": {"tn": ["12025550199"], "uri": ["sip:help@example.net"]}}),
        signer.value("rph", {**base, "rph": {"auth": ["ets.0", "esnet.1"]}, "sph": "psap-callback"}),
        signer.value("rcd", {**base, "crn": "Delivery", "rcd": {"nam": "X"}, "rcdi": {"/nam": digest(b'"X"')}}),
        signer.value("msg", {**base, "msgi": digest(b"Hello")}),
        signer.value("shaken", {**base, "attest": "B", "origid": ORIGID, "mky": [{"alg": "sha-256", "dig": "AB"}]}),
        signer.value("div-o", {**base, "dest": {"tn": ["12025550177"]}, "div": {"tn": "12025550199"}, "opt": usual.partition(b";")[0].decode()}),
        b'"QQ=="',
        b".." + usual.partition(b";")[0].rpartition(b".")[2] + f";info=<{URL}>".encode(),
    ]
    return [*found, usual + b", " + div, div + b"," + usual]


def extensions() -> list[bytes]:
    """Good values of the extensions of a certificate."""
    return [
        tnauthlist.to_der(TNAuthList(("709J",), (("12025550100", 100),), ("12025550123",))),
        tnauthlist.to_der(TNAuthList(numbers=tuple(str(12025550100 + at) for at in range(40)))),
        constraints.to_der(Constraints(("rcd",), (("attest", ("B", "C")), ("crn", ("Caf\u00e9",))), ("priority",))),
    ]


def claims_changed(value: bytes, rng: Random, corpus: list[bytes]) -> bytes:
    """Damage inside a token: to its header, its claims or its signature, signed anew half of the time."""
    token, semicolon, tail = value.partition(b";")
    parts = token.split(b".")
    if len(parts) != 3:
        return value
    at = rng.choice((0, 1, 1, 1, 2))
    try:
        parts[at] = encode(mutated(decode(parts[at]), rng, corpus))
    except ParseError:
        return value
    if at < 2 and rng.random() < 0.5:
        parts[2] = encode(sign_octets(KEY, b".".join(parts[:2])))
    return b".".join(parts) + semicolon + tail


def run(count: int, seed: int, told: Callable[[int], None] = lambda done: None) -> tuple[Counter[str], list[str]]:
    """What became of so many inputs, and what should not have happened."""
    whole, ders = values(), extensions()
    corpus = whole + ders
    seen: Counter[str] = Counter()
    findings: list[str] = []
    for number in range(count):
        rng = Random(seed * 1_000_003 + number)
        kind = rng.random()
        wires: list[bytes] = []
        of: files.Kind | None = None
        again = False
        if kind < 0.1:
            data = mutated(rng.choice(ders), rng, ders)
        elif kind < 0.2:
            of = rng.choice(files.KINDS)
            data, again = files.damaged(of, rng)
        else:
            wires = [rng.choice(whole) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
            change = claims_changed if kind < 0.6 else mutated
            data = wires[0] = change(wires[0], rng, corpus)
        try:
            for reader in READERS:
                try:
                    reader(data)
                    seen["read"] += 1
                except ParseError:
                    seen["refused"] += 1
            for file in files.KINDS:
                # A file is asked about what it is; of what is none, or another's, nothing may hold.
                signed = of is file and again
                seen["file read" if files.asked(file, data, signed) else "file refused"] += 1
            quick.read(data)
            reason.ppi(data)
            reason.parse([data])
            if wires:
                call, rules = rng.choice(CALLS), rng.choice(RULES)
                hearing = open_hearing(wires, call, rules, IAT + 1.0, SAID)
                found = conclude(hearing, {URL: CREDENTIAL}, IAT + 1.0)
                reason.reasons(hearing, found)
                judgement = found.judgement
                seen["proved" if judgement is not None and judgement.proved else "not proved"] += 1
                if judgement is not None and judgement.proved:
                    token = judgement.passport
                    assert token is not None and CREDENTIAL.holds(token.signature, token.signing_input)
                    assert token.orig_tn == call.caller and "forbidden" not in token.claims
        except Exception as error:  # what must not happen
            findings.append(f"seed {seed} number {number}: {error!r} for {data[:200]!r}")
            if len(findings) >= 20:
                break
        if number % 1000 == 999:
            told(number + 1)
    return seen, findings


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz.identity", description=__doc__)
    asked.add_argument("--count", type=int, default=1_000_000)
    asked.add_argument("--seed", type=int, default=1)
    of = asked.parse_args()
    begun = time.monotonic()
    seen, findings = run(of.count, of.seed)
    print(f"{of.count:,} inputs of seed {of.seed} in {time.monotonic() - begun:.0f} s: " + ", ".join(f"{name} {many:,}" for name, many in sorted(seen.items())))
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
