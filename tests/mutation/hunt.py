"""Which tests could notice a fault, and whether one does.

The tests are collected once, and run once without any fault: which functions each of them enters is written down then, and
how long it takes. Then the process splits for each fault: the child exchanges the function's code in the living module and
runs the tests that enter it, the quickest first, to the first that fails.

What is made while tests are collected is made without the fault. So the functions that run at that time are named too
(`early`), and a fault in one of them that nobody noticed is to be asked once more from the very beginning.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from tests.mutation.children import end, ended, forget, split
from tests.mutation.faults import ROOT, Fault, living

INSIDE = tuple(str(ROOT / name) + os.sep for name in ("shaken", "policy", "certs", "proxy"))
OURS = ("shaken", "tests", "certs", "policy", "proxy")
PATIENCE = 20.0
"""A child may take that many times what its tests take without a fault, and some seconds: a fault may well make a loop
endless."""
SECONDS = 5.0

Place = tuple[str, str]
"""A file and the outermost function in it, by qualified name."""


@contextmanager
def watching(entered: set[Place]) -> Iterator[None]:
    """Notes the functions of ours that are entered meanwhile."""
    known: dict[Any, Place | None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            code = frame.f_code
            if code not in known:
                inside = code.co_filename.startswith(INSIDE)
                name = code.co_qualname.partition(".<locals>")[0]
                known[code] = (os.path.relpath(code.co_filename, ROOT), name) if inside else None
            if (place := known[code]) is not None:
                entered.add(place)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def exchanged(fault: Fault) -> bool:
    """Puts the fault into the living module; False if it has no such function."""
    forget(OURS)
    functions = living(importlib.import_module(fault.path[:-3].replace("/", ".")), fault.function)
    for function in functions:
        function.__code__ = fault.code
    return bool(functions)


class Children:
    """So many at a time; each must end by its time."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._living: dict[int, tuple[Fault, float]] = {}
        self.unnoticed: list[Fault] = []

    def ask(self, fault: Fault, seconds: float, work: Callable[[], int]) -> None:
        while len(self._living) >= self._jobs:
            self._look()
        self._living[split(work)] = (fault, time.monotonic() + seconds)

    def wait(self) -> None:
        while self._living:
            self._look()

    def _look(self) -> None:
        """Wait until one has ended, or its time has."""
        first = min(until for _, until in self._living.values())
        for child, code in ended(self._living, first - time.monotonic()).items():
            fault, _ = self._living.pop(child)
            if code == 0:
                self.unnoticed.append(fault)
        now = time.monotonic()
        for child in [child for child, (_, until) in self._living.items() if until <= now]:
            end(child)
            del self._living[child]


class Hunt:
    """A plugin of pytest that takes the place of its loop."""

    def __init__(self, faults: Sequence[Fault], jobs: int, told: Callable[[str, int, list[Fault]], None]) -> None:
        """told: of each file, how many faults it has and which of them nobody noticed."""
        self._faults, self._jobs, self._told = faults, jobs, told
        self.early: set[Place] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Iterator[None]:
        with watching(self.early):
            return (yield)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        enter: dict[Place, list[int]] = defaultdict(list)
        took: list[float] = []
        for at, item in enumerate(session.items):
            forget(OURS)
            entered: set[Place] = set()
            began = time.perf_counter()
            with watching(entered):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            took.append(time.perf_counter() - began)
            for place in entered:
                enter[place].append(at)
        if session.testsfailed:
            return True
        for path in sorted({fault.path for fault in self._faults}):
            mine = [fault for fault in self._faults if fault.path == path]
            children = Children(self._jobs)
            for fault in mine:
                order = sorted(enter[(fault.path, fault.function)], key=took.__getitem__)
                patience = SECONDS + PATIENCE * sum(took[at] for at in order)
                children.ask(fault, patience, lambda fault=fault, order=order: self._asked(session, fault, order))  # type: ignore[misc]
            children.wait()
            left = {id(fault) for fault in children.unnoticed}
            self._told(path, len(mine), [fault for fault in mine if id(fault) in left])
        return True

    @staticmethod
    def _asked(session: pytest.Session, fault: Fault, order: Sequence[int]) -> int:
        if not exchanged(fault):
            return 0  # not to be reached: counted as unnoticed, so that it is seen
        for at in order:
            item = session.items[at]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.testsfailed:
                return 1
        return 0


def afresh(faults: Sequence[Fault], tests: Sequence[str], words: Sequence[str], seconds: float, jobs: int) -> list[Fault]:
    """Those of the faults that nobody notices either where tests are collected with the fault in place."""
    # The modules that the tests themselves made are made again in each child.
    for name in [name for name in sys.modules if name.startswith("tests.") and not name.startswith("tests.mutation")]:
        del sys.modules[name]

    def work(fault: Fault) -> int:
        own = f"tests/shaken/test_{fault.path.rpartition('/')[2]}"
        order = [own, *tests] if (ROOT / own).exists() else [*tests]
        return int(pytest.main(["-x", *words, *order])) if exchanged(fault) else 0

    children = Children(jobs)
    for fault in faults:
        children.ask(fault, SECONDS + PATIENCE * seconds, lambda fault=fault: work(fault))  # type: ignore[misc]
    children.wait()
    return children.unnoticed
