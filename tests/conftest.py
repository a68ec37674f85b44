"""For all tests: what a property shows must not depend on how fast the machine is."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

PROFILE = "calm"

settings.register_profile(PROFILE, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin("tests.mutation.few"):
        settings.load_profile(PROFILE)
