"""Which worker a message belongs to.

Requests belong by the branch of their topmost Via, which an INVITE, its retransmissions, its CANCEL and the ACK of a
failure share; responses by the first character of the branch that we wrote. `owner` is the truth. The classic BPF
program on the sockets' group says the same for nearly every datagram (it has no loops and sees the first bytes only),
so that the kernel hands it to the right worker at once; what it gets wrong costs a hand-over, never a message.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from proxy.sip.errors import ParseError
from proxy.sip.parser import parse

MAX_WORKERS = 36
"""One character of a branch names the worker."""
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
HASHED = 24
"""Octets of a branch, after the cookie, that count."""
REACH = 420
"""How far into a datagram the kernel looks for the branch: past any ordinary request line."""

# Letters in either case, and everything else that may stand in a branch, to one octet each.
_FOLD = bytes(octet | 0x20 for octet in range(256))
_ENDS = b";,\r\n \t"
# The topmost Via, first or after other headers, and its branch with the cookie where it is as nearly all write it: one
# that is not is found too, so that the next is never taken for it.
_BRANCH = re.compile(
    rb"\r\nv(?:ia)?[ \t]*+:"
    rb"(?:[ \t]*+SIP[^\r\n,;\"]*+(?>(?:;(?![ \t]*+branch)[^\r\n,;\"]*+)*);branch=z9hG4bK([^;,\r\n \t]++)[;,\r\n \t]|)",
    re.IGNORECASE,
).search
# The same as most write it, with nothing before it, so that there can be no fold: in half the time.
_FIRST = re.compile(
    rb"[^\r\n]++\r\nVia: SIP/2.0/[A-Z]++ [^\r\n,;]++(?:;rport)?;branch=z9hG4bK([^;,\r\n \t]++)[;,\r\n \t]"
).match


def share(text: bytes, workers: int) -> int:
    """The worker of a branch (without its cookie) or of a Call-ID."""
    return sum(text[:HASHED].translate(_FOLD)) % workers


def owner(data: bytes, workers: int) -> int | None:
    """The worker that a message belongs to; None where any will do: it cannot be read, or it is no answer of ours."""
    found = _FIRST(data, 0, REACH * 4)
    key = _top(data) if found is None else found[1]
    if key is None:
        return _parsed(data, workers)
    return _named(key, workers) if data[:4] == b"SIP/" else share(key, workers)


def _top(data: bytes) -> bytes | None:
    """The branch of the topmost Via without its cookie, where the octets alone tell; None: it is for the parser."""
    found = _BRANCH(data, 0, REACH * 4)
    if found is None or data[0] < 32:  # a line end before the message
        return None
    end = found.end()
    if data.find(b"\r\n ", 0, end) >= 0 or data.find(b"\r\n\t", 0, end) >= 0:  # a fold
        return None
    key: bytes | None = found[1]
    return key


def named(data: bytes) -> tuple[bool, bytes] | None:
    """Whether a message is a response, and what it belongs by: its branch without the cookie, or a request's Call-ID
    where there is none. None where it cannot be read.
    """
    if (key := _top(data)) is not None:
        return data[:4] == b"SIP/", key
    try:
        message = parse(data)
        via = message.via
        answers = data.lstrip(b"\r\n")[:4].upper() == b"SIP/"
        if via.cookie:
            return answers, via.branch.encode("utf-8", "surrogateescape")[7:]
        return None if answers else (False, message.call_id)
    except ParseError:
        return None


def _named(key: bytes, workers: int) -> int | None:
    number = DIGITS.find(chr(key[0]))
    return number if 0 <= number < workers else None


def _parsed(data: bytes, workers: int) -> int | None:
    try:
        message = parse(data)
        via = message.via
    except ParseError as error:
        if error.partial is None:
            return None
        message = error.partial
        try:
            via = message.via
        except ParseError:
            return None
    branch = via.branch.encode("utf-8", "surrogateescape")
    if data.lstrip(b"\r\n")[:4].upper() == b"SIP/":
        return _named(branch[7:], workers) if via.cookie else None
    if via.cookie:
        return share(branch[7:], workers)
    try:
        return share(message.call_id, workers)
    except ParseError:
        return None


# Classic BPF: (code, jump if true, jump if false, k).
Instruction = tuple[int, int, int, int]
_LD_W, _LDX_IMM, _LDX_MEM = 0x20, 0x01, 0x61
_LDB_X = 0x50
_LD_MEM, _LD_IMM, _ST = 0x60, 0x00, 0x02
_ADD_X, _SUB_K, _OR_K, _MOD_K = 0x0C, 0x14, 0x44, 0x94
_JA, _JEQ, _JGE = 0x05, 0x15, 0x35
_RET_K, _RET_A = 0x06, 0x16
_TAX = 0x07


def program(workers: int) -> list[Instruction]:
    """The filter for a group of sockets in the order of the workers. A load beyond the datagram ends it with 0."""
    if not 1 <= workers <= MAX_WORKERS:
        raise ValueError(f"1 to {MAX_WORKERS} workers")
    code: list[Instruction] = []
    # M[3]: 1 for a response.
    code += [(_LD_W, 0, 0, 0), (_JEQ, 0, 2, int.from_bytes(b"SIP/", "big")), (_LD_IMM, 0, 0, 1), (_JA, 0, 0, 1)]
    code += [(_LD_IMM, 0, 0, 0), (_ST, 0, 0, 3)]
    # The first "z9hG": its place goes to X.
    cookie = int.from_bytes(b"z9hG", "big")
    looks = range(12, REACH)
    for turn, place in enumerate(looks):
        left = (len(looks) - 1 - turn) * 4
        code += [(_LD_W, 0, 0, place), (_JEQ, 0, 2, cookie), (_LDX_IMM, 0, 0, place), (_JA, 0, 0, left + 1)]
    code.append((_RET_K, 0, 0, 0))
    code += [(_LD_MEM, 0, 0, 3), (_JEQ, 0, 5, 1)]
    # A response: the digit after the cookie.
    code += [(_LDB_X, 0, 0, 7), (_JGE, 1, 0, ord("a")), (_SUB_K, 0, 0, ord("0") - ord("a") + 10 & 0xFFFFFFFF)]
    # '0'..'9' become 'a'-10 .. 'a'-1 above, so that one subtraction serves both.
    code += [(_SUB_K, 0, 0, ord("a") - 10), (_RET_A, 0, 0, 0)]
    # A request: the sum of the folded octets up to the end of the branch. M[0]: sum, M[1]: octet, M[2]: X.
    code += [(_LD_IMM, 0, 0, 0), (_ST, 0, 0, 0), (0x87, 0, 0, 0), (_ST, 0, 0, 2)]  # 0x87: A = X
    body: list[list[Instruction]] = []
    for place in range(HASHED):
        body.append(
            [
                (_LDX_MEM, 0, 0, 2), (_LDB_X, 0, 0, 7 + place),
                *[(_JEQ, -1, 0, end) for end in _ENDS],
                (_OR_K, 0, 0, 0x20), (_TAX, 0, 0, 0), (_LD_MEM, 0, 0, 0), (_ADD_X, 0, 0, 0), (_ST, 0, 0, 0),
            ]
        )  # fmt: skip
    flat = [one for part in body for one in part]
    # Conditional jumps reach 255 instructions: each part ends with a way out of its own.
    out: list[Instruction] = []
    size = len(body[0]) + 2
    for number, part in enumerate(body):
        start = len(out)
        exit_at = start + size - 1
        for one in part:
            if one[1] == -1:
                one = (one[0], exit_at - len(out) - 1, 0, one[3])
            out.append(one)
        out.append((_JA, 0, 0, 1))  # over the way out
        out.append((_JA, 0, 0, (len(body) - 1 - number) * size))  # to the end
    assert len(flat) + 2 * len(body) == len(out)
    code += out
    code += [(_LD_MEM, 0, 0, 0), (_MOD_K, 0, 0, workers), (_RET_A, 0, 0, 0)]
    return code


def packed(code: Sequence[Instruction]) -> bytes:
    """The instructions as `struct sock_filter`s."""
    return b"".join(struct.pack("HBBI", *one) for one in code)


def interpreted(code: Sequence[Instruction], data: bytes) -> int:
    """What the kernel would make of a datagram: for tests, and to explain."""
    a = x = at = 0
    memory = [0] * 16
    while True:
        operation, yes, no, k = code[at]
        at += 1
        if operation == _LD_W:
            if k + 4 > len(data):
                return 0
            a = int.from_bytes(data[k : k + 4], "big")
        elif operation == _LDB_X:
            if x + k >= len(data):
                return 0
            a = data[x + k]
        elif operation == _LDX_IMM:
            x = k
        elif operation == _LDX_MEM:
            x = memory[k]
        elif operation == _LD_MEM:
            a = memory[k]
        elif operation == _LD_IMM:
            a = k
        elif operation == _ST:
            memory[k] = a
        elif operation == _ADD_X:
            a = a + x & 0xFFFFFFFF
        elif operation == _SUB_K:
            a = a - k & 0xFFFFFFFF
        elif operation == _OR_K:
            a |= k
        elif operation == _MOD_K:
            a %= k
        elif operation == _TAX:
            x = a
        elif operation == 0x87:
            a = x
        elif operation == _JA:
            at += k
        elif operation == _JEQ:
            at += yes if a == k else no
        elif operation == _JGE:
            at += yes if a >= k else no
        elif operation == _RET_K:
            return k
        else:
            return a
