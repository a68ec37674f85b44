"""Who may fly, who waits and who is turned away: no network, no clock, events instead of sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from typing import Any

import pytest

from certs.flights import Bounds, Flights, host_of


class Sky:
    """Flights that land when they are told to."""

    def __init__(self, bounds: Bounds, proven: Container[str] = ()) -> None:
        self.time = 0.0
        self.up: dict[str, asyncio.Future[str]] = {}
        self.order: list[str] = []
        self.flights: Flights[str] = Flights(
            self._fly, lambda: self.time, bounds, lambda host: host in proven
        )

    async def _fly(self, url: str) -> str:
        self.order.append(url)
        self.up[url] = asyncio.get_running_loop().create_future()
        try:
            return await self.up[url]
        finally:
            del self.up[url]

    async def land(self, url: str) -> None:
        self.up[url].set_result(f"from {url}")
        await settle()

    def begin(self, *urls: str) -> list[asyncio.Future[str | None] | None]:
        return [self.flights.begin(url) for url in urls]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def urls(host: str, count: int) -> list[str]:
    return [f"https://{host}/{number}.pem" for number in range(count)]


async def test_a_flight_lands_with_what_it_brought() -> None:
    sky = Sky(Bounds())
    (landing,) = sky.begin("https://a/1.pem")
    assert landing is not None and sky.flights.under_way("https://a/1.pem") is landing
    await settle()
    assert sky.flights.flying == 1
    await sky.land("https://a/1.pem")
    assert landing.result() == "from https://a/1.pem"
    assert sky.flights.flying == 0 and sky.flights.under_way("https://a/1.pem") is None


@pytest.mark.req("STI-071", "TRAP-79")
async def test_one_host_gets_few_flights_and_does_not_hold_up_another() -> None:
    sky = Sky(Bounds(flights=64, per_host=4))
    sky.begin(*urls("slow", 10), *urls("quick", 1))
    await settle()
    assert sorted(sky.up) == sorted([*urls("slow", 4), *urls("quick", 1)])
    assert sky.flights.waiting == 6
    await sky.land("https://slow/0.pem")
    assert "https://slow/4.pem" in sky.up and sky.flights.waiting == 5
    await sky.flights.close()


async def test_the_sky_holds_so_many_and_hosts_take_turns() -> None:
    sky = Sky(Bounds(flights=2, per_host=2))
    sky.begin(*urls("a", 4), *urls("b", 2))
    await settle()
    assert sky.order == ["https://a/0.pem", "https://a/1.pem"]
    await sky.land("https://a/0.pem")
    await sky.land("https://a/1.pem")
    assert sky.order[2:] == ["https://b/0.pem", "https://a/2.pem"]  # b need not wait for all of a
    await sky.flights.close()


async def test_the_line_is_bounded_for_all_and_for_each_host() -> None:
    sky = Sky(Bounds(flights=1, per_host=1, waiting=3, waiting_per_host=2))
    accepted = [landing is not None for landing in sky.begin(*urls("a", 4))]
    assert accepted == [True, True, True, False]  # one flies, two wait
    accepted = [landing is not None for landing in sky.begin(*urls("b", 2))]
    assert accepted == [True, False]
    await sky.flights.close()


async def test_a_full_line_turns_nobody_away_for_whom_there_is_room() -> None:
    sky = Sky(Bounds(flights=4, per_host=1, waiting=2, waiting_per_host=2))
    sky.begin(*urls("a", 3))
    assert sky.begin("https://b/0.pem")[0] is not None
    await settle()
    assert "https://b/0.pem" in sky.up
    await sky.flights.close()


async def test_who_waited_too_long_does_not_fly() -> None:
    sky = Sky(Bounds(per_host=1, patience=10.0))
    _, second, third = sky.begin(*urls("a", 2), "https://b/0.pem")
    await settle()
    sky.time = 10.1
    await sky.land("https://a/0.pem")
    assert second is not None and second.result() is None
    assert sky.order == ["https://a/0.pem", "https://b/0.pem"]
    assert third is not None and not third.done()
    await sky.flights.close()


async def test_a_flight_that_breaks_lands_empty_and_is_reported() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))

    async def fly(url: str) -> str:
        raise ZeroDivisionError

    flights: Flights[str] = Flights(fly, lambda: 0.0, Bounds())
    landing = flights.begin("https://a/1.pem")
    assert landing is not None
    await settle()
    assert landing.result() is None and flights.flying == 0
    assert isinstance(reported[0]["exception"], ZeroDivisionError)


async def test_the_end_lands_everybody_and_leaves_no_task() -> None:
    sky = Sky(Bounds(per_host=1))
    landings = sky.begin(*urls("a", 3), *urls("b", 2))
    await settle()
    await sky.flights.close()
    assert [landing.result() for landing in landings if landing is not None] == [None] * 5
    assert sky.flights.begin("https://c/1.pem") is None
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert sky.up == {}


async def test_the_end_before_the_beginning_is_quiet() -> None:
    sky = Sky(Bounds())
    (landing,) = sky.begin("https://a/1.pem")
    await sky.flights.close()  # the task has not run a single step yet
    assert landing is not None and landing.result() is None


async def test_nothing_is_left_behind_by_a_thousand_hosts() -> None:
    sky = Sky(Bounds(flights=8))
    for number in range(1_000):
        sky.begin(f"https://h{number}/a.pem")
    while sky.flights.flying:
        await settle()
        for future in tuple(sky.up.values()):
            future.set_result("")
        await settle()
    assert (sky.flights.waiting, sky.flights._lanes, sky.flights._ready, sky.flights._landings) == (0, {}, ({}, {}), {})


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://CR.Example.net/a.pem", "cr.example.net"),
        ("https://cr.example.net:8443/a.pem", "cr.example.net:8443"),
        ("https://cr.example.net", "cr.example.net"),
        ("nonsense", ""),
    ],
)
def test_a_host_is_told_from_its_url(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.req("TRAP-79")
async def test_hosts_that_nobody_knows_leave_room_for_those_that_have_proved_themselves() -> None:
    sky = Sky(Bounds(flights=8, strangers=6, waiting=100, waiting_strangers=50), {"good"})
    sky.begin(*(f"https://evil{number}/a.pem" for number in range(100)))
    await settle()
    assert len(sky.up) == 6 and sky.flights.waiting == 50
    assert sky.begin(*urls("good", 3)) and sky.flights.waiting == 51  # past all of them, as far as there is room
    await settle()
    assert {url for url in sky.up if "good" in url} == set(urls("good", 2))
    await sky.land("https://evil0/a.pem")
    assert "https://good/2.pem" in sky.up
    await sky.flights.close()
