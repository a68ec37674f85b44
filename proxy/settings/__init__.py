"""The configuration: one TOML file into one frozen Settings.

`values` says what can be set, `schema` which keys there are, `kinds` what a value must look like, `reading`
walks a file beside the schema, `checks` are the demands that concern more than one key. All that is wrong
is reported at once, each with its file, its key and a cure. Nothing here writes a file but `shared_secret`,
which keeps the secret that it makes.
"""

from proxy.settings.errors import SettingsError
from proxy.settings.reading import load, problems, read
from proxy.settings.secret import shared_secret
from proxy.settings.trunks import TrunkTable
from proxy.settings.values import (
    AdminSettings,
    ConnectionSettings,
    HealthSettings,
    HopSettings,
    IdentitySettings,
    LabSettings,
    ListenSettings,
    ListSettings,
    LogSettings,
    MailSettings,
    MarkingSettings,
    NextHop,
    NoticeSettings,
    NumberSettings,
    PathSettings,
    PeerSettings,
    PolicySettings,
    ProfileSettings,
    RedressSettings,
    Settings,
    SigningSettings,
    Source,
    SyslogSettings,
    TlsSettings,
    Trunk,
    VelocitySettings,
    WebhookSettings,
)

__all__ = [
    "AdminSettings",
    "ConnectionSettings",
    "HealthSettings",
    "HopSettings",
    "IdentitySettings",
    "LabSettings",
    "ListSettings",
    "ListenSettings",
    "LogSettings",
    "MailSettings",
    "MarkingSettings",
    "NextHop",
    "NoticeSettings",
    "NumberSettings",
    "PathSettings",
    "PeerSettings",
    "PolicySettings",
    "ProfileSettings",
    "RedressSettings",
    "Settings",
    "SettingsError",
    "SigningSettings",
    "Source",
    "SyslogSettings",
    "TlsSettings",
    "Trunk",
    "TrunkTable",
    "VelocitySettings",
    "WebhookSettings",
    "load",
    "problems",
    "read",
    "shared_secret",
]
