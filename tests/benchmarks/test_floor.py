"""What the profile's lines are made of."""

from __future__ import annotations

from benchmarks.floor import Sample, places

RAW = """\
thread (0x1): MainThread;main (proxy/cli/__main__.py:5);_serve (proxy/server.py:120);send (proxy/transports/udp.py:70) 30
thread (0x1): MainThread;main (proxy/cli/__main__.py:5);holds (shaken/credential.py:44);verify (cryptography/ec.py:1) 50
thread (0x1): MainThread;main (proxy/cli/__main__.py:5);run (uvloop/loop.py:1) 20
thread (0x2): journal;_run (proxy/storage/journal.py:9) 900
not a line of it
"""


def test_looks_are_put_to_the_innermost_line_of_ours_in_the_calls_own_thread() -> None:
    found = places(RAW.splitlines())
    assert [(one.where, one.kind, round(one.share, 2)) for one in found] == [
        ("shaken/credential.py holds", "checking signatures", 0.5),
        ("proxy/transports/udp.py send", "receiving and sending", 0.3),
        ("the event loop", "other", 0.2),
    ]


def test_the_floor_is_a_check_and_seven_datagrams() -> None:
    assert Sample(us=230.0, verify=80.0, datagram=5.0).ratio == 2.0
