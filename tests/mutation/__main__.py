"""Would a test notice? `make mutate`: one small fault at a time is put into a function, and its tests must fail.

A child process per fault (`hunt`): the code of the function is exchanged in the living module, and the tests that enter it
run to their first failure. What survives is listed with its line: it shows a test that is missing, or code that says nothing. Those
that somebody has looked at stand in `survivors.toml` with the reason; the others are listed as new.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time

import pytest

from tests.mutation.faults import ROOT, Fault, faults
from tests.mutation.hunt import Hunt, afresh
from tests.mutation.looked_at import rows as looked_at

SHARE = 0.15
"""Of the faults that may survive."""
NONE_IN = {
    "shaken/verify.py": ("examine", "examined", "compared", "_mismatched", "_claims", "acceptable", "judge", "limited", "_unauthorised", "_without", "read", "_parts"),
    "shaken/quick.py": ("read", "signer"),
    "shaken/credential.py": ("Credential.holds", "Credential.covers", "Credential.valid_at", "validate", "_path", "_within", "_limits"),
    "shaken/hearing.py": ("open_hearing", "_part", "_examined", "_unwrap", "_readable", "_link", "_recent", "_excused", "conclude", "_concluded", "_later", "_unlinked", "_speaking"),
}
"""The steps of the judgement itself, by file: nothing may survive there."""
WORDS = ("-q", "--no-header", "-p", "no:cacheprovider", "-p", "tests.mutation.few")


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    asked.add_argument("files", nargs="*", help="files of ours, with --tests of theirs (default: all of shaken/)")
    asked.add_argument("--tests", nargs="*", default=["tests/shaken"])
    asked.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    asked.add_argument("--every", type=int, default=1, help="look at each so manieth fault only")
    of = asked.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    began = time.monotonic()
    files = [ROOT / name for name in of.files] or sorted((ROOT / "shaken").glob("*.py"))
    tried: list[Fault] = []
    for path in files:
        importlib.import_module(str(path.relative_to(ROOT))[:-3].replace("/", "."))
        tried += faults(path)[:: of.every]
    rows: list[tuple[str, int, list[Fault]]] = []

    def told(path: str, total: int, survived: list[Fault]) -> None:
        rows.append((path, total, survived))
        print(f"\n{path}: {total} faults, {len(survived)} unnoticed at first", flush=True)

    hunt = Hunt(tried, of.jobs, told)
    if pytest.main([*WORDS, *of.tests], plugins=[hunt]):
        print("the tests fail without any fault")
        return 2
    took = time.monotonic() - began
    early = [fault for _, _, left in rows for fault in left if (fault.path, fault.function) in hunt.early]
    print(f"\n{took:.0f} s; {len(early)} of them are in functions that run while tests are collected: asked again from the beginning")
    again = {id(fault) for fault in early} - {id(fault) for fault in afresh(early, of.tests, WORDS, 15.0, of.jobs)}
    left: list[Fault] = []
    known = {row.key: row for row in looked_at()}
    for path, total, unnoticed in rows:
        survived = [fault for fault in unnoticed if id(fault) not in again]
        left += survived
        print(f"{path}: {total} faults, {len(survived)} survive ({len(survived) / total:.0%})")
        for fault in survived:
            row = known.get((fault.path, fault.function, fault.what))
            print(f"  {fault.path}:{fault.line} {fault.function}: {fault.what}  ({f'{row.kind}: {row.why}' if row else 'NEW: nobody has looked at it'})")
    core = [fault for fault in left if fault.function in NONE_IN.get(fault.path, ())]
    share = len(left) / len(tried) if tried else 0.0
    print(f"{time.monotonic() - began:.0f} s")
    print(f"{len(tried)} faults, {len(left)} survive ({share:.1%}, at most {SHARE:.0%}); in the steps of the judgement {len(core)}, at most 0")
    return 1 if share > SHARE or core else 0


if __name__ == "__main__":
    sys.exit(main())
