"""How long a failure is remembered, and how many are."""

from __future__ import annotations

import pytest

from certs.failures import Failures, Terms
from shaken.credential import CredentialFailure

UTC = 1_767_225_600.0


def failure(url: str) -> CredentialFailure:
    return CredentialFailure("identity-unreachable", "unreachable", "nobody there", url)


@pytest.mark.req("TRAP-81")
def test_a_failure_counts_longer_each_time_until_it_has_been_well_for_a_while() -> None:
    clock = [1_000.0]
    failures = Failures(lambda: clock[0], Terms())
    one = failure("https://a/1.pem")
    for seconds in (5, 10, 20, 30, 30):
        assert failures.note(one, UTC) == seconds
        clock[0] += seconds
        assert failures.of(one.url, UTC) is None
    clock[0] += 31
    failures.note(failure("https://b/1.pem"), UTC)
    assert failures.note(one, UTC) == 5


def test_a_moved_wall_clock_makes_a_failure_doubtful() -> None:
    failures = Failures(lambda: 0.0, Terms())
    one = failure("https://a/1.pem")
    failures.note(one, UTC)
    assert failures.of(one.url, UTC + 30) is one
    assert failures.of(one.url, UTC + 31) is None and failures.of(one.url, UTC - 31) is None


def test_what_is_forgotten_counts_no_more() -> None:
    failures = Failures(lambda: 0.0, Terms())
    for name in "ab":
        failures.note(failure(f"https://{name}/1.pem"), UTC)
    failures.forget("https://a/1.pem")
    assert failures.of("https://a/1.pem", UTC) is None and len(failures) == 1
    failures.clear()
    assert len(failures) == 0


@pytest.mark.req("TRAP-79")
def test_a_flood_finds_a_bounded_memory() -> None:
    failures = Failures(lambda: 0.0, Terms(urls=8))
    for number in range(1_000):
        failures.note(failure(f"https://a/{number}.pem"), UTC)
        assert len(failures) <= 8
    assert failures.of("https://a/999.pem", UTC) is not None
