"""The configuration: one TOML file into one frozen Settings.

`values` says what can be set: `network` the part of it that faces the wire, `identity` who is calling, `judgement` what
is made of it; `schema` which keys there are, in the `shapes` that a file is made of; `kinds` what a value must look
like, `addresses` what an address must. `reading` walks a file beside the schema, `checks` are the demands that concern
more than one key, `reach` those of the network. All that is wrong is reported at once, each with its file, its key and
a cure. Nothing here writes a file but `shared_secret`, which keeps the secret that it makes.
"""

from proxy.settings.errors import SettingsError
from proxy.settings.identity import IdentitySettings, NumberSettings, SigningSettings
from proxy.settings.judgement import ListSettings, PolicySettings, ProfileSettings, RedressSettings, VelocitySettings
from proxy.settings.network import (
    ConnectionSettings,
    HealthSettings,
    HopSettings,
    ListenSettings,
    NextHop,
    PeerSettings,
    Source,
    TlsSettings,
    Trunk,
)
from proxy.settings.reading import load, problems, read
from proxy.settings.secret import shared_secret
from proxy.settings.trunks import TrunkTable
from proxy.settings.values import (
    AdminSettings,
    LabSettings,
    LogSettings,
    MailSettings,
    MarkingSettings,
    NoticeSettings,
    PathSettings,
    Settings,
    SyslogSettings,
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
