"""What can be set, as frozen values. `deploy/ringwarden.example.toml` has a sentence for each key; the
units are in the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
DIVERSIONS = ("request-uri", "302")
REGISTRATIONS = ("contact", "path", "none")
JUDGED = ("INVITE", "MESSAGE", "SUBSCRIBE", "REFER")
ENDS = ("caller", "callee", "signer")
SHOWN = ("never", "missing", "always")
DOINGS = ("allow", "deny", "tag")
CLAIMS = ("subscriber", "deterministic")
CLASSES = ("deterministic", "subscriber", "analytics", "identity", "duty", "note")
KEPT = ("allowed", "blocked", "outbound", "emergency", "notes")
MASKS = ("hash", "digits")
CHECK_MODES = ("off", "shadow", "enforce")
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
class IdentitySettings:
    """How an Identity header is verified."""

    anchors: Path | None = None
    """A PEM file or a folder of them; None: no chain leads anywhere, and no signature is proved."""
    tls_ca: Path | None = None
    hosts: tuple[str, ...] = ()
    """Hosts that certificates may come from; empty: any."""
    ports: tuple[int, ...] = (443, 8443)
    required: bool = False
    freshness_seconds: int = 60
    deadline_ms: int = 300
    plain: bool = False
    """A token without a kind proves a caller's number too."""
    compact: bool = False
    """So does one in compact form."""
    media_keys: bool = False
    """A token that names the keys of the media (`mky`) must name those of SDP."""
    bare_info: bool = False
    """`info` is read too where it is quoted or stands without brackets."""
    number_certificates: bool = True
    """A SHAKEN certificate counts that lists numbers, and is no delegate's."""
    service: str | None = None
    """Who judges tokens in our place."""
    service_ms: int = 1000
    dialect: str = "atis"


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """Whom we believe besides `identity.anchors`, and what is kept of others' certificates."""

    cache: Path | None = None
    """The folder that a restart begins with; None: `certificates` in the state folder, if there is one."""
    trust_list: Path | str | None = None
    """The administrator's signed list of roots, in the place of `identity.anchors`: a file, or an https URL."""
    trust_list_keys: Path | None = None
    """Who may sign it."""
    crls: tuple[Path | str, ...] = ()
    """Revocation lists."""
    crl_signers: Path | None = None
    """Who may sign those."""
    crl_required: bool = False
    refresh_minutes: int = 60
    """Between two fetches of a URL."""


@dataclass(frozen=True, slots=True)
class NumberSettings:
    """Entries as `policy.lists.entry` reads them: a number, a prefix `+1202555*`, a range."""

    own: tuple[str, ...] = ()
    emergency: tuple[str, ...] = ()
    psap: tuple[str, ...] = ()
    opted_out: tuple[str, ...] = ()
    """Lines whose subscriber wants nothing blocked by analytics."""
    inventory: tuple[Path, ...] = ()
    """Tables of who may use which number, and since when."""


@dataclass(frozen=True, slots=True)
class CustomerSettings:
    """A customer whose calls are signed."""

    name: str
    kyc: str = "verified"
    """verified, or pending: not proved yet who they are"""
    cap: str = "C"
    """What they get at most until then."""
    origid: str = ""
    profile: str = ""
    """Of the calls to and from their numbers; empty: the trunk's."""
    telemarketer: str = ""
    """Who dials; empty: the customer."""
    seller: str = ""
    """For whom they call, and `offers`, the good or service: records of telemarketing name both (16 CFR 310.5(a))."""
    offers: str = ""


@dataclass(frozen=True, slots=True)
class SigningSettings:
    key: Path
    certificate_url: str
    origid: str
    certificate: Path | None = None
    """Our own copy of what is at `certificate_url`."""
    quoted: bool = False
    """Write ppt="shaken" in quotes, for verifiers that want it so."""
    media_keys: bool = False
    """Bind the keys that SDP offers (`mky`)."""
    peers: Mapping[str, SigningSettings] = field(default_factory=dict)
    """What the calls of a peer are signed with, where it is something else."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Who signs our calls in our place."""

    url: str
    origid: str
    milliseconds: int = 400
    certificate_url: str = ""
    """Of our own certificate, which its answers must name; empty: any will do."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What the authorities have of us."""

    certified: float | None = None
    """When our filing in the Robocall Mitigation Database was certified last, Unix seconds."""


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    name: str
    tag_at: int = 30
    reject_at: int = 80
    tags: tuple[str, ...] = ()
    """Reason slugs that tag a call by themselves."""
    divert_at: int | None = None
    divert_to: str = ""
    divert_by: str = "request-uri"
    numbers: tuple[str, ...] = ()
    """Lines of ours that have it, whatever trunk their calls come by."""


@dataclass(frozen=True, slots=True)
class VelocitySettings:
    """More than `limit` calls of one caller within `seconds` are a finding."""

    limit: int = 30
    seconds: int = 60


@dataclass(frozen=True, slots=True)
class RedressSettings:
    """Whom a blocked caller can ask; at least one of them is needed before 603+ is sent (47 CFR
    64.1200(k)(8), (9)).
    """

    url: str = ""
    tel: str = ""
    email: str = ""
    card: str = ""
    """Where the signed card of a 608 is fetched."""
    name: str = ""
    reason: str = "sip"

    def __bool__(self) -> bool:
        return bool(self.url or self.tel or self.email)


@dataclass(frozen=True, slots=True)
class HookSettings:
    """The operator's own decision service."""

    url: str
    milliseconds: int = 50


@dataclass(frozen=True, slots=True)
class NameSettings:
    """Where the names of callers are looked up."""

    url: str
    """With `{number}` in it."""
    milliseconds: int = 50
    cache_hours: int = 24
    show: str = "never"
    """never, missing (where the call shows none) or always"""
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CountrySettings:
    """What is done with the calls of some countries."""

    countries: tuple[str, ...]
    action: str
    """allow, deny or tag"""
    of: str = "caller"
    """caller, callee or signer"""
    side: str = ""
    peers: tuple[str, ...] = ()
    kind: str = "subscriber"
    """subscriber or deterministic"""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    profiles: Mapping[str, ProfileSettings]
    codes: Mapping[str, int | str]
    """Reason slug -> the SIP code that answers it; `603+` is 603 with the notice of ATIS-1000099."""
    weights: Mapping[str, int]
    """Reason slug -> the weight of its finding, where it is not the default."""
    velocity: VelocitySettings
    redress: RedressSettings
    checks: Mapping[str, str] = field(default_factory=dict)
    """Check -> off, shadow or enforce, where it is not the default."""
    methods: tuple[str, ...] = ("INVITE",)
    """Methods whose requests are judged outside of a call; INVITE always."""
    refusals: Mapping[str, int | str] = field(default_factory=dict)
    """Class of a finding -> the code that answers it, where the slug has none."""
    network_level: tuple[str, ...] = ()
    """Reason slugs that stop calls to those lines all the same."""
    telemarketing: bool = False
    """Every call of our customers owes the duties of telemarketing."""
    unknown_zone_is_open: bool = True
    learned_days: int = 90
    """How long a number that our own people called may call back; 0: nothing is learned."""
    hook: HookSettings | None = None
    countries: tuple[CountrySettings, ...] = ()
    names: NameSettings | None = None


@dataclass(frozen=True, slots=True)
class ListSettings:
    bundled: bool = True
    campaigns: tuple[Path, ...] = ()
    allow: tuple[Path, ...] = ()
    deny: tuple[Path, ...] = ()
    dno: tuple[Path, ...] = ()
    dnc: tuple[Path, ...] = ()
    messages: tuple[Path, ...] = ()
    """Who may send text messages."""
    rmd: tuple[Path, ...] = ()
    countries: tuple[Path, ...] = ()
    """More rows for the table of countries."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.campaigns, *self.allow, *self.deny, *self.dno, *self.dnc)


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
