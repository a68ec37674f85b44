"""Hostile captures of TCP, seeded: `python -m tests.fuzz.capture`.

Calls are cut into segments, mixed, repeated and dropped, and then octets of the file are changed. A reader may say that it is
no capture; it raises nothing else, finds no message twice in what it was given once, and forgets nothing that it promised to
forget.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections import Counter
from random import Random

from proxy.capture import CaptureError, messages
from proxy.segments import MAX_AHEAD, MAX_PIECES, Streams
from proxy.sip.errors import ParseError
from proxy.sip.parser import parse
from tests.fuzz.mutations import mutated

HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)


def segment(sequence: int, payload: bytes, flags: int, port: int) -> bytes:
    part = struct.pack(">HHIIBBHHH", port, 5060, sequence % 2**32, 0, 5 << 4, flags, 65_535, 0, 0) + payload
    packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(part), 7, 0, 64, 6, 0, bytes([192, 0, 2, 20]), bytes([192, 0, 2, 10])) + part
    return struct.pack("<IIII", 1000, 0, len(packet), len(packet)) + packet


def capture(dice: Random) -> tuple[bytes, int]:
    """A capture, and how many messages went into it."""
    begins, packets, count = [], [], 0
    for port in range(1, dice.randrange(2, 5)):
        octets = b""
        for number in range(dice.randrange(1, 6)):
            body = dice.randrange(0, 300)
            octets += f"INVITE sip:{port}.{number}@pbx.example.com SIP/2.0\r\nCall-ID: {number}\r\nContent-Length: {body}\r\n\r\n{'y' * body}".encode()
            count += 1
        at = first = dice.choice((0, 2**32 - 100, dice.randrange(2**32)))
        begins.append(segment(first - 1, b"", 2, port))
        while octets:
            size = dice.randrange(1, 400)
            packets += [segment(at, octets[:size], 16, port)] * dice.choice((0, 1, 1, 1, 1, 2))
            at, octets = at + size, octets[size:]
    for _ in range(dice.randrange(0, 20) if packets else 0):
        one, other = dice.randrange(len(packets)), dice.randrange(len(packets))
        packets[one], packets[other] = packets[other], packets[one]
    return HEAD + b"".join((*begins, *packets)), count


def run(count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """What was seen, and what should not have been."""
    seen: Counter[str] = Counter()
    findings: list[str] = []
    for number in range(count):
        dice = Random(f"{seed}-{number}")
        octets, sent = capture(dice)
        intact = dice.random() < 0.5
        if not intact:
            octets = mutated(octets, dice, [HEAD])
        streams, found = Streams(), []
        try:
            for one in messages(octets, streams):
                found.append(one.payload)
                for stream in streams._streams.values():
                    assert stream._held <= MAX_AHEAD and len(stream._waiting) <= MAX_PIECES, "more is kept than is bounded"
            for payload in found:
                parse(payload)
            assert not intact or len(found) <= sent and len(set(found)) == len(found), "a message was found twice"
        except CaptureError:
            seen["refused"] += 1
        except ParseError:
            seen["no SIP"] += 1
        except Exception as error:
            findings.append(f"seed {seed}, number {number}: {type(error).__name__}: {error}")
        seen["read" if found else "nothing"] += 1
        seen["told" if streams.remarks() else "nothing to tell"] += 1
        assert streams._streams == {} or not intact
    return seen, findings


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz.capture", description=__doc__)
    asked.add_argument("--count", type=int, default=20_000, help="captures")
    asked.add_argument("--seed", type=int, default=1, help="the same seed gives the same captures")
    of = asked.parse_args()
    seen, findings = run(of.count, of.seed)
    print("  ".join(f"{name} {count}" for name, count in sorted(seen.items())))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
