"""All that can be set, as one frozen value, with the parts of it that are neither `network`, `identity` nor
`judgement`: what is kept, written and told to whom. `deploy/ringwarden.example.toml` has a sentence for each key; the
units are in the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from proxy.settings.identity import (
    CertificateSettings,
    CustomerSettings,
    IdentitySettings,
    NumberSettings,
    ProviderSettings,
    ServiceSettings,
    SigningSettings,
)
from proxy.settings.judgement import ListSettings, PolicySettings
from proxy.settings.network import (
    ConnectionSettings,
    HealthSettings,
    ListenSettings,
    PeerSettings,
    TlsSettings,
    Trunk,
)
from proxy.settings.trunks import TrunkTable

ROLES = ("enterprise", "hosted", "terminating", "intermediate", "gateway", "originating")
SIDES = ("carrier", "pbx")
API_RIGHTS = ("no", "entitled", "asked")
DIALECTS = ("atis", "3gpp")
CARRIERS = ("3gpp", "bandwidth", "telnyx", "twilio", "plivo")
TRUST = ("none", "identity", "verdicts")
REGISTRATIONS = ("contact", "path", "none")
KEPT = ("allowed", "blocked", "outbound", "emergency", "notes")
MASKS = ("hash", "digits")
SHELLS = ("inline", "redirect")
MODES = ("observe", "tag", "enforce")
LEVELS = ("debug", "info", "warning", "error")
MAIL_TLS = ("starttls", "tls", "none")
FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
"""Of syslog, in the order of their numbers (RFC 5424 section 6.2.1)."""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What gives way when more calls come than can be served."""

    unscreened_ms: int = 50
    """A new call that has waited so long goes on unscreened; 0: none does."""


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """What becomes of the contacts that a PBX registers through us."""

    through: str = "contact"
    """contact: ours stand in their place; path: we are named in Path where that is supported; none: untouched."""


@dataclass(frozen=True, slots=True)
class MarkingSettings:
    prefix: str = "X-Screen"
    """Of our own headers, without the dash that follows it."""
    verstat_in_from: bool = False
    trunk: bool = False
    """A header says by which peer the call came."""
    name_tagged: str = ""
    """Put before the shown name of a call that is tagged."""
    name_proved: str = ""
    """The same of one whose caller proved the number (A)."""


@dataclass(frozen=True, slots=True)
class AdminSettings:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Signing and verification for others, by HTTP."""

    host: str
    port: int
    sign: str = "no"
    """no; entitled (the inventory says what a caller may get); or asked (the asker says it)"""
    dialect: str = "atis"
    """Of errors, and of requests that could be either: atis (ATIS-1000082) or 3gpp (TS 24.229 Annex V)"""


@dataclass(frozen=True, slots=True)
class PathSettings:
    journal: Path | None = None
    state: Path | None = None


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """How long the journal keeps what."""

    keep_days: Mapping[str, int] = field(default_factory=dict)
    """By class (`storage.care`); 0: for ever."""
    mask_days: int = 0
    """After which numbers are masked; 0: never."""
    quality: bool = False
    """Reports of how calls sounded are kept with them."""
    mask: str = "hash"
    """hash (keyed, so that a number can be looked for), or digits (the last are hidden)"""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where the notice of an emergency call is posted to."""

    url: str
    secret: bytes = field(repr=False)
    """What its signature is made with."""
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class MailSettings:
    """Who gets the notice by mail."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    tls: str = "starttls"
    ca: Path | None = None
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SyslogSettings:
    """Which syslog gets the notice: a Unix socket, or a numeric address."""

    path: Path | None = None
    host: str = ""
    port: int = 514
    facility: str = "local0"


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """Who is told of an emergency call."""

    locations: Path | None = None
    webhook: WebhookSettings | None = None
    mail: MailSettings | None = None
    syslog: SyslogSettings | None = None


@dataclass(frozen=True, slots=True)
class HepSettings:
    """Where a copy of each message goes (HEPv3 over UDP)."""

    host: str
    port: int
    capture_id: int = 2001
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """The engines that several machines share."""

    machine: str
    """Which of them this is."""
    redis: str = field(default="", repr=False)
    """Where Redis or Valkey is; empty: nowhere."""
    postgres: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LogSettings:
    level: str = "info"


@dataclass(frozen=True, slots=True)
class LabSettings:
    enabled: bool = False
    clock: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the file says, defaults filled in."""

    file: Path
    role: str
    listeners: tuple[ListenSettings, ...]
    trunks: tuple[Trunk, ...]
    peers: tuple[PeerSettings, ...]
    """Where calls go: the peers that have hops, and those that [next_hop] names."""
    health: HealthSettings
    identity: IdentitySettings
    numbers: NumberSettings
    signing: SigningSettings | None
    policy: PolicySettings
    lists: ListSettings
    marking: MarkingSettings
    admin: AdminSettings | None
    paths: PathSettings
    log: LogSettings
    lab: LabSettings
    tls: TlsSettings | None
    trunk_table: TrunkTable
    """The trunks by source address."""
    notice: NoticeSettings = field(default_factory=NoticeSettings)
    customers: tuple[CustomerSettings, ...] = ()
    connections: ConnectionSettings = ConnectionSettings()
    registration: RegistrationSettings = RegistrationSettings()
    load: LoadSettings = LoadSettings()
    certificates: CertificateSettings = CertificateSettings()
    hep: HepSettings | None = None
    journal: JournalSettings = field(default_factory=JournalSettings)
    api: ApiSettings | None = None
    provider: ProviderSettings = ProviderSettings()
    service: ServiceSettings | None = None
    """In the place of `signing`."""
    fleet: FleetSettings | None = None
    secret: bytes | None = field(default=None, repr=False)
    """As set by key, file or environment; None: `shared_secret` finds or makes one in the state folder."""

    @property
    def certificate_folder(self) -> Path | None:
        """Where verified certificate files are kept for the next start; None: they are not."""
        state = self.paths.state
        return self.certificates.cache or (state / "certificates" if state is not None else None)
