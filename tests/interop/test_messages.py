"""Text messages through a real ringwarden: who is registered may send, who is not gets 403."""

from __future__ import annotations

from pathlib import Path

from proxy.lab.dialog import Invitation
from proxy.lab.world import World
from proxy.storage.find import find


async def test_a_message_of_an_unregistered_number_is_refused_and_a_call_of_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "messages.csv").write_text("number,campaign,use_case,status\n+12025550177,C1,delivery,approved\n")

    def amend(text: str) -> str:
        assert "[lists]\n" in text
        return text.replace("[lists]\n", '[policy]\nmethods = ["INVITE", "MESSAGE"]\n\n[lists]\nmessages = ["messages.csv"]\n')

    sent_ids: list[str] = []
    async with World(tmp_path, amend=amend) as world:
        uri = f"sip:+12025550123@127.0.0.1:{world.ports['proxy']}"
        for caller, method, status in (("12025550177", "MESSAGE", 200), ("12025550178", "MESSAGE", 403), ("12025550178", "INVITE", 200)):
            sent = Invitation(uri, f"<sip:+{caller}@pbx.example.com>", method=method)
            outcome = await world.pbx.call(sent, world.proxy)
            assert outcome.status == status, (caller, method, outcome.statuses)
            sent_ids.append(sent.call_id)
    rows = [find(world.journal, one)[0].row for one in sent_ids]
    assert [(row.method, row.action, row.status) for row in rows] == [
        ("MESSAGE", "allow", 200), ("MESSAGE", "reject", 403), ("INVITE", "allow", 200)
    ]  # fmt: skip
    assert rows[1].reason == "message-unregistered" and rows[1].shown == "+12025550178"
