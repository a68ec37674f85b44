"""Calls are signed shortly before they are placed, a handful at a time, and the seed alone says which calls they are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from benchmarks import soak, upgrade
from benchmarks.sipp import Address
from benchmarks.telephones import AHEAD, HANDFUL, Telephones, Wish, heaps
from certs.lab import Authority
from shaken.sign import Signer


@pytest.fixture
def telephones() -> Iterator[Telephones]:
    signer = Signer(Authority().leaf("709J").key, "https://127.0.0.1:1/good.pem")
    stage = SimpleNamespace(carrier=Address("127.0.0.2", 0), pbx=Address("127.0.0.3", 0), signer=signer)
    with Telephones(stage, Address("127.0.0.1", 9)) as made:  # type: ignore[arg-type]
        yield made


def test_a_round_signs_a_handful_and_says_when_the_next_is_due(telephones: Telephones) -> None:
    telephones.ask((Wish(at / 10, "answered", 0.1, 1.0, 0.0) for at in range(100)), 1000.0)
    assert telephones._sign(1000.0 - AHEAD - 0.1) == pytest.approx(1000.0 - AHEAD) and telephones.crowd.next() is None
    again = telephones._sign(1000.0 - AHEAD)
    assert again == pytest.approx(1000.0 + HANDFUL / 10 - AHEAD)
    assert len(telephones.crowd._due) == HANDFUL and telephones.crowd.next() == 1000.0
    assert telephones._sign(again - 0.01) == again and len(telephones.crowd._due) == HANDFUL


def test_when_all_wishes_are_signed_nothing_is_due_any_more(telephones: Telephones) -> None:
    telephones.ask([Wish(0.0, "rejected", 0.1, 1.0, 1.0)], 1000.0)
    assert telephones._sign(1000.0) == float("inf") and len(telephones.crowd._due) == 1


@pytest.mark.parametrize("calls", [
    lambda seed: soak.wishes(1.0, 20.0, random.Random(seed)), lambda seed: upgrade.wishes(60.0, 20.0, random.Random(seed)),
])  # fmt: skip
def test_the_seed_says_which_calls_come(calls: object) -> None:
    one, again, other = (list(calls(seed)) for seed in (1, 1, 2))  # type: ignore[operator]
    assert one == again != other and len(one) == 1200
    assert [wish.at for wish in one] == sorted(wish.at for wish in one) and one[-1].at == pytest.approx(60.0 - 1 / 20)
    assert Counter(wish.fate for wish in one)["answered"] > 600


def test_moments_that_are_close_together_are_told_as_one() -> None:
    assert heaps([]) == ""
    assert heaps([3.0, 3.1, 3.3, 9.04]) == "3 at 3.0 s, 1 at 9.0 s"
