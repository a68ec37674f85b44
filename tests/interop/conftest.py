"""Real peers: a test that names one is skipped, with a plain reason, where the program is not installed."""

from __future__ import annotations

import os
import shutil

import pytest

PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
PACKAGES = {"sipp": "sip-tester", "baresip": "baresip-core", "kamailio": "kamailio", "secsipidx": "secsipidx", "tshark": "tshark", "openssl": "openssl", "fail2ban-regex": "fail2ban"}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("peer"):
        for program in mark.args:
            if shutil.which(program, path=PATH) is None:
                pytest.skip(f"{program} is not installed (Debian: {PACKAGES.get(program, program)})")
