"""A ringwarden of our own between callers and callees."""

from __future__ import annotations

from pathlib import Path

from proxy.lab.load.fleet import Callees, place
from proxy.lab.load.plan import Address, Plan
from proxy.lab.load.stand import Stand, total
from proxy.lab.load.trust import Trust
from proxy.lab.ports import free_port


def test_every_call_of_a_load_is_verified(tmp_path: Path) -> None:
    carrier = Address("127.0.0.2", free_port())
    with Trust(tmp_path / "trust") as trust, Callees() as callees, Stand(tmp_path, trust, carrier, callees.me) as stand:
        outcome = place(Plan(stand.me, rate=50.0, calls=40, me=carrier, signing=trust.signing, patience=10.0), callees)
        verified = stand.count("ringwarden_verify_total", result="passed")
    assert outcome.caller.completed == 40 and outcome.nobody == 0, outcome.summary()
    assert verified == 40


def test_the_samples_of_a_name_that_carry_the_labels_are_added_up() -> None:
    text = '# TYPE a_total counter\na_total{side="pbx",way="in"} 2\na_total{side="pbx",way="out"} 3\na_total{side="carrier",way="in"} 4\n'
    assert total(text, "a_total") == 9 and total(text, "a_total", side="pbx") == 5
    assert total(text, "a_total", side="pbx", way="in") == 2 and total(text, "b_total") == 0.0
