"""Where calls go: the peers of each side, what is known of their health, and in which order a call tries them.

Pure: no socket, no clock, no randomness of its own. `values` says what a peer is, `machine` is the health of one
target, `choice` draws by weight (RFC 2782), `directory` holds all of it and answers the one question of a call: which
targets, in which order. What is known belongs to the target (transport, address, port), never to a name: a peer that
is called something else after a reload, or two peers at one address, share it.

Names are looked up by `proxy.resolver`, pings sent by `proxy.health`; both only tell the directory what they found.
"""

from proxy.peers.directory import Directory, Row
from proxy.peers.machine import Health, Rules
from proxy.peers.values import Hop, Peer, Place, Target

__all__ = ["Directory", "Health", "Hop", "Peer", "Place", "Row", "Rules", "Target"]
