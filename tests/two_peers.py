"""The smallest configuration: one listener between a carrier and a PBX."""

TWO_PEERS = """
[[listen]]
address = "192.0.2.10:5060"
[[peer]]
name = "carrier"
side = "carrier"
hops = ["198.51.100.7:5060"]
[[peer]]
name = "pbx"
side = "pbx"
hops = ["192.0.2.20:5060"]
"""
LOOPBACK = TWO_PEERS.replace("192.0.2.10", "127.0.0.1").replace("198.51.100.7", "127.0.0.2").replace("192.0.2.20", "127.0.0.3")
