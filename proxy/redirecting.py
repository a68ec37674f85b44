"""The second shell: a trunk that asks and routes its calls itself, as session border controllers ask a redirect
server.

The decision is the same as inline, its form is another: 302 with the headers that inline mode would add (verdict,
verstat, signed Identity), a code that lets the asker go on with its own routing where there is nothing to say, 603 to
block. Whatever inline mode would send on (an emergency call, a call during a bypass or after a fault of ours) is told
to go on. Nothing is forwarded, so no next hop is needed.

Those who ask differ in one thing only: Sansay and FreeSWITCH read the headers of the 302, Oracle copies those that
stand inside its Contact (RFC 3261 section 19.1.1, `?name=value`). `embed` in the trunk's settings writes them there
too.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from policy.emergency import dialled
from policy.verdict import Rejection
from proxy.record import Story
from proxy.sip.context import Plan
from proxy.sip.edit import Edits
from proxy.sip.errors import ParseError
from proxy.sip.message import Request

PHRASES = {302: "Moved Temporarily", 404: "Not Found", 503: "Service Unavailable"}
"""How a call may go on: 404 and 503 let the asker take its next route, 302 sends it to the Contact."""
DECLINE = "Decline"
_USER = "!$&'()*+,;=-_.~#"
"""Characters of a user part that go back as they came, beside letters and digits: `+12025550199;npdi`."""
_SERVICE = _USER + "%:/?@"
"""The same for a URN: `urn:service:sos.fire`."""
_EMBEDDED = "-_.!~*'()"
"""RFC 3261 section 25.1: of what stands after `?`, all but these is escaped; others are allowed, and not read alike."""


def asks(story: Story) -> bool:
    """Whether this request is a question, and not a call to be carried. A call that we carry stays carried."""
    return story.lane is not None and story.lane.trunk.shell == "redirect" and story.seal is None


def answer(story: Story, plan: Plan) -> Rejection:
    """What the asker hears of a request that inline mode would send on as `plan` says."""
    assert story.lane is not None
    trunk, request = story.lane.trunk, story.request
    lines = headers(request, plan.edits) if plan.edits is not None else ()
    diverted = plan.routed.target if story.action == "divert" else b""
    told = diverted or story.action == "tag" or any(line.startswith(b"Identity:") for line in lines)
    status = 302 if told else trunk.go_on
    if status != 302:
        return Rejection(status, PHRASES[status])
    inside = b""
    if trunk.embed and lines:
        inside = b"?" + b"&".join(_embedded(line) for line in lines)
    to = diverted.partition(b"?")[0] or _target(story, trunk.contact or f"{_host(story.flow.host)}:{story.flow.port}")
    return Rejection(302, PHRASES[302], (b"Contact: <" + to + inside + b">", *lines))


def refusal(story: Story, given: Rejection) -> Rejection:
    """A refusal as an asker understands one: 603 blocks, and anything else might only make it take its next route."""
    if not asks(story) or given.status == 603:
        return given
    return Rejection(603, DECLINE, given.lines)


def headers(request: Request, edits: Edits) -> Sequence[bytes]:
    """What inline mode would add to a request: its own lines, and P-Asserted-Identity where the verstat stands."""
    places = request.where("p-asserted-identity")
    shown = [edits.swap[place] for place in places if place in edits.swap and place not in edits.drop]
    return (*shown, *edits.add)


def _target(story: Story, host: str) -> bytes:
    """Whom the call is for, as dialled, at the asker's own next hop; an emergency service by its own name."""
    request = story.request
    user: str | bytes
    try:
        user = request.uri.user or ""
        if request.uri.scheme == "tel":
            user = (request.uri.opaque or user).partition(";")[0]
    except ParseError:  # an emergency call that cannot be read
        user = ""
    if not user and story.action == "emergency":
        # A URN, `sip:911` without a host, or a target that cannot be read: what made it one is kept.
        scheme, _, rest = request.target.strip().partition(b":")
        if scheme.lower() == b"urn":
            return quote(request.target.strip(), safe=_SERVICE).encode()
        user = dialled(rest)
    # What was escaped stays so; what may not stand in a user part is escaped.
    user = quote(user, safe=_USER + "%")
    return f"sip:{user}@{host}".encode() if user else f"sip:{host}".encode()


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _embedded(line: bytes) -> bytes:
    name, _, value = line.partition(b":")
    return quote(name.strip(), safe="-").encode() + b"=" + quote(value.strip(), safe=_EMBEDDED).encode()
