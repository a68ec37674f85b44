"""Where a message came from, or goes to. Addresses only: the sockets are the edge's."""

from __future__ import annotations

from typing import NamedTuple


class Flow(NamedTuple):
    """One way between a listener of ours and a peer (the word is RFC 5626's)."""

    listener: int
    """Index into `Options.listeners`: which of our addresses."""
    host: str
    """The peer's address as text; IPv6 without brackets."""
    port: int
    connection: int = 0
    """Which connection, where the transport has connections; 0 for UDP."""
