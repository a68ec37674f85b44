"""Which profile a call is judged by, where the line called or the customer has one of its own.

A number's own profile comes before its customer's, and that before the trunk's. Of a call from outside the number
called counts, of a call of ours the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from policy.call import Call
from policy.lists import NumberSet

if TYPE_CHECKING:
    from policy.rulebook import Profile


class Choice:
    """The profiles of numbers and customers."""

    __slots__ = ("_numbers", "_customers", "_trunks", "_customer_of")

    def __init__(
        self,
        numbers: Sequence[tuple[NumberSet, Profile]],
        customers: Mapping[str, Profile],
        trunks: Mapping[str, str],
        customer_of: Callable[[str, float], str],
    ) -> None:
        """numbers: in the order of asking. trunks: the customer of a trunk's calls, where it has one. customer_of:
        whose number it is at a time; empty: nobody's."""
        self._numbers, self._customers = tuple(numbers), dict(customers)
        self._trunks, self._customer_of = dict(trunks), customer_of

    def of(self, call: Call) -> Profile | None:
        """The profile of the line or of the customer; None: neither has one."""
        ours = call.callee if call.side == "carrier" else call.caller
        if ours is not None:
            for numbers, profile in self._numbers:
                if ours in numbers:
                    return profile
        if not self._customers:
            return None
        customer = call.customer or (self._trunks.get(call.trunk, "") if call.side == "pbx" else "")
        if not customer and ours is not None:
            customer = self._customer_of(ours, call.utc)
        return self._customers.get(customer)
