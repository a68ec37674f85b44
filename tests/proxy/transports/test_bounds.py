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

    def enter(self, host: str, half_open: bool = True) -> int:
        number = next(self.room.ids)

        def end() -> None:
            self.out.append(number)
            self.room.leave(number, host)

        self.room.enter(number, host, end if half_open else None)
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
def test_when_all_is_full_the_oldest_half_open_one_goes_and_no_proved_one() -> None:
    crowd = Crowd(connections=3)
    numbers = [crowd.enter(f"192.0.2.{host}") for host in (1, 2, 3)]
    crowd.room.proved(numbers[0])
    assert crowd.room.refuses("192.0.2.4") == "" and crowd.out == [numbers[1]]
    crowd.enter("192.0.2.4", half_open=False)
    assert crowd.room.refuses("192.0.2.5") == "" and crowd.out == [numbers[1], numbers[2]]
    crowd.enter("192.0.2.5", half_open=False)
    assert crowd.room.refuses("192.0.2.6") == "total" and crowd.room.total == 3


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
