from __future__ import annotations

import pytest

from policy.behaviour import Seen
from policy.call import Call
from policy.checks.answers import SIDES, check
from policy.decide import decide
from policy.past import NONE, Ends
from policy.rulebook import Rulebook
from policy.source import Source

BOOK = Rulebook()
BLIND = Ends(100, 90, 2, 12)
"""A machine: nine calls of ten unheard, twelve to numbers that nobody has, two talks."""
POLL = Ends(100, 80, 10, 4)


def source(
    kind: str = "signer", ended: int = 20, wasted: float = 0.8, strangers: float = 0.8, past: Ends = NONE
) -> tuple[Source, ...]:
    return (Source(kind, "1234", 100, ended, wasted, 0.0, 0.0, strangers, past),)


def own(*past: int) -> Seen:
    return Seen(past=Ends(*past))


def block(*past: int) -> Seen:
    return Seen(block_past=Ends(*past))


@pytest.mark.parametrize(
    ("seen", "sources", "slug"),
    [
        (None, source(), None),
        (own(9, 9), (), None),
        (own(10, 8), (), "answers-caller"),
        (own(10, 7), (), None),
        (own(*BLIND), (), "answers-dead"),
        (own(*POLL), (), "answers-caller"),
        (own(19, 19, 0, 19), (), "answers-caller"),  # too few to know that it dials blindly
        (own(20, 20, 0, 20), (), "answers-dead"),
        (block(*BLIND), (), "answers-block"),
        (block(19, 19), (), None),
        (block(20, 16), (), "answers-block"),
        (block(20, 15), (), None),
        (Seen(past=Ends(4, 2, 1), block_past=BLIND), (), None),  # people talked with this one
        (Seen(past=Ends(10, 5), block_past=Ends(20, 16)), (), None),  # half of the block's calls are its own
        (Seen(), source(), "answers-company"),
        (Seen(), source(ended=19), None),
        (Seen(), source(wasted=0.79), None),
        (Seen(), source(strangers=0.79), None),
        (Seen(), source("trunk"), None),  # a trunk carries everybody
        (own(3), source(), None),  # who has a past of its own is judged by it
        (own(2), source(), "answers-company"),
        (own(2, 0, 1), source(), None),
        (Seen(), source("print", past=BLIND), "answers-machine"),
        (Seen(), source("origid", past=BLIND), "answers-machine"),
        (Seen(), source("customer", past=BLIND), "answers-machine"),
        (Seen(), source("signer", past=BLIND), "answers-company"),  # a signer has many customers
        (Seen(), source("trunk", past=BLIND), None),
        (Seen(), source("print", past=POLL, wasted=0.7), None),
        (Seen(), source("print", past=Ends(100, 88, 7, 20), wasted=0.7), None),  # too many talk
        (Seen(past=Ends(1, 0, 1)), source("print", past=BLIND), None),
    ],
)
def test_calls_that_nobody_wants(seen: Seen | None, sources: tuple[Source, ...], slug: str | None) -> None:
    finding = check(Call(seen=seen, sources=sources), BOOK)
    assert (finding.slug if finding is not None else None) == slug
    if slug == "answers-company":
        assert finding is not None and finding.ceiling == "tag"
    assert SIDES == ("carrier", "pbx")


def test_a_block_is_refused_only_where_its_callers_dial_blindly() -> None:
    blind = check(Call(seen=block(*BLIND)), BOOK)
    quiet = check(Call(seen=block(*POLL)), BOOK)
    assert blind is not None and (blind.weight, blind.ceiling) == (80, "reject")
    assert quiet is not None and (quiet.weight, quiet.ceiling) == (30, "tag")


def test_a_poll_is_told_at_most_as_a_tag() -> None:
    """However long it lasts: its sum does not grow."""
    for many in (1, 5, 20):
        finding = check(Call(seen=own(*(many * figure for figure in POLL[:4]))), BOOK)
        assert finding is not None and finding.weight < BOOK.profiles["default"].reject_at


@pytest.mark.parametrize(
    ("customer", "sources", "slug"),
    [
        ("Ann", (), None),
        ("", source("customer", past=BLIND), None),  # nobody's that we know
        ("Ann", source("customer"), "answers-company"),
        ("Ann", source("customer", strangers=0.0), "answers-company"),  # with one number for all of them
        ("Ann", source("customer", ended=19), None),
        ("Ann", source("customer", wasted=0.79), None),
        ("Ann", source("customer", past=BLIND), "answers-machine"),
        ("Ann", source("customer", past=POLL, wasted=0.7), None),
        ("Ann", source("customer", past=Ends(100, 88, 7, 20), wasted=0.7), None),  # too many talk
        ("Ann", source("trunk", past=BLIND), None),
        ("Ann", source("print", past=BLIND), None),
    ],
)
def test_a_customer_of_ours_is_noticed_and_never_refused(customer: str, sources: tuple[Source, ...], slug: str | None) -> None:
    call = Call(side="pbx", caller="12025550123", callee="12125550147", customer=customer, sources=sources)
    finding = check(call, BOOK)
    assert (finding.slug if finding is not None else None) == slug
    book = Rulebook(checks={"answers": "enforce"}, weights={"answers": 200})
    verdict = decide(call, book, book.profiles["default"], "enforce")
    assert verdict.would == ("allow" if slug is None else "tag")
    assert check(call._replace(side="carrier"), BOOK) is None  # nothing else is seen of it
