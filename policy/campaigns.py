"""The names of campaigns, as the industry traceback group writes them, and the families they belong to.

A name is free text (`Amazon-AuthorizeOrder-P3`): it is kept as written and compared without regard to case,
blanks at the ends, and the letters that scanning confuses (REG-025).
"""

from __future__ import annotations

ALIASES = {
    "Lovtatormensmpers": "LawEnforcement-Impers",
    "Chinese-ISP/Cable/Wireless-": "Chinese-ISP/Cable/Wireless-Impers",
    "TechSupport-Lumen": "Tech Support-Lumen",
}
"""Spellings beyond repair by rule, from the letter of 2023."""

FAMILIES = {
    "amazon": "retail impersonation",
    "chinese": "carrier impersonation",
    "att": "carrier impersonation",
    "paypal": "payment impersonation",
    "govt": "government impersonation",
    "lawenforcement": "government impersonation",
    "ssa": "government impersonation",
    "utility": "utility impersonation",
    "tech support": "technical support",
    "tech-support": "technical support",
    "grandparent": "family emergency",
    "relative": "family emergency",
    "pch": "prize",
    "norcom": "telemarketing",
    "nv-": "telemarketing",
    "spamcalls": "telemarketing",
}
"""Family by the beginning of the name, in lower case. A family is a bounded label for metrics; a name is
not."""

# Optical recognition reads `GovtImpers` as `Govtlmpers`, and 0 for O.
_CONFUSED = str.maketrans({"l": "i", "1": "i", "|": "i", "0": "o"})


def label_key(text: str) -> str:
    """What two spellings of one name have in common."""
    return " ".join(text.split()).casefold().translate(_CONFUSED)


_KNOWN_ALIASES = {label_key(alias): name for alias, name in ALIASES.items()}


def named(text: str) -> str:
    """The name as it should be shown: blanks trimmed, a known slip put right, else as written."""
    text = " ".join(text.split())
    return _KNOWN_ALIASES.get(label_key(text), text)


def family(name: str) -> str:
    """One of the families above, or `other`."""
    lower = named(name).casefold()
    return next((family for start, family in FAMILIES.items() if lower.startswith(start)), "other")


def families() -> tuple[str, ...]:
    """All that `family` can say: a closed set."""
    return (*dict.fromkeys(FAMILIES.values()), "other")
