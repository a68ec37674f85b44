"""What can be set of who is calling, as frozen values: how a signature is verified, whom we believe, which numbers are
ours, for whom we sign and with what. Units are in the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


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
    dialect: str = "atis"
    """atis, or 3gpp: it signs diversions too"""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What the authorities have of us."""

    certified: float | None = None
    """When our filing in the Robocall Mitigation Database was certified last, Unix seconds."""
