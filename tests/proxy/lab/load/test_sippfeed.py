"""Fresh tokens for sipp: each read finds one that is new, however often sipp goes round."""

from __future__ import annotations

from pathlib import Path

import pytest

from certs.lab import Authority
from proxy.lab.load.plan import Signing
from proxy.lab.load.sippfeed import ROUND, Feed

HOW = Signing(Authority(seed="load").leaf("709J").key_pem(), ("https://127.0.0.1:1/x.pem",))


def test_the_injection_file_names_a_slot_for_each_row(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "calls.csv", HOW, rate=20.0)
    head, *rows = feed.path.read_text().splitlines()
    assert head == "SEQUENTIAL" and len(rows) == 20 * ROUND
    for row in rows:
        caller, callee, slot = row.split(";")
        assert Path(slot).read_bytes().startswith(b"Identity: ey") and caller != callee
    assert '[file name="[field2]"]' in feed.scenario.read_text()
    feed.remove()
    assert list(tmp_path.iterdir()) == []


def test_whoever_reads_at_the_rate_never_reads_a_token_twice(tmp_path: Path) -> None:
    rate, now, read = 20.0, 0.0, []
    feed = Feed(tmp_path / "calls.csv", HOW, rate)

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        while len(read) < now * rate:  # sipp, which reads the slots in their order
            read.append(feed.slots[len(read) % len(feed.slots)].read_bytes())

    feed.keep(lambda: len(read) >= 3.2 * len(feed.slots), lambda: now, sleep)
    assert len(set(read)) == len(read) > 300


def test_a_folder_that_sipp_cannot_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sipp cannot read"):
        Feed(tmp_path / ("x" * 220), HOW, 1.0)
