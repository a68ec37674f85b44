"""A port that is given is free by UDP and TCP, is not given again, and is none that the system hands out by itself."""

from __future__ import annotations

import socket

from proxy.lab.ports import BELOW, free_port, is_free


def test_no_port_is_given_twice_and_none_that_somebody_holds() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        assert not is_free(held.getsockname()[1], socket.SOCK_STREAM)
        found = [free_port() for _ in range(50)]
        assert len(set(found)) == 50 and set(found) <= set(BELOW)
    for port in found[:3]:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            assert not is_free(port, socket.SOCK_DGRAM)
