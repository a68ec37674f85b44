"""The table of countries for `policy.countries`: read here, and made here.

`python -m proxy.numbering` writes `policy/data/countries.csv` anew from phonenumbers: each country code, the parts of
it that belong to another country or cost extra (premium rate), and the numbers of no country (satellites, international
networks). A beginning counts for premium where no other number begins so, as far as a look at some thousands of them
shows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path

from policy.countries import INTERNATIONAL, PREMIUM, SATELLITE, Countries, Place, Rule, parse
from proxy.lists.files import ListError, text

NO_COUNTRY = {
    "870": SATELLITE, "881": SATELLITE, "882": INTERNATIONAL, "883": INTERNATIONAL, "800": INTERNATIONAL,
    "808": INTERNATIONAL, "878": INTERNATIONAL, "979": PREMIUM, "888": INTERNATIONAL,
}  # fmt: skip
"""ITU-T E.164 codes that belong to nobody's territory."""
DEEPEST, FEWEST, AREA = 5, 4, 3
"""Digits after a country code that are looked at: where several countries share it, where not, and of +1."""
MOST_LENGTHS = 7
"""Lengths of numbers that are tried, the longest."""


def load(rules: Sequence[Rule], files: Iterable[Path] = ()) -> Countries | None:
    """The rules with the table, and the operator's own rows over it; None where there is no rule. Raises ListError."""
    if not rules:
        return None
    places = parse(resources.files("policy").joinpath("data/countries.csv").read_text(encoding="utf-8"))
    for path in files:
        try:
            places.update(parse(text(path)))
        except ValueError as error:
            raise ListError(f"{path}: {error}") from error
    return Countries(rules, places)


def table() -> str:
    """The whole of `countries.csv`."""
    import phonenumbers  # needed to make the table, never to use it

    rows: dict[str, Place] = {code: Place("", kind) for code, kind in NO_COUNTRY.items()}
    for code, regions in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()):
        if str(code) not in rows and regions[0] != "001":
            rows[str(code)] = Place(regions[0])
            rows.update(_parts(str(code), regions))
    lines = [
        "# prefix,region,kind. Made by `python -m proxy.numbering`; do not edit.",
        "# Source: phonenumbers, and the codes of no country in proxy/numbering.py.",
        *(f"{prefix},{place.region},{place.kind}" for prefix, place in sorted(rows.items())),
    ]
    return "\n".join(lines) + "\n"


def _parts(code: str, regions: Sequence[str]) -> Iterator[tuple[str, Place]]:
    """Beginnings of a country code's numbers that are another country's, or premium."""
    import phonenumbers
    from phonenumbers import PhoneMetadata, PhoneNumberType

    known = [meta for one in regions if (meta := PhoneMetadata.metadata_for_region(one)) is not None]
    if len(regions) == 1 and not any(one.premium_rate and one.premium_rate.national_number_pattern for one in known):
        return iter(())
    deepest = AREA if code == "1" else DEEPEST if len(regions) > 1 else FEWEST
    described = [kind for one in known for kind in (one.fixed_line, one.mobile, one.premium_rate) if kind is not None]
    lengths = sorted({length for kind in described for length in kind.possible_length if length > 0})

    def placed(number: str) -> Place | None:
        parsed = phonenumbers.PhoneNumber(country_code=int(code), national_number=int(number))
        if number[0] == "0":
            parsed.italian_leading_zero = True
        kind, region = phonenumbers.number_type(parsed), phonenumbers.region_code_for_number(parsed)
        if region is None or kind == PhoneNumberType.UNKNOWN:
            return None
        return Place(region, PREMIUM if kind == PhoneNumberType.PREMIUM_RATE else "")

    def examples(prefix: str) -> Iterator[str]:
        for length in lengths[-MOST_LENGTHS:]:
            rest = length - len(prefix)
            if rest < 0:
                continue
            two = min(2, rest)
            for more in range(10**two):
                for fill in ("2", "5"):
                    yield prefix + (f"{more:0{two}}" if two else "") + fill * (rest - two)

    def below(prefix: str, above: Place) -> Iterator[tuple[str, Place]]:
        for digit in "0123456789":
            at = prefix + digit
            found: set[Place] = set()
            for one in examples(at):
                if (place := placed(one)) is not None:
                    found.add(place)
                    if len(found) > 1:
                        break  # several: what lies below tells them apart
            if len(found) == 1:
                (place,) = found
                if place != above:
                    yield code + at, place
            elif found and len(at) < deepest:
                yield from below(at, above)

    return below("", Place(regions[0]))


def main() -> int:
    where = Path(__file__).resolve().parents[1] / "policy" / "data" / "countries.csv"
    made = table()
    where.write_text(made, encoding="utf-8")
    sys.stdout.write(f"{where}: {len(made.splitlines())} lines\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
