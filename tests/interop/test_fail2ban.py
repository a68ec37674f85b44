"""The filter in deploy/ against our own lines: those of strangers are counted, those of peers and forged ones are not."""

from __future__ import annotations

import configparser
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from proxy.lab.cases import CALLEE
from proxy.lab.dialog import Invitation
from proxy.lab.phone import Phone
from proxy.lab.world import World
from proxy.log import formatted
from tests.waiting import SECONDS

FILTER = Path(__file__).resolve().parents[2] / "deploy" / "fail2ban" / "filter.d" / "ringwarden.conf"
JAIL = FILTER.parents[1] / "jail.d" / "ringwarden.conf"
AT = 1_795_000_000.25


def line(event: str, level: str = "warning", **fields: object) -> str:
    return formatted((AT, level, event, dict(fields))).decode().rstrip()


STRANGER = line("stranger", source="198.51.100.77", method="INVITE", scanner="")
SCANNER = line("stranger", source="2001:db8::77", method="X-Odd!%", scanner="friendly-scanner")
NONSENSE = line("bad-message", "info", source="198.51.100.78", known=False, why="no start line", status=400)
COUNTED = {
    STRANGER: "198.51.100.77",
    SCANNER: "2001:db8::77",
    NONSENSE: "198.51.100.78",
    f"gate ringwarden[4711]: {STRANGER}": "198.51.100.77",
}
"""Line -> the address that is counted."""
PASSED_OVER = [
    line("bad-message", "info", source="192.0.2.20", known=True, why="no start line", status=400),
    line("bad-message", "info", source="192.0.2.20", known=True, why='","event":"stranger","source":"192.0.2.21","method":"A","scanner":""}', status=400),
    line("peer", target="198.51.100.7", before="up", after="down", why='"event":"stranger","source":"192.0.2.20"'),
    line("failover", call_id='x"event":"stranger","source":"192.0.2.20","method":"INVITE","scanner":""}', left="a", taken="b", why="503"),
    line("stranger", source="not-an-address", method="INVITE", scanner=""),
    line("remark", text="ringwarden: {" + STRANGER[1:]),
    "",
]  # fmt: skip


def patterns() -> list[re.Pattern[str]]:
    """The filter as Python reads it: fail2ban's regular expressions are Python's, with its own word for an address."""
    found = configparser.RawConfigParser()
    found.read(FILTER)
    return [
        re.compile(one.strip().replace("%%", "%").replace("<ADDR>", r"(?P<addr>(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+)"))
        for one in found["Definition"]["failregex"].splitlines()
    ]


def counted(text: str) -> str | None:
    return next((match["addr"] for one in patterns() if (match := one.search(text))), None)


@pytest.mark.parametrize(("text", "address"), COUNTED.items())
def test_a_strangers_line_is_counted(text: str, address: str) -> None:
    assert counted(text) == address


@pytest.mark.parametrize("text", PASSED_OVER)
def test_no_other_line_is_whatever_a_stranger_wrote_into_it(text: str) -> None:
    assert counted(text) is None


@pytest.mark.peer("fail2ban-regex")
def test_fail2ban_reads_it_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("\n".join([*COUNTED, *filter(None, PASSED_OVER)]) + "\n")
    command = [shutil.which("fail2ban-regex") or "", "--print-all-matched", "-o", "ip", str(path), str(FILTER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * SECONDS, check=False)
    assert sorted(done.stdout.split()) == sorted(COUNTED.values()), done.stdout + done.stderr


def test_the_jail_names_the_filter_and_forgives_soon() -> None:
    found = configparser.RawConfigParser()
    found.read(JAIL)
    assert found["ringwarden"]["filter"] == FILTER.stem and "ignoreip" in found["ringwarden"]
    assert found["ringwarden"]["bantime"] == "10m"


async def test_the_lines_of_a_running_ringwarden_are_counted(tmp_path: Path) -> None:
    async with World(tmp_path, level="info") as world:
        target = f"sip:+{CALLEE}@127.0.0.1:{world.ports['proxy']}"
        async with Phone() as stranger:
            sent = Invitation(target, "<sip:100@1.1.1.1>", lines=("User-Agent: friendly-scanner",))
            await stranger.invite(sent, world.proxy)  # a scanner hears nothing
            good = Invitation(target, "<sip:+13015550101@c.example>")
            assert (await world.carrier.call(good, world.proxy)).status == 200
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as odd:
            odd.sendto(b"INVITE x SIP/2.0\r\nVia: ;;\r\n\r\n", world.proxy)
        await world.carrier.send(b"INVITE x SIP/2.0\r\nVia: ;;\r\n\r\n", world.proxy)
        # The peer's own nonsense is answered after that of the stranger, so all lines are written by then.
        assert (await world.carrier.call(Invitation(target, "<sip:+13015550101@c.example>"), world.proxy)).status == 200
    events = [one for one in world.said if '"stranger"' in one or '"bad-message"' in one]
    scans = [one for one in events if '"scanner"' in one]
    # It may have come again before the test went on: each time is a line.
    assert scans and all(counted(one) is not None for one in scans)
    assert [counted(one) is not None for one in events if one not in scans] == [True, False], events
    assert '"scanner":"friendly-scanner"' in events[0]
