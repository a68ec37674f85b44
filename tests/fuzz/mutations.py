"""Seeded damage to a message: by octets, by lines, by tokens, and between two messages. Always bytes in, bytes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

LONGEST = 20_000
"""Octets of a mutated message: enough for every bound of the parser but the datagram's own, and quick."""

TOKENS: tuple[bytes, ...] = (
    b"", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b"\xff\xfe", b" ", b"\t", b"\r\n ", b",", b";", b"=", b'"', b"\\", b"<", b">", b"@",
    b":", b"[", b"]", b"[::", b"%", b"%0d%0a", b"%00", b"%", b"?", b"/", b"*", b"-1", b"0", b"00", b"255", b"256", b"65536", b"2147483648",
    b"4294967296", b"99999999999999999999999999999999999", b"1e9", b"0x10", b"\xd9\xa3", b"SIP/2.0", b"SIP/3.0", b"sip/2.0", b"INVITE",
    b"ACK", b"CANCEL", b"BYE", b"OPTIONS", b"z9hG4bK", b"Z9HG4BK", b";lr", b";maddr=192.0.2.9", b";received=", b";rport", b";ttl=300",
    b";tag=", b";branch=", b";transport=tcp", b";rw=TOKEN", b"sip:", b"sips:", b"tel:", b"urn:service:sos", b"911", b"anonymous",
    b"\xe2\x80\xae", b"\xc0\xaf", b"(a(b)c)", b"A" * 300, b"a," * 200, b";x=1" * 200, b"<" * 100, b'"' * 99, b"%41" * 100,
)  # fmt: skip
"""What parsers stumble over."""

HEADERS: tuple[bytes, ...] = (
    b"Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bKextra", b"v:SIP/2.0/TCP [2001:db8::1]", b"Route: <sip:203.0.113.5;lr>",
    b"Record-Route: <sip:203.0.113.5;lr>", b"Content-Length: 0", b"l: 5", b"Content-Length: -1", b"Max-Forwards: 0", b"Max-Forwards: x",
    b"Max-Breadth: 0", b"Max-Breadth: 99999", b"Require: x", b"Proxy-Require: sec-agree", b"CSeq: 1 INVITE", b"CSeq: 2147483648 BYE",
    b"From: <sip:a@b>;tag=x", b"f: anonymous", b"To: <sip:911@b>", b"Call-ID: x", b"i: y", b"Contact: *", b"Identity: a.b.c;info=<u>;alg=ES256",
    b"P-Asserted-Identity: <sip:+12025550123@x>", b"Geolocation: <cid:x>", b"Priority: psap-callback", b"\xff: x", b": x", b"x", b"X :y",
)  # fmt: skip

_NUMBER = re.compile(rb"[0-9]+")
_WORD = re.compile(rb"[A-Za-z0-9.!%*_+`'~-]+")
_SEPARATOR = re.compile(rb"[;,=<>@:\"/ \[\]]")

Mutation = Callable[[bytes, Random, Sequence[bytes]], bytes]


def mutated(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    """One to four pieces of damage; now and then none at all, so that the machine also has honest work."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(ALL)(data, rng, corpus)[:LONGEST]
    return data


# By octets


def flip(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]


def put(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.randbytes(rng.choice((1, 1, 2, 8))) + data[at:]


def cut(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + data[at + rng.choice((1, 2, 4, 40, 400)) :]


def end(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    return data[: rng.randint(0, len(data))]


def repeat(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + data[at : at + rng.choice((1, 4, 30, 200))] * rng.choice((2, 3, 20)) + data[at:]


# By lines


def lines_of(data: bytes) -> list[bytes]:
    return data.split(b"\r\n")


def drop_line(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    lines = lines_of(data)
    del lines[rng.randrange(len(lines))]
    return b"\r\n".join(lines)


def double_line(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    lines = lines_of(data)
    at = rng.randrange(len(lines))
    lines[at:at] = [lines[at]] * rng.choice((1, 1, 2, 600))
    return b"\r\n".join(lines)


def move_line(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    lines = lines_of(data)
    lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
    return b"\r\n".join(lines)


def fold_line(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    at = data.find(b" ", rng.randint(0, len(data)))
    return data if at < 0 else data[:at] + b"\r\n" + rng.choice((b" ", b"\t", b"  ", b"")) + data[at:]


def add_line(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    lines = lines_of(data)
    lines.insert(rng.randint(1, max(1, len(lines) - 1)), rng.choice(HEADERS))
    return b"\r\n".join(lines)


def rename_line(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    lines = lines_of(data)
    at = rng.randrange(len(lines))
    name, colon, value = lines[at].partition(b":")
    other = rng.choice((name.upper(), name.lower(), name.swapcase(), name + b" ", name[:1], name.replace(b"-", b"%2D"), b""))
    lines[at] = other + colon + value
    return b"\r\n".join(lines)


# By tokens


def change_number(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    one = rng.choice(found)
    other = rng.choice((b"0", b"1", b"-1", b"", b"255", b"65535", b"65536", b"4294967295", b"9" * 40, b"0" * 30 + one[0]))
    return data[: one.start()] + other + data[one.end() :]


def change_word(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    found = _WORD.search(data, rng.randint(0, len(data)))
    return data if found is None else data[: found.start()] + rng.choice(TOKENS) + data[found.end() :]


def add_token(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    found = _SEPARATOR.search(data, rng.randint(0, len(data)))
    at = found.end() if found is not None else len(data)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def drop_separator(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    found = _SEPARATOR.search(data, rng.randint(0, len(data)))
    return data if found is None else data[: found.start()] + data[found.end() :]


def escape(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + b"%%%02x" % data[at] + data[at + 1 :]


# Between two messages


def cross(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    other = rng.choice(corpus)
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def borrow_line(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    lines = lines_of(data)
    lines[rng.randrange(len(lines))] = rng.choice(lines_of(rng.choice(corpus)))
    return b"\r\n".join(lines)


def join(data: bytes, rng: Random, corpus: Sequence[bytes]) -> bytes:
    return data + rng.choice((b"", b"\r\n", b"\r\n\r\n")) + rng.choice(corpus)


ALL: tuple[Mutation, ...] = (
    flip, put, cut, end, repeat, drop_line, double_line, move_line, fold_line, add_line, rename_line, change_number,
    change_word, add_token, drop_separator, escape, cross, borrow_line, join,
)  # fmt: skip
