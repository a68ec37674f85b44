"""`explain`: the story of one decision, out of the journal, in words."""

from __future__ import annotations

import json
from pathlib import Path

from policy.grounds import ground
from proxy.cli import NEGATIVE, OK, complain
from proxy.clock import iso
from proxy.settings import SettingsError, load
from proxy.storage.find import JournalError, find
from proxy.storage.rows import Record, Row

LAST_DEMO = Path(".ringwarden") / "demo-journal"
"""Below the home folder: where the demo notes which journal it wrote."""


def explain(call: str, journal: str | None, config: str | None, as_json: bool) -> int:
    """Print why a call was passed, tagged or rejected; `call` is a Call-ID or the number of a row."""
    path = Path(journal) if journal is not None else None
    if path is None and config is not None:
        try:
            path = load(Path(config)).paths.journal
        except SettingsError as error:
            return complain(str(error))
    if path is None:
        note = Path.home() / LAST_DEMO
        path = Path(note.read_text().strip()) if note.is_file() else None
    if path is None:
        return complain("which journal? give --journal FILE or --config FILE (or run `ringwarden demo` first)")
    try:
        records = find(path, call)
    except JournalError as error:
        return complain(str(error))
    if not records:
        complain(f"no call {call!r} in {path}")
        return NEGATIVE
    for record in records:
        if as_json:
            print(
                json.dumps(
                    {
                        "id": record.id, **record.row._asdict(), "ended": record.ended, "duration": record.duration,
                        "quality": record.quality,
                    }  # fmt: skip
                )
            )
        else:
            print("\n".join(told(record)))
    return OK


def arithmetic(row: Row) -> list[str]:
    """How the findings became the score, and what it was compared with (`policy.decide`)."""
    if not row.reject_at:
        return []
    shadows, ceilings = row.shadows.split(), dict(word.split("=", 1) for word in row.ceilings.split())
    weighed = [(slug, kind, weight) for slug, kind, weight, _ in row.findings if weight and slug not in shadows]
    # Identity alone never weighs enough to refuse: where it did, the operator gave it a code, and it is not added.
    coded = [slug for slug, kind, _ in weighed if kind == "identity" and slug == row.reason and row.would == "reject"]
    proof = {slug: weight for slug, kind, weight in weighed if kind == "identity" and slug not in coded}
    evidence = {slug: weight for slug, kind, weight in weighed if kind in ("analytics", "duty")}
    counts, most = row.score - sum(evidence.values()), row.reject_at // 2
    parts = [f"{_listed(proof)} (of identity {counts} counts, {most} at most)"] if proof else []
    parts += [_listed(evidence)] if evidence else []
    added = " + ".join(parts) or "nothing weighs"
    lines = [f"  sum       {added} = {row.score}; tag from {row.tag_at}, reject from {row.reject_at}"]
    sure = ("deterministic", "subscriber")
    acting = [slug for slug, kind, *_ in row.findings if kind in sure and slug not in shadows]
    if acting:
        lines.append(f"  acts      {', '.join(acting)}: without a threshold")
    if coded:
        lines.append(f"  acts      {', '.join(coded)}: by the operator's [policy.codes], without a threshold")
    for slug, ceiling in ceilings.items():
        lines.append(f"  ceiling   {slug} leads to {ceiling} at most: it is added, and does not help to refuse")
    if shadows:
        lines.append(f"  shadow    {', '.join(shadows)}: told, not added; with it {row.rehearsed or '-'}")
    if row.reason and (stands := ground(row.reason)):
        lines.append(f"  stands on {stands}")
    return lines


def _listed(weights: dict[str, int]) -> str:
    return " + ".join(f"{slug} {weight}" for slug, weight in weights.items())


def told(record: Record) -> list[str]:
    """A row in lines for a person."""
    row = record.row
    head = f"call {record.id}  {iso(row.utc)}  {row.direction} by {row.trunk or 'an unknown source'} ({row.source})"
    lines = [head, f"  Call-ID   {row.call_id}"]
    kind, field = row.caller_kind or "not read", row.caller_field or "-"
    lines.append(f"  caller    {row.caller or '-'} ({kind}, {field}) -> {row.callee or '-'}")
    if row.emergency:
        lines.append("  emergency the Request-URI names an emergency service: passed as it came, nothing was asked")
    if row.action == "callback":
        lines.append("  emergency the line had called an emergency service within half an hour: passed as it came")
    if row.verify:
        lines.append(f"  identity  {row.verify}{': ' + row.detail if row.detail else ''}  {row.facts}".rstrip())
    if row.orig:
        apart = -round(row.iat_age or 0)  # as a whole number: there is no "-0 s"
        iat = f"{apart:+d} s" if apart else "0 s"
        lines.append(f"  token     orig {row.orig} dest {row.dest} iat {iat} x5u {row.x5u}")
    if row.spc or row.signer:
        lines.append(f"  signer    {row.signer} spc {row.spc}")
    for slug, kind, weight, why in row.findings:
        lines.append(f"  finding   {slug} ({kind}, weight {weight}): {why}")
    if not row.findings and not row.emergency:
        lines.append("  finding   none")
    lines += arithmetic(row)
    did = f"enforce would {row.would or '-'}, {row.mode} did {row.action}"
    lines.append(f"  score     {row.score}, deciding: {row.reason or 'none'}; {did}")
    if row.signed:
        lines.append(f"  signed    left with attestation {row.signed}")
    if row.campaign:
        lines.append(f"  campaign  {row.campaign}")
    if row.refusal:
        lines.append(f"  refusal   id {row.refusal}")
    answered = f" by {row.forwarded_to}" if row.forwarded_to else ""
    lines.append(f"  answer    {row.status}{answered}, decided in {row.decision_us} us")
    for heard in record.quality:
        values = ", ".join(f"{name} {value}" for name, value in heard.items() if name not in ("side", "form"))
        lines.append(f"  sounded   as the {heard['side']} side reports ({heard['form']}): {values}")
    if record.ended is not None:
        lines.append(f"  ended     {iso(record.ended)} after {record.duration or 0:.1f} s by {record.cause}")
    return lines
