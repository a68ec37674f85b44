"""What is counted: every family of counters, with the label values that it knows. How they are counted and read is the
business of `metrics`; here the layout of its cells is laid down. A label that nobody declared counts as `other`: no
number, Call-ID or address can ever become a label (TRAP-93).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

OTHER = "other"
SIDES = ("carrier", "pbx", "unknown")
METHODS = (
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "REFER", "SUBSCRIBE",
    "NOTIFY", "MESSAGE", "PUBLISH",
)  # fmt: skip
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "6xx")
ACTIONS = ("allow", "tag", "divert", "reject", "emergency", "fail-open", "bypass", "unscreened")
ATTESTATIONS = ("A", "B", "C", "none")
STATUSES = ("400", "408", "413", "416", "420", "482", "483", "501", "505", "513")
API = ("signing", "verification", "other")
API_RESULTS = ("done", "failed", "misused", "busy", "fault")
VOUCHED = ("passed", "chain", "signature", "unknown", "resting", "full", "late", "failed")
HOOKED = ("asked", "agreed", "overruled", "late", "failed", "resting", "full")
NAMED = ("hit", "found", "nobody", "late", "failed", "resting", "full")
FETCHED = (
    "ok", "invalid", "busy", "timeout", "address", "dns", "tls", "url", "host", "connect", "broken",
    "redirect", "status", "server", "resting", "encoding", "type", "size",
)  # fmt: skip
"""Slugs of `certs.fetch.FetchError`, and what became of an answer."""
FAILOVERS = ("503", "transport", "timeout", "silence", "refused")
PEER_STATES = ("unknown", "up", "failing", "held", "down", "rising")
DNS_KINDS = ("NAPTR", "SRV", "A", "AAAA")
DNS_RESULTS = ("answered", "nothing", "failed", "timeout", "busy")
VERIFIED = ("passed", "unsigned", "failed")
SIGNED = (
    "signed", "already-signed", "off", "no-number", "stale-date", "not-entitled", "failed", "late", "resting", "full",
)  # fmt: skip
OUT_ENDS = ("at-once", "later")
STREAMS = ("tcp", "tls")
REFUSALS = ("total", "source", "files")
ENDS = (
    "closed", "broken", "connect", "handshake", "identity", "framing", "slow", "silent", "idle", "unread", "evicted",
    "stopped",
)  # fmt: skip
"""Why a connection ended: the peer's doing, or one of our bounds (`proxy.transports`)."""
Labels = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Family:
    """One name and its series: a cell for each combination of label values, `other` included."""

    name: str
    help: str
    labels: Labels = field(default_factory=dict)

    def series(self) -> list[tuple[str, ...]]:
        return list(product(*((*values, OTHER) for values in self.labels.values())))


def families(reasons: Sequence[str], verified: Sequence[str]) -> tuple[Family, ...]:
    """Every counter, in the order of the cells."""
    return (
        Family("requests", "Requests received.", {"side": SIDES, "method": METHODS}),
        Family("responses", "Final answers given.", {"side": SIDES, "code_class": CLASSES}),
        Family(
            "decisions",
            "Calls decided.",
            {
                "direction": ("inbound", "outbound"),
                "action": ACTIONS,
                "reason": reasons,
                "attest": ATTESTATIONS,
            },
        ),
        Family("verify", "Calls whose Identity was looked at.", {"result": verified, "attest": ATTESTATIONS}),
        Family("sign", "Outbound calls that were to be signed.", {"result": SIGNED, "attest": ATTESTATIONS}),
        Family("cert_fetches", "Fetches of certificates.", {"result": FETCHED}),
        Family("cert_cache_requests", "Certificates asked for.", {"result": ("hit", "miss")}),
        Family("emergency_calls", "Emergency calls."),
        Family("parse_errors", "Datagrams that are no SIP message we can act on.", {"kind": STATUSES}),
        Family("strays", "Responses and ACKs that belong to nothing here."),
        Family("unknown_sources", "Requests from an address of no trunk."),
        Family("over_rate", "Calls refused because their trunk placed more a second than it may."),
        Family("hook", "Questions to the operator's decision service.", {"result": HOOKED}),
        Family("verifier", "Tokens that a verification service was asked about.", {"result": VOUCHED}),
        Family("names", "Names of callers that were looked for.", {"result": NAMED}),
        Family("api", "Requests of others to sign or verify.", {"operation": API, "result": API_RESULTS}),
        Family("outbound_ends", "Answered calls of ours that are over.", {"how": OUT_ENDS}),
        Family(
            "quality_reports", "Reports of how calls sounded.",
            {"form": ("rtcpxr", "stat"), "result": ("kept", "unread")},
        ),
        Family(
            "fleet", "Exchanges with what several machines share.",
            {"store": ("redis", "postgres"), "result": ("ok", "failed", "refused")},
        ),
        Family("cancelled", "Calls given up by the caller before an answer."),
        Family("retransmissions", "Messages sent or received again.", {"way": ("received", "sent")}),
        Family("failovers", "Calls that went to the next hop in the row.", {"why": FAILOVERS}),
        Family("peer_changes", "Targets of peers that came into a state.", {"state": PEER_STATES}),
        Family("dns_lookups", "Questions that name servers were asked.", {"kind": DNS_KINDS, "result": DNS_RESULTS}),
        Family(
            "marks",
            "Headers of untrusted sides taken off, and our own put on; in observe they would have been.",
            {"mode": ("observe", "tag", "enforce"), "change": ("stripped", "added")},
        ),
        Family("udp_oversize", "Datagrams sent that are longer than the path is likely to carry whole."),
        Family("reloads", "Times that the configuration was read again.", {"result": ("ok", "refused")}),
        Family("connections_begun", "Connections begun.", {"transport": STREAMS, "way": ("in", "out")}),
        Family("connections_refused", "Connections that had no room.", {"transport": STREAMS, "why": REFUSALS}),
        Family("connections_ended", "Connections that are no more.", {"transport": STREAMS, "why": ENDS}),
        Family("admin_restarts", "Times that the admin address could not be bound and was tried again."),
        Family(
            "notices",
            "Notices of emergency calls, on each way.",
            {"way": ("webhook", "mail", "syslog"), "result": ("sent", "retried", "failed", "dropped")},
        ),
        Family("emergency_callbacks", "Calls let through unscreened to a line that called 911 lately."),
        Family("internal_errors", "Faults of ours that a call survived unscreened."),
    )
