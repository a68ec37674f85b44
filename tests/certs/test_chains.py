"""Which chain goes when there is no room, when one is due, and which hosts count as proven."""

from __future__ import annotations

import pytest

from certs.chains import EARLY, MAX_KEPT, SPREAD, Chains, Kept
from certs.lab import DAY, Authority
from shaken.credential import Anchors, Credential, validate

UTC = 1_767_225_600.0


@pytest.fixture(scope="module")
def credential(authority: Authority) -> Credential:
    return validate("", authority.leaf("709J").chain_pem(), Anchors.of([authority.anchors_pem]), UTC)


def at(credential: Credential, url: str) -> Credential:
    return Credential(**{**{name: getattr(credential, name) for name in Credential.__slots__}, "url": url})


def test_a_chain_is_due_before_its_time_is_over_and_never_after_its_end(credential: Credential) -> None:
    chains = Chains(10, lambda: None)
    one = chains.put(at(credential, "https://a/1.pem"), Kept(b"", UTC, DAY), UTC)
    assert UTC + EARLY * DAY <= one.due <= UTC + (EARLY + SPREAD) * DAY and one.ends == UTC + DAY
    late = chains.put(at(credential, "https://a/1.pem"), Kept(b"", credential.not_after - 60, DAY), UTC + 1)
    assert late.ends <= credential.not_after
    old = chains.put(at(credential, "https://a/2.pem"), Kept(b"", UTC - 2 * DAY, DAY), UTC)
    assert old.due < UTC
    moved = chains.put(at(credential, "https://a/3.pem"), Kept(b"", UTC + 5 * DAY, DAY), UTC)
    assert moved.ends == UTC + DAY  # a clock that went back must not keep a file for ever


def test_a_host_is_proven_as_long_as_a_chain_of_it_is_held(credential: Credential) -> None:
    chains = Chains(10, lambda: None)
    for url in ("https://a/1.pem", "https://a/2.pem", "https://a/2.pem"):
        chains.put(at(credential, url), Kept(b"", UTC, DAY), UTC)
    chains.drop("https://a/1.pem")
    assert chains.proven("a") and not chains.proven("b")
    chains.drop("https://a/2.pem")
    assert not chains.proven("a") and chains.drop("https://a/2.pem") is None


def test_the_memory_is_bounded_and_what_is_used_stays_longest(credential: Credential) -> None:
    gone: list[None] = []
    chains = Chains(100, lambda: gone.append(None))
    for number in range(100):
        chains.put(at(credential, f"https://a/{number}.pem"), Kept(b"", UTC, DAY), UTC)
    for number in range(0, 20):
        chains.held[f"https://a/{number}.pem"].used = True
    for number in range(100, 150):
        chains.put(at(credential, f"https://a/{number}.pem"), Kept(b"", UTC, DAY), UTC)
    assert len(chains.held) == 100 and len(gone) == 50
    assert all(f"https://a/{number}.pem" in chains.held for number in range(20))
    for held in chains.held.values():
        held.used = True
    chains.put(at(credential, "https://b/1.pem"), Kept(b"", UTC, DAY), UTC)
    assert len(chains.held) == 100


def test_a_long_file_is_not_kept(credential: Credential) -> None:
    chains = Chains(10, lambda: None)
    assert chains.put(at(credential, "https://a/1.pem"), Kept(bytes(MAX_KEPT + 1), UTC, DAY), UTC).kept is None
