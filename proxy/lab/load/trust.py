"""What signs the calls of a load: a key with its certificate, a repository on loopback that serves it, and the anchors
that the proxy under test must believe. Kept in a folder, so that a proxy which was told of them once goes on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from certs.lab import Authority
from proxy import tied
from proxy.lab.load.fleet import LoadError
from proxy.lab.load.plan import Signing

ROOT = str(Path(__file__).resolve().parents[3])
"""Where our packages are, for programs that are started from the source."""
READY = 60.0
GRACE = 15.0


def environment() -> dict[str, str]:
    """For a program of ours."""
    path = os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


class Program:
    """A program of ours, started in a folder. Use it in a `with` block, which ends it; it ends with us too."""

    def __init__(self, folder: Path, name: str, *words: str, cores: tuple[int, ...] = ()) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                tied.command([sys.executable, "-m", *words]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment(),
            )  # fmt: skip
        if cores:
            os.sched_setaffinity(self.process.pid, cores)

    def says(self, beginning: str, seconds: float = READY) -> str:
        """Wait for a line that begins so. Raises LoadError with what was said instead."""
        until = time.monotonic() + seconds
        while True:
            text = self.log.read_text(encoding="utf-8", errors="replace")
            for line in text.splitlines():
                if line.startswith(beginning):
                    return line
            if self.process.poll() is not None or time.monotonic() > until:
                raise LoadError(f"{self.name} did not start:\n{text[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(GRACE)

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Trust:
    """Key, certificates and repository in one folder. Use it in a `with` block, which ends the repository."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """port: of the repository on loopback; 0 takes a free one. Raises OSError, LoadError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.anchors, self.web_ca = folder / "anchors.pem", folder / "web-ca.pem"
        served, key = folder / "served", folder / "bench.key"
        tls = (folder / "repository.pem", folder / "repository.key")
        if not all(path.exists() for path in (self.anchors, self.web_ca, key, *tls)):
            authority = Authority()
            self.anchors.write_bytes(authority.anchors_pem)
            self.web_ca.write_bytes(authority.web_ca_pem)
            served.mkdir(exist_ok=True)
            authority.tls().save(folder, "repository")
            leaf = authority.leaf("709J", organisation="Load Carrier")
            (served / "bench.pem").write_bytes(leaf.chain_pem())
            leaf.save(folder, "bench")
        self.key = key
        self._repository = Program(
            folder, "repository", "proxy.lab.repository",
            "--folder", str(served), "--cert", str(tls[0]), "--key", str(tls[1]), "--port", str(port),
        )  # fmt: skip
        try:
            self.url = self._repository.says("https://") + "/bench.pem"
        except BaseException:
            self._repository.stop()
            raise

    @property
    def signing(self) -> Signing:
        return Signing(self.key.read_bytes(), (self.url,))

    def __enter__(self) -> Trust:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._repository.stop()
