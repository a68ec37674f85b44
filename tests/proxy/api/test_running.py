"""The interface of a running ringwarden, alone and with several workers at one address."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from proxy.lab.cases import CALLEE
from proxy.lab.ports import free_port
from proxy.lab.world import World
from tests.waiting import SECONDS, counted


def post(port: int, path: str, body: Any) -> Any:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("workers", [1, 2])
async def test_what_it_signs_it_verifies_with_the_certificate_that_it_fetches(tmp_path: Path, workers: int) -> None:
    port = free_port()
    more = f'\n[api]\naddress = "127.0.0.1:{port}"\nsign = "asked"\n'
    async with World(tmp_path, amend=lambda text: text + more, workers=workers) as world:
        now = int(time.time())
        claims = {"attest": "A", "dest": {"tn": [CALLEE]}, "iat": now, "orig": {"tn": "12025550123"}, "origid": "123e4567-e89b-42d3-a456-426655440000"}
        signed = await asyncio.to_thread(post, port, "/stir/v1/signing", {"signingRequest": claims})
        asked = {"from": claims["orig"], "to": claims["dest"], "time": now, "identity": signed["signingResponse"]["identity"]}
        for _ in range(4):  # each of them on a connection of its own
            told = await asyncio.to_thread(post, port, "/stir/v1/verification", {"verificationRequest": asked})
            assert told == {"verificationResponse": {"verstat": "TN-Validation-Passed"}}
        await counted(world, 'ringwarden_api_total{operation="verification",result="done"}', 4)
        await counted(world, 'ringwarden_api_total{operation="signing",result="done"}', 1)
