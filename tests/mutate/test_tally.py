"""Of mutmut's list the changes that were asked for are counted, and nothing that did not run counts as noticed."""

from __future__ import annotations

from tests.mutate.__main__ import patterns
from tests.mutate.tally import Tally, rooms

RESULTS = """\
    proxy.sip.uri.x_parse__mutmut_1: killed
    proxy.sip.uri.x_parse__mutmut_7: survived
    proxy.sip.uri.x_parse__mutmut_17: no tests
    proxy.sip.uri.xǁUriǁ__str____mutmut_27: timeout
    proxy.sip.via.x_parse__mutmut_7: killed
    proxy.sip.via.x_parse__mutmut_8: survived
    proxy.sip.reply.x_answer__mutmut_7: not checked
a line of something else
"""


def test_all_that_ran_is_counted_by_room() -> None:
    found = rooms(RESULTS, patterns([], ""))
    assert {room: (one.asked, len(one.unnoticed)) for room, one in found.items()} == {"uri": (4, 2), "via": (2, 1)}
    whole = sum(found.values(), Tally())
    assert whole.share == 50.0 and whole.unnoticed[0] == "proxy.sip.uri.x_parse__mutmut_7"


def test_a_tenth_and_a_room_can_be_asked_for() -> None:
    found = rooms(RESULTS, patterns(["uri"], "7"))
    assert {room: (one.asked, len(one.unnoticed)) for room, one in found.items()} == {"uri": (3, 2)}
    assert rooms("", patterns([], "7")) == {} and Tally().share == 0.0
