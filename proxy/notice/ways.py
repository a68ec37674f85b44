"""The ways on which notices leave, as the settings name them."""

from __future__ import annotations

import time

from proxy.notice.mail import Mail
from proxy.notice.sending import Way
from proxy.notice.syslog import Syslog
from proxy.notice.webhook import Webhook
from proxy.settings import NoticeSettings


def ways(settings: NoticeSettings) -> tuple[Way, ...]:
    """Raises OSError where authorities cannot be read."""
    found: list[Way] = []
    if settings.webhook is not None:
        # The real time, also in a lab whose clock is moved: a receiver refuses a signature that is not of now.
        found.append(Webhook(settings.webhook, time.time))
    if settings.mail is not None:
        found.append(Mail(settings.mail))
    if settings.syslog is not None:
        found.append(Syslog(settings.syslog))
    return tuple(found)
