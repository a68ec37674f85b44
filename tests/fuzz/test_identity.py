"""Short runs of the fuzzers of Identity headers, certificate extensions and files; the long ones are
`python -m tests.fuzz.identity` and `python -m tests.fuzz.files`.
"""

from __future__ import annotations

import pytest

from tests.fuzz import files
from tests.fuzz.identity import run


@pytest.mark.req("STI-041", "TRAP-18", "TRAP-32")
@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_headers_and_extensions_raise_our_errors_only_and_prove_nothing(seed: int) -> None:
    seen, findings = run(1500, seed)
    assert findings == []
    assert min(seen[what] for what in ("read", "refused", "file read", "file refused", "proved", "not proved")) > 20


@pytest.mark.req("STI-041", "TRAP-18", "TRAP-32")
def test_hostile_files_raise_our_errors_only_and_hold_only_as_they_were_signed() -> None:
    seen, findings = files.run(400, 1)
    assert findings == []
    assert min(seen[f"{kind.name} {what}"] for kind in files.KINDS for what in ("read", "refused")) > 20


def test_the_seeds_are_the_same_in_each_run_and_most_of_them_hold() -> None:
    again = (files.crls(), files.authorities())
    assert again == tuple(list(kind.seeds) for kind in files.KINDS if kind.name in ("crl", "authorities"))
    assert {name: len(good) for name, good in files.GOOD.items()} == {"chain": 8, "crl": 3, "authorities": 1, "keys": 1}
