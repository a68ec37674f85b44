"""Does a test notice a change? This part runs within `mutants/`, started by `python -m tests.mutate`.

The tests are collected once, and run once unchanged: which functions each of them enters is written down then, and how long
it takes. After that the process splits for each change: the child says which one runs, and runs the tests that enter the
function, those first that noticed other changes of it, then the quickest, to the first that fails. Each verdict is a line of a file as soon as it is known.

What is made while tests are collected is made unchanged. So a change that nobody noticed, of a function that runs at that
time, is asked once more from the very beginning.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from mmap import mmap
from pathlib import Path

import pytest
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

from tests.mutation.children import end, ended, forget, split

TESTS = ("tests/proxy/sip", "tests/conversations")
WORDS = ("-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-p", "tests.mutation.few", "--rootdir=.")
PATIENCE, SECONDS = 10.0, 5.0
"""A child may take that many times what its tests take unchanged, and some seconds: a change may well make a loop endless."""
LOST = ("proxy.", "policy.", "shaken.", "certs.", "tests.")


def function_of(change: str) -> str:
    return change.partition("__mutmut_")[0]


def noticed(work: Callable[[], int], seconds: float) -> str:
    """A child does the work: "survived" if it returns 0, "killed" if it ends otherwise, or "timeout"."""
    child = split(work)
    codes = ended((child,), seconds)
    if not codes:
        end(child)
        return "timeout"
    return "killed" if codes[child] else "survived"


class Hunt:
    """A plugin of pytest that takes the place of its loop."""

    def __init__(self, changes: Sequence[str], told: Callable[[str, str], None], seconds: float) -> None:
        """told: the verdict of a change; seconds: how long to ask; 0: as long as it takes."""
        self._changes, self._told, self._seconds = changes, told, seconds
        self.end = float("inf")
        """When it is enough, by the monotonic clock."""
        self._early: set[str] = set()
        self.doubtful: list[str] = []
        """Unnoticed, of functions that run while tests are collected."""
        self.whole = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Iterator[None]:
        set_mutant_under_test("stats")
        state()._stats.clear()
        try:
            return (yield)
        finally:
            self._early = set(state()._stats)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        enter: dict[str, list[int]] = defaultdict(list)
        took: list[float] = []
        for at, item in enumerate(session.items):
            forget(LOST)
            state()._stats.clear()
            began = time.perf_counter()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            took.append(time.perf_counter() - began)
            for function in state()._stats:
                enter[function].append(at)
        self.whole = sum(took)
        if session.testsfailed:
            return True
        set_mutant_under_test("")
        forget(LOST)
        gc.collect()
        gc.freeze()  # what the children inherit is not looked through in each of them
        if self._seconds:
            self.end = time.monotonic() + self._seconds
        keen: Counter[tuple[str, int]] = Counter()
        last = mmap(-1, 8)
        for change in self._changes:
            if time.monotonic() > self.end:
                break
            function = function_of(change)
            order = sorted(enter[function], key=lambda at: (-keen[function, at], took[at]))
            if not order and function not in self._early:
                self._told(change, "no tests")
                continue

            def work(change: str = change, order: list[int] = order) -> int:
                set_mutant_under_test(change)
                for at in order:
                    last[:4] = at.to_bytes(4, "big")
                    item = session.items[at]
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                    if session.testsfailed:
                        return 1
                return 0

            verdict = noticed(work, SECONDS + PATIENCE * sum(took[at] for at in order))
            if verdict == "killed":
                keen[function, int.from_bytes(last[:4], "big")] += 1
            if verdict == "survived" and function in self._early:
                self.doubtful.append(change)
            else:
                self._told(change, verdict)
        last.close()
        return True


def afresh(change: str, seconds: float) -> str:
    """What the tests say that are collected with the change in place."""

    def work() -> int:
        os.environ["MUTANT_UNDER_TEST"] = change
        os.execv(sys.executable, [sys.executable, "-m", "pytest", "-x", *WORDS, *TESTS])

    return noticed(work, SECONDS + PATIENCE * seconds)


def main(arguments: Sequence[str]) -> int:
    """arguments: the file of verdicts, and how many seconds there are (0: as many as it takes). The changes come by standard
    input, `name mark` each, and a line of the file is `name mark verdict`.
    """
    path, seconds = arguments
    marks = dict(line.strip().split(" ", 1) for line in sys.stdin)
    sys.path.insert(0, str(Path.cwd()))
    with open(path, "a", encoding="utf-8", buffering=1) as out:
        hunt = Hunt(list(marks), lambda change, verdict: print(change, marks[change], verdict, file=out), float(seconds))
        if pytest.main([*WORDS, *TESTS], plugins=[hunt]):
            print("the tests fail unchanged", file=sys.stderr)
            return 2
        for change in hunt.doubtful:
            if time.monotonic() < hunt.end:
                print(change, marks[change], afresh(change, hunt.whole), file=out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
