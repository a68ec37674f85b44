"""The four tables: complete, closed, and as the RFC's figures draw them."""

from __future__ import annotations

import pytest

from proxy.sip import transactions as t
from proxy.sip.transactions import CLIENT, IGNORED, INVITE_CLIENT, INVITE_SERVER, SERVER, STARTS, Table, drawn

TABLES = {
    # table, first state, its states, what the wire and the user may do at any time
    "INVITE_SERVER": (
        INVITE_SERVER, t.PROCEEDING, {t.PROCEEDING, t.COMPLETED, t.CONFIRMED, t.ACCEPTED},
        {t.REQUEST, t.ACK, t.SEND_1XX, t.SEND_2XX, t.SEND_3XX_6XX, t.ERROR},
    ),
    "SERVER": (
        SERVER, t.TRYING, {t.TRYING, t.PROCEEDING, t.COMPLETED},
        {t.REQUEST, t.SEND_1XX, t.SEND_2XX, t.SEND_3XX_6XX, t.ERROR},
    ),
    "INVITE_CLIENT": (
        INVITE_CLIENT, t.CALLING, {t.CALLING, t.PROCEEDING, t.COMPLETED, t.ACCEPTED},
        {t.R1XX, t.R2XX, t.R3XX_6XX, t.ERROR},
    ),
    "CLIENT": (
        CLIENT, t.TRYING, {t.TRYING, t.PROCEEDING, t.COMPLETED}, {t.R1XX, t.R2XX, t.R3XX_6XX, t.ERROR},
    ),
}  # fmt: skip
FIRST_TIMERS = {"INVITE_CLIENT": {"A", "B"}, "CLIENT": {"E", "F"}}


@pytest.mark.parametrize("name", TABLES)
def test_each_event_in_each_state_is_in_the_table_or_ignored_on_purpose(name: str) -> None:
    table, _, states, events = TABLES[name]
    pairs = {(state, event) for state in states for event in events}
    written = {pair for pair in table if len(pair[1]) > 1}  # timers have one letter
    assert written | IGNORED[name] == pairs
    assert not written & IGNORED[name]


@pytest.mark.parametrize("table", [INVITE_SERVER, SERVER], ids=["INVITE_SERVER", "SERVER"])
def test_a_request_that_comes_again_starts_no_timer(table: Table) -> None:
    """So it may be told without the time, where more comes than can be served."""
    assert [step[4] for (_, event), step in table.steps.items() if event == t.REQUEST] == [()] * 2


@pytest.mark.parametrize("name", TABLES)
def test_each_timer_that_may_run_in_a_state_is_heard_there(name: str) -> None:
    """Walks all paths with the set of timers that run: none can fire into a state that does not know it."""
    table, first, states, _ = TABLES[name]
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [(first, frozenset(FIRST_TIMERS.get(name, ())))]
    while todo:
        state, running = todo.pop()
        if (state, running) in seen or state == t.TERMINATED:
            continue
        seen.add((state, running))
        for timer in running:
            assert (state, timer) in table, f"timer {timer} in {state}"
        for (here, event), (after, actions) in table.items():
            if here != state or (len(event) == 1 and event not in running):
                continue
            now = set(running) - {event}
            for action in actions:
                if action == t.STOP:
                    now.clear()
                elif action in STARTS:
                    now.add(STARTS[action])
            todo.append((after, frozenset(now)))
    assert {state for state, _ in seen} == states  # and every state can be reached


@pytest.mark.parametrize("name", TABLES)
def test_every_state_after_the_final_ends_by_a_timer(name: str) -> None:
    table, _, states, _ = TABLES[name]
    lasting = {t.COMPLETED, t.CONFIRMED, t.ACCEPTED} & states
    ends = {state for (state, event), (after, _) in table.items() if after == t.TERMINATED and len(event) == 1}
    assert lasting <= ends


@pytest.mark.req("SIP-078", "SIP-080", "SIP-081")
@pytest.mark.parametrize(
    ("table", "arrows"),
    [
        (
            INVITE_SERVER,
            {
                "proceeding send-2xx accepted", "proceeding send-3xx-6xx completed", "completed ack confirmed",
                "completed H terminated", "confirmed I terminated", "accepted L terminated",
            },
        ),
        (
            SERVER,
            {
                "trying send-1xx proceeding", "trying send-2xx completed", "trying send-3xx-6xx completed",
                "proceeding send-2xx completed", "proceeding send-3xx-6xx completed", "completed J terminated",
            },
        ),
        (
            INVITE_CLIENT,
            {
                "calling 1xx proceeding", "calling 2xx accepted", "calling 3xx-6xx completed", "calling B terminated",
                "calling error terminated", "proceeding 2xx accepted", "proceeding 3xx-6xx completed",
                "proceeding B terminated", "completed D terminated", "accepted M terminated",
            },
        ),
        (
            CLIENT,
            {
                "trying 1xx proceeding", "trying 2xx completed", "trying 3xx-6xx completed", "trying F terminated",
                "trying error terminated", "proceeding 2xx completed", "proceeding 3xx-6xx completed",
                "proceeding F terminated", "proceeding error terminated", "completed K terminated",
            },
        ),
    ],
)  # fmt: skip
def test_the_arrows_between_states_are_those_of_the_figures(table: Table, arrows: set[str]) -> None:
    moves = {f"{state} {event} {after}" for (state, event), (after, _) in table.items() if state != after}
    assert moves == arrows


def test_a_table_can_be_read() -> None:
    lines = drawn(INVITE_SERVER).splitlines()
    assert len(lines) == len(INVITE_SERVER)
    assert lines[2] == "proceeding  send-2xx      -> accepted    send +L"


@pytest.mark.parametrize(
    ("status", "came", "sent"),
    [(100, t.R1XX, t.SEND_1XX), (199, t.R1XX, t.SEND_1XX), (200, t.R2XX, t.SEND_2XX), (300, t.R3XX_6XX, t.SEND_3XX_6XX)],
)
def test_a_response_is_an_event_by_its_class(status: int, came: str, sent: str) -> None:
    assert (t.received(status), t.sending(status)) == (came, sent)
