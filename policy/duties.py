"""What the rules ask of an operator in its role, and what a configuration does about it.

A table of duties, each with its paragraph and a sentence: `kept` (the configuration does it), `open` (it does not, and
a line of it would) or `yours` (nobody can do it but the operator; the sentence says what helps). Nothing here is
advice on the law, and nothing stops a call. `ringwarden duties` prints the table, `check-config` the open ones of a
provider, and a metric counts them. Facts come in from the edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Literal, NamedTuple

from policy.attest import CRITERIA_VERSION
from policy.holidays import REQUEST_DAYS, business_days_after
from policy.rulebook import PROVIDERS, TRANSIT, Role
from policy.upstreams import RMD_DAYS, recertify_by

State = Literal["kept", "open", "yours"]
DAY = 86_400.0
BLOCKED_DAYS = 28
RECORD_DAYS = 5 * 366
"""Five years, however many of them are leap years."""
SOON_DAYS = 30
"""Days before a filing is due in which it is called open."""
NOTHING: MappingProxyType[str, int] = MappingProxyType({})


class Facts(NamedTuple):
    """What a configuration says, as far as a duty asks for it."""

    role: Role = "enterprise"
    utc: float = 0.0
    verifies: bool = False
    """There is somebody to believe: anchors, or a trust list."""
    unsigned: tuple[str, ...] = ()
    """Peers of our own side whose calls leave unsigned."""
    signs: bool = False
    third: bool = False
    """Somebody else signs in our place."""
    third_named: bool = False
    """Its answers must name our own certificate."""
    upstreams: tuple[str, ...] = ()
    """Peers of the carrier's side without a filing number."""
    rmd_age: float | None = None
    """Seconds since the copy of the Robocall Mitigation Database was made; None: there is none."""
    certified: float | None = None
    """When our own filing was certified last, Unix seconds."""
    journal: bool = False
    keep_days: MappingProxyType[str, int] = NOTHING
    """By class of rows; 0 or absent: for ever."""
    redress: bool = False
    network_level: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    """Upstreams that are blocked, with the reason: `bad (FCC notice DA-25-1)`."""
    telemarketing: bool = False
    unsold: tuple[str, ...] = ()
    """Customers, or peers without one, of whose calls no seller and no offer is known."""
    lenient: tuple[str, ...] = ()
    """What lets calls through to people who asked for no more: peers that do not enforce, or the check itself."""
    requests: tuple[float, ...] | None = None
    """When people asked for no more calls, Unix seconds, those of five years; None: nobody looked."""
    reassigned_age: float | None = None
    """Seconds since the newest answer of the Reassigned Numbers Database; None: there is none."""


class Answer(NamedTuple):
    """One duty, and what is done about it."""

    name: str
    ground: str
    state: State
    said: str


Said = tuple[State, str]


class Duty(NamedTuple):
    name: str
    ground: str
    applies: Callable[[Facts], bool]
    says: Callable[[Facts], Said]


def _provider(facts: Facts) -> bool:
    return facts.role in PROVIDERS


def _ends(facts: Facts) -> bool:
    return facts.role in PROVIDERS and facts.role not in TRANSIT


def _transit(facts: Facts) -> bool:
    return facts.role in TRANSIT


def _calls(facts: Facts) -> bool:
    return facts.telemarketing


def _sign(facts: Facts) -> Said:
    if facts.unsigned:
        return "open", f"calls of {', '.join(facts.unsigned)} leave unsigned: add [signing], or take sign = false away"
    return "kept", "calls that leave are signed; ringwarden_sign_total counts those that were not, and why"


def _verify(facts: Facts) -> Said:
    if not facts.verifies:
        return "open", "no signature can be proved: set identity.anchors or certificates.trust_list"
    return "kept", "each Identity header of a call that comes in is looked at"


def _third(facts: Facts) -> Said:
    if not facts.signs:
        return "kept", "nobody signs for us"
    if not facts.third:
        return "kept", "we sign with our own key and decide on the level ourselves"
    if not facts.third_named:
        return "open", (
            "somebody else signs, and nothing says with whose certificate: set signing.certificate_url to that of"
            " your own"
            " SPC token; any other answer is then refused"
        )
    return "yours", (
        "the level is decided here and the service may lower it only; its answers must name your certificate; keep the"
        " agreement with it"
    )


def _filed(facts: Facts) -> Said:
    if facts.upstreams:
        return "open", f"no filing number is known of {', '.join(facts.upstreams)}: set rmd of these peers"
    if facts.rmd_age is None:
        return "open", "there is no copy of the Robocall Mitigation Database: set lists.rmd"
    if facts.rmd_age > RMD_DAYS * DAY:
        return "open", f"the copy of the database is {facts.rmd_age // DAY:.0f} days old and refuses nobody: fetch it"
    return "kept", "calls of an upstream that is struck off are refused, 911 never"


def _certified(facts: Facts) -> Said:
    if facts.certified is None:
        return "open", "set provider.certified to the day of your last certification, and the next one is watched"
    due = recertify_by(facts.certified)
    left, day = (due - facts.utc) / DAY, f"{datetime.fromtimestamp(due - 1, UTC):%Y-%m-%d}"
    if left < 0:
        return "open", f"the certification was due on {day}: base forfeitures are $10,000, and $1,000 for a stale entry"
    if left < SOON_DAYS:
        return "open", f"the certification is due on {day}, in {left:.0f} days"
    return "kept", f"the next certification is due on {day}; a change of the entry is due within 10 business days"


def _blocked_list(facts: Facts) -> Said:
    if not facts.journal:
        return "open", "nothing is written down: set paths.journal"
    if 0 < facts.keep_days.get("blocked", 0) < BLOCKED_DAYS:
        return "open", f"journal.keep_days.blocked is below {BLOCKED_DAYS}"
    return "yours", "`ringwarden report blocked --line NUMBER --days 28`, free, within 3 business days"


def _redress(facts: Facts) -> Said:
    if not facts.redress:
        return "open", "no contact is named: set url, tel or email of policy.redress"
    return "yours", (
        "publish the contact on your website; answer within 24 hours (`ringwarden list open` says which wait); `list"
        " why`,"
        " `list pardon`"
    )


def _traceback(facts: Facts) -> Said:
    if not facts.journal:
        return "open", "no call can be found again: set paths.journal"
    return "yours", "`ringwarden trace` answers a request, within 24 hours of it"


def _notice(facts: Facts) -> Said:
    told = f"blocked now: {', '.join(facts.blocked)}; " if facts.blocked else ""
    return "yours", (
        f"{told}on a notice of the FCC set blocked and blocked_since of the upstream, import what recognises similar"
        " traffic"
        " with the source fcc (`lists import traits`), and report with `ringwarden report notices`"
    )


def _disclosed(facts: Facts) -> Said:
    sure = f"; {', '.join(facts.network_level)} stop calls to those lines too" if facts.network_level else ""
    return "yours", (
        f"tell subscribers what is blocked, and let them opt out free of charge (numbers.opted_out){sure}; have"
        " somebody look"
        " at `report period` and `shadow report`"
    )


def _recorded(facts: Facts) -> Said:
    return "yours", (
        "have the PBX say X-Screen-Purpose: prerecorded, and import written agreements with the scope recorded; the"
        " message"
        " begins within 2 s, after 15 s or 4 rings, with an opt-out in it: that the PBX must do"
    )


def _records(facts: Facts) -> Said:
    if not facts.journal:
        return "open", "nothing is written down: set paths.journal"
    if 0 < facts.keep_days.get("outbound", 0) < RECORD_DAYS:
        return "open", f"journal.keep_days.outbound is {facts.keep_days['outbound']}: five years are {RECORD_DAYS} days"
    if facts.unsold:
        told = ", ".join(facts.unsold)
        return "open", f"records name who sells what: set seller and offers of a [[customer]] for {told}"
    return "yours", "each call is kept with `ringwarden records`; keep recordings, scripts and sellers' records"


def requested(times: Iterable[float], utc: float) -> str:
    """How many asked for no more calls, and when the newest is due, counted from the earliest day that it was anywhere
    in the states: Hawaii's."""
    known = sorted(time for time in times if time <= utc)
    if not known:
        return "nobody asked for no more calls"
    days = [datetime.fromtimestamp(time, _HAWAII).date() for time in known[-RUNNING:]]
    today = datetime.fromtimestamp(utc, _HAWAII).date()
    due = business_days_after(days[-1], REQUEST_DAYS)
    running = sum(business_days_after(day, REQUEST_DAYS) >= today for day in days)
    return (
        f"{len(known)} request(s) for no more calls stand, {running} of them of the last {REQUEST_DAYS} business days;"
        f" each counts from the next call on; whoever else calls for you must know the newest, of {days[-1]}, by {due}"
    )


RUNNING = 10_000
"""The newest requests whose clocks are reckoned."""
_HAWAII = timezone(timedelta(hours=-10))


def _requests(facts: Facts) -> Said:
    if facts.lenient:
        return "open", f"calls to people who asked for none are let through: let {', '.join(facts.lenient)} enforce"
    if facts.requests is None:
        return "kept", "a request for no more calls counts from the next call on, and for five years"
    return "kept", requested(facts.requests, facts.utc)


def _reassigned(facts: Facts) -> Said:
    if facts.reassigned_age is None:
        return "yours", "ask it of every number that agreed, and `ringwarden lists import reassigned ANSWERS`"
    if facts.reassigned_age > 31 * DAY:
        return "open", f"the newest answer is {facts.reassigned_age // DAY:.0f} days old: a month is told on the 15th"
    return "kept", "a number that was given up since its consent is not called by it, and the answers are kept"


def _yours(text: str) -> Callable[[Facts], Said]:
    return lambda facts: ("yours", text)


def _kept(text: str) -> Callable[[Facts], Said]:
    return lambda facts: ("kept", text)


DUTIES: tuple[Duty, ...] = (
    Duty("sign", "47 CFR 64.6301(a)", _ends, _sign),
    Duty("verify", "47 CFR 64.6301(a)", _ends, _verify),
    Duty("pass-on", "47 CFR 64.6302(a)", _transit, _kept("Identity headers go on as they came, also those that fail")),
    Duty("sign-unsigned", "47 CFR 64.6302", _transit, _sign),
    Duty("third-party", "FCC 24-120; 90 FR 40241", _provider, _third),
    Duty("criteria", "FCC 26-32 (proposed)", _provider, _kept(
        f"levels follow {CRITERIA_VERSION}; who has not proved who they are gets no A, and mostly C; `attest report`")),
    Duty("not-ip", "47 CFR 64.6303", _provider, _yours(
        "a call that crosses a network without IP loses its signature, and counts as unsigned, which is normal;"
        " nothing here"
        " carries it around: upgrade, or document your work on a solution")),
    Duty("no-charge", "47 CFR 64.6307", _provider, _yours(
        "no line on a bill for signing or verifying; no record here counts calls for one")),
    Duty("accept-listed", "47 CFR 64.6305", _provider, _filed),
    Duty("certify", "47 CFR 64.6305", _provider, _certified),
    Duty("redress", "47 CFR 64.1200(k)(8)", _provider, _redress),
    Duty("blocked-list", "47 CFR 64.1200(k)(10)", _provider, _blocked_list),
    Duty("disclose", "47 CFR 64.1200(k)(3), (11)", _ends, _disclosed),
    Duty("traceback", "47 CFR 64.1200(n)(1)", _provider, _traceback),
    Duty("notice", "47 CFR 64.1200(n)(2)", _provider, _notice),
    Duty("records", "16 CFR 310.5", _calls, _records),
    Duty("prerecorded", "16 CFR 310.4(b)(1)(v)", _calls, _recorded),
    Duty("abandoned", "16 CFR 310.4(b)(1)(iv), (b)(4)", _calls, _yours(
        "ringwarden_outbound_ends_total{how=\"at-once\"} counts calls over within 4 s of the answer, the most that"
        " can have been abandoned: 3 % of a campaign's in 30 days are allowed; a campaign's own share is the dialler's"
        " to tell")),
    Duty("requests", "47 CFR 64.1200(d)(3), (6)", _calls, _requests),
    Duty("reassigned", "47 CFR 64.1200(m)", _calls, _reassigned),
    Duty("registry", "47 CFR 64.1200(c)(2)", _calls, _yours(
        "written procedures, training, a list of your own, and nobody else's use of the registry; `lists import dnc`"
        " every"
        " 31 days")),
)  # fmt: skip
"""In the order in which they are told."""

NAMES = tuple(duty.name for duty in DUTIES)


def answers(facts: Facts) -> list[Answer]:
    """Every duty of this role, and what is done about it."""
    return [Answer(one.name, one.ground, *one.says(facts)) for one in DUTIES if one.applies(facts)]
