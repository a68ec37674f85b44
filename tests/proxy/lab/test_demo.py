"""The demo is the product in one command: it must come out as it says, on any free ports."""

from __future__ import annotations

import asyncio
import io
import os
import select
import signal
import socket
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import cpu
from proxy.lab import demo
from proxy.lab.cases import CASES
from proxy.lab.demo import run
from proxy.lab.ports import is_free
from proxy.settings import load
from tests.waiting import SECONDS, until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own: the demo notes its journal there."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


async def test_every_call_of_the_demo_comes_out_as_expected(tmp_path: Path, home: Path) -> None:
    said = io.StringIO()
    code = await run(folder=tmp_path, console=Console(file=said, width=140), wanted={})
    assert code == 0, said.getvalue()
    assert f"{len(CASES)} calls, {len(CASES)} as expected" in said.getvalue()
    assert "UNEXPECTED" not in said.getvalue()
    assert (home / demo.NOTE).read_text() == f"{tmp_path / 'journal.db'}\n"


def test_the_demo_has_the_calls_that_it_promises() -> None:
    assert len(CASES) >= 14
    assert {case.signed for case in CASES} >= {"A", "B", "C", ""}
    assert {case.verdict for case in CASES} == {"allow", "tag", "reject", "emergency"}


async def test_one_call_that_comes_out_otherwise_ends_the_demo_badly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "CASES", (CASES[3], replace(CASES[3], reason="campaign-number")))
    said = io.StringIO()
    assert await run(folder=tmp_path, console=Console(file=said), wanted={}) == 1
    text = said.getvalue()
    assert text.count("UNEXPECTED") == 1 and "2 calls, 1 as expected" in text
    assert "call 2, unsigned is normal: journal: reason 'none', expected 'campaign-number'" in text


async def test_a_demo_that_cannot_come_up_says_why(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    said = io.StringIO()
    assert await run(folder=tmp_path / "taken", console=Console(file=said), wanted={}) == 1
    assert "the demo did not come up" in said.getvalue()


async def started(folder: Path, *more: str) -> asyncio.subprocess.Process:
    """A demo as a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy.cli", "demo", "--folder", str(folder), *more, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # What a shell starts in the background ignores Ctrl-C, and so do the children of that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


async def heard(process: asyncio.subprocess.Process, words: bytes) -> None:
    """Returns once it has said this."""
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        async for line in process.stdout:
            if words in line:
                return
    raise AssertionError(f"it ended before it said {words!r}")


@pytest.mark.parametrize(
    ("more", "words", "code"), [(("--keep",), b"Ctrl-C ends it", 0), ((), b"fake PBX", 130)], ids=["kept", "half-way"]
)
async def test_ctrl_c_takes_the_world_down(more: tuple[str, ...], words: bytes, code: int, tmp_path: Path) -> None:
    folder = tmp_path / "world"
    process = await started(folder, *more)
    try:
        await heard(process, words)
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            process.send_signal(signal.SIGINT)
            rest = await process.stdout.read()
            assert await process.wait() == code, rest.decode()
        assert b"Traceback" not in rest
        listener = load(folder / "ringwarden.toml").listeners[0]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((listener.host, listener.port))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_demo_that_is_killed_leaves_no_ringwarden_and_no_taken_port(tmp_path: Path) -> None:
    folder = tmp_path / "world"
    process = await started(folder, "--keep")
    try:
        await heard(process, b"Ctrl-C ends it")
        ringwardens = [os.pidfd_open(one) for one in cpu.tree(process.pid)[1:]]
        process.kill()
        await process.wait()
        settings = load(folder / "ringwarden.toml")
        admin = settings.admin
        assert ringwardens and admin is not None
        for one in ringwardens:
            await until(lambda one=one: select.select([one], [], [], 0)[0], "the end of what the demo has started")  # type: ignore[misc]
            os.close(one)
        assert is_free(settings.listeners[0].port, socket.SOCK_DGRAM) and is_free(admin.port, socket.SOCK_STREAM)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
