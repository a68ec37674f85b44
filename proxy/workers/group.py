"""The sockets of one address, one for each worker, and the program by which the kernel chooses among them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from ctypes import Structure, addressof, c_ushort, c_void_p, create_string_buffer

from proxy.settings import ListenSettings
from proxy.transports import RECEIVE_BUFFER
from proxy.workers.steering import packed, program

SO_ATTACH_REUSEPORT_CBPF = 51


class _Program(Structure):
    _fields_ = [("length", c_ushort), ("filter", c_void_p)]


def grouped(one: ListenSettings, workers: int, there: Sequence[socket.socket] = ()) -> tuple[list[socket.socket], bool]:
    """The group, and whether the kernel steers by its program. there: sockets of it that an older version hands over.
    Raises OSError.
    """
    family = socket.AF_INET6 if ipaddress.ip_address(one.host).version == 6 else socket.AF_INET
    kind = socket.SOCK_DGRAM if one.transport == "udp" else socket.SOCK_STREAM
    port, found = one.port, list(there)
    for _ in range(workers - len(found)):
        bound = socket.socket(family, kind)
        found.append(bound)
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((one.host, port))
        port = int(bound.getsockname()[1])
    if kind == socket.SOCK_DGRAM and workers > 1:
        code = packed(program(workers))
        buffer = create_string_buffer(code)
        try:
            found[0].setsockopt(
                socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, bytes(_Program(len(code) // 8, addressof(buffer)))
            )
        except OSError:
            return found, False  # hand-over alone serves
    return found, True
