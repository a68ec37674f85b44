from __future__ import annotations

import pytest

from policy.decide import reason_slugs
from policy.grounds import ground
from policy.verdict import Class, Finding


@pytest.mark.req("REG-064")
def test_every_finding_stands_on_a_paragraph_and_none_says_unlawful() -> None:
    for slug in reason_slugs():
        if slug != "none":
            assert ground(slug), slug
            assert "illegal" not in ground(slug)
    assert ground("nothing-such") == ""
    assert Finding("hours-closed", Class.DUTY, 50, "").ground.startswith("16 CFR 310.4(c)")
