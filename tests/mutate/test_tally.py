"""The changes that were asked are counted, nothing that did not run counts as noticed, and old verdicts end in time."""

from __future__ import annotations

from tests.mutate.tally import Tally, holding, rooms

VERDICTS = {
    "proxy.sip.uri.x_parse__mutmut_1": "killed",
    "proxy.sip.uri.x_parse__mutmut_7": "survived",
    "proxy.sip.uri.x_parse__mutmut_17": "no tests",
    "proxy.sip.uri.xǁUriǁ__str____mutmut_27": "timeout",
    "proxy.sip.via.x_parse__mutmut_7": "killed",
    "proxy.sip.via.x_parse__mutmut_8": "survived",
}


def test_all_that_ran_is_counted_by_room() -> None:
    found = rooms(VERDICTS)
    assert {room: (one.asked, len(one.unnoticed)) for room, one in found.items()} == {"uri": (4, 2), "via": (2, 1)}
    whole = sum(found.values(), Tally())
    assert whole.share == 50.0 and whole.unnoticed[0] == "proxy.sip.uri.x_parse__mutmut_7"
    assert rooms({}) == {} and Tally().share == 0.0


def test_a_verdict_holds_as_long_as_what_it_is_about() -> None:
    functions = {"a": "f1", "b": "f1", "c": "f2", "d": "f1"}
    written = "a f1 t1 killed\nb f1 t1 survived\nc f1 t2 killed\nd f1 t2 no tests\nd f1 t2 killed\nb f1 t2 survi\nx f1 t2 killed\na f1"
    assert holding(written, functions, "t2") == {"a": "killed", "d": "killed", "b": "survi"}
    assert holding(written, functions, "t1")["b"] == "survi"
    assert "b" not in holding("b f1 t1 survived\n", functions, "t2")
    assert holding("b f1 t2 no tests\n", functions, "t2") == {"b": "no tests"}
