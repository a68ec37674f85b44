"""What signs the calls: kept in its folder, served on loopback."""

from __future__ import annotations

import ssl
import urllib.request
from pathlib import Path

import pytest

from proxy.lab.load.fleet import LoadError
from proxy.lab.load.trust import Program, Trust
from tests.waiting import SECONDS


def test_a_folder_keeps_key_and_anchors_and_serves_the_certificate(tmp_path: Path) -> None:
    with Trust(tmp_path) as trust:
        anchors, key = trust.anchors.read_bytes(), trust.signing.key
        context = ssl.create_default_context(cafile=str(trust.web_ca))
        with urllib.request.urlopen(trust.url, timeout=SECONDS, context=context) as answer:
            assert answer.read().startswith(b"-----BEGIN CERTIFICATE")
    with Trust(tmp_path) as again:
        assert (again.anchors.read_bytes(), again.signing.key) == (anchors, key)


def test_a_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    with Program(tmp_path, "x", "proxy.lab.nothing") as program, pytest.raises(LoadError, match="No module named"):
        program.says("ready", 10)
