"""The engines themselves, as Debian packages them, each on a port of its own for the time of the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.lab.ports import free_port
from tests.waiting import SECONDS, found


def listens(port: int, running: Callable[[], bool]) -> None:
    """Returns once the engine can be reached."""

    def open() -> bool:
        assert running(), "it did not start"
        try:
            socket.create_connection(("127.0.0.1", port), SECONDS).close()
        except OSError:
            return False
        return True

    found(open, "the engine listens")


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis or Valkey."""
    pytest.importorskip("redis", reason="the library redis is not installed")
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.DEVNULL)
    try:
        listens(port, lambda: process.poll() is None)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(SECONDS)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The DSN of a PostgreSQL."""
    pytest.importorskip("asyncpg", reason="the library asyncpg is not installed")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not programs:
        pytest.skip("postgresql is not installed")
    bin, port = programs[-1].parent, free_port()
    folder = Path(tempfile.mkdtemp(prefix="ringwarden-postgres-"))
    user: str | None = None
    if os.getuid() == 0:  # it does not run as root
        user = "postgres"
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    data = folder / "data"
    try:
        subprocess.run(
            [bin / "initdb", "-D", data, "-U", "ringwarden", "--auth=trust", "--no-sync"],
            check=True, capture_output=True, user=user, cwd=folder, timeout=3 * SECONDS,
        )  # fmt: skip
        process = subprocess.Popen(
            [bin / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user, cwd=folder,
        )  # fmt: skip
        try:
            listens(port, lambda: process.poll() is None)
            ready = [bin / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
            found(lambda: not subprocess.run(ready, capture_output=True, timeout=SECONDS).returncode, "postgres is ready")
            yield f"postgresql://ringwarden@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait(SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
