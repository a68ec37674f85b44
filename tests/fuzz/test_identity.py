"""A short run of the fuzzer of Identity headers and certificate extensions; the long one is `python -m tests.fuzz.identity`."""

from __future__ import annotations

import pytest

from tests.fuzz.identity import run


@pytest.mark.req("STI-041", "TRAP-18", "TRAP-32")
@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_headers_and_extensions_raise_our_errors_only_and_prove_nothing(seed: int) -> None:
    seen, findings = run(1500, seed)
    assert findings == []
    assert min(seen["read"], seen["refused"], seen["proved"], seen["not proved"]) > 50
