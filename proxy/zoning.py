"""Time zones for `policy.hours`: the table of areas is made here, the offsets of the zones are worked out here.

`python -m proxy.zoning` writes `policy/data/zones.csv` anew from phonenumbers (area codes, exchanges and the towns that
they are named for) and the towns below. In an area code that two zones share, an exchange counts for one of them only
where its town is known to lie in it; every other exchange there has both zones, and a call must be allowed in both. An
area code that was laid over another one is where that is.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

from policy import hours, zones
from policy.hours import Hours
from policy.zones import Clock
from proxy.lists import files as listed

YEARS_BACK, YEARS_AHEAD = 1, 2
"""Years for which offsets are worked out: a start or a reload makes them anew."""

E, C, M, P = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"
AZ, NAVAJO = "America/Phoenix", "America/Denver"

SHARED: dict[str, tuple[str, ...]] = {
    "208": (M, P), "219": (C, E),
    "250": ("America/Vancouver", "America/Edmonton", "America/Fort_Nelson"), "270": (C, E),
    "306": ("America/Regina", "America/Edmonton"), "308": (C, M), "418": ("America/Toronto", "America/Halifax"),
    "423": (E, C), "432": (C, M), "541": (P, M), "574": (E, C), "605": (C, M), "606": (E, C),
    "620": (C, M), "701": (C, M), "709": ("America/St_Johns", "America/Halifax"),
    "775": (P, M), "785": (C, M),
    "807": ("America/Toronto", "America/Winnipeg"), "812": (E, C), "850": (E, C),
    "867": ("America/Whitehorse", "America/Edmonton", "America/Winnipeg", "America/Toronto", "America/Vancouver"),
    "906": (E, C), "928": (AZ, NAVAJO), "931": (C, E),
}  # fmt: skip
"""Area codes in which the zone changes; those laid over them stand below."""

OVERLAYS: dict[str, str] = {
    "220": "740", "223": "717", "227": "301", "235": "573", "272": "570", "274": "920", "279": "916", "283": "513",
    "324": "904", "326": "937", "327": "870", "329": "845", "331": "630", "339": "781", "341": "510", "346": "832",
    "350": "209", "351": "978", "353": "608", "357": "559", "363": "516", "364": "270", "369": "707", "380": "614",
    "385": "801", "424": "310", "430": "903", "436": "440", "442": "760", "447": "217", "448": "850", "457": "318",
    "458": "541", "463": "317", "464": "708", "465": "718", "470": "404", "471": "662", "472": "910", "475": "203",
    "483": "334", "531": "402", "534": "715", "539": "918", "551": "201", "557": "314", "564": "360", "565": "912",
    "567": "419", "572": "405", "582": "814", "621": "713", "624": "716", "628": "415", "629": "615", "640": "609",
    "645": "305", "656": "813", "657": "714", "667": "410", "669": "408", "679": "313", "680": "315", "681": "304",
    "686": "804", "689": "407", "725": "702", "729": "423", "730": "618", "737": "512", "738": "323", "743": "336",
    "747": "818", "748": "970", "754": "954", "761": "502", "762": "706", "771": "202", "820": "805", "821": "864",
    "826": "540", "835": "610", "837": "530", "838": "518", "839": "803", "840": "909", "848": "732", "854": "843",
    "861": "309", "878": "412", "917": "212", "924": "507", "929": "718", "930": "812", "938": "256", "939": "787",
    "943": "404", "945": "214", "947": "248", "948": "757", "959": "860", "975": "816", "983": "303", "984": "919",
    "986": "208",
    "236": "250", "249": "705", "257": "250", "273": "418", "343": "613", "354": "450", "365": "905", "367": "418",
    "368": "403", "382": "519", "428": "506", "431": "204", "468": "819", "474": "306", "548": "519", "579": "450",
    "581": "418", "584": "204", "587": "780", "639": "306", "647": "416", "672": "250", "683": "705", "742": "905",
    "753": "613", "778": "250", "782": "902", "825": "780", "873": "819", "879": "709",
}  # fmt: skip
"""Area codes that were laid over an older one, and that one. Of many of them phonenumbers knows no town, hence no
state, and of some a wrong zone. From the report of the numbering administrator (NANPA, 5 January 2026),
with those that are assigned there and not yet in service."""

STATES: dict[str, str] = {"202": "DC", "670": "MP", "671": "GU", "684": "AS", "787": "PR"}
"""Area codes of one state in which phonenumbers names no town with it."""

TOWNS: dict[str, str] = {
    C: """
        AL: Phenix City
        FL: Pensacola, Panama City, Fort Walton Beach, Crestview, Destin, Milton, Navarre, Gulf Breeze, Marianna,
            Chipley,
            DeFuniak Springs, Niceville, Bonifay, Graceville,
            Santa Rosa Beach, Panama City Beach, Eglin AFB, Shalimar, Valparaiso
        IN: Gary, Hammond, Merrillville, Valparaiso, Michigan City, La Porte, Crown Point, Hobart, East Chicago,
            Highland,
            Portage, Chesterton,
            Lowell, Knox, North Judson, Evansville, Newburgh, Tell City, Mount Vernon, Princeton,
            Boonville, Rockport, Rensselaer, Kentland
        KY: Paducah, Bowling Green, Owensboro, Henderson, Hopkinsville, Murray, Mayfield, Madisonville, Glasgow,
            Russellville, Franklin, Benton, Leitchfield, Columbia, Burkesville, Jamestown, Albany, Tompkinsville
        TN: Clarksville, Cookeville, Columbia, Crossville, Tullahoma, McMinnville, Shelbyville, Lawrenceburg,
            Winchester,
            Manchester, Lewisburg, Sparta, Livingston, Jasper, Pikeville, South Pittsburg, Whitwell
        MI: Iron Mountain, Ironwood, Menominee, Kingsford, Iron River, Bessemer, Crystal Falls, Stephenson
        SD: Sioux Falls, Brookings, Watertown, Aberdeen, Mitchell, Yankton, Huron, Vermillion, Madison, Chamberlain
        ND: Fargo, Grand Forks, Minot, Jamestown, Bismarck, Mandan, Devils Lake, Valley City, Wahpeton, West Fargo
        NE: Grand Island, Kearney, Hastings, North Platte, Lexington, McCook, Holdrege, Broken Bow
        KS: Topeka, Manhattan, Salina, Lawrence, Hays, Junction City, Dodge City, Garden City, Hutchinson, Great Bend,
            Liberal, Emporia, Pittsburg, Colby
        TX: Midland, Odessa, Big Spring, Fort Stockton, Pecos, Monahans, Alpine
    """,
    E: """
        FL: Tallahassee, Quincy, Monticello, Perry, Madison, Apalachicola, Crawfordville, Havana, Chattahoochee
        IN: South Bend, Mishawaka, Elkhart, Goshen, Warsaw, Plymouth, Nappanee, Rochester, Bloomington, Terre Haute,
            Columbus, Jeffersonville, New Albany, Seymour, Madison, Bedford, Vincennes, Jasper, Washington, Lawrenceburg
        KY: Elizabethtown, Campbellsville, Radcliff, Bardstown, Lebanon, Brandenburg, Somerset, Ashland, Middlesboro,
            Pikeville, Morehead, Hazard, Maysville, Corbin, London, Prestonsburg, Harlan
        TN: Chattanooga, Johnson City, Kingsport, Bristol, Cleveland, Morristown, Greeneville, Elizabethton,
            Athens, Dayton,
            Rogersville, Erwin
        MI: Marquette, Escanaba, Sault Ste. Marie, Houghton, Ishpeming, Negaunee, Gladstone, Munising, St. Ignace
    """,
    M: """
        SD: Rapid City, Spearfish, Sturgis, Hot Springs, Custer, Belle Fourche, Lead, Deadwood, Pine Ridge, Box Elder
        ND: Dickinson, Bowman, Hettinger, Beach, Belfield
        NE: Scottsbluff, Alliance, Sidney, Chadron, Ogallala, Gering, Kimball, Gordon
        KS: Goodland, Sharon Springs, Tribune, Syracuse
        ID: Boise, Nampa, Meridian, Idaho Falls, Pocatello, Twin Falls, Caldwell, Rexburg, Mountain Home,
            Blackfoot, Jerome
        OR: Ontario, Vale, Nyssa
        NV: West Wendover, Jackpot
        TX: Van Horn
    """,
    P: """
        ID: Coeur d'Alene, Lewiston, Moscow, Sandpoint, Post Falls, Hayden, Kellogg, Bonners Ferry, Orofino
        OR: Eugene, Bend, Medford, Springfield, Corvallis, Roseburg, Klamath Falls, Albany, Redmond, Grants Pass,
            Coos Bay, Pendleton, La Grande, Ashland
        NV: Reno, Sparks, Carson City, Elko, Pahrump, Fallon, Gardnerville, Winnemucca, Ely, Incline Village
    """,
    AZ: """
        AZ: Flagstaff, Yuma, Prescott, Kingman, Lake Havasu City, Sedona, Bullhead City, Prescott Valley, Page, Payson,
            Cottonwood, Show Low, Winslow, Holbrook, Safford, Williams
    """,
    "America/Toronto": """
        ON: Thunder Bay, Marathon, Geraldton, Schreiber,
        QC: Quebec, Quebec City, Saguenay, Rimouski, Lévis
    """,
    "America/Winnipeg": "ON: Kenora, Dryden, Fort Frances, Sioux Lookout, Red Lake\n NU: Rankin Inlet, Baker Lake",
    "America/St_Johns": """
        NL: St. John's, Corner Brook, Gander, Grand Falls-Windsor, Mount Pearl, Carbonear, Clarenville
    """,
    "America/Halifax": "NL: Happy Valley-Goose Bay, Labrador City, Wabush, Goose Bay",
    "America/Vancouver": """
        BC: Victoria, Kelowna, Kamloops, Prince George, Nanaimo, Vernon, Penticton, Prince Rupert, Terrace, Vancouver,
            North Vancouver, New Westminster, Richmond, Surrey, Langley
    """,
    "America/Edmonton": "BC: Cranbrook, Golden, Fernie, Invermere, Kimberley\n NT: Yellowknife, Hay River, Fort Smith",
    "America/Fort_Nelson": "BC: Dawson Creek, Fort St. John, Fort Nelson",
    "America/Regina": """
        SK: Regina, Saskatoon, Moose Jaw, Prince Albert, Swift Current, Yorkton, North Battleford, Estevan
    """,
    "America/Whitehorse": "YT: Whitehorse, Dawson City, Watson Lake",
}  # fmt: skip
NAVAJO_TOWNS = (
    "AZ: Window Rock, Chinle, Kayenta, Tuba City, Ganado, Fort Defiance, Many Farms, Dennehotso, Sanders, Kaibito"
)
"""The Navajo Nation keeps daylight-saving time, the rest of Arizona does not."""

WHOLE: dict[str, str] = {"907": "America/Anchorage", "310": "America/Los_Angeles"}
"""Area codes that are of one zone but for the exchanges in `OWN`; phonenumbers has them in pieces."""
OWN: dict[str, str] = {
    "1928871": NAVAJO,
    "1928674": NAVAJO,
    "1928697": NAVAJO,
    "1928283": NAVAJO,
    "1907592": "America/Adak",
    "1907839": "America/Adak",
}
"""Exchanges that are named for no town in phonenumbers."""


def load(utc: float, unknown: Iterable[str] = (), files: Iterable[Path] = ()) -> Hours:
    """Places, clocks and windows for calls around `utc` (Unix seconds), from the tables in the package; a state's week
    in the operator's own files stands in the place of ours. `unknown` zones are added to the clocks. Raises ValueError
    for a damaged table, ListError for a file.
    """
    data = resources.files("policy").joinpath("data")
    places = zones.parse(data.joinpath("zones.csv").read_text(encoding="utf-8"))
    states = hours.parse(data.joinpath("hours.csv").read_text(encoding="utf-8"))
    for path in files:
        try:
            states.update(hours.parse(listed.text(path)))
        except ValueError as error:
            raise listed.ListError(f"{path}: {error}") from error
    return Hours(places, {name: clock(name, utc) for name in sorted({*places.zones(), *unknown})}, states)


def clock(zone: str, utc: float) -> Clock:
    """The offsets of one zone for the years around `utc`. Raises ZoneInfoNotFoundError (a KeyError)."""
    where = ZoneInfo(zone)
    year = datetime.fromtimestamp(utc, UTC).year
    at = datetime(year - YEARS_BACK, 1, 1, tzinfo=UTC)
    end = datetime(year + YEARS_AHEAD + 1, 1, 1, tzinfo=UTC)

    def ahead(moment: datetime) -> int:
        return round((moment.astimezone(where).utcoffset() or timedelta()).total_seconds())

    changes: list[float] = []
    offsets = [ahead(at)]
    while at < end:
        # No zone of ours changes twice within a week.
        later = at + timedelta(days=7)
        if ahead(later) != offsets[-1]:
            low, high = at, later
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                middle = middle.replace(microsecond=0)
                if ahead(middle) == offsets[-1]:
                    low = middle
                else:
                    high = middle
            changes.append(high.timestamp())
            offsets.append(ahead(high))
        at = later
    return Clock(tuple(changes), tuple(offsets))


def known_towns() -> dict[str, str]:
    """Zone by `Town, ST`."""
    found: dict[str, str] = {}
    for zone, text in (*TOWNS.items(), (NAVAJO, NAVAJO_TOWNS)):
        state = ""
        for part in text.replace("\n", ",").split(","):
            name = part.strip()
            if ":" in name:
                state, _, name = (bit.strip() for bit in name.partition(":"))
            if name:
                found[f"{name}, {state}"] = zone
    return found


def table() -> str:
    """The whole of `zones.csv`."""
    from phonenumbers.geodata import GEOCODE_DATA  # needed to make the table, never to use it
    from phonenumbers.tzdata import TIMEZONE_DATA

    towns = known_towns()
    states: dict[str, Counter[str]] = {}
    named: dict[str, str] = {}
    for prefix, names in GEOCODE_DATA.items():
        name = names.get("en", "")
        state = name.rpartition(", ")[2]
        if prefix.startswith("1") and len(state) == 2 and state.isupper():
            states.setdefault(prefix[:4], Counter())[state] += 1
            if len(prefix) == 7:
                named[prefix] = name
    rows: dict[str, tuple[str, ...]] = {}
    for prefix, found in TIMEZONE_DATA.items():
        if prefix.startswith("1") and len(prefix) in (4, 7) and prefix[1:4] not in zones.PLACELESS:
            if not any(prefix[1:4] in ours for ours in (SHARED, WHOLE, OVERLAYS)):
                rows[prefix] = tuple(found)
    rows.update({"1" + area: (zone,) for area, zone in WHOLE.items()})
    for area, both in SHARED.items():
        rows["1" + area] = both
    rows.update({"1" + new: rows["1" + old] for new, old in OVERLAYS.items()})
    for prefix, name in named.items():
        if _under(prefix[1:4]) in SHARED and name in towns and towns[name] in rows[prefix[:4]]:
            rows[prefix] = (towns[name],)
    rows.update({prefix: (zone,) for prefix, zone in OWN.items()})

    def state_of(prefix: str) -> str:
        area = _under(prefix[1:4])
        counted = states.get("1" + area)
        return counted.most_common(1)[0][0] if counted else STATES.get(area, "")

    lines = [
        "# prefix,zones,state. Made by `python -m proxy.zoning`; do not edit.",
        "# Source: phonenumbers, and the towns and overlays of proxy/zoning.py.",
    ]
    lines += [
        f"{prefix},{'|'.join(rows[prefix])},{state_of(prefix)}" for prefix in sorted(rows) if _tells(prefix, rows)
    ]
    return "\n".join(lines) + "\n"


def _under(area: str) -> str:
    """The area code that this one was laid over, or itself."""
    return OVERLAYS.get(area, area)


def _tells(prefix: str, rows: dict[str, tuple[str, ...]]) -> bool:
    """An exchange that says the same as its area is left out."""
    return len(prefix) == 4 or rows.get(prefix[:4]) != rows[prefix]


def main() -> int:
    where = Path(__file__).resolve().parents[1] / "policy" / "data" / "zones.csv"
    where.write_text(table(), encoding="utf-8")
    sys.stdout.write(f"{where}: {len(table().splitlines())} lines\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
