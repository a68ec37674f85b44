"""A SIP request in the words of `shaken` and `policy`: who calls whom, and what its Identity headers are worth so far.

`open_case` reads the few headers that screening needs and makes the cheap checks of each Identity header, so that
what is wrong without any certificate (stale, other number, bad URL) is known before anything is fetched. `judge`
takes the credentials and gives the verdict. Both are pure: time and credentials come in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zlib import crc32

from policy.call import Call, Side
from policy.decide import decide
from policy.rulebook import Profile, Rulebook
from policy.verdict import Mode, Verdict
from proxy.screening.dates import sip_date
from proxy.screening.diverted import diverted
from proxy.screening.stated import stated
from proxy.settings import Trunk
from proxy.sip import address
from proxy.sip.address import Address
from proxy.sip.errors import ParseError
from proxy.sip.grammar import COMMA, CR, LESS
from proxy.sip.headers import value_of
from proxy.sip.message import Request
from proxy.sip.uri import Uri
from shaken import mky
from shaken.credential import Credential, CredentialFailure
from shaken.hearing import Circumstances, Conclusion, Hearing, beside, conclude, open_hearing, strayed
from shaken.number import Party, Plan, party
from shaken.verdict import Fact, Judgement
from shaken.verify import Claim, Exam, Rules, examine
from shaken.verify import judge as judge_identity

if TYPE_CHECKING:
    from proxy.screening.signing import Signed

MAX_PRIORITIES = 32
"""Values of Resource-Priority that are looked at."""

LAB_CAMPAIGN = "x-lab-campaign"
"""The lab's oracle: names the campaign as a recogniser of audio or text would. Read in the lab only."""

PURPOSE = "x-screen-purpose"
"""By which a PBX, or an upstream trusted for verdicts, says what a call is for (`telemarketing` owes more)."""

_new = tuple.__new__  # a named tuple makes itself in Python, which takes three times as long

Credentials = Mapping[str, Credential | CredentialFailure]


@dataclass(frozen=True, slots=True)
class Lane:
    """What the settings say of one trunk, ready for use."""

    trunk: Trunk
    side: Side
    plan: Plan
    profile: Profile
    mode: Mode
    percent: int
    rules: Rules
    lab: bool = False


@dataclass(slots=True)
class Case:
    """One call under judgement."""

    lane: Lane
    caller: Party
    caller_field: str
    """Which header the caller was read from: `P-Asserted-Identity` or `From`."""
    caller_text: str
    display_name: str
    callee: str | None
    """The called number in canonical form, from the Request-URI."""
    callees: tuple[str, ...]
    """Every number that a token may name as its destination: To, then the Request-URI (STI-056, STI-060)."""
    call_id: str
    exams: tuple[Exam, ...] = ()
    disputed: bool = False
    """P-Asserted-Identity names two numbers that differ."""
    identities: int = 0
    method: str = "INVITE"
    hearing: Hearing | None = None
    """Its Identity headers together, where there is more than one of the usual kind."""
    heard: Conclusion | None = None
    """What they say together, once judged."""
    verstat: str | None = None
    """The upstream's own verdict, where the trunk is trusted for verdicts."""
    attested: str | None = None
    """The attestation that such an upstream states with it."""
    recognised: str | None = None
    judgement: Judgement | None = None
    verdict: Verdict | None = None
    signed: str | None = None
    """The attestation that the call left with, where we signed it."""
    elsewhere: Signed | None = None
    """What a signing service made of it."""
    ours: tuple[bytes, ...] = ()
    """How others name the token that we made for it (`shaken.reason.ppi`)."""
    turned: str | None = None
    """Where we sent it in the place of `callee`, and said so."""
    software: str = ""
    purpose: str = ""
    """What the PBX, or an upstream trusted for verdicts, says that the call is for."""
    diverted: tuple[str, ...] = ()
    """Numbers that forwarded the call, as Diversion and History-Info say, the latest first."""
    profile: Profile | None = None
    """The one that it was judged by, where lines and customers have their own."""
    name: str = ""
    """What a service of names knows the caller's number by."""
    customer: str = ""
    """Whose call it is, where it is one of ours."""
    call: Call | None = None
    """The facts that the verdict rests on."""
    urls: tuple[str, ...] = field(default=())
    """What must be at hand before `judge`: the certificate URLs that cheap checks left standing."""


# A number in full, as nearly every call has it, `From: "NAME" <sip:+12025550123@host>`, also as a Request-URI. What
# does not look exactly so (escapes, a user part with parameters, other schemes, nobody's host) is read with care.
_FULL = re.compile(
    rb'[^:]*+:[ \t]*+(?:"([^"\\\x80-\xff\r\n]*)"[ \t]*|([A-Za-z0-9 .\-]*))'
    rb"<sips?:\+([1-9][0-9]{9,14})@(?![aA][nN][oO][nN])[^>\r\n]*>"
).match
_FULL_TARGET = re.compile(rb"sips?:\+([1-9][0-9]{9,14})@(?![aA][nN][oO][nN])").match


def who(uri: Uri, plan: Plan) -> Party:
    """The party that a URI names, in canonical form."""
    return party(uri.scheme, uri.user or "", uri.host, uri.params, plan)


def asserted(request: Request) -> Address | None:
    """The first value of P-Asserted-Identity that can be read; what cannot be read asserts nothing."""
    if "p-asserted-identity" not in request.names:
        return None
    for value in request.values("p-asserted-identity"):
        try:
            return address.parse(value)
        except ParseError:
            continue
    return None


def disputed(request: Request, plan: Plan) -> bool:
    """Whether the values of P-Asserted-Identity, a SIP and a tel URI at most (RFC 3325 section 9.1), name two numbers
    (TRAP-41). What cannot be read names none.
    """
    found = set()
    for value in request.values("p-asserted-identity"):
        try:
            found.add(who(address.parse(value).uri, plan).tn)
        except ParseError:
            continue
    return len(found - {None}) > 1


def open_case(request: Request, lane: Lane, utc: float) -> Case:
    """Everything that can be known of a call without a certificate. Raises ParseError where From or To cannot be
    read.
    """
    trunk, plan = lane.trunk, lane.plan
    # P-Asserted-Identity counts from a side that is trusted for it, and then before From (SIP-126, STI-056, TRAP-42).
    line, name = request.line("from") or b"", "From"
    if trunk.trust != "none" and (asserting := request.line("p-asserted-identity")) is not None:
        line, name = asserting, "P-Asserted-Identity"
    verstat = attested = None
    if trunk.trust != "verdicts" and (found := full(line)) is not None:
        digits = found[3].decode()
        caller, text = _new(Party, ("number", digits, None)), "+" + digits
        display = (found[1] or found[2]).decode().strip() or displayed(request)
    else:
        shown = asserted(request) if name != "From" else None
        source, name = (request.from_, "From") if shown is None else (shown, name)
        caller, display = who(source.uri, plan), source.display or displayed(request)
        text = source.uri.user or source.uri.host
        if trunk.trust == "verdicts":
            verstat, attested = stated(request, source, trunk.verdicts)
    dialled = number_at(request.target, request, plan)
    meant = number_in(request, plan)
    callees = (meant,) if meant == dialled and meant else tuple(tn for tn in (meant, dialled) if tn is not None)
    case = Case(
        lane=lane,
        caller=caller,
        caller_field=name,
        caller_text=text,
        display_name=display,
        callee=dialled or meant,
        callees=callees,
        call_id=request.call_id.decode("utf-8", "replace"),
        verstat=verstat,
        method=request.method,
        attested=attested,
    )
    if name != "From" and (COMMA in line or request.names.count("p-asserted-identity") > 1):
        case.disputed = disputed(request, plan)
    if lane.side == "carrier":
        case.software = software(request)
    if (lane.side != "carrier" or trunk.trust == "verdicts") and (purpose := request.first(PURPOSE)) is not None:
        case.purpose = purpose[:32].decode("ascii", "replace").lower()
    if lane.lab and (label := request.first(LAB_CAMPAIGN)) is not None:
        case.recognised = label.decode("utf-8", "replace")
    if request.line("diversion") is not None or request.line("history-info") is not None:
        case.diverted = diverted(request, plan, dialled or meant)
        if trunk.trust != "none" and callees:
            # Signed for the number that forwarded it to ours: as good a destination as To. The target stays the last.
            callees = (*case.diverted, *callees)
    if "identity" in request.names:
        values = request.all("identity")
        case.identities = len(values)
        claim: Claim = _new(Claim, (caller.tn, caller.uri, callees, None, ()))
        if dialled is None or meant is None:
            uris = (who(uri, plan).uri for uri in (request.to.uri, request.uri))
            claim = claim._replace(callee_uris=tuple(dict.fromkeys(one for one in uris if one is not None)))
        if lane.rules.compact and (date := request.first("date")) is not None:
            claim = claim._replace(date=sip_date(date.decode("utf-8", "replace")))
        exam = examine(values[0], claim, lane.rules, utc) if len(values) == 1 else None
        if exam is not None and exam.orig is Fact.FAIL and name != "From":
            claim, exam = _by_from(request, case, claim, exam, values[0], utc)
        if exam is not None and exam.passport is not None and exam.passport.payload is None:
            # One token of the usual form: nothing beside it could change what it is worth.
            case.exams = (exam,)
            case.urls = (exam.url,) if exam.url is not None else ()
        else:
            around = circumstances(request, case)
            hearing = open_hearing(values, claim, lane.rules, utc, around)
            if case.caller_field != "From" and strayed(hearing):
                caller, claim = _from(request, case, claim)
                if (better := beside(hearing, open_hearing(values, claim, lane.rules, utc, around))) is not None:
                    hearing = better
                    _called_by(request, case, caller)
            case.hearing = hearing
            case.exams = tuple(part.exam for part in hearing.parts)
            case.urls = hearing.urls
    return case


def number_at(target: bytes, request: Request, plan: Plan) -> str | None:
    """The number that the Request-URI names."""
    found = _FULL_TARGET(target)
    return found[1].decode() if found is not None else who(request.uri, plan).tn


def number_in(request: Request, plan: Plan) -> str | None:
    """The number that To names."""
    line = request.line("to") or b""
    display, uri, _ = request.to_shape
    if not display and LESS in line and (short := _FULL_TARGET(uri)) is not None:
        return short[1].decode()
    found = full(line)
    return found[3].decode() if found is not None else who(request.to.uri, plan).tn


def full(line: bytes) -> re.Match[bytes] | None:
    """The name, with and without quotes, and the number of a header line that gives its number in full."""
    found = _FULL(line)
    return _FULL(b":" + value_of(line)) if found is None and CR in line else found


def displayed(request: Request) -> str:
    """The name that From shows."""
    line = request.line("from") or b""
    display, uri, _ = request.from_shape
    if not display and LESS in line and _FULL_TARGET(uri) is not None:
        return ""
    found = full(line)
    return (found[1] or found[2]).decode().strip() if found is not None else request.from_.display


def _by_from(
    request: Request, case: Case, claim: Claim, exam: Exam, value: bytes, utc: float
) -> tuple[Claim, Exam]:
    """The same token beside From, where it was not signed for whom P-Asserted-Identity names: some networks sign the
    one, some the other. What matches is who calls (TRAP-40); the field that it was read from is kept with the call.
    """
    caller, other = _from(request, case, claim)
    again = examine(value, other, case.lane.rules, utc)
    if again.orig is not Fact.PASS:
        return claim, exam
    _called_by(request, case, caller)
    return other, again


def _from(request: Request, case: Case, claim: Claim) -> tuple[Party, Claim]:
    """Who calls as From has it."""
    caller = who(request.from_.uri, case.lane.plan)
    return caller, claim._replace(caller=caller.tn, caller_uri=caller.uri)


def _called_by(request: Request, case: Case, caller: Party) -> None:
    uri = request.from_.uri
    case.caller, case.caller_field, case.caller_text = caller, "From", uri.user or uri.host


def circumstances(request: Request, case: Case) -> Circumstances:
    """What tokens of other kinds than `shaken` speak of."""
    priorities = [
        one.strip().lower() for value in request.all("resource-priority") for one in value.split(b",") if one.strip()
    ]
    priority = request.first("priority") or b""
    return Circumstances(
        tuple(one.decode("utf-8", "replace") for one in priorities[:MAX_PRIORITIES]),
        priority.decode("utf-8", "replace").strip().lower(),
        case.display_name,
        request.body if request.method == "MESSAGE" else None,
        mky.fingerprints(request.body) if case.lane.rules.media_keys else None,
    )


SOFTWARE_LENGTH = 40
"""Characters of a User-Agent that count: what follows is build dates and serial numbers."""


def software(request: Request) -> str:
    """What the sender's software looks like: its User-Agent, and which headers it writes in which order.

    Campaigns change their numbers with each call and their software seldom.
    """
    agent = request.first("user-agent")
    form = crc32(",".join(request.names).encode())
    return f"{agent[:SOFTWARE_LENGTH].decode('utf-8', 'replace') if agent else ''}|{form:08x}"


def hear(case: Case, credentials: Credentials, utc: float) -> None:
    """What the Identity headers of a case are worth; once, unless the judgement was taken back."""
    if not case.exams or case.judgement is not None:
        return
    if case.hearing is not None:
        case.heard = conclude(case.hearing, credentials, utc)
        case.judgement = case.heard.judgement
    else:
        (exam,) = case.exams
        credential = credentials.get(exam.url) if exam.url is not None else None
        case.judgement = judge_identity(exam, credential, utc, None, case.lane.rules.numbered)


def judge(
    case: Case,
    credentials: Credentials,
    book: Rulebook,
    utc: float,
    attempts: int,
    look_up: Callable[[Call], None] | None = None,
) -> Verdict:
    """The verdict of a case whose credentials are at hand; it, the judgement and the facts stay in the case.

    look_up: adds what is remembered of the caller; None: nobody remembers.
    """
    if case.exams and case.judgement is None:
        hear(case, credentials, utc)
    lane = case.lane
    caller = case.caller
    call = Call(
        lane.side,
        lane.trunk.name,
        caller.tn,
        caller.kind,
        case.caller_text,
        case.callee,
        case.display_name,
        case.judgement,
        case.verstat,
        case.attested,
        case.recognised,
        attempts,
        case.call_id,
        utc,
        None,  # what is remembered of it: seen, sources, standing
        (),
        None,
        case.customer,
        case.software,
        case.purpose,
        case.diverted,
        False,
        case.disputed,
        case.method,
    )
    if look_up is not None:
        look_up(call)
    case.call = call
    profile = lane.profile
    if book.choice is not None:
        profile = case.profile = book.profile_of(call, profile)
    case.verdict = decide(call, book, profile, lane.mode, lane.percent)
    return case.verdict
