"""A short seeded part of `make fuzz`, and every message that ever found something."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz import ground as ground_file
from tests.fuzz.corpus import messages
from tests.fuzz.ground import Broken, Ground
from tests.fuzz.mutations import ALL, LONGEST, mutated
from tests.fuzz.run import SEEDS, Outcome, message, run

COUNT = 6_000


@pytest.mark.req("TRAP-72", "SIP-016")
@pytest.mark.parametrize("seed", [11, 12])
def test_mutated_messages_raise_nothing_but_parse_error_and_leave_nothing_behind(seed: int) -> None:
    outcome = run(COUNT // 2, seed, keep=None)
    assert outcome.findings == []
    # The run reached what it is for.
    for name in ("read", "refused by parse", "refused by check", "framed", "Arrived", "Finished", "Ringing", "Cancelled", "Stray"):
        assert outcome.seen.get(name, 0) > 5, (name, outcome.seen)


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.sip")), ids=lambda path: path.stem)
def test_what_once_found_something_finds_nothing_now(path: Path) -> None:
    for seed in range(20):
        ground = Ground()
        ground.take(path.read_bytes(), Random(seed))
        ground.settle()


def test_the_same_seed_gives_the_same_messages() -> None:
    corpus = messages()
    assert corpus == messages() and len(corpus) > 100
    one, two = (message(5, 77, corpus, Ground())[0] for _ in range(2))
    assert one == two != message(6, 77, corpus, Ground())[0]


def test_every_mutation_takes_any_bytes() -> None:
    corpus = messages()
    for one in ALL:
        for seed in range(30):
            for data in (b"", b"\r\n", corpus[0]):
                assert isinstance(one(data, Random(seed), corpus), bytes)
    assert max(len(mutated(corpus[0], Random(seed), corpus)) for seed in range(500)) <= LONGEST


def test_a_finding_is_reported_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(ground: Ground, data: bytes) -> None:
        if b"INVITE" in data:
            raise KeyError("ours")

    monkeypatch.setattr(Ground, "read", faulty)
    outcome = run(50, 1, keep=tmp_path)
    assert len(outcome.findings) == 1 and "KeyError" in outcome.findings[0]
    (kept,) = tmp_path.glob("*.sip")
    assert b"INVITE" in kept.read_bytes()
    assert "seed = 1" in kept.with_suffix(".txt").read_text()


def test_what_is_left_when_all_timers_have_run_out_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = Ground()
    monkeypatch.setattr(ground_file, "SLOW", 1.0)
    ground.take(messages()[0], Random(1))
    with pytest.raises(Broken, match="are left"):
        ground.settle()


def test_growth_is_that_of_the_later_run() -> None:
    assert Outcome(memory=[50, 100, 100, 100, 100, 110]).growth == 1.1
    assert Outcome(memory=[50, 100]).growth == 1.0
