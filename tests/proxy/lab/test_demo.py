"""The demo is the product in one command: it must come out as it says, on any free ports."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from proxy.lab.cases import CASES
from proxy.lab.demo import run


async def test_every_call_of_the_demo_comes_out_as_expected(tmp_path: Path) -> None:
    said = io.StringIO()
    code = await run(folder=tmp_path, console=Console(file=said, width=140), wanted={})
    assert code == 0, said.getvalue()
    assert f"{len(CASES)} calls, {len(CASES)} as expected" in said.getvalue()
    assert "UNEXPECTED" not in said.getvalue()


def test_the_demo_has_the_calls_that_it_promises() -> None:
    assert len(CASES) >= 14
    assert {case.signed for case in CASES} >= {"A", "B", "C", ""}
    assert {case.verdict for case in CASES} == {"allow", "tag", "reject", "emergency"}
