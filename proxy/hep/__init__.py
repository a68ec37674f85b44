"""HEP version 3: a copy of what passes us, for a Homer that collects it. Off unless set, and never waited for."""

from proxy.hep.chunks import VENDOR, Captured, packet
from proxy.hep.tap import Tap

__all__ = ["VENDOR", "Captured", "Tap", "packet"]
