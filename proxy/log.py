"""Log lines: JSON objects on standard error, written by a thread of their own.

A line is put on a bounded queue and forgotten: when standard error blocks, or the disk behind it is full,
calls go on and lines are dropped and counted. No line at `info` or above holds a full phone number: fields
that name a party are masked, and so is a number inside any other text. Call-IDs stay: they are what lines
are found by.
"""

from __future__ import annotations

import json
import logging
import os
import re
import select
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
BOUND = 4096
"""Lines that may wait for standard error: at a few hundred octets each, about a megabyte."""
MAX_TEXT = 1024
"""Characters of one field; what a hostile peer can make us say has an end."""
MAX_LINE = 16_384
CLOSE_SECONDS = 2.0
"""How long a stop waits for lines that were not written yet."""

PARTIES = frozenset({"caller", "callee", "number", "from", "to", "orig", "dest", "asserted", "display"})
"""Fields that name a party: masked however the number is written."""
WHOLE = frozenset({"call_id", "origid", "id", "ts", "level", "event"})
"""Fields that are never a number."""
_NUMBER = re.compile(r"(?<![\w.-])\+?\d{7,15}(?![\w.-])")
HIDDEN = 4
SHORT = 7
"""Fewer digits are a short code or an extension, which nobody is found by."""

Line = tuple[float, str, str, dict[str, Any]]


def mask(number: str) -> str:
    """A number that can be told from others and not be dialled: `12025550123` -> `1202555****`. Short codes
    stay.
    """
    places = [place for place, char in enumerate(number) if char.isdigit()]
    if len(places) < SHORT:
        return number
    chars = list(number)
    for place in places[-HIDDEN:]:
        chars[place] = "*"
    return "".join(chars)


def formatted(line: Line) -> bytes:
    """One line as it is written. Never raises."""
    at, level, event, fields = line
    whole: dict[str, Any] = {
        "ts": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1000):03d}Z",
        "level": level,
        "event": event,
    }
    for key, value in fields.items():
        whole[key] = _shown(key, value, LEVELS[level] >= LEVELS["info"])
    text = json.dumps(whole, ensure_ascii=True, separators=(",", ":"))
    if len(text) > MAX_LINE:
        text = json.dumps({**{key: whole[key] for key in ("ts", "level", "event")}, "cut": len(text)})
    return text.encode() + b"\n"


def _shown(key: str, value: Any, masked: bool) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else str(value)
    if masked and key in PARTIES:
        text = mask(text)
    elif masked and key not in WHOLE:
        text = _NUMBER.sub(lambda found: mask(found[0]), text)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."


class Log:
    """Where the edge says what an operator would act on."""

    def __init__(
        self,
        level: str = "info",
        handle: int = 2,
        utc: Callable[[], float] = time.time,
        bound: int = BOUND,
    ) -> None:
        """handle: the file descriptor that is written to."""
        self.dropped = 0
        """Lines that found the queue full or could not be written."""
        self._least = LEVELS[level]
        self._handle = handle
        self._utc = utc
        self._bound = bound
        self._queue: SimpleQueue[Line | None] = SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def say(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """One line. event: a slug that never changes; fields: `call_id` where there is one, then what
        matters.
        """
        if LEVELS[level] < self._least:
            return
        if self._closing or self._queue.qsize() >= self._bound:
            self.dropped += 1
            return
        self._queue.put((self._utc(), level, event, fields))

    def capture(self) -> logging.Handler:
        """Take over what libraries say through `logging`, so that they cannot block on standard error
        either.
        """
        handler = _Captured(self)
        root = logging.getLogger()
        root.handlers[:] = [handler]
        root.setLevel(logging.WARNING)
        return handler

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Write what waits, but no longer than this; what is left then is lost."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        self._thread.join(seconds)

    def _write(self) -> None:
        while (line := self._queue.get()) is not None:
            try:
                self._put(formatted(line))
            except Exception:
                # Nobody is left to be told: a log that fails counts, and goes on.
                self.dropped += 1

    def _put(self, octets: bytes) -> None:
        while octets:
            try:
                octets = octets[os.write(self._handle, octets) :]
            except BlockingIOError:
                # Whoever shares the terminal may have made it non-blocking.
                select.select([], [self._handle], [], 1.0)


class _Captured(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        fault = repr(record.exc_info[1]) if record.exc_info and record.exc_info[1] is not None else None
        extra = {} if fault is None else {"fault": fault}
        self._log.say("library", level=level, name=record.name, said=record.getMessage(), **extra)
