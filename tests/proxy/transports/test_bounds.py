"""Who comes in, who must go, and that nothing is counted twice."""

from __future__ import annotations

import resource

import pytest

from proxy.transports.bounds import OTHER_FILES, Bounds, Room, descriptors, source


class Crowd:
    """A room, and who was sent out of it."""

    def __init__(self, **bounds: int) -> None:
        self.room = Room(Bounds(**bounds))
        self.out: list[int] = []

    def enter(self, host: str, *, ours: bool = False, known: bool = False, proved: bool = False) -> int:
        number = next(self.room.ids)

        def end() -> None:
            self.out.append(number)
            self.room.leave(number, host)

        self.room.enter(number, host, end, ours, known)
        if proved:
            self.room.proved(number)
        return number


@pytest.mark.req("SIP-106")
def test_one_source_has_its_bound_and_gets_room_back() -> None:
    crowd = Crowd(per_source=2)
    first = crowd.enter("192.0.2.1")
    crowd.enter("192.0.2.1")
    assert crowd.room.refuses("192.0.2.1") == "source" and crowd.room.refuses("192.0.2.2") == ""
    crowd.room.leave(first, "192.0.2.1")
    assert crowd.room.refuses("192.0.2.1") == "" and crowd.out == []


@pytest.mark.req("SIP-106")
def test_when_all_is_full_the_oldest_half_open_one_goes_then_the_oldest_stranger() -> None:
    crowd = Crowd(connections=3)
    numbers = [crowd.enter(f"192.0.2.{host}") for host in (1, 2, 3)]
    crowd.room.proved(numbers[0])
    assert crowd.room.refuses("192.0.2.4") == "" and crowd.out == [numbers[1]]
    numbers.append(crowd.enter("192.0.2.4", proved=True))
    assert crowd.room.refuses("192.0.2.5") == "" and crowd.out == [numbers[1], numbers[2]]
    numbers.append(crowd.enter("192.0.2.5", proved=True))
    assert crowd.room.refuses("192.0.2.6") == "" and crowd.out == [numbers[1], numbers[2], numbers[0]]
    assert crowd.room.total == 2 and crowd.room.half_open == 0


@pytest.mark.req("SIP-106")
def test_strangers_that_ping_hold_up_neither_us_nor_those_that_we_know() -> None:
    crowd = Crowd(connections=8)
    strangers = [crowd.enter(f"198.51.100.{number}", proved=True) for number in range(8)]
    kept = []
    for ours, known in ((True, True), (False, True), (True, False)) * 2:
        host = "192.0.2.1" if known else "203.0.113.1"
        assert crowd.room.refuses(host, ours, known) == ""
        kept.append(crowd.enter(host, ours=ours, known=known, proved=True))
    assert crowd.out == strangers[:6]
    for _ in range(8):  # as many again as there is room for
        assert crowd.room.refuses("198.51.100.9") == ""
        crowd.enter("198.51.100.9", proved=True)
    opened_for_nobody = [kept[2], kept[5]]
    assert crowd.out[6:10] == [*strangers[6:], *opened_for_nobody]
    assert not set(crowd.out) & (set(kept) - set(opened_for_nobody)) and crowd.room.total == 8


@pytest.mark.req("SIP-106")
def test_where_all_are_known_none_goes_but_a_half_open_one() -> None:
    crowd = Crowd(connections=2)
    crowd.enter("192.0.2.1", known=True, proved=True)
    waits = crowd.enter("192.0.2.2", known=True)
    assert crowd.room.refuses("192.0.2.4") == "total" and crowd.out == []
    assert crowd.room.refuses("192.0.2.3", False, True) == "" and crowd.out == [waits]
    crowd.enter("192.0.2.3", ours=True, known=True)
    for known in (True, False):
        assert crowd.room.refuses("192.0.2.4", False, known) == crowd.room.refuses("192.0.2.4", True, known) == "total"
    assert crowd.room.total == 2 and crowd.out == [waits]


@pytest.mark.req("SIP-106")
def test_no_stranger_ends_a_handshake_of_somebody_that_we_know() -> None:
    crowd = Crowd(connections=4, half_open=3)
    shaking = crowd.enter("192.0.2.1", known=True)
    first = crowd.enter("198.51.100.1", proved=True)
    others = [crowd.enter("198.51.100.2") for _ in range(3)]
    assert crowd.out == others[:1] and crowd.room.half_open == 3
    crowd.room.proved(others[1])
    crowd.room.proved(others[2])
    assert crowd.room.refuses("198.51.100.3") == "" and crowd.out == [others[0], first]
    crowd.room.proved(shaking)
    assert crowd.room.half_open == 0


def test_a_hop_of_ours_is_reached_whoever_else_is_near_it() -> None:
    crowd = Crowd(per_source=2)
    for _ in range(2):
        crowd.enter("2001:db8::9", proved=True)
    assert crowd.room.refuses("2001:db8::1", True, True) == ""
    assert crowd.room.refuses("2001:db8::1", True, False) == crowd.room.refuses("2001:db8::1", False, True) == "source"


@pytest.mark.req("SIP-106")
def test_a_further_half_open_one_takes_the_place_of_the_oldest() -> None:
    crowd = Crowd(half_open=2)
    numbers = [crowd.enter("192.0.2.1") for _ in range(4)]
    assert crowd.out == numbers[:2] and crowd.room.half_open == crowd.room.total == 2


@pytest.mark.parametrize(
    ("host", "expected"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("2001:db8:1:2::9", "2001:db8:1:2::"), ("fe80::1%eth0", "fe80::"), (":", ":")],
)  # fmt: skip
def test_an_ipv6_source_is_its_site(host: str, expected: str) -> None:
    assert source(host) == expected


def test_there_are_files_for_all_connections_or_it_is_said_for_how_many() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (OTHER_FILES + 64, before[1]))
        assert descriptors(128) == 128 and resource.getrlimit(resource.RLIMIT_NOFILE)[0] == OTHER_FILES + 128
        assert descriptors(64) == 64 and resource.getrlimit(resource.RLIMIT_NOFILE)[0] == OTHER_FILES + 128
        if before[1] != resource.RLIM_INFINITY:
            assert descriptors(before[1] + 1) == before[1] - OTHER_FILES
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
