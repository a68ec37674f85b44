"""The wire of the conversations, for the rooms that they run through."""

from __future__ import annotations

from tests.conversations.conftest import fork, wire

__all__ = ["fork", "wire"]
