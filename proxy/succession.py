"""`ringwarden upgrade`: a control socket in the state folder, and the start of a successor beside ourselves.

The one who is called (`ringwarden upgrade` of the new version) says how it is started; the one that runs starts it, so
that it belongs to the same service. Until the new one has said that it could serve, nothing changes; if it does not,
the old one goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.workers.legacy import ENVIRONMENT, GO, READY, Legacy, LegacyError, Link, give, received

NAME = "ringwarden.sock"
MAX_REQUEST = 64 * 1024
START_SECONDS = 60.0
"""How long a new version may take until it could serve: a big list is read in ten."""
LOOK_SECONDS = 0.2
"""How often the control socket is looked at."""
END_SECONDS = 0.2
"""How long a successor that gives up may take to end; calls wait for that."""
ONE_AT_A_TIME = "the version before has calls to end; try again when it is gone, in four minutes at most"
PASSED_ON = ("PYTHONPATH", "PATH", "VIRTUAL_ENV")
"""Of the environment of who asks."""


class SuccessionError(Exception):
    """There is no successor; with a sentence."""


@dataclass(slots=True)
class Asked:
    """Somebody wants an upgrade."""

    command: list[str]
    environment: dict[str, str]
    link: socket.socket

    def answer(self, text: str, well: bool) -> None:
        with contextlib.suppress(OSError):
            self.link.send(json.dumps({"well": well, "text": text}).encode())
        self.link.close()


class Control:
    """The socket that an upgrade is asked by; for our own user and root."""

    def __init__(self, folder: Path) -> None:
        """Takes the place of a socket that is there. Raises OSError."""
        self.path = folder / NAME
        draft = folder / f".{NAME}.{os.getpid()}"
        draft.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.setblocking(False)
            self._socket.bind(str(draft))
            os.chmod(draft, 0o600)
            self._socket.listen(4)
            os.replace(draft, self.path)
        except BaseException:
            self._socket.close()
            draft.unlink(missing_ok=True)
            raise
        self._file = os.stat(self.path).st_ino
        self._came: list[tuple[float, socket.socket]] = []

    def asked(self) -> Asked | None:
        """What somebody asks for, if anybody does."""
        with contextlib.suppress(OSError):
            link, _ = self._socket.accept()
            _, user, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            link.setblocking(False)
            if user in (0, os.geteuid()) and len(self._came) < 4:
                self._came.append((time.monotonic(), link))
            else:
                link.close()
        for one in tuple(self._came):
            try:
                request = json.loads(one[1].recv(MAX_REQUEST))
                self._came.remove(one)
                command, environment = request["command"], request["environment"]
                chosen = {str(k): str(v) for k, v in environment.items() if k in PASSED_ON}
                return Asked([str(word) for word in command], chosen, one[1])
            except BlockingIOError:
                if time.monotonic() - one[0] < 2.0:
                    continue
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                pass
            if one in self._came:
                self._came.remove(one)
            one[1].close()
        return None

    def close(self) -> None:
        """Let it go; a successor's socket at the same place stays."""
        self._socket.close()
        with contextlib.suppress(OSError):
            if os.stat(self.path).st_ino == self._file:
                self.path.unlink()


class Successor:
    """A new version that has been started beside us."""

    def __init__(self, asked: Asked, config: Path, legacy: Legacy) -> None:
        """Raises SuccessionError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(5.0)
        command = [*asked.command, "run", "--config", str(config.absolute()), "--workers", str(legacy.workers)]
        environment = {**os.environ, **asked.environment, ENVIRONMENT: str(theirs.fileno())}
        environment.pop("WATCHDOG_PID", None)
        self._until = time.monotonic() + START_SECONDS
        try:
            self.process = subprocess.Popen(
                command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )
        except OSError as error:
            ours.close()
            raise SuccessionError(f"it cannot be started: {error}") from error
        finally:
            theirs.close()
        self._link = Link(ours)
        try:
            give(ours, legacy)
        except OSError as error:
            self.end()
            raise SuccessionError(f"it did not take what was handed over: {error}") from error
        ours.setblocking(False)

    def ready(self) -> bool:
        """Whether it could serve. Raises SuccessionError where it never will."""
        word = self._link.heard()
        if word == READY:
            return True
        if word is not None:
            code = self.end()
            ended = f"it ended with code {code}" if code is not None else "it has withdrawn, and has not ended yet"
            raise SuccessionError(word or f"{ended}; what it said is in the log of the service")
        if time.monotonic() > self._until:
            self.end()
            raise SuccessionError(f"it was not ready after {START_SECONDS:g} s")
        return False

    def go(self) -> None:
        """From now on it serves."""
        self._link.say(GO)

    def end(self) -> int | None:
        """It is not wanted any more. Its exit code; None: it takes its time to end, and nobody waits for that. Without
        its link it never reads a socket.
        """
        self._link.close()
        for last in (False, True):
            try:
                return self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                if not last:
                    self.process.kill()
        return None


def given_up(successor: Successor | None, error: Exception) -> str:
    """What somebody is told whose upgrade came to nothing, by whatever fault: it must not cost a call."""
    if isinstance(error, (SuccessionError, OSError)):
        return str(error)
    if successor is not None:
        successor.end()
    return repr(error)


class Heir:
    """The same from the side of the new version."""

    def __init__(self, link: socket.socket) -> None:
        """Raises LegacyError."""
        link.settimeout(10.0)
        try:
            self.legacy = received(link)
        except OSError as error:
            raise LegacyError(f"nothing was handed over: {error}") from error
        link.setblocking(False)
        self._link = Link(link)

    def ready(self) -> None:
        """Say that we could serve."""
        self._link.say(READY)

    def close(self) -> None:
        """Hear no more."""
        self._link.close()

    def refuse(self, why: str) -> None:
        """Say why we cannot."""
        self._link.say(why)

    def may_go(self) -> bool:
        """Whether we are to serve now. Raises LegacyError where the old one wants us no more."""
        word = self._link.heard()
        if word is None:
            return False
        if word != GO:
            raise LegacyError("the old version has withdrawn")
        return True


def inherited(environ: dict[str, str] | os._Environ[str] = os.environ) -> Heir | None:
    """What an older version has for us; None where we are started as usual. Raises LegacyError."""
    number = environ.pop(ENVIRONMENT, "")
    if not number:
        return None
    try:
        link = socket.socket(fileno=int(number))
        os.set_inheritable(link.fileno(), False)
    except (OSError, ValueError) as error:
        raise LegacyError(f"{ENVIRONMENT} names no socket") from error
    return Heir(link)


def ask(folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> tuple[bool, str]:
    """Ask the ringwarden of this state folder to hand over to what this command starts. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.settimeout(START_SECONDS + 20.0)
        link.connect(str(folder / NAME))
        chosen = {name: environment[name] for name in PASSED_ON if name in environment}
        link.send(json.dumps({"command": list(command), "environment": chosen}).encode())
        answer = link.recv(MAX_REQUEST)
    if not answer:
        return False, "it ended before it answered"
    told = json.loads(answer)
    return bool(told["well"]), str(told["text"])
