"""What is learned while calls go on: people who opt out by a text message, and the numbers that our own people call.

Both take effect in this worker at once, in the others within a second, and are kept over a restart. Files: `optout.csv`
and `learned.csv` in the folder of the lists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from policy.agreements import COLUMNS, EVERYBODY, Agreements, OptOut, line, parse, stop_word
from policy.learned import Learned
from policy.letter import moment
from policy.lists import number
from policy.rulebook import Rulebook
from proxy.lists.diary import Diary
from proxy.lists.kinds import FOLDER, day

EVERY_SECONDS = 1.0
"""How soon the other workers know."""
SPARE = 1000
"""Lines beyond twice the needed ones that a file may have before it is tidied."""
OPTED, LEARNED = "optout.csv", "learned.csv"


class Promises:
    """One worker's. Without a state folder what is learned lasts as long as the process."""

    def __init__(self, state: Path | None, learned: Learned | None, say: Callable[..., None]) -> None:
        """`learned`: None where nothing is to be learned."""
        self.live = Agreements()
        self.learned = learned
        self._say = say
        self._told: set[Path] = set()
        """Files whose fault was said: it is said again only after they were well."""
        folder = state / FOLDER if state is not None else None
        self._opted = Diary(folder / OPTED) if folder is not None else None
        self._numbers = Diary(folder / LEARNED) if folder is not None and learned is not None else None

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""
        return sum(one.dropped for one in (self._opted, self._numbers) if one is not None)

    def restore(self) -> None:
        """Read what was written down before this start."""
        if self._opted is not None:
            self._read_opted(self._lines(self._opted, self._opted.everything))
        if self._numbers is not None:
            self._read_learned(self._lines(self._numbers, self._numbers.everything))

    def tidy(self, utc: float) -> None:
        """Write the files anew where most of their lines say nothing any more. One process does it."""
        if self._opted is not None and self._opted.lines > 2 * len(self.live) + SPARE:
            self._tidied(self._opted, self._read_opted, lambda: map(line, self.live.opt_outs(utc)))
        learned = self.learned
        if self._numbers is not None and learned is not None and self._numbers.lines > 2 * len(learned) + SPARE:
            known = (f"+{tn},{day(last)}" for tn, last in learned.entries(utc))
            self._tidied(self._numbers, self._read_learned, lambda: known)

    def _tidied(
        self, diary: Diary, read: Callable[[Iterable[str]], None], lines: Callable[[], Iterable[str]]
    ) -> None:
        def made(fresh: list[str]) -> Iterable[str]:
            read(fresh)
            return lines()

        try:
            diary.tidy(made)
        except OSError as error:
            self._fault(diary, error)

    def take_over(self, book: Rulebook) -> None:
        """Let a new rulebook know what is known here. A matter of two pointers: calls do not wait for it."""
        if book.agreements is not None:
            book.agreements.live = self.live
        if book.learned is not None and self.learned is not None:
            book.learned.adopt(self.learned)

    def message(self, ours: str | None, theirs: str | None, text: str, utc: float) -> str | None:
        """A text message from outside. Where it is a stop word, its sender opted out of calls and messages of the
        number that it was sent to; gives back the word."""
        word = stop_word(text)
        if word is None or theirs is None:
            return None
        record = OptOut(ours if ours is not None else EVERYBODY, theirs, float(int(utc)), "any", word)
        self.live.add(record)
        if self._opted is not None:
            self._opted.put(line(record))
        return word

    def answered(self, callee: str | None, purpose: str, utc: float) -> None:
        """A call of our own people was answered. Telemarketing calls strangers, so it teaches nothing."""
        learned = self.learned
        if learned is None or callee is None or len(callee) < 7 or purpose == "telemarketing":
            return
        utc = float(int(utc))
        if learned.note(callee, utc) and self._numbers is not None:
            self._numbers.put(f"+{callee},{day(utc)}")

    async def keep(self) -> None:
        """Exchange with the other workers, for ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.exchange()

    async def exchange(self) -> None:
        """Write down what is new here, and learn what is new elsewhere."""
        for diary, read in ((self._opted, self._read_opted), (self._numbers, self._read_learned)):
            if diary is not None:
                try:
                    read(await asyncio.to_thread(diary.exchange))
                    self._told.discard(diary.path)
                except OSError as error:
                    self._fault(diary, error)

    def close(self) -> None:
        """Write what waits."""
        for diary in (self._opted, self._numbers):
            if diary is not None:
                self._lines(diary, diary.exchange)

    def _lines(self, diary: Diary, read: Callable[[], list[str]]) -> list[str]:
        try:
            return read()
        except OSError as error:
            self._fault(diary, error)
            return []

    def _fault(self, diary: Diary, error: OSError) -> None:
        if diary.path not in self._told:
            self._told.add(diary.path)
            self._say("promises-unwritten", level="error", path=str(diary.path), fault=repr(error))

    def _read_opted(self, lines: Iterable[str]) -> None:
        records, _ = parse("optout", "\n".join((",".join(COLUMNS["optout"]), *lines)))
        for record in records:
            self.live.add(record)

    def _read_learned(self, lines: Iterable[str]) -> None:
        assert self.learned is not None
        for one in lines:
            tn, _, when = one.partition(",")
            try:
                self.learned.note(number(tn), moment(when))
            except ValueError:
                continue  # a line that was cut off by a crash
