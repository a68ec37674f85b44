"""A short run of the fuzzer of captured TCP; the long one is `python -m tests.fuzz.capture`."""

from __future__ import annotations

import pytest

from tests.fuzz.capture import run


@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_captures_raise_their_own_error_only_and_keep_within_bounds(seed: int) -> None:
    seen, findings = run(300, seed)
    assert findings == []
    assert min(seen["read"], seen["told"], seen["nothing to tell"]) > 20
