"""Counters in shared cells, and what Prometheus reads of them."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from proxy.families import OTHER, families
from proxy.metrics import DECISION_BOUNDS_NS, SHOWN_EMPTY, Metrics

REASONS = ("none", "emergency", "campaign", "identity-stale-iat")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(REASONS, ("identity-stale-iat",))


def exported(metrics: Metrics, **more: object) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.exported("1.2.3", **more).decode()  # type: ignore[arg-type]
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_happens_is_counted_under_its_name(metrics: Metrics) -> None:
    metrics.request("carrier", "INVITE")
    metrics.response("carrier", 603)
    metrics.decision("carrier", "reject", "campaign", "none")
    metrics.decision("pbx", "allow", "none", "A")
    metrics.verified("identity-stale-iat", "none")
    metrics.signed("signed", "A")
    metrics.fetched("timeout")
    metrics.cache("hit")
    metrics.emergency()
    metrics.parse_error(400)
    metrics.stray()
    metrics.unknown_source()
    metrics.cancelled()
    metrics.retransmitted("received")
    metrics.failed_over("silence")
    metrics.peer_changed("down")
    metrics.looked_up("SRV", "nothing")
    metrics.marked("observe", 2, 3)
    metrics.oversize()
    metrics.admin_restarted()
    metrics.internal_error()
    found = exported(metrics)
    for name, labels, count in [
        ("requests", {"side": "carrier", "method": "INVITE"}, 1),
        ("responses", {"side": "carrier", "code_class": "6xx"}, 1),
        (
            "decisions",
            {"direction": "inbound", "action": "reject", "reason": "campaign", "attest": "none"},
            1,
        ),
        ("decisions", {"direction": "outbound", "action": "allow", "reason": "none", "attest": "A"}, 1),
        ("verify", {"result": "identity-stale-iat", "attest": "none"}, 1),
        ("sign", {"result": "signed", "attest": "A"}, 1),
        ("cert_fetches", {"result": "timeout"}, 1),
        ("cert_cache_requests", {"result": "hit"}, 1),
        ("parse_errors", {"kind": "400"}, 1),
        ("retransmissions", {"way": "received"}, 1),
        ("marks", {"mode": "observe", "change": "stripped"}, 2),
        ("marks", {"mode": "observe", "change": "added"}, 3),
        ("failovers", {"why": "silence"}, 1),
        ("peer_changes", {"state": "down"}, 1),
        ("dns_lookups", {"kind": "SRV", "result": "nothing"}, 1),
        *((name, {}, 1) for name in (
            "emergency_calls", "strays", "unknown_sources", "cancelled", "udp_oversize",
            "admin_restarts", "internal_errors",
        )),
    ]:  # fmt: skip
        assert found[f"ringwarden_{name}_total", tuple(sorted(labels.items()))] == count, name


def test_the_hot_path_needs_nothing_but_a_cell(metrics: Metrics) -> None:
    slot = metrics.slot("decisions", "inbound", "allow", "none", "A")
    metrics.cells[slot] += 1
    metrics.count(slot, 2)
    assert metrics.counter_value("decisions", "inbound", "allow", "none", "A") == 3


@pytest.mark.req("TRAP-93", "TRAP-92")
@given(st.text(), st.text(), st.text(), st.text())
def test_no_label_comes_from_outside(side: str, action: str, reason: str, attest: str) -> None:
    metrics = Metrics(REASONS)
    before = {counters: len(counters.slots) for counters in metrics._families.values()}
    metrics.decision(side, action, reason, attest)
    metrics.request(side, action)
    metrics.parse_error(reason)
    assert {counters: len(counters.slots) for counters in before} == before
    known = {
        OTHER,
        *(value for family in families(REASONS, ()) for values in family.labels.values() for value in values),
    }
    known |= {"passed", "unsigned", "failed", "none"}
    for (name, labels), _ in exported(metrics).items():
        if name not in ("ringwarden_build_info", "ringwarden_decision_seconds_bucket"):
            assert {value for _, value in labels} <= known, (name, labels)


@pytest.mark.req("TRAP-93")
def test_an_unknown_label_is_other_and_the_known_ones_stay(metrics: Metrics) -> None:
    metrics.decision("carrier", "reject", "12025550123", "none")
    assert metrics.counter_value("decisions", "inbound", "reject", OTHER, "none") == 1
    with pytest.raises(ValueError, match="argument"):
        metrics.slot("decisions", "inbound")


@pytest.mark.req("REG-017")
def test_a_label_on_a_call_is_counted_apart_from_a_block(metrics: Metrics) -> None:
    metrics.decision("carrier", "tag", "campaign", "none")
    assert metrics.counter_value("decisions", "inbound", "reject", "campaign", "none") == 0
    assert metrics.counter_value("decisions", "inbound", "tag", "campaign", "none") == 1


def test_the_histogram_goes_from_50_microseconds_to_100_milliseconds(metrics: Metrics) -> None:
    assert (DECISION_BOUNDS_NS[0], DECISION_BOUNDS_NS[-1]) == (50_000, 100_000_000)
    assert all(one < two for one, two in pairwise(DECISION_BOUNDS_NS))
    for seconds in (0.0, 0.00005, 0.000051, 0.1, 0.2):
        metrics.decided(seconds)
    found = exported(metrics)
    bucket = "ringwarden_decision_seconds_bucket"
    assert found[bucket, (("le", "5e-05"),)] == 2
    assert found[bucket, (("le", "0.0001"),)] == 3
    assert found[bucket, (("le", "0.1"),)] == 4
    assert found[bucket, (("le", "+Inf"),)] == found["ringwarden_decision_seconds_count", ()] == 5
    assert found["ringwarden_decision_seconds_sum", ()] == pytest.approx(0.300101)


@given(st.lists(st.floats(0, 1), max_size=50))
def test_every_duration_falls_into_one_bucket(durations: list[float]) -> None:
    metrics = Metrics()
    for seconds in durations:
        metrics.decided(seconds)
    assert exported(metrics)["ringwarden_decision_seconds_count", ()] == len(durations)


def test_workers_write_slices_and_one_exporter_adds_them_up() -> None:
    size = Metrics(REASONS).size
    shared = memoryview(bytearray(8 * size * 2)).cast("q")
    one, two = Metrics(REASONS, buffer=shared[:size]), Metrics(REASONS, buffer=shared[size:])
    one.stray()
    two.stray()
    two.decided(0.001)
    found = exported(one, slices=(shared[:size], shared[size:]))
    assert found["ringwarden_strays_total", ()] == 2
    assert found["ringwarden_decision_seconds_count", ()] == 1
    assert exported(one)["ringwarden_strays_total", ()] == 1


def test_a_buffer_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="cells are needed"):
        Metrics(REASONS, buffer=array("q", [0]))


def test_gauges_are_read_when_somebody_asks_and_a_broken_one_is_left_out(metrics: Metrics) -> None:
    calls = [3]
    metrics.gauge("active_calls", "Answered calls.", lambda: calls[0])
    metrics.gauge("list_entries", "Entries.", lambda: {"campaigns": 125, "dno": 0}, label="list")
    metrics.gauge("broken", "Raises.", lambda: 1 / 0)
    metrics.total("journal_dropped", "Rows lost.", lambda: 7)
    calls[0] = 4
    found = exported(metrics)
    assert found["ringwarden_active_calls", ()] == 4
    assert found["ringwarden_list_entries", (("list", "campaigns"),)] == 125
    assert found["ringwarden_journal_dropped_total", ()] == 7
    assert ("ringwarden_broken", ()) not in found


@pytest.mark.req("TRAP-91")
@pytest.mark.parametrize("lab", [False, True])
def test_the_build_and_the_lab_are_shown(metrics: Metrics, lab: bool) -> None:
    found = exported(metrics, lab=lab)
    assert found["ringwarden_lab", ()] == float(lab)
    ((_, labels),) = [key for key in found if key[0] == "ringwarden_build_info"]
    assert dict(labels)["version"] == "1.2.3"


def test_small_families_are_shown_at_zero_and_large_ones_when_they_count(metrics: Metrics) -> None:
    found = exported(metrics)
    assert found["ringwarden_emergency_calls_total", ()] == 0
    assert not [key for key in found if key[0] == "ringwarden_decisions_total"]
    assert len(found) < 10 * SHOWN_EMPTY
