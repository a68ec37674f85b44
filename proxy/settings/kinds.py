"""What a value must look like. Each kind takes what TOML gave and returns what we use, or raises Wrong with
a cure.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from policy.letter import moment
from policy.lists import entry
from proxy.settings.errors import Wrong, nearest
from proxy.settings.network import NO_COUNTRY, plan_of

Kind = Callable[[object, Path], Any]
"""(value, folder of the file) -> the value that we use."""

MAX_TEXT = 1024
MAX_ITEMS = 10_000
"""Entries of one list in the file; longer lists belong into list files."""

TEXT_OF_REASON = re.compile(r"[!#-:<-\[\]-~]+")
"""Printable ASCII without blank, quote, semicolon and backslash: it is written inside a quoted Reason
text.
"""
OFFSET = re.compile(r"[+-](?:\d{1,6}[dhms])+")


def text(value: object, folder: Path) -> str:
    if not isinstance(value, str):
        raise Wrong(f"a text is needed, not {said(value)}", "put it in quotes")
    if len(value) > MAX_TEXT or not value.strip() or not value.isprintable():
        raise Wrong(
            "the text is empty, too long or has control characters",
            f"write 1 to {MAX_TEXT} printable characters",
        )
    return value


def said(value: object) -> str:
    """A value as a message names it: short, on one line."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def flag(value: object, folder: Path) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"true or false is needed, not {said(value)}", "write true or false, without quotes")
    return value


def integer(low: int, high: int) -> Kind:
    def kind(value: object, folder: Path) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong(
                f"a whole number is needed, not {said(value)}",
                f"write one from {low} to {high}, without quotes",
            )
        if not low <= value <= high:
            raise Wrong(f"{said(value)} is out of range", f"write a number from {low} to {high}")
        return value

    return kind


def share(value: object, folder: Path) -> float:
    """A part of a whole, from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Wrong(f"{said(value)} is no share", "write a number from 0 to 1, as 0.8, without quotes")
    return float(value)


def positive(value: object, folder: Path) -> float:
    """More than nothing, and no more than a hundred."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        raise Wrong(f"{said(value)} is out of range", "write a number over 0, 100 at most, without quotes")
    return float(value)


def one_of(*words: str) -> Kind:
    def kind(value: object, folder: Path) -> str:
        if text(value, folder) not in words:
            raise Wrong(f"{said(value)} is not one of {', '.join(words)}", nearest(str(value), words))
        return str(value)

    return kind


def many(kind: Kind) -> Kind:
    """A list of values of one kind."""

    def every(value: object, folder: Path) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Wrong(
                f"a list is needed, not {said(value)}", "put the values in [ ], with commas between them"
            )
        if len(value) > MAX_ITEMS:
            raise Wrong(
                f"{len(value)} entries are too many",
                f"{MAX_ITEMS} at most; put longer lists into a list file",
            )
        return tuple(kind(item, folder) for item in value)

    return every


def name(value: object, folder: Path) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", text(value, folder)):
        raise Wrong(
            f"{said(value)} cannot be a name", "use up to 64 letters, digits, dots, dashes and underscores"
        )
    return str(value)


def existing(value: object, folder: Path) -> Path:
    """A file or folder that must be there; relative to the folder of the configuration."""
    path = pathname(value, folder)
    try:
        found = path.exists()
    except (OSError, ValueError):
        found = False
    if not found:
        raise Wrong(
            f"{path} is not there",
            "create it, or correct the path (relative paths start at the configuration's folder)",
        )
    return path


def pathname(value: object, folder: Path) -> Path:
    try:
        return folder / Path(text(value, folder)).expanduser()
    except RuntimeError as error:
        raise Wrong(f"{said(value)} names a home that nobody has", "write the whole path") from error


def number(value: object, folder: Path) -> str:
    """A number, a prefix with `*`, or a range, in the one grammar that list files have too."""
    try:
        entry(text(value, folder))
    except ValueError as error:
        cure = 'write "+12025550100", a prefix "+1202555*" or a range "12025550100-12025550199"'
        raise Wrong(f"{said(value)} cannot be read ({error})", cure) from error
    return str(value)


def emergency_string(value: object, folder: Path) -> str:
    if not re.fullmatch(r"[0-9*#]{2,8}", text(value, folder)):
        raise Wrong(f"{said(value)} is not an emergency string", "write what is dialled, 2 to 8 digits")
    return str(value)


def digits(least: int, most: int) -> Kind:
    def kind(value: object, folder: Path) -> str:
        if not isinstance(value, str) or not re.fullmatch(rf"[0-9]{{{least},{most}}}", value):
            raise Wrong(
                f"{said(value)} is not {least} to {most} digits in quotes",
                'write digits in quotes, such as "202"',
            )
        return value

    return kind


def country_code(value: object, folder: Path) -> str:
    """Whose national numbers a neighbour writes; `none`: it writes every number in full."""
    try:
        plan_of(value if isinstance(value, str) else "")
    except ValueError:
        raise Wrong(
            f"{said(value)} is no country code",
            f'write its digits in quotes, such as "44", or "{NO_COUNTRY}" where every number comes in full (E.164)',
        ) from None
    return str(value)


def telephone(value: object, folder: Path) -> str:
    if not re.fullmatch(r"\+[1-9]\d{6,14}", text(value, folder)):
        raise Wrong(
            f"{said(value)} is not a whole telephone number", 'write "+" and the digits with the country code'
        )
    return str(value)


def origid(value: object, folder: Path) -> str:
    try:
        return str(uuid.UUID(text(value, folder)))
    except ValueError as error:
        raise Wrong(
            f"{said(value)} is not a UUID", "make one with uuidgen, once, and keep it (RFC 8588 section 5)"
        ) from error


def header_prefix(value: object, folder: Path) -> str:
    written = text(value, folder).removesuffix("-")
    # Every header that begins so is stripped from untrusted sides: `Content` would take Content-Length with
    # it.
    if not re.fullmatch(r"[Xx]-[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", written) or len(written) > 32:
        raise Wrong(
            f"{said(value)} cannot begin our headers",
            'write something like "X-Screen": X-, then letters and digits',
        )
    return written


def clock(value: object, folder: Path) -> str:
    written = text(value, folder)
    if OFFSET.fullmatch(written):
        return written
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.year < 1971 or moment.year > 9990:
        raise Wrong(
            f"{said(value)} is not a clock", 'write a moment "2023-09-07T12:00:00Z" or an offset "+2d", "-3h"'
        )
    return written


def secret(value: object, folder: Path) -> bytes:
    if not isinstance(value, str) or not 16 <= len(value.strip().encode("utf-8", "surrogateescape")) <= 1024:
        # The value itself is never repeated.
        raise Wrong("the secret is not a text of 16 to 1024 octets", "make one with: openssl rand -base64 32")
    return value.strip().encode("utf-8", "surrogateescape")


REJECTIONS = (403, 404, 428, 433, 436, 437, 438, 480, 486, 603, 607, 608)
"""SIP codes that a verdict may answer with: `policy.refusal` has a phrase for each. Others would be misread
by a caller's phone.
"""


def loose_router(value: object, folder: Path) -> str:
    if not re.fullmatch(r"sips?:[^\s<>\",;?]+(;[^\s<>\",;?]+)*;lr(;[^\s<>\",;?]+)*", str(value)):
        raise Wrong(f"{said(value)} is no URI of a loose router", 'write it as "sip:edge.example.net;lr"')
    return str(value)


def rejection(value: object, folder: Path) -> int | str:
    if value == "603+":
        return "603+"
    if isinstance(value, bool) or not isinstance(value, int) or value not in REJECTIONS:
        codes = ", ".join(map(str, REJECTIONS))
        raise Wrong(f"{said(value)} is no code for a refusal", f'use one of {codes}, or "603+"')
    return value


GO_ON = (404, 503, 302)


def go_on(value: object, folder: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in GO_ON:
        raise Wrong(f"{said(value)} tells nobody to go on", "use 404, 503 or 302")
    return value


def day(value: object, folder: Path) -> float:
    try:
        return moment(text(value, folder))
    except ValueError as error:
        raise Wrong(f"{said(value)} is {error}", 'write "2025-11-20"') from error
