"""A ringwarden of our own between callers and callees."""

from __future__ import annotations

from pathlib import Path

from proxy.lab.load.fleet import Callees, place
from proxy.lab.load.plan import Address, Plan
from proxy.lab.load.stand import Stand
from proxy.lab.load.trust import Trust
from proxy.lab.world import free_port


def test_every_call_of_a_load_is_verified(tmp_path: Path) -> None:
    carrier = Address("127.0.0.2", free_port())
    with Trust(tmp_path / "trust") as trust, Callees() as callees, Stand(tmp_path, trust, carrier, callees.me) as stand:
        outcome = place(Plan(stand.me, rate=50.0, calls=40, me=carrier, signing=trust.signing, patience=10.0), callees)
        verified = stand.count("ringwarden_verify_total", result="passed")
    assert outcome.caller.completed == 40 and outcome.nobody == 0, outcome.summary()
    assert verified == 40
