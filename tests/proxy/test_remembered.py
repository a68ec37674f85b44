"""What is known of callers comes back after a restart, whatever number of workers wrote it and reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.behaviour import Behaviour
from policy.call import Call
from policy.past import Past
from policy.reputation import Reputation
from policy.sources import Sources
from policy.verdict import Verdict
from proxy.following import Following
from proxy.remembered import HEAD, Known, found, path, write

NOW = 1_790_000_000.0
CALLS = [Call(caller=f"1202555{line:04}", callee="13125550199", trunk="carrier", print="dialer", utc=NOW) for line in range(100, 140)]


def made(known: Known | None = None) -> Following:
    known = known or Known()
    following = Following(Behaviour(past=Past()), Sources(), Reputation(known.reputations))
    following.restore(known.ends, known.sources, NOW)
    return following


def lived(number: int = 0, workers: int = 1) -> Following:
    """A worker with its share of some calls."""
    following = made()
    for at, call in enumerate(CALLS * 3):
        if at % workers == number:
            following.look_up(one := call._replace(), NOW)
            following.judged(one, Verdict())
            following.ended(one, None, 404, NOW + 1)
    following.sources.facts(CALLS[0], following.behaviour.facts(CALLS[0], NOW + 30), NOW + 30)
    return following


def unsaid(event: str, **fields: object) -> None:
    raise AssertionError(f"{event}: {fields}")


def told(following: Following) -> tuple[dict[str, int], dict[int, int], float]:
    ends: dict[str, int] = {}
    for row in following.behaviour.past.rows():
        ends[row[0]] = ends.get(row[0], 0) + row[2]
    groups = {row[0]: round(row[5][0]) for row in following.sources.rows() if row[0]}
    return ends, groups, sum(row.calls for row in following.reputation.rows())


@pytest.mark.parametrize(("wrote", "reads"), [(1, 1), (1, 3), (3, 1), (4, 2), (2, 4)])
def test_other_workers_find_what_all_knew_once(wrote: int, reads: int, tmp_path: Path) -> None:
    whole = told(lived())
    for number in range(wrote):
        write(tmp_path, lived(number, wrote), number, wrote, gently=True)
    begun = [made(found(tmp_path, number, reads, unsaid)) for number in range(reads)]
    for number, following in reversed(list(enumerate(begun))):
        write(tmp_path, following, number, reads)
    parts = [told(one) for one in begun]
    ends: dict[str, int] = {}
    for part, _, _ in parts:
        assert not set(part) & set(ends)  # nobody is known to two of them
        ends.update(part)
    assert ends == whole[0]
    assert {tag: count for _, groups, _ in parts for tag, count in groups.items()} == whole[1]
    assert sum(len(groups) for _, groups, _ in parts) == len(whole[1]) == 2
    assert sum(calls for *_, calls in parts) == pytest.approx(whole[2])
    # What nobody writes any more is gone, so that nothing is counted twice at the next start.
    assert {one.name for one in tmp_path.iterdir()} == {
        path(tmp_path, stem, number, reads).name for stem in ("reputation.json", "callers.txt") for number in range(reads)
    }
    assert (path(tmp_path, "callers.txt", 0, reads).stat().st_mode & 0o077) == 0  # callers' numbers stand in it


def test_a_number_and_its_thousand_block_go_to_the_same_worker(tmp_path: Path) -> None:
    write(tmp_path, lived(), 0, 1)
    for number in range(3):
        keys = {row[0] for row in found(tmp_path, number, 3, unsaid).ends}
        assert {key[:8] for key in keys if len(key) == 11} <= keys


@pytest.mark.parametrize(
    "text", [HEAD + "\ns 1 2 2" + 12 * " 1" + " inf 1 1 1", HEAD + "\n12025550100 1 1 1 1 1 " + 99 * "9", "", "nonsense", HEAD + "\n1 2 3", HEAD + "\ns 1 2", HEAD + "\n12025550100 x 1 1 1 1 1", HEAD + "\n\n", HEAD + "\n\xff 1 1 1 1 1 1"]
)
def test_a_damaged_file_costs_the_memory_and_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "callers.txt").write_text(text, encoding="latin-1")
    (tmp_path / "reputation-2.json").write_text("{")
    said: list[str] = []
    known = found(tmp_path, 0, 1, lambda event, **fields: said.append(event))
    assert (known.ends, known.sources, known.reputations) == ([], [], [])
    assert said == ["reputation-unread", "callers-unread"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_whatever_stands_in_a_file_a_start_succeeds(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "callers.txt").write_bytes(HEAD.encode() + b"\n" + data)
    made(found(tmp_path, 0, 1, lambda event, **fields: None)).look_up(CALLS[0], NOW + 1)


def test_what_cannot_be_written_leaves_the_file_before(tmp_path: Path) -> None:
    write(tmp_path, lived(), 0, 1)
    before = (tmp_path / "callers.txt").read_text()
    (tmp_path / "callers.txt.new").mkdir()
    with pytest.raises(OSError, match="callers"):
        write(tmp_path, made(), 0, 1)
    assert (tmp_path / "callers.txt").read_text() == before


def test_nothing_is_known_at_the_first_start(tmp_path: Path) -> None:
    assert found(tmp_path, 0, 2, unsaid) == Known()
