"""What findings weigh, and from which sum on a call is tagged or refused, as long as the operator says nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TAG_AT = 30
REJECT_AT = 80
"""Scores of an ordinary profile."""

WEIGHTS: Mapping[str, int] = MappingProxyType(
    {
        # A listed number alone is refused while it is fresh, and tagged when a proved A halves it.
        "campaign": 100,
        # Somebody who calls often is worth a look, no more.
        "velocity-caller": 40,
        "dnc-listed": 50,
        # Somebody asked us, and we wrote it down: no estimate.
        "opt-out": 80,
        "number-reassigned": 50,
        "recorded-unagreed": 50,
        # Outbound duties: a tag, so that somebody looks; the operator's weight of 80 makes them refuse.
        "hours": 50,
        "hours-unknown": 30,
        "caller-id": 30,
        # Behaviour: one trait is a tag at most, two of them and a doubtful signature a refusal.
        "pattern": 30,
        "pattern-sequence": 45,
        "pattern-spread": 25,
        "pattern-neighbour": 30,
        # Two traits in one: nobody listens, and nobody who calls knows which numbers there are.
        "answers-dead": 80,
        "answers-machine": 80,
        "answers-caller": 45,
        "answers-block": 30,
        "answers-company": 30,
        "reputation": 25,
        "reputation-trunk": 15,
        "brand-unproved": 35,
        # A duty of the caller, and no proof of malice: it adds to others, and is a tag at most.
        "telemarketing-hidden": 25,
        # Anybody may complain of any number.
        "complaints": 15,
        # The operator's own rule: a tag by itself, and never more.
        "country": 30,
        # A token that we could not check may be the fault of a third party's web server.
        "identity-unreachable": 10,
        # No signature is normal: most honest calls still arrive without one.
        "identity-missing": 10,
        # Every other failure of the signature: worth a tag, and half a rejection at the very most.
        "identity": 30,
        "verstat": 30,
    }
)
"""Default weights by slug, or by the name of its family, which ends before a `-`."""


class Weights(dict[str, int]):
    """The weight of each slug: its own, or else that of its nearest family (`identity-…`, `caller-id-…`). Slugs are a
    closed set: what is worked out once is kept.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        super().__init__()
        self._weights = weights

    def __missing__(self, slug: str) -> int:
        family = slug
        while family and family not in self._weights:
            family = family.rpartition("-")[0]
        found = self[slug] = self._weights.get(family, 0)
        return found
