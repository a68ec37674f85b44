"""The paragraph that each finding stands on, by slug or by the part of it before the first `-`.

A rule says what may or must be done; it never says that a given call was unlawful (REG-064).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GROUNDS: Mapping[str, str] = MappingProxyType(
    {
        "emergency": "47 CFR 64.1200(k)(5): a call to 911 is never blocked",
        "psap": "47 CFR 64.1200(k)(6): calls from emergency centres are not blocked",
        "allow": "the operator's own list",
        "learned": "the operator's own calls",
        "own": "47 CFR 64.1200(k)(1): numbers from which no call originates outside",
        "dno": "47 CFR 64.1200(k)(2), (o): numbers that cannot be, or do not originate calls",
        "dno-list": "47 CFR 64.1200(k)(1), (o): the subscriber asked that no call originate from it",
        "deny": "FCC 25-15: what the subscriber decides (607)",
        "anonymous": "RFC 5079: the subscriber may decline callers who hide their number",
        "identity": "RFC 8224 section 6.2.2; 85 FR 56530: never alone a reason in a provider's role",
        "verstat": "3GPP TS 24.229 7.2A.20; 85 FR 56530: never alone a reason in a provider's role",
        "attestation": "ATIS-1000074: a level says who vouches, and nothing about intent",
        "certificate": "RFC 9060 section 4.1; ATIS-1000092: who delegates, says which numbers",
        "campaign": "47 CFR 64.1200(k)(3), (11): reasonable analytics, authentication taken into account",
        "complaints": "47 CFR 64.1200(k)(3): reasonable analytics; a hint, never a reason by itself",
        "velocity": "47 CFR 64.1200(k)(3): reasonable analytics, the same for every carrier",
        "pattern": "47 CFR 64.1200(k)(3): reasonable analytics, the same for every carrier",
        "answers": "47 CFR 64.1200(k)(3): reasonable analytics, the same for every carrier",
        "reputation": "47 CFR 64.1200(k)(3), (n)(5): one rule for every carrier; a tag at most",
        "brand": "16 CFR part 461: impersonation of government and business",
        "recorded": "16 CFR 310.4(b)(1)(v): a recorded message needs a written agreement",
        "number": "47 CFR 64.1200(m): reassigned numbers",
        "opt": "16 CFR 310.4(b)(1)(iii)(A); 47 CFR 64.1200(d)",
        "dnc": "16 CFR 310.4(b)(1)(iii)(B); 47 CFR 64.1200(c)(2)",
        "hours": "16 CFR 310.4(c); 47 CFR 64.1200(c)(1)",
        "upstream": "47 CFR 64.1200(k)(4): an upstream that does not mitigate",
        "upstream-unlisted": "47 CFR 64.6305: traffic only from providers in the Robocall Mitigation Database",
        "message": "the carriers' rule that senders of text messages register (10DLC)",
        "line": "47 CFR 64.1200(k)(3): subscribers may opt out of blocking by analytics",
        "country": "the operator's own rule for the countries of calls",
        "country-unwanted": "FCC 25-15: what the subscriber decides (607)",
        "name": "the operator's own service of names",
        "hook": "the operator's own decision service",
        "caller": "16 CFR 310.4(a)(8); 47 CFR 64.1601(e)",
        "telemarketing": "16 CFR 310.4(a)(8); 47 CFR 64.1601(e)",
    }
)


CITATIONS: Mapping[str, str] = MappingProxyType(
    {
        "16 CFR 310.3(a)": "misleading or withheld facts",
        "16 CFR 310.3(b)": "substantial help to somebody who breaks the rule, with knowledge or conscious avoidance"
        " of it",
        "16 CFR 310.4(a)(8)": "no caller number, or not the name, transmitted",
        "16 CFR 310.4(b)(1)(iii)(A)": "a call to somebody who asked for no more of them",
        "16 CFR 310.4(b)(1)(iii)(B)": "a call to a number of the registry",
        "16 CFR 310.4(b)(1)(iv)": "an abandoned call: nobody speaks within two seconds",
        "16 CFR 310.4(b)(1)(v)": "a recorded message without a written agreement",
        "16 CFR 310.4(c)": "a call outside of 8:00 to 21:00 where it rings",
        "16 CFR 461": "impersonation of government or business",
        "47 CFR 64.1200(a)": "an automatic or recorded call without agreement",
        "47 CFR 64.1200(c)": "hours, or a number of the registry",
        "47 CFR 64.1200(d)": "no list of one's own of those who asked for no more calls",
        "47 CFR 64.1601(e)": "no caller number transmitted",
    }
)
"""Paragraphs that a table of traced calls may cite, and what each is about. (310.4(b)(1)(v) is the recorded message,
not the abandoned call.)"""


def cited(text: str) -> str:
    """A citation in our spelling. Raises ValueError for one that is not known: a wrong paragraph in a file of evidence
    is better found when it is read than in an answer to an authority."""
    plain = "".join(text.replace("\u00a7", "").replace("C.F.R.", "CFR").split()).casefold()
    for known in CITATIONS:
        if plain == "".join(known.split()).casefold():
            return known
    raise ValueError(f"{text[:40]!r} is no paragraph that such a table cites")


def ground(slug: str) -> str:
    """What a finding stands on; empty for a slug that is none."""
    found = GROUNDS.get(slug)
    return found if found is not None else GROUNDS.get(slug.partition("-")[0], "")
