"""Who outside of us is asked while a call waits, where the settings want it: the operator's decision service, services
that sign or verify in our place, a service of names. Here they are made, and kept over a reload where they are the
same; what each is asked stands in its own room.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from policy.attest import Terms
from proxy.cnam import NameService
from proxy.hook import DecisionHook
from proxy.metrics import Metrics
from proxy.parts import terms
from proxy.settings import Settings
from proxy.settings.identity import ServiceSettings
from proxy.settings.judgement import NameSettings
from proxy.signer import SigningService
from proxy.verifier import VerificationService


class Consulted:
    """The services of one ringwarden. Each method gives the one that these settings want."""

    def __init__(
        self,
        now: Callable[[], float],
        metrics: Metrics,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        closing: list[Callable[[], Any]],
    ) -> None:
        """now: monotonic seconds; spawn: runs something beside the calls; closing: what is called at the end, the
        first one first.
        """
        self._now, self._metrics, self._spawn, self._closing = now, metrics, spawn, closing
        self._named: NameSettings | None = None
        self._names: NameService | None = None
        self._served: ServiceSettings | None = None
        self._service: SigningService
        self._verified: tuple[str | None, int, str] | None = None
        self._judge: VerificationService

    def hook(self, settings: Settings) -> DecisionHook | None:
        """The operator's own decision service."""
        wanted = settings.policy.hook
        if wanted is None:
            return None
        hook = DecisionHook(wanted.url, self._now, seconds=wanted.milliseconds / 1000, count=self._metrics.hooked)
        self._closing.insert(0, hook.close)
        return hook

    def signers(self, settings: Settings) -> dict[str, tuple[SigningService, Terms]]:
        """Trunks whose calls somebody else signs. A reload keeps the connections where the service is the same."""
        wanted = settings.service
        if wanted is None:
            return {}
        if wanted != self._served:
            self._served = wanted
            self._service = SigningService(
                wanted.url, self._now, seconds=wanted.milliseconds / 1000, certificate=wanted.certificate_url,
                diverts=wanted.dialect == "3gpp",
            )  # fmt: skip
            self._closing.insert(0, self._service.close)
        rights = terms(settings)
        return {one.name: (self._service, rights[one.name]) for one in settings.trunks if one.sign}

    def verifier(self, settings: Settings) -> VerificationService | None:
        """Who judges Identity headers in our place. A reload keeps the connections where it is the same."""
        wanted = settings.identity
        asked = (wanted.service, wanted.service_ms, wanted.dialect)
        if wanted.service is None:
            return None
        if asked != self._verified:
            self._verified = asked
            self._judge = VerificationService(
                wanted.service,
                self._now,
                seconds=wanted.service_ms / 1000,
                dialect=wanted.dialect,  # type: ignore[arg-type]  # settings allow these two
                count=self._metrics.vouched,
            )
            self._closing.insert(0, self._judge.close)
        return self._judge

    def names(self, settings: Settings) -> NameService | None:
        """Who is asked for names. A reload keeps what is known where the service is the same."""
        wanted = settings.policy.names
        if wanted != self._named:
            self._named, former = wanted, self._names
            self._names = None
            if former is not None:
                self._spawn(former.close(), "names")
            if wanted is not None:
                self._names = NameService(
                    wanted.url, self._now, seconds=wanted.milliseconds / 1000, keep=wanted.cache_hours * 3600.0,
                    authorization=wanted.authorization, count=self._metrics.named,
                )  # fmt: skip
                self._closing.insert(0, self._names.close)
        return self._names
