"""Which keys there are. One row a key: its kind and what stands for it when it is absent. Nothing else
knows a key's name.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.settings import addresses, fleet, kinds
from proxy.settings.callers import beginning, country, names_url
from proxy.settings.certificates import origin
from proxy.settings.judgement import CHECK_MODES, CLAIMS, CLASSES, DIVERSIONS, DOINGS, ENDS, JUDGED, SHOWN
from proxy.settings.judgement import MOST_ESTIMATED as MOST
from proxy.settings.kinds import flag, integer, many, one_of
from proxy.settings.shapes import REQUIRED, Entry, Key, Named, Table, Tables
from proxy.settings.values import (
    API_RIGHTS,
    CARRIERS,
    DIALECTS,
    FACILITIES,
    KEPT,
    LEVELS,
    MAIL_TLS,
    MASKS,
    MODES,
    REGISTRATIONS,
    ROLES,
    SHELLS,
    SIDES,
    TRUST,
)

PAIR: Mapping[str, Entry] = {
    "key": Key(kinds.existing, REQUIRED),
    "certificate_url": Key(addresses.https, REQUIRED),
    "origid": Key(kinds.origid, REQUIRED),
    "certificate": Key(kinds.existing),
    "quoted": Key(flag, False),
    "media_keys": Key(flag, False),
}
"""What calls are signed with, and how."""

ATTESTING: dict[str, Entry] = {
    "customer": Key(kinds.text, ""),
    "transit": Key(flag, False),
    "attest": Key(one_of("A", "B", "C"), "A"),
    "attest_other": Key(one_of("B", "C", "none"), "B"),
    "origid": Key(kinds.origid, ""),
}
"""What the calls of a peer may get when they are signed."""


SCHEMA = Table(
    {
        "role": Key(one_of(*ROLES), "enterprise"),
        "secret": Key(kinds.secret),
        "secret_file": Key(kinds.existing),
        "listen": Tables(
            {
                "transport": Key(addresses.transports, "udp+tcp"),
                "address": Key(addresses.numeric_endpoint, REQUIRED),
                "advertise": Key(addresses.endpoint),
            }
        ),
        "tls": Table(
            {
                "certificate": Key(kinds.existing, REQUIRED),
                "key": Key(kinds.existing, REQUIRED),
                "ca": Key(kinds.existing),
                "verify": Key(one_of("name", "chain", "none"), "name"),
                "clients": Key(one_of("none", "optional", "required"), "none"),
                "client_ca": Key(kinds.existing),
                "name": Tables(
                    {
                        "name": Key(addresses.hostname, REQUIRED),
                        "certificate": Key(kinds.existing, REQUIRED),
                        "key": Key(kinds.existing, REQUIRED),
                    }
                ),
            },
            optional=True,
        ),
        "connections": Table(
            {
                "total": Key(integer(1, 1_000_000), 4096),
                "per_source": Key(integer(1, 1_000_000), 1024),
                "half_open": Key(integer(1, 1_000_000), 1024),
                "connect_ms": Key(integer(10, 60_000), 3000),
                "first_seconds": Key(integer(1, 3600), 10),
                "message_seconds": Key(integer(1, 3600), 16),
                "idle_seconds": Key(integer(10, 86_400), 900),
                "unsent_kib": Key(integer(64, 1_048_576), 1024),
            }
        ),
        "peer": Tables(
            {
                "name": Key(kinds.name, REQUIRED),
                "side": Key(one_of(*SIDES), REQUIRED),
                "hops": Key(many(addresses.way), ()),
                "priority": Key(integer(0, 65_535), 1),
                "weight": Key(integer(0, 65_535), 1),
                "ping": Key(flag, True),
                "sources": Key(many(addresses.source)),
                "trust": Key(one_of(*TRUST)),
                "verdicts": Key(one_of(*CARRIERS)),
                "profile": Key(kinds.name, "default"),
                "mode": Key(one_of(*MODES), "observe"),
                "enforce_percent": Key(integer(0, 100), 100),
                "country": Key(kinds.country_code, "1"),
                "area": Key(kinds.digits(0, 5), ""),
                "sign": Key(flag),
                "domains": Key(many(addresses.hostname), ()),
                "route": Key(many(kinds.loose_router), ()),
                **ATTESTING,
                "shell": Key(one_of(*SHELLS), "inline"),
                "go_on": Key(kinds.go_on, 404),
                "calls_per_second": Key(integer(0, 1_000_000), 0),
                "calls_per_source": Key(integer(0, 1_000_000), 0),
                "contact": Key(addresses.endpoint),
                "embed": Key(flag, False),
                "follow_redirects": Key(flag, False),
                "folds_tokens": Key(flag, False),
                "blocked": Key(kinds.text, ""),
                "blocked_since": Key(kinds.day, 0.0),
                "rmd": Key(kinds.text, ""),
                "run_by": Key(kinds.text, ""),
            }
        ),
        "load": Table({"unscreened_ms": Key(integer(0, 10_000), 50)}),
        "registration": Table({"through": Key(one_of(*REGISTRATIONS), "contact")}),
        "health": Table(
            {
                "silence_ms": Key(integer(100, 32_000)),
                "ping_seconds": Key(integer(0, 3600), 10),
                "down_after": Key(integer(1, 100), 3),
                "up_after": Key(integer(1, 100), 2),
            }
        ),
        "identity": Table(
            {
                "anchors": Key(kinds.existing),
                "tls_ca": Key(kinds.existing),
                "hosts": Key(many(addresses.hostname), ()),
                "ports": Key(many(integer(1, 65_535)), (443, 8443)),
                "required": Key(flag, False),
                "freshness_seconds": Key(integer(1, 3600), 60),
                "deadline_ms": Key(integer(10, 5000), 300),
                "plain": Key(flag, False),
                "compact": Key(flag, False),
                "media_keys": Key(flag, False),
                "bare_info": Key(flag, False),
                "number_certificates": Key(flag, True),
                "service": Key(addresses.service),
                "service_ms": Key(integer(10, 5000), 1000),
                "dialect": Key(one_of("atis", "3gpp"), "atis"),
            }
        ),
        "certificates": Table(
            {
                "cache": Key(kinds.pathname),
                "trust_list": Key(origin),
                "trust_list_keys": Key(kinds.existing),
                "crls": Key(many(origin), ()),
                "crl_signers": Key(kinds.existing),
                "crl_required": Key(flag, False),
                "refresh_minutes": Key(integer(1, 10_080), 60),
            }
        ),
        "numbers": Table(
            {
                "own": Key(many(kinds.number), ()),
                "emergency": Key(many(kinds.emergency_string), ()),
                "psap": Key(many(kinds.number), ()),
                "opted_out": Key(many(kinds.number), ()),
                "inventory": Key(many(kinds.existing), ()),
            }
        ),
        "signing": Table(
            {
                **PAIR,
                "key": Key(kinds.existing),
                "certificate_url": Key(addresses.https),
                "service": Key(addresses.service),
                "milliseconds": Key(integer(10, 5000), 400),
                "dialect": Key(one_of("atis", "3gpp"), "atis"),
                "peers": Named(Table(PAIR)),
            },
            optional=True,
        ),
        "provider": Table({"certified": Key(kinds.day)}),
        "customer": Tables(
            {
                "name": Key(kinds.text, REQUIRED),
                "kyc": Key(one_of("verified", "pending"), "verified"),
                "cap": Key(one_of("B", "C"), "C"),
                "origid": Key(kinds.origid, ""),
                "profile": Key(kinds.name, ""),
                "telemarketer": Key(kinds.text, ""),
                "seller": Key(kinds.text, ""),
                "offers": Key(kinds.text, ""),
            }
        ),
        "profile": Named(
            Table(
                {
                    "tag_at": Key(integer(1, 10_000), 30),
                    "reject_at": Key(integer(1, 10_000), 80),
                    "tags": Key(many(kinds.name), (), names="reasons"),
                    "divert_at": Key(integer(1, 10_000)),
                    "divert_to": Key(kinds.text, ""),
                    "divert_by": Key(one_of(*DIVERSIONS), "request-uri"),
                    "numbers": Key(many(kinds.number), ()),
                }
            )
        ),
        "policy": Table(
            {
                "codes": Named(Key(kinds.rejection), names="reasons"),
                "refusals": Table({kind: Key(kinds.rejection) for kind in CLASSES}),
                "weights": Named(Key(integer(0, 10_000)), names="reasons"),
                "velocity": Table(
                    {"limit": Key(integer(1, 1_000_000), 30), "seconds": Key(integer(1, 3600), 60)}
                ),
                "checks": Named(Key(one_of(*CHECK_MODES))),
                "limits": Table(
                    {
                        **dict.fromkeys(("callees", "names", "crowd"), Key(integer(1, MOST))),
                        **dict.fromkeys(("sequence", "block", "ends", "dials"), Key(integer(1, 1_000_000))),
                        **dict.fromkeys(("neighbours", "wasted", "strangers", "talked", "bad"), Key(kinds.share)),
                        "blind": Key(kinds.positive),
                    }
                ),
                "brands": Key(many(kinds.text), ()),
                "methods": Key(many(one_of(*JUDGED)), ("INVITE",)),
                "telemarketing": Key(flag, False),
                "network_level": Key(many(kinds.name), (), names="reasons"),
                "unknown_zone_is_open": Key(flag, True),
                "learned_days": Key(integer(0, 365), 90),
                "names": Table(
                    {
                        "url": Key(names_url, REQUIRED),
                        "milliseconds": Key(integer(1, 50), 50),
                        "cache_hours": Key(integer(1, 720), 24),
                        "show": Key(one_of(*SHOWN), "never"),
                        "authorization_file": Key(kinds.existing),
                    },
                    optional=True,
                ),
                "country": Tables(
                    {
                        "countries": Key(many(country), REQUIRED),
                        "action": Key(one_of(*DOINGS), REQUIRED),
                        "of": Key(one_of(*ENDS), "caller"),
                        "side": Key(one_of(*SIDES), ""),
                        "peers": Key(many(kinds.name), ()),
                        "class": Key(one_of(*CLAIMS), "subscriber"),
                    }
                ),
                "hook": Table(
                    {"url": Key(kinds.text, REQUIRED), "milliseconds": Key(integer(1, 50), 50)}, optional=True
                ),
                "redress": Table(
                    {
                        "url": Key(addresses.https, ""),
                        "tel": Key(kinds.telephone, ""),
                        "email": Key(addresses.email, ""),
                        "card": Key(addresses.https, ""),
                        "name": Key(kinds.text, ""),
                        "reason": Key(one_of("sip", "q850"), "sip"),
                    }
                ),
            }
        ),
        "lists": Table(
            {
                "bundled": Key(flag, True),
                "campaigns": Key(many(kinds.existing), ()),
                "allow": Key(many(kinds.existing), ()),
                "deny": Key(many(kinds.existing), ()),
                "dno": Key(many(kinds.existing), ()),
                "dnc": Key(many(kinds.existing), ()),
                "messages": Key(many(kinds.existing), ()),
                "rmd": Key(many(kinds.existing), ()),
                "countries": Key(many(kinds.existing), ()),
                "hours": Key(many(kinds.existing), ()),
            }
        ),
        "marking": Table(
            {
                "prefix": Key(kinds.header_prefix, "X-Screen"),
                "verstat_in_from": Key(flag, False),
                "trunk": Key(flag, False),
                "name_tagged": Key(beginning, ""),
                "name_proved": Key(beginning, ""),
            }
        ),
        "notice": Table(
            {
                "locations": Key(kinds.existing),
                "webhook": Table(
                    {
                        "url": Key(addresses.webhook, REQUIRED),
                        "secret": Key(kinds.secret),
                        "secret_file": Key(kinds.existing),
                        "ca": Key(kinds.existing),
                    },
                    optional=True,
                ),
                "mail": Table(
                    {
                        "server": Key(addresses.endpoint, REQUIRED),
                        "sender": Key(addresses.email, REQUIRED),
                        "recipients": Key(many(addresses.email), REQUIRED),
                        "tls": Key(one_of(*MAIL_TLS), "starttls"),
                        "ca": Key(kinds.existing),
                        "user": Key(kinds.text, ""),
                        "password_file": Key(kinds.existing),
                    },
                    optional=True,
                ),
                "syslog": Table(
                    {
                        "address": Key(addresses.syslog, REQUIRED),
                        "facility": Key(one_of(*FACILITIES), "local0"),
                    },
                    optional=True,
                ),
            }
        ),
        "hep": Table(
            {
                "address": Key(addresses.endpoint, REQUIRED),
                "capture_id": Key(integer(0, 4_294_967_295), 2001),
                "password": Key(kinds.text, ""),
            },
            optional=True,
        ),
        "fleet": Table(
            {
                "machine": Key(kinds.name),
                "redis": Key(fleet.redis),
                "redis_file": Key(kinds.existing),
                "postgres": Key(fleet.postgres),
                "postgres_file": Key(kinds.existing),
            },
            optional=True,
        ),
        "admin": Table({"address": Key(addresses.numeric_endpoint, REQUIRED)}, optional=True),
        "api": Table(
            {
                "address": Key(addresses.numeric_endpoint, REQUIRED),
                "sign": Key(one_of(*API_RIGHTS), "no"),
                "dialect": Key(one_of(*DIALECTS), "atis"),
            },
            optional=True,
        ),
        "paths": Table({"journal": Key(kinds.pathname), "state": Key(kinds.pathname)}),
        "journal": Table(
            {
                "keep_days": Table({name: Key(integer(0, 36_500), 0) for name in KEPT}),
                "mask_days": Key(integer(0, 36_500), 0),
                "mask": Key(one_of(*MASKS), "hash"),
                "quality": Key(flag, False),
            }
        ),
        "log": Table({"level": Key(one_of(*LEVELS), "info")}),
        "lab": Table({"enabled": Key(flag, False), "clock": Key(kinds.clock)}),
    }
)

OLDER = {
    # A neighbour was called a trunk, and where calls go stood by itself.
    "trunk": SCHEMA.keys["peer"],
    "next_hop": Table(
        {
            "carrier": Key(many(addresses.hop), ()),
            "pbx": Key(many(addresses.hop), ()),
            "silence_ms": Key(integer(100, 32_000)),
        }
    ),
}
"""What older files write: read as before, said in the documentation no more."""

WHOLE = Table({**SCHEMA.keys, **OLDER})


def known_keys(entry: Entry = SCHEMA, path: str = "") -> list[str]:
    """Each key as a dotted path, without the older words; a name that the operator chooses is `*`."""
    if isinstance(entry, Key):
        return [path]
    if isinstance(entry, Named):
        return known_keys(entry.entry, f"{path}.*")
    return [
        found
        for key, below in entry.keys.items()
        for found in known_keys(below, f"{path}.{key}" if path else key)
    ]
