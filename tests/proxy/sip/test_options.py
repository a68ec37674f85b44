"""The defaults are those of the RFC."""

from __future__ import annotations

import pytest

from proxy.sip.options import Listener, Options


@pytest.mark.req("SIP-059", "SIP-072")
def test_the_timers_are_those_of_table_4() -> None:
    options = Options((Listener("UDP", "192.0.2.1", 5060, "192.0.2.1", 5060),))
    assert (options.t1, options.t2, options.t4) == (0.5, 4.0, 5.0)
    assert options.timer_c > 180
    assert options.max_transactions > 0 and options.vital is None
