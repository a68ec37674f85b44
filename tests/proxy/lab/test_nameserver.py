"""The lab's name server says what it was told to say, and nothing to garbage."""

from __future__ import annotations

import dns.message
import dns.rcode

from proxy.lab.nameserver import NameServer


def asked(server: NameServer, name: str, kind: str) -> dns.message.Message | None:
    answer = server.answer(dns.message.make_query(name, kind).to_wire())
    return dns.message.from_wire(answer) if answer is not None else None


def test_it_answers_refuses_breaks_and_is_mute_as_told() -> None:
    server = NameServer()
    server.put("a.example", "A", "192.0.2.1", "192.0.2.2", ttl=7)
    found = asked(server, "A.Example", "A")
    assert found is not None and found.answer[0].ttl == 7 and len(found.answer[0]) == 2
    empty = asked(server, "a.example", "AAAA")
    assert empty is not None and not empty.answer and empty.rcode() == dns.rcode.NOERROR
    nobody = asked(server, "b.example", "A")
    assert nobody is not None and nobody.rcode() == dns.rcode.NXDOMAIN and nobody.authority[0].ttl == 60
    server.broken.add("a.example")
    broken = asked(server, "a.example", "A")
    assert broken is not None and broken.rcode() == dns.rcode.SERVFAIL
    server.mute.add("a.example")
    assert asked(server, "a.example", "A") is None
    assert server.answer(b"garbage") is None
    assert server.asked[0] == ("a.example", "A") and len(server.asked) == 5
