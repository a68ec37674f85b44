"""The Robocall Mitigation Database as a table."""

from __future__ import annotations

import pytest

from policy.upstreams import parse_rmd


def test_numbers_and_their_status_are_read_under_several_names() -> None:
    assert parse_rmd("Filing Number,Business,Status\nrmd1,A,Active\n,x,y\nRMD2,B, Removed \n") == {"RMD1": "active", "RMD2": "removed"}
    with pytest.raises(ValueError, match="number and status"):
        parse_rmd("a,b\n1,2\n")
