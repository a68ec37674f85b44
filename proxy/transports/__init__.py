"""Sockets: UDP read and written directly, TCP and TLS as connections. Nothing here knows what a message means."""

from __future__ import annotations

from proxy.transports.bounds import Bounds, Room, descriptors
from proxy.transports.stream import Streams
from proxy.transports.tls import Tls
from proxy.transports.udp import MAX_DATAGRAM, RECEIVE_BUFFER, Udp

__all__ = ["MAX_DATAGRAM", "RECEIVE_BUFFER", "Bounds", "Room", "Streams", "Tls", "Udp", "descriptors"]
