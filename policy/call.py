"""The facts that a check may look at, and nothing more: one call, already read, with its numbers in
canonical form.

Built by `proxy.screening`; the checks never see a SIP message.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from policy.behaviour import Seen
    from policy.reputation import Standing
    from policy.source import Source
    from shaken.verdict import Judgement

Side = Literal["carrier", "pbx"]
CallerKind = Literal["number", "anonymous", "uri", "invalid"]

PASSED = "TN-Validation-Passed"
FAILED = "TN-Validation-Failed"
NOT_DONE = "No-TN-Validation"


@lru_cache(1024)
def host_of(url: str) -> str | None:
    """The host of a certificate's URL. Few signers sign most calls, so it is remembered."""
    return url.partition("://")[2].partition("/")[0].casefold() or None


# Slots: the checks read it a hundred times, and an attribute of a named tuple takes three times as long. Not frozen:
# that would take five times as long to make, and one is made for each call.
@dataclass(slots=True)
class Call:
    """One attempt to call, from the side where it came in. Whoever makes one puts in what is remembered of it
    (`proxy.following`) before it is judged; from then on it stays as it is."""

    side: Side = "carrier"
    """Where the call comes from."""
    trunk: str = ""
    caller: str | None = None
    """Digits without a plus (`12025550123`, `911`); None where no number is shown."""
    caller_kind: CallerKind = "number"
    caller_text: str = ""
    """The caller as the message writes it, for sentences to a person."""
    callee: str | None = None
    display_name: str = ""
    judgement: Judgement | None = None
    """What `shaken` found; None: the call has no Identity header."""
    verstat: str | None = None
    """The verification status that a trusted upstream reports; None where there is none or the trunk is not
    trusted for it."""
    attested: str | None = None
    """The attestation (A, B, C) that the same trusted upstream reports."""
    recognised: str | None = None
    """A campaign named by something else than the number: audio, signer, pattern; the lab's oracle."""
    attempts: int = 0
    """Calls of this caller in the window of the tally, this one included; 0: not counted."""
    call_id: str = ""
    utc: float = 0.0
    """Wall clock of the call, Unix seconds."""
    seen: Seen | None = None
    """What this caller did lately (`policy.behaviour`); None: not followed."""
    sources: tuple[Source, ...] = ()
    """What its trunk, signer and so on did lately, those that stand out (`policy.sources`)."""
    standing: Standing | None = None
    """The worst that is remembered of its signer, trunk or campaign (`policy.reputation`)."""
    customer: str = ""
    """Who of ours it belongs to, where one trunk serves several."""
    print: str = ""
    """What the sending software looks like: User-Agent and the form of its SDP, as one short text."""
    purpose: str = ""
    """What the PBX says that the call is for; `telemarketing` owes more than others. From outside only where the trunk
    is trusted for verdicts."""

    diverted: tuple[str, ...] = ()
    """Numbers that forwarded the call, the latest first: what its headers say, proved by nobody."""
    replayed: bool = False
    """Its token was on another call a moment ago."""

    disputed: bool = False
    """The network asserts two numbers at once."""

    method: str = "INVITE"
    """INVITE; or MESSAGE and others, where the settings have them judged."""

    name: str = ""
    """What a service of names knows the caller's number by; empty: nothing, or none was asked."""

    def _replace(self, **changes: Any) -> Call:
        """Another one with these changes."""
        return replace(self, **changes)

    @property
    def spc(self) -> str | None:
        """The service provider code of whoever proved the call."""
        judgement = self.judgement
        if judgement is None or judgement.credential is None or not judgement.proved:
            return None
        return judgement.credential.spc

    @property
    def host(self) -> str | None:
        """The host that the certificate of a proved call came from."""
        judgement = self.judgement
        if judgement is None or judgement.passport is None or not judgement.proved:
            return None
        return host_of(judgement.passport.x5u or "")

    @property
    def attestation(self) -> str | None:
        """A, B or C if proved here, else what a trusted upstream says that it proved."""
        if self.judgement is not None:
            return self.judgement.attestation
        verstat = self.verstat
        if verstat is None or not verstat.startswith(PASSED):
            return None
        # Some carriers write the level at the end of the word: TN-Validation-Passed-B (STI-076).
        suffix = verstat[len(PASSED) :]
        return suffix[1:] if suffix in ("-A", "-B", "-C") else self.attested
