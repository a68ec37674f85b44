"""The four transaction machines (RFC 3261 section 17, with RFC 6026) as tables: (state, event) -> (state, actions).

For UDP. What is not in a table is ignored on purpose: `IGNORED` names those pairs, and a test holds both together.
Which bytes are sent and how long a timer runs is the `layer`'s to know. `drawn(table)` prints one, to be laid beside
the figure of the RFC.
"""

from __future__ import annotations

from collections.abc import Mapping

# States
TRYING, CALLING, PROCEEDING = "trying", "calling", "proceeding"
COMPLETED, CONFIRMED, ACCEPTED, TERMINATED = "completed", "confirmed", "accepted", "terminated"

# Events: what comes from the wire, from the user, from the clock.
REQUEST, ACK = "request", "ack"
SEND_1XX, SEND_2XX, SEND_3XX_6XX = "send-1xx", "send-2xx", "send-3xx-6xx"
R1XX, R2XX, R3XX_6XX = "1xx", "2xx", "3xx-6xx"
TIMER_A, TIMER_B, TIMER_D, TIMER_E, TIMER_F, TIMER_G = "A", "B", "D", "E", "F", "G"
TIMER_H, TIMER_I, TIMER_J, TIMER_K, TIMER_L, TIMER_M = "H", "I", "J", "K", "L", "M"
ERROR = "error"
"""The transport could not deliver the request."""

# Actions
SEND = "send"
RESEND = "resend"
PASS = "pass"
"""Hand it to the transaction user."""
ACKNOWLEDGE = "acknowledge"
"""Send the ACK of a final response that is no 2xx."""
TIMEOUT = "timeout"
"""Tell the user that nothing came."""
FAIL = "fail"
"""Tell the user that nothing could be sent."""
STOP = "stop"
"""Stop the timers that run."""
START_A, START_B, START_D, START_E, START_F, START_G = "+A", "+B", "+D", "+E", "+F", "+G"
START_H, START_I, START_J, START_K, START_L, START_M = "+H", "+I", "+J", "+K", "+L", "+M"

STARTS = {f"+{name}": name for name in "ABDEFGHIJKLM"}
"""The actions that start a timer -> its name."""

Step = tuple[str, tuple[str, ...], bool, bool, tuple[str, ...], bool]
"""An arrow as it is run: the state after it, all its actions, and of these whether STOP and SEND are among them, the
timers that it starts, and whether RESEND is.
"""


class Table(dict[tuple[str, str], tuple[str, tuple[str, ...]]]):
    """One figure, and its `steps`."""

    def __init__(self, arrows: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]]) -> None:
        super().__init__(arrows)
        self.steps: dict[tuple[str, str], Step] = {
            given: (
                after, actions, STOP in actions, SEND in actions,
                tuple(STARTS[action] for action in actions if action in STARTS), RESEND in actions,
            )
            for given, (after, actions) in arrows.items()
        }  # fmt: skip


INVITE_SERVER = Table({  # figure 7, and RFC 6026 section 7.1
    (PROCEEDING, REQUEST):      (PROCEEDING, (RESEND,)),
    (PROCEEDING, SEND_1XX):     (PROCEEDING, (SEND,)),
    (PROCEEDING, SEND_2XX):     (ACCEPTED,   (SEND, START_L)),
    (PROCEEDING, SEND_3XX_6XX): (COMPLETED,  (SEND, START_G, START_H)),
    (COMPLETED, REQUEST):       (COMPLETED,  (RESEND,)),
    (COMPLETED, TIMER_G):       (COMPLETED,  (RESEND, START_G)),
    (COMPLETED, ACK):           (CONFIRMED,  (STOP, START_I)),
    (COMPLETED, TIMER_H):       (TERMINATED, (STOP,)),
    (CONFIRMED, TIMER_I):       (TERMINATED, ()),
    (ACCEPTED, SEND_2XX):       (ACCEPTED,   (SEND,)),
    (ACCEPTED, ACK):            (ACCEPTED,   (PASS,)),
    (ACCEPTED, TIMER_L):        (TERMINATED, ()),
})  # fmt: skip

SERVER = Table({  # figure 8
    (TRYING, SEND_1XX):         (PROCEEDING, (SEND,)),
    (TRYING, SEND_2XX):         (COMPLETED,  (SEND, START_J)),
    (TRYING, SEND_3XX_6XX):     (COMPLETED,  (SEND, START_J)),
    (PROCEEDING, REQUEST):      (PROCEEDING, (RESEND,)),
    (PROCEEDING, SEND_1XX):     (PROCEEDING, (SEND,)),
    (PROCEEDING, SEND_2XX):     (COMPLETED,  (SEND, START_J)),
    (PROCEEDING, SEND_3XX_6XX): (COMPLETED,  (SEND, START_J)),
    (COMPLETED, REQUEST):       (COMPLETED,  (RESEND,)),
    (COMPLETED, TIMER_J):       (TERMINATED, ()),
})  # fmt: skip

INVITE_CLIENT = Table({  # figure 5, and RFC 6026 section 7.2
    (CALLING, TIMER_A):         (CALLING,    (RESEND, START_A)),
    (CALLING, TIMER_B):         (TERMINATED, (STOP, TIMEOUT)),
    (CALLING, ERROR):           (TERMINATED, (STOP, FAIL)),
    (CALLING, R1XX):            (PROCEEDING, (STOP, PASS)),
    (CALLING, R2XX):            (ACCEPTED,   (STOP, START_M, PASS)),
    (CALLING, R3XX_6XX):        (COMPLETED,  (STOP, ACKNOWLEDGE, START_D, PASS)),
    (PROCEEDING, R1XX):         (PROCEEDING, (PASS,)),
    (PROCEEDING, R2XX):         (ACCEPTED,   (STOP, START_M, PASS)),
    (PROCEEDING, R3XX_6XX):     (COMPLETED,  (STOP, ACKNOWLEDGE, START_D, PASS)),
    (PROCEEDING, TIMER_B):      (TERMINATED, (STOP, TIMEOUT)),  # runs here only once a CANCEL was sent (section 9.1)
    (COMPLETED, R3XX_6XX):      (COMPLETED,  (ACKNOWLEDGE,)),
    (COMPLETED, TIMER_D):       (TERMINATED, ()),
    (ACCEPTED, R2XX):           (ACCEPTED,   (PASS,)),
    (ACCEPTED, TIMER_M):        (TERMINATED, ()),
})  # fmt: skip

CLIENT = Table({  # figure 6
    (TRYING, TIMER_E):          (TRYING,     (RESEND, START_E)),
    (TRYING, TIMER_F):          (TERMINATED, (STOP, TIMEOUT)),
    (TRYING, ERROR):            (TERMINATED, (STOP, FAIL)),
    (TRYING, R1XX):             (PROCEEDING, (PASS,)),
    (TRYING, R2XX):             (COMPLETED,  (STOP, START_K, PASS)),
    (TRYING, R3XX_6XX):         (COMPLETED,  (STOP, START_K, PASS)),
    (PROCEEDING, TIMER_E):      (PROCEEDING, (RESEND, START_E)),
    (PROCEEDING, TIMER_F):      (TERMINATED, (STOP, TIMEOUT)),
    (PROCEEDING, ERROR):        (TERMINATED, (STOP, FAIL)),
    (PROCEEDING, R1XX):         (PROCEEDING, (PASS,)),
    (PROCEEDING, R2XX):         (COMPLETED,  (STOP, START_K, PASS)),
    (PROCEEDING, R3XX_6XX):     (COMPLETED,  (STOP, START_K, PASS)),
    (COMPLETED, TIMER_K):       (TERMINATED, ()),
})  # fmt: skip

IGNORED: Mapping[str, frozenset[tuple[str, str]]] = {
    # A final is sent once; what comes after it changes nothing. A response that cannot be sent destroys nothing: that
    # is RFC 6026 section 7.1 for INVITE, and for the others the same reason holds.
    "INVITE_SERVER": frozenset(
        {
            (PROCEEDING, ACK), (PROCEEDING, ERROR), (COMPLETED, ERROR), (CONFIRMED, ERROR), (ACCEPTED, ERROR),
            (COMPLETED, SEND_1XX), (COMPLETED, SEND_2XX), (COMPLETED, SEND_3XX_6XX),
            (CONFIRMED, SEND_1XX), (CONFIRMED, SEND_2XX), (CONFIRMED, SEND_3XX_6XX),
            (CONFIRMED, REQUEST), (CONFIRMED, ACK),
            (ACCEPTED, REQUEST), (ACCEPTED, SEND_1XX), (ACCEPTED, SEND_3XX_6XX),
        }
    ),
    "SERVER": frozenset(
        {
            (TRYING, REQUEST), (TRYING, ERROR), (PROCEEDING, ERROR), (COMPLETED, ERROR),
            (COMPLETED, SEND_1XX), (COMPLETED, SEND_2XX), (COMPLETED, SEND_3XX_6XX),
        }
    ),
    # A response of another class after the final one is a fault of the far end. Once it has answered, that something
    # could not be sent to it ends nothing: what it sends again is acknowledged again.
    "INVITE_CLIENT": frozenset(
        {
            (PROCEEDING, ERROR), (COMPLETED, R1XX), (COMPLETED, R2XX), (COMPLETED, ERROR),
            (ACCEPTED, R1XX), (ACCEPTED, R3XX_6XX), (ACCEPTED, ERROR),
        }
    ),
    "CLIENT": frozenset({(COMPLETED, R1XX), (COMPLETED, R2XX), (COMPLETED, R3XX_6XX), (COMPLETED, ERROR)}),
}  # fmt: skip


NAMES = {
    id(table): name
    for name, table in (
        ("INVITE_SERVER", INVITE_SERVER), ("SERVER", SERVER), ("INVITE_CLIENT", INVITE_CLIENT), ("CLIENT", CLIENT),
    )
}  # fmt: skip
"""What a table is called, by its identity."""


def received(status: int) -> str:
    """The event of a response that came, by its class."""
    return R1XX if status < 200 else R2XX if status < 300 else R3XX_6XX


def sending(status: int) -> str:
    """The event of a response that the user sends, by its class."""
    return SEND_1XX if status < 200 else SEND_2XX if status < 300 else SEND_3XX_6XX


def drawn(table: Table) -> str:
    """A table as text: a line for each arrow of the figure."""
    return "\n".join(
        f"{state:<11} {event:<13} -> {after:<11} {' '.join(actions)}".rstrip()
        for (state, event), (after, actions) in table.items()
    )
