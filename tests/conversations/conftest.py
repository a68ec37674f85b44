"""The wire that the conversations happen on."""

from __future__ import annotations

import pytest

from tests.conversations.wire import Wire


@pytest.fixture
def wire() -> Wire:
    """A caller, the proxy, one callee."""
    return Wire()


@pytest.fixture
def fork() -> Wire:
    """A caller, the proxy, and two callees that are tried one after the other."""
    return Wire(callees=2)
