"""How long an answer is fresh, as its HTTP headers say (RFC 9111 sections 4.2 and 5.2).

Only the reading of the headers lives here. The floor of a day and the ceiling, which make a certificate serve longer or
shorter than its server asked, are `certs.store`'s, because they are about calls and not about HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

MAX_SECONDS = 2**31
"""What a larger number is taken for (RFC 9111 section 1.2.2)."""
MAX_HEADER = 1024
"""Characters of Cache-Control that are looked at."""

_DIRECTIVE = re.compile(r"""([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:=(?:"([^"\\]*)"|([A-Za-z0-9!#$%&'*+.^_`|~-]+)))?""")
_DIGITS = re.compile(r"[0-9]+", re.ASCII)


def lifetime(headers: Mapping[str, str], utc: float) -> float | None:
    """Seconds from now on that the answer is fresh; 0 for one that is not to be kept, None where nothing is said.

    headers: names in any case that the mapping takes; utc: when the answer came (Unix seconds). What cannot be read
    counts as not said, and an Age that cannot be read as none. Never raises.
    """
    said = _directives(headers.get("Cache-Control", "")[:MAX_HEADER])
    if "no-store" in said or "no-cache" in said:
        return 0.0
    whole: float | None = None
    for name in ("s-maxage", "max-age"):  # we are a cache that many callers share (RFC 9111 section 5.2.2.10)
        if whole is None and name in said:
            whole = _seconds(said[name])
    if whole is None and (expires := headers.get("Expires")) is not None:
        ends = _moment(expires)
        if ends is None:
            return 0.0  # "0" and other nonsense mean: in the past (RFC 9111 section 5.3)
        whole = ends - (_moment(headers.get("Date", "")) or utc)
    if whole is None:
        return None
    return min(max(whole - (_seconds(headers.get("Age", "")) or 0.0), 0.0), float(MAX_SECONDS))


def _directives(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(","):
        if (match := _DIRECTIVE.fullmatch(part.strip())) is not None:
            found.setdefault(match[1].lower(), match[2] or match[3] or "")
    return found


def _seconds(text: str) -> float | None:
    text = text.strip()
    if not _DIGITS.fullmatch(text):
        return None
    return float(MAX_SECONDS) if len(text) > 10 else float(min(int(text), MAX_SECONDS))


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text[:64]).timestamp() if text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
