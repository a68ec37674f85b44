"""Telephone numbers in canonical form, and whose number a URI names (RFC 8224 section 8.3, RFC 3966).

One function, driven by a table (`Plan`), idempotent. Canonical: digits with the country code and no plus; `911` stays
`911`. Numbers are strings, never integers, so that leading zeros survive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import unquote

MAX_DIGITS = 15
"""E.164 numbers have no more (ITU-T E.164 section 6)."""
MAX_USER = 256
"""Characters of a user part that is still looked at."""


INTERNATIONAL = {
    "1": ("011", "00"), "7": ("810", "00"), "61": ("0011", "00"), "65": ("001", "00"), "81": ("010", "00"),
    "82": ("001", "002", "00"), "375": ("810", "00"), "852": ("001", "00"), "992": ("810", "00"), "993": ("810", "00"),
}  # fmt: skip
"""Country -> what is dialled there before a country code, where it is more than 00."""
TRUNK = {"7": "8", "36": "06", "375": "8", "993": "8"} | dict.fromkeys(
    "1 30 34 39 45 47 48 56 65 216 220 223 351 352 354 356 357 371 372 378 420 852 992".split(), ""
)
"""Country -> what stands before a national number and is left out after the country code, where it is not 0; empty:
nothing, and a zero in front belongs to the number (Italy)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How numbers that are not written in full are to be read on one trunk (RFC 8224 section 8.3: by local policy)."""

    country: str = "1"
    """Whose national numbers they are; empty: nobody's, every number is written in full (`E164`)."""
    area: str = ""
    """Put before local numbers of seven digits; empty: they stay unresolved."""
    international: tuple[str, ...] | None = None
    """What is dialled before a country code; None: as in that country."""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What is dialled before a country code."""
        return INTERNATIONAL.get(self.country, ("00",)) if self.international is None else self.international


NANP = Plan()
E164 = Plan("", international=())
"""Every number in full, with a plus or without: what carriers send each other."""

Kind = Literal["number", "anonymous", "uri", "invalid"]


class Party(NamedTuple):
    """One end of a call: a number, or a URI, or nobody who wants to be known."""

    kind: Kind
    tn: str | None
    uri: str | None


ANONYMOUS = Party("anonymous", None, None)
ANONYMOUS_USERS = frozenset(("anonymous", "restricted", "unavailable", "unknown", "private", "266696687", "0000000000"))
"""What networks write where a caller withholds the number; 266696687 spells it on a keypad (TRAP-43)."""
ANONYMOUS_HOST = "anonymous.invalid"

# What a person may write between digits (RFC 3966 visual-separator), and spaces.
_SEPARATORS = str.maketrans("", "", "-.() ")
_PLAIN = re.compile(r"\+?[0-9]{1,32}\Z").match
_CONTEXT = re.compile(r"(?:.*;)?phone-context=([^;]*)", re.IGNORECASE | re.DOTALL).match
_DIALLED = re.compile(r"[0-9*#]+\Z").match
_NANP = re.compile(r"1([2-9][0-9]{2})([2-9][0-9]{2})[0-9]{4}\Z").match
_POSSIBLE = re.compile(r"1(?!.9|37|96|.11)[2-9][0-9]{2}(?!.11)[2-9][0-9]{6}\Z").match
"""Nearly every number can exist, and one look says so; `nanp_fault` says why another cannot."""


def canonical(user: str, plan: Plan = NANP) -> str | None:
    """The canonical number of a user part, as received (escapes, parameters and all); None if it names no number."""
    if _PLAIN(user) is None:
        if len(user) > MAX_USER:
            return None
        if "%" in user:
            user = unquote(user)
        # The number ends at its parameters: npdi, rn, verstat and ext are not part of it (STI-034).
        user, _, params = user.partition(";")
        user = user.translate(_SEPARATORS)
        if not user.startswith("+") and (found := _CONTEXT(params)) is not None and not _ours(found[1], plan):
            # A number of somebody else's plan: the context is no prefix (STI-033), and ours does not fit.
            return user if user.isascii() and _DIALLED(user) is not None and len(user) <= MAX_DIGITS else None
    plus = user.startswith("+")
    digits = user[plus:]
    if not digits or not digits.isascii() or _DIALLED(digits) is None or len(digits) > 32:
        return None
    if "*" in digits or "#" in digits:
        return digits if len(digits) <= MAX_DIGITS and not plus else None
    if plus:
        return digits if len(digits) <= MAX_DIGITS and digits[0] != "0" else None
    return _national(digits, plan)


def _ours(context: str, plan: Plan) -> bool:
    """Whether a phone-context is that of our own plan: its country, or a place within it."""
    digits = context.translate(_SEPARATORS)
    return digits[:1] != "+" or digits[1:].startswith(plan.country)


def _national(digits: str, plan: Plan) -> str | None:
    """Digits without a plus, read by the plan (RFC 8224 section 8.3: convert by local policy, else leave)."""
    for prefix in plan.prefixes:
        rest = digits.removeprefix(prefix)
        if rest is not digits and len(rest) > 7 and rest[0] != "0":
            return rest if len(rest) <= MAX_DIGITS else None
    if plan.country == "1":
        if len(digits) == 10 and digits[0] not in "01":
            return "1" + digits
        if len(digits) == 7 and plan.area and digits[0] not in "01":
            return "1" + plan.area + digits
    elif plan.country and len(digits) > 6:
        trunk = TRUNK.get(plan.country, "0")
        if trunk == "8":
            # It may begin a number that is written in full too; national ones have ten digits after it.
            national = digits[1:] if digits[0] == "8" and len(digits) == 11 else ""
        elif trunk:
            national = digits.removeprefix(trunk) if digits.startswith(trunk) and digits[:2] != "00" else ""
        else:
            national = digits if digits[0] == "0" and digits[:2] != "00" else ""
        if national:
            return plan.country + national if len(plan.country + national) <= MAX_DIGITS else None
    return digits if len(digits) <= MAX_DIGITS else None


def stripped(tn: str) -> str | None:
    """A number of a token without the plus and the separators that some signers write (API-009); None if it is none."""
    digits = tn.translate(_SEPARATORS).removeprefix("+")
    return digits if digits.isascii() and _DIALLED(digits) is not None and len(digits) <= MAX_DIGITS else None


def party(scheme: str, user: str, host: str, params: Mapping[str, str | None], plan: Plan = NANP) -> Party:
    """Whom a URI names: a number where it holds one, else the URI in the form of RFC 8224 section 8.5.

    For a tel URI `user` is the number with its separators. `phone-context` is never put in front of it (STI-033).
    """
    if scheme not in ("sip", "sips", "tel"):
        return Party("uri", None, f"{scheme}:{user}" if user else f"{scheme}:{host}")
    lower = host.lower()
    bare = unquote(user.partition(";")[0]).strip() if user else ""
    if lower == ANONYMOUS_HOST or bare.lower().lstrip("+") in ANONYMOUS_USERS or (not bare and scheme != "tel"):
        return ANONYMOUS
    context = params.get("phone-context")
    tn = canonical(f"{user};phone-context={context}" if context else user, plan)
    if tn is not None and tn[0] == "0":
        tn = None  # no country begins with 0: it is not E.164, so the whole is a URI (STI-037)
    if tn is not None and (scheme == "tel" or params.get("user") == "phone" or len(tn) >= 3):
        return Party("number", tn, None)
    if scheme == "tel" or params.get("user") == "phone" or bare.startswith("+"):
        return Party("invalid", None, f"{scheme}:{bare}")
    return Party("uri", None, f"{scheme}:{bare.lower()}@{lower}")


def nanp_fault(tn: str) -> str | None:
    """Why a canonical +1 number cannot exist (REG-003), in words; None for one that can, and for other countries."""
    if _POSSIBLE(tn) is not None or tn[:1] != "1":
        return None
    if len(tn) != 11:
        return f"{len(tn) - 1} digits follow the 1, not 10"
    found = _NANP(tn)
    if found is None:
        return "an area code begins with 2 to 9" if tn[1] in "01" else "an exchange begins with 2 to 9"
    area, exchange = found.groups()
    if area[1:] == "11":
        return f"{area} is a service, not an area"
    if area[1] == "9" or area[:2] in ("37", "96"):
        return f"area code {area} is reserved"
    if exchange[1:] == "11":
        return f"{exchange} is a service, not an exchange"
    return None


def is_valid_nanp(tn: str) -> bool:
    """Whether this is a +1 number that can exist."""
    return len(tn) == 11 and tn[0] == "1" and nanp_fault(tn) is None
