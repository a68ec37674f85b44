"""Raw sockets for the load: datagrams, and streams of whole messages. Never waits, except in `wait`.

`receive` gives what has come as (message, who, when); `who` is what `send` wants, `when` the kernel's time stamp in
seconds of the monotonic clock where that was asked for, else 0.0.
"""

from __future__ import annotations

import contextlib
import ctypes
import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

from proxy.lab.load.plan import Address
from proxy.workers.steering import packed, program

BUFFER = 4 * 1024 * 1024
"""Octets of a socket's buffer: the default holds about 90 INVITEs, and one pause of the machine would look like a lost
datagram."""
ROOM = 16_384
"""Octets of a message that is read whole."""
BATCH = 32
"""Messages taken at a time, before it is the schedule's turn again."""
CONNECT = 3.0
"""Seconds for a connection."""
_TIMESTAMPNS = 35
_ATTACH_REUSEPORT_CBPF = 51

Message = tuple[bytes, Any, float]


def family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def bound(address: Address, count: int = 1) -> list[socket.socket]:
    """So many UDP sockets on one address; the kernel hands a response to the one that the first character of its
    branch names, a request to one by its branch. Raises OSError.
    """
    sockets: list[socket.socket] = []
    for _ in range(count):
        one = socket.socket(family(address.host), socket.SOCK_DGRAM)
        one.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            one.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        if count > 1:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((address.host, address.port or (sockets[0].getsockname()[1] if sockets else 0)))
        sockets.append(one)
    if count > 1:
        code = packed(program(count))
        buffer = ctypes.create_string_buffer(code, len(code))
        where = struct.pack(
            "HxxxxxxP" if ctypes.sizeof(ctypes.c_void_p) == 8 else "HxxP", len(code) // 8, ctypes.addressof(buffer)
        )
        sockets[0].setsockopt(socket.SOL_SOCKET, _ATTACH_REUSEPORT_CBPF, where)
    return sockets


def listening(address: Address, count: int = 1) -> list[socket.socket]:
    """So many listening TCP sockets on one address. Raises OSError."""
    sockets: list[socket.socket] = []
    for _ in range(count):
        one = socket.socket(family(address.host), socket.SOCK_STREAM)
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if count > 1:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((address.host, address.port or (sockets[0].getsockname()[1] if sockets else 0)))
        one.listen(128)
        sockets.append(one)
    return sockets


def address_of(sock: socket.socket) -> Address:
    host, port = sock.getsockname()[:2]
    return Address(host, port)


class Datagrams:
    """One UDP socket."""

    def __init__(self, sock: socket.socket, *, stamps: bool = False) -> None:
        self.files: Sequence[Any] = (sock.fileno(),)  # a number: asked for at each message
        self.lost = 0
        """Datagrams that the kernel did not take."""
        self._sock, self._stamps = sock, stamps
        if stamps:
            sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
            self._offset = time.time() - time.monotonic()

    def receive(self) -> list[Message]:
        found: list[Message] = []
        if self._stamps:
            return self._stamped(found)
        take = self._sock.recvfrom
        try:
            for _ in range(BATCH):
                data, who = take(ROOM)
                found.append((data, who, 0.0))
        except OSError:  # nothing more, or an ICMP error of an earlier sending
            pass
        return found

    def _stamped(self, found: list[Message]) -> list[Message]:
        take = self._sock.recvmsg
        try:
            for _ in range(BATCH):
                data, ancillary, _, who = take(ROOM, 64)
                when = 0.0
                for _, _, octets in ancillary:
                    seconds, nanoseconds = struct.unpack("qq", octets[:16])
                    when = seconds + nanoseconds / 1e9 - self._offset
                found.append((data, who, when))
        except OSError:
            pass
        return found

    def send(self, data: bytes, who: Any) -> None:
        try:
            self._sock.sendto(data, who)
        except OSError:  # lost, as datagrams may be; what matters is sent again
            self.lost += 1

    def close(self) -> None:
        self._sock.close()


class _Connection:
    """One stream, cut into messages by their Content-Length."""

    __slots__ = ("_data", "_left", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock, self._data, self._left = sock, b"", bytearray()

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self) -> tuple[list[bytes], bool]:
        """Whole messages, and whether the stream goes on."""
        try:
            more = self._sock.recv(262_144)
        except (BlockingIOError, InterruptedError):
            return [], True
        except OSError:
            return [], False
        data, found, at = self._data + more, [], 0
        while (end := data.find(b"\r\n\r\n", at)) >= 0:
            length = data.rfind(b"\r\nContent-Length:", at, end + 2)
            body = int(data[length + 17 : data.find(b"\r\n", length + 17)]) if length >= 0 else 0
            if len(data) < end + 4 + body:
                break
            if end > at:  # else a keep-alive
                found.append(data[at : end + 4 + body])
            at = end + 4 + body
        self._data = data[at:]
        return found, bool(more)

    def write(self, data: bytes) -> None:
        if not self._left:
            try:
                data = data[self._sock.send(data) :]
            except (BlockingIOError, InterruptedError):
                pass
            except OSError:
                return  # gone: read says so
        self._left += data

    def flush(self) -> None:
        """What did not fit a moment ago."""
        if self._left:
            with contextlib.suppress(OSError):
                del self._left[: self._sock.send(self._left)]

    def close(self) -> None:
        self._sock.close()


class Streams:
    """TCP connections: those that we opened, and those that come to `door`."""

    def __init__(self, door: socket.socket | None = None) -> None:
        self.lost = 0
        """Connections that ended."""
        self._door = door
        self.connections: list[_Connection] = []
        self.files: Sequence[Any] = (door,) if door else ()

    def connect(self, to: Address, me: Address) -> None:
        """Open one more. Raises OSError."""
        sock = socket.socket(family(to.host), socket.SOCK_STREAM)
        sock.settimeout(CONNECT)
        sock.bind((me.host, 0))
        sock.connect((to.host, to.port))
        self._add(sock)

    def _add(self, sock: socket.socket) -> None:
        self.connections.append(_Connection(sock))
        self.files = (*((self._door,) if self._door else ()), *self.connections)

    def receive(self) -> list[Message]:
        found: list[Message] = []
        if self._door is not None:
            with contextlib.suppress(OSError):
                self._add(self._door.accept()[0])
        ready = select.select(self.connections, (), (), 0)[0] if self.connections else ()
        for one in self.connections:
            one.flush()
        for one in ready:
            messages, goes_on = one.read()
            found += [(data, one, 0.0) for data in messages]
            if not goes_on:
                self.lost += 1
                one.close()
                self.connections.remove(one)
                self.files = (*((self._door,) if self._door else ()), *self.connections)
        return found

    def send(self, data: bytes, who: Any) -> None:
        if who in self.connections:
            who.write(data)
        else:
            self.lost += 1

    def close(self) -> None:
        for one in self.connections:
            one.close()
        if self._door is not None:
            self._door.close()


Wire = Datagrams | Streams


def wait(files: Sequence[Any], seconds: float) -> list[Any]:
    """Until something has come, so long at most; returns the files that have something."""
    return select.select(files, (), (), seconds if seconds > 0 else 0)[0]
