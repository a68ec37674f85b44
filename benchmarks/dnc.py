"""What does the national do-not-call registry cost: to build, to keep, to ask?

Composed files of the registry, an area code each, unevenly filled, are built into the bitmap that all workers map. Asked
are hits and misses in random order, beside a bare read of a mapped octet, a set in memory, and SQLite, in the same run.
A sample of area codes goes into SQLite line by line, by other code, and must give the same answers.

By default a small registry; `--full`: 250 million numbers in 190,000 exchanges (needs 4 GB below the temporary folder).
"""

from __future__ import annotations

import argparse
import mmap
import os
import re
import resource
import shutil
import sqlite3
import sys
import tempfile
import zipfile
from array import array
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter, thread_time_ns

from policy.dnc import Bitmap
from proxy.lists.areacodes import Reading
from proxy.lists.registry import build, mapped

MOST_MB, MOST_US, MOST_READS = 300, 1.0, 2.0
"""Limits: the file, a look-up, or else a look-up beside a bare read of a mapped octet."""
PROCESSES = 4
DAY = 20_000
FORMS = ("flat", "flat", "eleven", "zip", "flat", "windows", "flat", "flat", "zip", "xml")
"""How the area codes are written, in turns: ten digits with a comma, eleven digits, CRLF, zipped, XML."""


def compose(folder: Path, areas: int, exchanges: int, numbers: int, seed: int) -> tuple[list[Path], int]:
    """Files of so many area codes with so many exchanges each, and how many numbers they hold together.

    How full an exchange is differs by the hundredfold: the shares are those of a bent line. The suffixes of one fill are
    drawn once and turned by a random step for each exchange, so that no two are alike.
    """
    random = Random(seed)
    shares = [(at + 0.5) ** 1.6 for at in range(64)]
    scale = numbers / (areas * exchanges) / (sum(shares) / len(shares))
    fills = [min(9_900, max(1, round(scale * share))) for share in shares]
    drawn = [sorted(random.sample(range(10_000), fill)) for fill in fills for _ in range(4)]
    texts = [b"".join(b"%04d" % suffix for suffix in suffixes) for suffixes in drawn]
    total, files = 0, []
    for place in range(areas):
        area, form = 201 + 2 * place, FORMS[place % len(FORMS)]
        pieces = []
        for exchange in sorted(random.sample(range(200, 1000), exchanges)):
            text = texts[random.randrange(len(texts))]
            turned = 4 * random.randrange(len(text) // 4)
            text = text[turned:] + text[:turned]
            suffixes = [text[at : at + 4] for at in range(0, len(text), 4)]
            total += len(suffixes)
            pieces.append(_written(form, area, exchange, suffixes))
        path = folder / f"{area}.{'zip' if form == 'zip' else 'txt'}"
        body = b"".join(pieces)
        if form == "xml":
            body = b"<list type='full'><ac val='%d'>\n%b</ac></list>\n" % (area, body)
        if form == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.writestr(f"{area}.txt", body)
        else:
            path.write_bytes(body)
        files.append(path)
    return files, total


def _written(form: str, area: int, exchange: int, suffixes: Sequence[bytes]) -> bytes:
    before, after = {
        "flat": (b"%d,%d", b"\n"), "zip": (b"%d,%d", b"\n"), "windows": (b"%d,%d", b"\r\n"), "eleven": (b"1%d%d", b"\n"),
    }.get(form, (b"", b"'/>\n"))  # fmt: skip
    head = b"<ph val='%d" % exchange if form == "xml" else before % (area, exchange)
    return head + (after + head).join(suffixes) + after


def built(files: Sequence[Path], out: Path) -> tuple[float, int]:
    """Seconds and peak memory (MB) of a build, in a process of its own."""
    mine, theirs = get_context("fork").Pipe()

    def work(pipe: Connection) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = perf_counter()
        reading = Reading()
        build([(path, DAY) for path in files], out, None, reading)
        pipe.send((perf_counter() - began, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, reading.refused))

    worker = get_context("fork").Process(target=work, args=(theirs,))
    worker.start()
    theirs.close()
    seconds, _, peak, refused = mine.recv()
    worker.join()
    if refused:
        raise SystemExit(f"{refused} composed lines could not be read")
    return seconds, peak // 1024


def shared(out: Path, count: int) -> float:
    """MB that the map costs in all processes together (PSS), after each has asked for random numbers."""
    context = get_context("fork")
    pipes = []

    def work(pipe: Connection, seed: int) -> None:
        registry = mapped(out)
        for tn in questions(registry, count, Random(seed)):
            registry.listed(tn)
        pipe.send(None)
        pipe.recv()  # all have asked
        found = re.search(re.escape(str(out)) + r"\n(?:.*\n)*?Pss: +([0-9]+) kB", Path("/proc/self/smaps").read_text())
        pipe.send(int(found[1]) if found else 0)
        pipe.recv()

    workers = []
    for seed in range(PROCESSES):
        mine, theirs = context.Pipe()
        pipes.append(mine)
        workers.append(context.Process(target=work, args=(theirs, seed)))
        workers[-1].start()
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send(None)
    total = sum(pipe.recv() for pipe in pipes)
    for pipe, worker in zip(pipes, workers, strict=True):
        pipe.send(None)
        worker.join()
    return float(total) / 1024


def questions(registry: Bitmap, count: int, random: Random) -> list[str]:
    """Numbers of the loaded area codes in random order, half of them listed or nearly so."""
    areas = sorted(registry.days())
    asked: list[str] = []
    hits = 0
    while len(asked) < count:
        tn = f"1{random.choice(areas)}{random.randrange(200, 1000)}{random.randrange(10_000):04}"
        hit = registry.listed(tn)
        if hit or len(asked) - hits < count // 2:
            hits += hit
            asked.append(tn)
    random.shuffle(asked)
    # A call's number was read a moment ago: the text itself must not be what the memory is waited for.
    return [str(int(tn)) for tn in asked]


def cost(act: Callable[[str], object], asked: Sequence[str]) -> float:
    """Microseconds of CPU a question, less what the loop costs."""
    began = thread_time_ns()
    for tn in asked:
        act(tn)
    middle = thread_time_ns()
    for _ in asked:
        pass
    return (2 * middle - began - thread_time_ns()) / len(asked) / 1000


def lines(path: Path) -> Iterable[str]:
    """The numbers of a composed file, read the plain way."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            text = archive.read(archive.namelist()[0]).decode()
    else:
        text = path.read_text()
    area = path.stem
    for line in text.splitlines():
        digits = "".join(re.findall("[0-9]", line))
        if "ph val" in line:
            yield "1" + area + digits[-7:]
        elif len(digits) >= 10 and "ac val" not in line:
            yield "1" + digits[-10:]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="250 million numbers in 190,000 exchanges")
    parser.add_argument("--quick", action="store_true", help="does it run at all?")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    areas, exchanges, numbers, count = (
        (350, 543, 250_700_000, 400_000) if args.full else (7, 20, 60_000, 2_000) if args.quick else (35, 100, 4_600_000, 100_000)
    )
    folder = Path(tempfile.mkdtemp(prefix="ringwarden-dnc-"))
    try:
        return _measured(folder, areas, exchanges, numbers, count, args.seed, args.quick)
    finally:
        shutil.rmtree(folder)


def _measured(folder: Path, areas: int, exchanges: int, numbers: int, count: int, seed: int, quick: bool) -> int:
    began = perf_counter()
    files, total = compose(folder, areas, exchanges, numbers, seed)
    raw = sum(path.stat().st_size for path in files)
    print(f"{total:,} numbers in {areas * exchanges:,} exchanges of {areas} area codes, {raw / 1e6:,.0f} MB of files;"
          f" composed in {perf_counter() - began:.0f} s\n")  # fmt: skip
    out = folder / "registry.dnc"
    seconds, peak = built(files, out)
    registry = mapped(out)
    size = out.stat().st_size / 1e6
    whole = len(registry) == total
    limit = MOST_MB * max(1.0, areas * exchanges / 190_000)
    print(f"built in         {seconds:8.1f} s, {1e9 * seconds / total:.0f} ns a number, at most {peak} MB of memory")
    print(f"holds            {len(registry):,} numbers in {registry.head.blocks - 1:,} exchanges: {'all' if whole else 'NOT ALL'}")
    print(f"file             {size:8.1f} MB; at most {limit:.0f}: {'kept' if size <= limit else 'NOT KEPT'}")
    print(f"{PROCESSES} processes      {shared(out, count):8.1f} MB together (PSS)")

    random = Random(seed + 1)
    # A sample in SQLite, put there by other code.
    table = sqlite3.connect(":memory:" if quick else folder / "sample.db")
    table.execute("create table listed (tn integer primary key) without rowid")
    sample = random.sample(files, min(len(files), len(FORMS)))
    for path in sample:
        table.executemany("insert or ignore into listed values (?)", ((int(tn),) for tn in lines(path)))
    table.commit()
    held = table.execute("select count(*) from listed").fetchone()[0]
    find = table.cursor()

    def in_sqlite(tn: str) -> bool:
        return find.execute("select 1 from listed where tn = ?", (int(tn),)).fetchone() is not None

    stems = [int(path.stem) for path in sample]
    hits = [str(row[0]) for row in table.execute("select tn from listed where tn % ? = 0", (max(1, held // count),))]
    asked = hits + [f"1{random.choice(stems)}{random.randrange(10_000_000):07}" for _ in range(count)]
    wrong = sum(registry.listed(tn) != in_sqlite(tn) for tn in asked)
    stored = sum(int.from_bytes(bits, "little").bit_count() for area in stems for bits in registry.blocks(area).values())
    print(f"beside SQLite    {len(asked):,} numbers of {len(sample)} area codes asked ({len(hits):,} of {held:,} listed ones): {wrong} wrong answers,"
          f" {abs(stored - held)} numbers too many or too few")  # fmt: skip

    # Look-ups, in turns.
    asked = questions(registry, count, random)
    space = mmap.mmap(os.open(out, os.O_RDONLY), 0, prot=mmap.PROT_READ)
    places = {tn: random.randrange(len(space)) for tn in asked}
    spots = array("Q", places.values())
    remembered = set(asked[::2])
    few = asked[: max(1000, count // 10)]
    figures: dict[str, list[float]] = {"look-up": [], "read": [], "set": [], "sqlite": []}
    for _ in range(2 if quick else 5):
        figures["look-up"].append(cost(registry.listed, asked))
        began_ns = thread_time_ns()
        for spot in spots:
            space[spot]
        middle = thread_time_ns()
        for _ in spots:
            pass
        figures["read"].append((2 * middle - began_ns - thread_time_ns()) / len(spots) / 1000)
        figures["set"].append(cost(remembered.__contains__, asked))
        figures["sqlite"].append(cost(in_sqlite, few))
    look, read = median(figures["look-up"]), median(figures["read"])
    ratio = median(a / b for a, b in zip(figures["look-up"], figures["read"], strict=True))
    fast = look <= MOST_US or ratio <= MOST_READS
    print(f"a look-up        {look:8.2f} us ({min(figures['look-up']):.2f} to {max(figures['look-up']):.2f}), {ratio:.1f} bare reads;"
          f" at most {MOST_US:g} us or {MOST_READS:g} reads: {'kept' if fast else 'NOT KEPT'}")  # fmt: skip
    print(f"a bare read      {read:8.2f} us of a mapped octet, from Python")
    print(f"a set            {median(figures['set']):8.2f} us in memory, of {len(remembered):,} numbers (private to each process)")
    print(f"SQLite           {median(figures['sqlite']):8.2f} us, {held:,} numbers")
    table.close()
    space.close()
    good = whole and size <= limit and not wrong and stored == held
    return 0 if good and (fast or quick) else 1


if __name__ == "__main__":
    sys.exit(main())
