"""UDP: bound, read and written directly, because a datagram more or less is most of what a call costs.

Nothing here knows SIP. A full send buffer or an unreachable host loses the datagram, which SIP's retransmissions are
there for; it is counted and never waited for.
"""

from __future__ import annotations

import errno
import ipaddress
import select
import socket
from collections.abc import Callable

from proxy.sip.endpoint import Listener
from proxy.sip.flow import Flow

RECEIVE_BUFFER = 4 * 1024 * 1024
"""Octets asked of the kernel for one listening socket: its default holds 92 INVITEs, a burst of a fifth of a second."""
MAX_DATAGRAM = 65_535
BATCH = 32
"""Datagrams read at one wake-up before timers and other sockets get their turn."""


class Udp:
    """One listening UDP socket."""

    def __init__(self, listener: Listener, bound: socket.socket | None = None) -> None:
        """bound: a socket that is this listener's already. Raises OSError."""
        self.dropped = 0
        """Datagrams that could not be sent."""
        self._poll = select.poll()
        if bound is not None:
            self.socket = bound
            self._poll.register(bound, select.POLLIN)
            return
        address = ipaddress.ip_address(listener.host.strip("[]"))
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.socket.setblocking(False)
            if family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            self.socket.bind((str(address), listener.port))
        except BaseException:
            self.socket.close()
            raise
        self._poll.register(self.socket, select.POLLIN)

    @property
    def port(self) -> int:
        """The bound port: the one that the kernel chose, where the settings say 0."""
        return int(self.socket.getsockname()[1])

    def read(self, take: Callable[[bytes, str, int], None], most: int = BATCH) -> int:
        """Hand over what has arrived, `most` datagrams at most; returns how many."""
        receive = self.socket.recvfrom
        for count in range(most):
            if count == 1 and not self._poll.poll(0):
                return 1  # nearly always; the exception that would say so takes five times as long
            try:
                data, address = receive(MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return count
            except OSError:
                # An ICMP error of an earlier send is reported here; the socket itself is well.
                continue
            take(data, address[0], address[1])
        return most

    def send(self, data: bytes, flow: Flow) -> bool:
        """Send one datagram; False when the network refused it for good (no route, not for this family). One that is
        too long is lost, and says nothing of others on the same way.
        """
        try:
            self.socket.sendto(data, (flow[1], flow[2]))
        except (BlockingIOError, InterruptedError):
            self.dropped += 1
        except OSError as error:
            self.dropped += 1
            return error.errno in (errno.ENOBUFS, errno.ENOMEM, errno.ECONNREFUSED, errno.EMSGSIZE)
        except (OverflowError, ValueError, TypeError):
            # No port, or no address at all: the system was never asked.
            self.dropped += 1
            return False
        return True

    def close(self) -> None:
        self.socket.close()
