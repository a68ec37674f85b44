"""What `ringwarden bench` takes. Apart from the command, so that no other command loads a lab."""

from __future__ import annotations

from typing import Any


def options(commands: Any) -> None:
    """What the command takes."""
    load = commands.add_parser(
        "bench",
        help="a load of signed calls against a SIP target, or against a ringwarden of its own; 1 if too much fails",
    )
    load.add_argument(
        "--target", metavar="HOST:PORT", help="whom to call (default: a ringwarden of its own on loopback)"
    )
    load.add_argument(
        "--rate", default="100", metavar="N", help="calls a second: N, N,M,... or FROM:TO:STEP (default: 100)"
    )
    load.add_argument("--seconds", type=float, default=5.0, metavar="N", help="of each rate (default: 5)")
    load.add_argument(
        "--saturation", action="store_true", help="search the highest rate that is carried, from --rate upwards"
    )
    load.add_argument(
        "--closed", type=int, default=0, metavar="N", help="keep N calls open instead, as fast as they go (64 is usual)"
    )
    load.add_argument("--callers", type=int, default=1, metavar="N", help="processes that call (default: 1)")
    load.add_argument("--callee", metavar="HOST:PORT", help="answer calls here too")
    load.add_argument("--callees", type=int, default=1, metavar="N", help="processes that answer (default: 1)")
    load.add_argument(
        "--source", default="127.0.0.1", metavar="HOST[:PORT]", help="where calls come from (default: 127.0.0.1)"
    )
    load.add_argument("--ports", action="store_true", help="each caller has a port of its own (default: all share one)")
    load.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    load.add_argument(
        "--connections", type=int, default=8, metavar="N", help="of the callers together, over TCP (default: 8)"
    )
    load.add_argument("--to", default="", metavar="NUMBER", help="call this number (default: fictional ones in turn)")
    load.add_argument("--talk", type=float, default=0.0, metavar="SECONDS", help="that a call lasts")
    load.add_argument("--rings", type=float, default=0.0, metavar="SECONDS", help="before our callee answers")
    load.add_argument(
        "--expect", type=int, default=200, metavar="CODE", help="the answer a call is to get (default: 200)"
    )
    load.add_argument(
        "--patience", type=float, default=4.0, metavar="SECONDS", help="for an answer, before a call has failed"
    )
    load.add_argument("--exact", action="store_true", help="delays by the kernel's time stamps")
    load.add_argument("--key", metavar="FILE", help="sign with this P-256 key (PEM)")
    load.add_argument("--url", metavar="URL", help="where its certificate is")
    load.add_argument(
        "--lab", metavar="DIR", help="sign by a lab authority, whose anchors are kept here for the target"
    )
    load.add_argument("--attest", choices="ABC", default="A")
    load.add_argument("--unsigned", action="store_true", help="do not sign")
    load.add_argument("--workers", type=int, default=1, metavar="N", help="of a ringwarden of its own (default: 1)")
    load.add_argument(
        "--direct", action="store_true", help="without any target: callers to callees, what the generator itself can do"
    )
    load.add_argument(
        "--sipp-feed",
        metavar="FILE",
        help="instead: keep an injection file for sipp fresh, its scenario beside it, for --rate",
    )
    load.add_argument(
        "--feed-seconds", type=float, default=0.0, metavar="N", help="of --sipp-feed (default: until Ctrl-C)"
    )
    load.add_argument("--json", action="store_true")
