"""What is asked of each free switch that stands behind us: calls of the same caller, unsigned and signed by somebody whom nobody trusts."""

from __future__ import annotations

import time

from benchmarks.sipp import Address
from benchmarks.stage import Stage
from proxy.lab.dialog import Invitation
from tests.interop.test_registration import NUMBER

CALLER, CALLED = "13015550101", "12125550147"


def calling(carrier: Address) -> Invitation:
    """A call to the number that the switch has registered."""
    return Invitation(f"sip:{NUMBER}@{carrier}", f"<sip:+{CALLER}@{carrier.host}>")


def suspicious(call: Invitation, stage: Stage) -> Invitation:
    """The same call, signed rightly by somebody whose root nobody trusts."""
    token = stage.impostor.identity(
        orig=CALLER, dest=(NUMBER,), iat=int(time.time()), attest="A", origid="00000000-0000-4000-8000-000000000001"
    )
    return call.with_lines(f"Identity: {token.decode()}")
