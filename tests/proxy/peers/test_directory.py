"""Where a call may go: the order, the dead, those taken out, and what outlives a change of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.peers import Directory, Hop, Peer, Place, Rules, Target
from proxy.peers.choice import seeded
from proxy.peers.directory import LOTS, MAX_PLACES, MAX_TRIED, MAX_TRIED_EMERGENCY


def target(host: int, port: int = 5060) -> Target:
    return Target("UDP", f"192.0.2.{host}", port)


def directory(*peers: tuple[str, int, int, list[int]], changes: list[str] | None = None, ping: bool = True) -> Directory:
    """(name, priority, weight, last octets of the addresses); the side is carrier."""
    seen = changes if changes is not None else []
    made = Directory(
        [
            Peer(name, "carrier", tuple(Hop(f"192.0.2.{host}", 5060, "UDP") for host in hosts), priority, weight, ping)
            for name, priority, weight, hosts in peers
        ],
        Rules(),
        0.0,
        lambda one, before, after, why: seen.append(f"{one} {before}>{after} {why}".rstrip()),
    )
    for hop in made.names():
        made.place(hop, (Place(Target("UDP", hop.host, 5060)),), 0.0)
    return made


def draw() -> float:
    return 0.0


def hosts(found: object) -> list[int]:
    assert isinstance(found, (list, tuple))
    return [int(one.host.rpartition(".")[2]) for one in found]


def down(peers: Directory, host: int, now: float = 10.0) -> None:
    peers.ill(target(host), "transport", now, now)


def test_peers_are_tried_by_priority_and_their_hops_in_order() -> None:
    peers = directory(("b", 2, 1, [3]), ("a", 1, 1, [1, 2]))
    assert hosts(peers.choose("carrier", 0.0, draw)) == [1, 2, 3]
    assert peers.choose("pbx", 0.0, draw) in ([], ())


def test_a_dead_hop_goes_behind_the_living_and_comes_back_to_its_place() -> None:
    changes: list[str] = []
    peers = directory(("a", 1, 1, [1]), ("b", 2, 1, [2]), changes=changes)
    down(peers, 1)
    assert hosts(peers.choose("carrier", 11.0, draw)) == [2, 1]
    peers.well(target(1), 12.0, call=False, round_trip=0.002)
    assert hosts(peers.choose("carrier", 12.0, draw)) == [2, 1]
    peers.well(target(1), 13.0, call=False)
    assert hosts(peers.choose("carrier", 13.0, draw)) == [1, 2]
    assert changes == [
        "udp:192.0.2.1:5060 unknown>down transport", "udp:192.0.2.1:5060 down>rising", "udp:192.0.2.1:5060 rising>up",
    ]  # fmt: skip
    assert peers.rows(13.0)[0].round_trip_ms == 2.0


@pytest.mark.req("SIP-114")
def test_a_503_with_retry_after_sends_calls_elsewhere_for_that_time() -> None:
    peers = directory(("a", 1, 1, [1]), ("b", 2, 1, [2]))
    peers.ill(target(1), "503", 10.0, 10.0, retry_after=30.0)
    assert hosts(peers.choose("carrier", 39.9, draw)) == [2, 1]
    assert hosts(peers.choose("carrier", 40.0, draw)) == [1, 2]


def test_when_all_are_down_all_are_tried_and_the_resting_one_first() -> None:
    peers = directory(("a", 1, 1, [1]), ("b", 2, 1, [2]), ("c", 3, 1, [3]))
    down(peers, 1)
    down(peers, 2)
    peers.ill(target(3), "503", 10.0, 10.0, retry_after=30.0)
    assert hosts(peers.choose("carrier", 11.0, draw)) == [3, 1, 2]


@pytest.mark.parametrize("order", ["drain", "down"])
def test_who_was_taken_out_gets_no_calls_but_emergency_calls_and_the_last_ones(order: str) -> None:
    peers = directory(("a", 1, 1, [1]), ("b", 2, 1, [2]))
    peers.order("a", order)
    assert hosts(peers.choose("carrier", 0.0, draw)) == [2]
    assert hosts(peers.choose("carrier", 0.0, draw, every=True)) == [2, 1]
    assert peers.usable() == {"a": 0.0, "b": 1.0}
    # The only other is down: it is still tried alone, for the operator has said so.
    down(peers, 2)
    assert hosts(peers.choose("carrier", 11.0, draw)) == [2]
    # Both are out: a call goes on.
    peers.order("b", "drain")
    assert hosts(peers.choose("carrier", 12.0, draw)) == [1, 2]
    peers.order("a", "")
    assert hosts(peers.choose("carrier", 12.0, draw)) == [1]


def test_who_is_forced_up_is_tried_whatever_is_seen() -> None:
    peers = directory(("a", 1, 1, [1]), ("b", 2, 1, [2]))
    down(peers, 1)
    peers.order("a", "up")
    assert hosts(peers.choose("carrier", 11.0, draw)) == [1, 2]
    assert peers.rows(11.0)[0].state == "down" and peers.rows(11.0)[0].usable


def test_orders_to_nobody_and_orders_that_nobody_knows_are_refused() -> None:
    peers = directory(("a", 1, 1, [1]))
    with pytest.raises(KeyError):
        peers.order("b", "drain")
    with pytest.raises(ValueError, match="dance"):
        peers.order("a", "dance")


def test_what_is_known_belongs_to_the_target_and_outlives_its_name() -> None:
    peers = directory(("a", 1, 1, [1]), ("b", 2, 1, [2]))
    down(peers, 1)
    peers.order("b", "drain")
    hops = {host: (Hop(f"192.0.2.{host}", 5060, "UDP"),) for host in (1, 2, 3)}
    peers.replace([Peer("x", "carrier", hops[1]), Peer("y", "carrier", hops[2], 2), Peer("z", "carrier", hops[3], 3)], 20.0)
    peers.place(hops[3][0], (Place(target(3)),), 20.0)
    assert hosts(peers.choose("carrier", 20.0, draw)) == [3, 1]
    assert [row.order for row in peers.rows(20.0)] == ["", "drain", ""]
    # And it goes with the target.
    peers.replace([Peer("z", "carrier", hops[3])], 21.0)
    assert peers.state(target(1)) is None and peers.state(target(3)) == "unknown"


def test_two_peers_at_one_address_share_its_health_and_it_is_tried_once() -> None:
    peers = directory(("a", 1, 1, [1]), ("b", 2, 1, [1, 2]))
    assert hosts(peers.choose("carrier", 0.0, draw)) == [1, 2]
    down(peers, 1)
    assert hosts(peers.choose("carrier", 11.0, draw)) == [2, 1]
    # Drained as one, it still serves as the other.
    peers.order("a", "drain")
    peers.well(target(1), 12.0)
    peers.well(target(1), 13.0)
    assert hosts(peers.choose("carrier", 13.0, draw)) == [1, 2]


def test_a_name_without_an_answer_keeps_its_old_addresses() -> None:
    peers = Directory([Peer("a", "carrier", (Hop("sip.example.net"),))])
    hop = peers.names()[0]
    assert list(peers.choose("carrier", 0.0, draw)) == [] and peers.rows(0.0)[0].state == "unresolved"
    peers.place(hop, [Place(target(n), "sip.example.net", n, 1) for n in (2, 1)], 1.0)
    assert hosts(peers.choose("carrier", 1.0, draw)) == [1, 2]
    peers.place(hop, [], 2.0)
    assert hosts(peers.choose("carrier", 2.0, draw)) == [1, 2]
    assert peers.domain(target(1)) == "sip.example.net" and peers.domain(target(9)) == ""
    assert peers.knows("192.0.2.1") and not peers.knows("192.0.2.9")
    peers.place(hop, [Place(target(n % 250, 1000 + n)) for n in range(100)], 3.0)
    assert len(peers.rows(3.0)) == MAX_PLACES
    assert len(peers.choose("carrier", 3.0, draw)) == MAX_TRIED


def test_calls_are_shared_by_weight_and_one_call_id_goes_one_way() -> None:
    peers = directory(("a", 1, 3, [1]), ("b", 1, 1, [2]))
    first = [hosts(peers.choose("carrier", 0.0, seeded(b"%d@x" % n)))[0] for n in range(2000)]
    assert 1420 < first.count(1) < 1580
    assert first == [hosts(peers.choose("carrier", 0.0, seeded(b"%d@x" % n)))[0] for n in range(2000)]


@pytest.mark.req("SIP-112")
def test_every_lot_together_keeps_the_weights_to_a_thousandth() -> None:
    peers = directory(("a", 1, 1, [1]), ("b", 1, 2, [2]), ("c", 1, 3, [3]))
    lots = [(lot + 0.5) / LOTS for lot in range(LOTS)]
    found = [hosts(peers.choose("carrier", 0.0, lambda lot=lot: lot)) for lot in lots]  # type: ignore[misc]
    first, second = ([order[place] for order in found].count(3) / LOTS for place in (0, 1))
    assert first == pytest.approx(3 / 6, abs=0.002)
    assert second == pytest.approx(1 / 6 * 3 / 5 + 2 / 6 * 3 / 4, abs=0.05)


def test_a_dead_hop_that_nobody_pings_is_tried_by_one_call_in_ten_seconds() -> None:
    peers = directory(("a", 1, 1, [1]), ("b", 2, 1, [2]), ping=False)
    down(peers, 1)
    now, first = 10.0, []
    while now < 41.0:
        now += 0.05
        first.append(hosts(peers.choose("carrier", now, draw))[0])
        assert hosts(peers.choose("carrier", now, draw, every=True)) == [2, 1]
    assert first.count(1) == 3
    # One that would not come first anyhow is not tried by a call that has a better way.
    peers.well(target(1), now)
    down(peers, 2, now)
    assert all(hosts(peers.choose("carrier", now + n, draw)) == [1, 2] for n in range(60))


def test_what_another_process_has_seen_is_taken_over_without_telling_it_back() -> None:
    changes: list[str] = []
    peers = directory(("a", 1, 1, [1]), ("b", 2, 1, [2]), changes=changes)
    peers.adopt(target(1), "down", 10.0)
    peers.adopt(target(9), "down", 10.0)
    peers.adopt(target(2), "nonsense", 10.0)
    assert hosts(peers.choose("carrier", 10.0, draw)) == [2, 1] and changes == []
    peers.adopt(target(1), "up", 12.0)
    assert hosts(peers.choose("carrier", 12.0, draw)) == [1, 2]
    # What rests there comes back here too, should nobody say so.
    peers.adopt(target(1), "held", 20.0)
    assert hosts(peers.choose("carrier", 29.0, draw)) == [2, 1]
    assert hosts(peers.choose("carrier", 31.0, draw)) == [1, 2]


EVENTS = st.tuples(
    st.sampled_from(["well", "ping", "silence", "transport", "503", "hold", "drain", "up", "down", "", "tick"]),
    st.integers(1, 6),
)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.lists(st.integers(1, 6), min_size=1, max_size=3)),
             min_size=1, max_size=5),
    st.lists(EVENTS, max_size=50), st.booleans(), st.binary(max_size=8),
)  # fmt: skip
def test_whatever_happened_a_call_has_somewhere_to_go_and_no_dead_hop_is_tried_first(
    made: list[tuple[int, int, list[int]]], events: list[tuple[str, int]], ping: bool, seed: bytes
) -> None:
    rows = [(f"p{place}", priority, weight, octets) for place, (priority, weight, octets) in enumerate(made)]
    peers, chance, now = directory(*rows, ping=ping), seeded(seed), 100.0
    for event, which in events:
        now += 0.7
        if event == "tick":
            peers.tick(now)
        elif event in ("drain", "up", "down", ""):
            peers.order(f"p{which % len(rows)}", event)
        elif event in ("well", "ping"):
            peers.well(target(which), now, event == "well")
        else:
            peers.ill(target(which), "503" if event == "hold" else event, now, now, retry_after=3.0 * (event == "hold"))
        everybody = {host for _, _, _, octets in rows for host in octets}
        chosen = peers.choose("carrier", now, chance)
        tried = not ping and chosen[0] in peers._health and peers._health[chosen[0]].trial() == now + Rules().rest
        found = hosts(chosen)
        assert found and len(set(found)) == len(found) and set(found) <= everybody
        every = hosts(peers.choose("carrier", now, chance, every=True))
        assert set(every) == everybody and len(every) <= MAX_TRIED_EMERGENCY
        usable = {int(row.target.split(":")[1].rpartition(".")[2]) for row in peers.rows(now) if row.usable}
        if usable:
            assert (found[0] in usable or tried) and every[0] in usable
