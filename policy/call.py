"""The facts that a check may look at, and nothing more: one call, already read, with its numbers in
canonical form.

Built by `proxy.screening`; the checks never see a SIP message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from shaken.verdict import Judgement

Side = Literal["carrier", "pbx"]
CallerKind = Literal["number", "anonymous", "uri", "invalid"]

PASSED = "TN-Validation-Passed"
FAILED = "TN-Validation-Failed"
NOT_DONE = "No-TN-Validation"


# A named tuple: one is made for each call, and a frozen dataclass of this size takes five times as long to
# make.
class Call(NamedTuple):
    """One attempt to call, from the side where it came in."""

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
