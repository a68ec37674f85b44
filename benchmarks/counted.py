"""Calls through a whole ringwarden in this process, one message at a time, with a mark between the kinds of messages: what
`check` counts the instructions of.

Everything that could differ from run to run is held fast: keys, tokens and randomness come from a seed, both clocks are
ours, the garbage collector rests, rows of the journal are kept in memory and written at the end. The sockets are real, so
the pump, the endpoint and the calls do what they always do; the event loop only says who is to read.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

SEED = 7
os.urandom = random.Random(SEED).randbytes  # before anybody takes it; branches and tags are drawn from it

from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

from benchmarks import feed, sender  # noqa: E402
from benchmarks.ringwarden import CONFIGURATION, REFUSED  # noqa: E402
from benchmarks.sipp import Address  # noqa: E402
from certs.chains import Kept  # noqa: E402
from certs.lab import Authority, Issued  # noqa: E402
from policy.decide import reason_slugs  # noqa: E402
from proxy.app import App  # noqa: E402
from proxy.parts import prepare  # noqa: E402
from proxy.settings import load  # noqa: E402
from proxy.storage.database import Database  # noqa: E402
from shaken.credential import Credential  # noqa: E402
from shaken.sign import Signer  # noqa: E402

CARRIER, PBX, ME = "127.0.0.2", "127.0.0.3", "127.0.0.4"
URL = "https://127.0.0.1:1/good.pem"
"""Where nobody serves it: it is on the shelf already."""
UTC, NOW = 1_794_000_000.0, 5_000.0
"""Both clocks at the start."""
OVER = 40.0
"""Seconds after which no transaction of a call is left: Timer J and its kin take 32."""
CALLS = 40
"""Of each kind: all INVITEs of one phase wait in one socket, which the system grants room for about a hundred."""
KINDS = ("relay", "verified", "rejected")
YARD = 20_000
ES256 = ec.ECDSA(hashes.SHA256())


class Loop(asyncio.SelectorEventLoop):
    """Tells who reads which socket instead of looking itself, and has our time."""

    def __init__(self) -> None:
        self.now = NOW
        self.readers: dict[int, Callable[[], object]] = {}
        super().__init__()

    def time(self) -> float:
        return self.now

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:  # type: ignore[override]
        number = fd if isinstance(fd, int) else fd.fileno()
        self.readers[number] = lambda: callback(*args)


class Dial:
    """Both telephones, and the ringwarden between them."""

    def __init__(self, loop: Loop, app: App, out: socket.socket, into: socket.socket, mark: Callable[[str], None]) -> None:
        self._out, self._in, self._mark, self._loop = out, into, mark, loop
        one = app.sockets[0]
        self._me = Address(ME, one.port)
        self._read = loop.readers[one.socket.fileno()]
        self._to = (ME, one.port)
        self._exchange = sender._Exchange.__new__(sender._Exchange)
        self._exchange._caller = Address(CARRIER, out.getsockname()[1])

    def phase(self, name: str, messages: Sequence[bytes], side: socket.socket) -> tuple[list[bytes], list[bytes]]:
        """Have all of them served, each for itself, and give what carrier and PBX got of it. Counted as `name`."""
        read, to, send = self._read, self._to, side.sendto
        self._mark("")
        for data in messages:
            send(data, to)
            read()
        self._mark(name)
        return taken(self._out), taken(self._in)

    async def place(self, kind: str, calls: Sequence[feed.Call], run: str) -> None:
        """The calls of one kind, in step."""
        me = self._exchange._caller
        legs = {
            f"{run}.{at}".encode(): sender._Leg(sender.Timing(kind), call, sender.invite(call, me, self._me, f"{run}.{at}"))
            for at, call in enumerate(calls)
        }
        here = len(calls)
        heard, got = self.phase(f"{kind} INVITE", [leg.invite for leg in legs.values()], self._out)
        if kind == "rejected":
            assert len(heard) == here and not got and all(one.startswith(b"SIP/2.0 438") for one in heard), (heard, got)
            acks = [self._exchange._refusal_ack(legs[sender.value(one, b"Call-ID")], one) for one in heard]
            heard, got = self.phase(f"{kind} ACK", acks, self._out)
            assert not heard and not got, (heard, got)
        else:
            invites = [one for one in got if one.startswith(b"INVITE")]
            assert len(invites) == here, heard
            contact = b"Contact: <sip:pbx@%s:%d>\r\n" % (PBX.encode(), self._in.getsockname()[1])
            heard, _ = self.phase(f"{kind} 180", [sender.answer(one, b"180 Ringing", contact) for one in invites], self._in)
            assert len(heard) == here, heard
            oks = [sender.answer(one, b"200 OK", contact, sender.SDP) for one in invites]
            heard, _ = self.phase(f"{kind} 200", oks, self._in)
            assert len(heard) == here, heard
            inside = self._exchange._in_dialog
            of = [(legs[sender.value(one, b"Call-ID")], one) for one in heard]
            _, got = self.phase(f"{kind} ACK", [inside(leg, ok, b"ACK", 1) for leg, ok in of], self._out)
            assert len(got) == here and got[0].startswith(b"ACK"), got
            _, got = self.phase(f"{kind} BYE", [inside(leg, ok, b"BYE", 2) for leg, ok in of], self._out)
            assert len(got) == here and got[0].startswith(b"BYE"), got
            heard, _ = self.phase(f"{kind} 200 BYE", [sender.answer(one, b"200 OK") for one in got], self._in)
            assert len(heard) == here, heard
        self._mark("")
        self._loop.now += OVER
        for _ in range(4):
            await asyncio.sleep(0)
        self._mark(f"{kind} afterwards")


class Rows:
    """Where the journal would be."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.put = self.kept.append


def taken(side: socket.socket) -> list[bytes]:
    """All that has come."""
    found = []
    while True:
        try:
            found.append(side.recv(65_535))
        except BlockingIOError:
            return found


def bound(host: str, port: int = 0) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    one.setblocking(False)
    one.bind((host, port))
    return one


def yard() -> int:
    """A fixed piece of plain Python: how many instructions this interpreter takes for it says how it was built."""
    found, words = 0, [f"w{at}" for at in range(50)]
    for at in range(YARD):
        found += len(words[at % 50]) + (at & 7)
        if (words[at % 50], at % 7) == ("w3", 3):
            found -= 1
    return found


@dataclass(frozen=True, slots=True)
class Set:
    """A ringwarden in this process, the sockets of both telephones, and what calls are signed with."""

    app: App
    out: socket.socket
    into: socket.socket
    leaf: Issued

    @property
    def signer(self) -> Signer:
        return Signer(self.leaf.key, URL)


async def started(loop: Loop, folder: Path, utc: Callable[[], float], *, journal: bool = False) -> Set:
    """A ringwarden that runs by the clock of the loop. journal: with its journal and its state folder."""
    out, into = bound(CARRIER), bound(PBX)
    authority = Authority(utc(), seed=str(SEED))
    leaf = authority.leaf("709J")
    for name, octets in (("anchors.pem", authority.anchors_pem), ("web.pem", authority.web_ca_pem)):
        (folder / name).write_bytes(octets)
    (folder / "state").mkdir()
    text = CONFIGURATION.format(
        secret="4c6162" * 11, me=f"{ME}:0", carrier=Address(CARRIER, out.getsockname()[1]),
        pbx=Address(PBX, into.getsockname()[1]), mode="enforce", anchors=folder / "anchors.pem", web_ca=folder / "web.pem",
        key=leaf.save(folder, "key")[1], url=URL, admin=0, folder=folder, transport="udp",
        codes="\n".join(f"{slug} = {code}" for slug, code in REFUSED.items()),
    )  # fmt: skip
    text = text.partition("[admin]")[0] + text[text.index("[paths]") :].replace('"warning"', '"error"')
    if not journal:
        text = text.replace(f'journal = "{folder}/journal.db"\nstate = "{folder}/state"\n', "")
    (folder / "ringwarden.toml").write_text(text + 'clock = "2026-11-06T21:20:00Z"\n')
    settings = load(folder / "ringwarden.toml", reason_slugs())
    app = App(settings, prepare(settings))
    app.clock.now = loop.time
    app.clock.utc = utc  # type: ignore[method-assign]
    await app.start()
    assert app.store is not None
    app.store.stock({URL: Kept(leaf.chain_pem(), utc(), 86_400.0)})
    await app.store.get(URL, 5.0)
    return Set(app, out, into, leaf)


async def count(loop: Loop, calls: int, mark: Callable[[str], None], folder: Path) -> None:
    """Warm everything up, then place the calls of each kind, with marks."""
    made_of = await started(loop, folder, lambda: UTC)
    app, leaf = made_of.app, made_of.leaf
    rows = Rows()
    app.calls.world.journal = rows
    assert app.store is not None
    dial = Dial(loop, app, made_of.out, made_of.into, mark)
    first = 0
    for measured in (False, True):
        dial._mark = mark if measured else lambda name: None
        for kind in KINDS:
            number = calls if measured else 10
            if kind == "relay":
                made = [feed.Call(caller, callee, caller, "") for caller, callee in feed.pairs(number, first)]
            else:
                made = feed.signed(number, made_of.signer, UTC, first=first)
            if kind == "rejected":
                made = [feed.forged(call) for call in made]
                # A bad signature has the certificate fetched again, once a minute: that was so just now.
                credential = app.store.peek(URL)
                assert isinstance(credential, Credential)
                if app.store.suspect(URL, credential):
                    await app.store.successor(URL, credential, 5.0)
            first += number
            del rows.kept[:]
            await dial.place(kind, made, f"{kind}{measured:d}")
            verify = [getattr(row, "verify", "") for row in rows.kept]
            expected = {"relay": "unsigned", "verified": "passed", "rejected": "identity-bad-signature"}[kind]
            assert verify.count(expected) == number, verify
            database = Database(folder / "journal.db", 1.0)
            database.write([])
            dial._mark("")
            database.write(rows.kept)
            dial._mark(f"{kind} journal")
            database.close()
        if not measured:
            yard()
            gc.collect()
            gc.freeze()
            gc.disable()
    signatures = [leaf.key.sign(b"%d" % at, ES256) for at in range(calls)]
    public = leaf.key.public_key()
    mark("")
    for at, value in enumerate(signatures):
        public.verify(value, b"%d" % at, ES256)
    mark("ES256 check")
    mark("")
    yard()
    mark("yard")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--names", type=Path, required=True, help="where the names of the marks are written")
    parser.add_argument("--functions", action="store_true", help="write how often each function is called instead")
    args = parser.parse_args(argv)
    names: list[str] = []
    seen: Counter[str] = Counter()
    found: Counter[str] = Counter()

    def mark(name: str) -> None:
        names.append(name)
        os.getpriority(os.PRIO_PROCESS, 0)  # callgrind writes down what it has counted, and begins anew

    def look(name: str) -> None:
        sys.setprofile(None)
        if name and name != "yard":
            found.update({f"{name.partition(' ')[0]} {one}": times for one, times in seen.items()})
        seen.clear()
        sys.setprofile(called)

    def called(frame: FrameType, event: str, what: Any) -> None:
        if event == "call":
            code = frame.f_code
            seen[f"{'/'.join(Path(code.co_filename).parts[-2:])} {code.co_qualname}"] += 1
        elif event == "c_call":
            seen[f"C {getattr(what, '__qualname__', what)}"] += 1

    with tempfile.TemporaryDirectory() as folder:
        loop = Loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(count(loop, args.calls, look if args.functions else mark, Path(folder)))
        sys.setprofile(None)
        told = [f"{times / args.calls:g}\t{one}" for one, times in found.items()] if args.functions else names
        args.names.write_text("\n".join(told) + "\n", encoding="utf-8")
    os._exit(0)  # threads and sockets go with the process


if __name__ == "__main__":
    raise SystemExit(main())
