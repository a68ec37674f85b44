"""The Identity line that says that we send a call elsewhere than it was for (`div`, RFC 8946 section 4.1): to where a
verdict diverts it, or to where a hop's 3xx sends it.

It speaks for the number that the call was for, so it is signed with the certificate of that number's owner, never with
another customer's. A service that signs in our place is asked where it knows such tokens (TS 24.229 Annex V; those of
ATIS-1000082 do not) and the call can wait: not for a 3xx that is followed. A start says what is left without.
"""

from __future__ import annotations

from policy.verdict import Verdict
from proxy.record import Story
from proxy.screening.case import Case, who
from proxy.screening.signing import Turned, divert, turned
from proxy.signer import SigningService
from proxy.sip.errors import ParseError
from proxy.sip.uri import Uri
from proxy.sip.uri import parse as parse_uri
from proxy.world import World
from shaken.sign import Signer

USUAL = ""
"""In `World.signers`: with what is signed that no peer's own pair signs."""
AS_IT_CAME = frozenset(("bypass", "callback", "fail-open", "unscreened"))
"""Calls on which nothing of ours is written."""


def diverted(world: World, case: Case, verdict: Verdict) -> tuple[bytes, ...]:
    """For a call that a verdict diverts, on the request or on the 3xx; nothing where we sign nothing, or the new target
    is no number.
    """
    if case.lane.side == "carrier" and case.elsewhere is not None:
        return case.elsewhere.lines  # a service was asked
    target = _target(verdict)
    return _turned(world, case, target) if target is not None else ()


def for_service(world: World, case: Case, verdict: Verdict) -> tuple[SigningService, Turned] | None:
    """Which service is asked for it, and for what; None where none is."""
    if verdict.action != "divert":
        return None
    service = next((one for one, _ in world.services.values() if one.diverts), None)
    if service is None or (target := _target(verdict)) is None:
        return None
    said = turned(case, world.inventory, who(target, case.lane.plan).tn, world.utc())
    return (service, said) if isinstance(said, Turned) else None


def _target(verdict: Verdict) -> Uri | None:
    try:
        return parse_uri(verdict.divert_to.encode("utf-8", "replace"))
    except ParseError:
        return None


def sent_on(world: World, story: object, target: Uri, giver: str) -> tuple[bytes, ...]:
    """For a call that a 3xx of this trunk sends on. Never raises: what cannot be signed goes on without."""
    if not isinstance(story, Story) or story.case is None or story.action in AS_IT_CAME:
        return ()
    lane = story.case.lane
    if lane.side == "carrier" and lane.mode == "observe":
        return ()
    try:
        return _turned(world, story.case, target, giver)
    except Exception as error:  # a fault of ours must not cost a call
        world.metrics.internal_error()
        world.say("diversion-fault", level="error", call_id=story.call_id, fault=repr(error))
        return ()


def owner(world: World, number: str, utc: float, trunk: str = USUAL) -> Signer | None:
    """Who signs for this number of ours: its customer's own pair, else that of the trunk that it was sent back by where
    no other customer has it, else the usual one; None where nobody may.
    """
    customers = {grant.customer for grant in world.inventory.grants(number) if grant.holds(utc)} - {""}
    for name in (trunk, *world.signers):
        if name in world.signers and world.signers[name][1].customer in customers:
            return world.signers[name][0]
    if customers or trunk not in world.signers or world.signers[trunk][1].customer:
        trunk = USUAL
    found = world.signers.get(trunk)
    return found[0] if found is not None else None


def _turned(world: World, case: Case, target: Uri, trunk: str = USUAL) -> tuple[bytes, ...]:
    was = case.turned or case.callee
    if not world.signers or was is None:
        return ()
    utc = world.utc()
    if (signer := owner(world, was, utc, trunk)) is None:
        return ()
    became = who(target, case.lane.plan).tn
    done = divert(case, signer, world.inventory, became, utc)
    if done.lines:
        case.turned = became
    return done.lines
