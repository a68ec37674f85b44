"""Bringing lists in: each kind is read, checked, and put into force whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.dnc import Bitmap
from policy.dno import GIVEN_OUT
from policy.letter import moment
from policy.lists import NumberSet, parse_numbers
from policy.told import DAY
from proxy.lists import ListError, kinds
from proxy.lists.force import declare, in_force, statuses
from proxy.lists.kinds import FOLDER, KINDS, NATIONAL, bring_in, lines_of
from proxy.lists.shelf import Shelf
from proxy.metrics import Metrics

UTC = 20_000 * DAY
FILES = {
    "dnc": "202,5550100\n202,5550101\n",
    "allow": "12025550100\n",
    "deny": "1202555012*\n12025550130-12025550139\n911\n",
    "dno": "202555014X;subscriber\n",
    "areas": "\n".join(area[1:] for area in sorted(GIVEN_OUT) if area != "1321"),
    "optout": "callee,at\n+12125550147,2024-01-01\n",
    "consent": "callee,obtained\n+12125550148,2024-01-01\n",
    "relations": "callee,kind,at\n+12125550149,purchase,2024-01-01\n",
    "reassigned": "number,date,answer,asked\n+12125550147,2024-01-01,yes,2024-06-01\n",
    "traits": "# expected 1\ncampaign,kind,value,notified\nAmazon-Impers,print,pjsip,2024-01-01\n",
    "complaints": "Company_Phone_Number,Created_Date\n2025550151,2024-03-01 09:00:12\n2025550151,2024-03-02 09:00:12\n",
    "campaigns": 'notified,caller,campaign,evidence\n2024-01-01,2025550150,Amazon-Impers,"a, b"\n',
}


def written(folder: Path, text: str, name: str = "list.txt") -> Path:
    (path := folder / name).write_text(text)
    return path


def test_progress_is_told_file_by_file(tmp_path: Path) -> None:
    files = [written(tmp_path, f"12025550{number}\n", f"{number}.txt") for number in range(100, 104)]
    told: list[int] = []
    kinds.checked("deny", files, told.append)
    assert told == [12] * 4


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_brought_in_and_in_force(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, FILES[kind])
    told: list[int] = []
    made, bad = bring_in(tmp_path / FOLDER, kind, [path], UTC, as_of=UTC - DAY, progress=told.append)
    assert (made.number, made.refused, made.as_of, bad) == (1, 0, UTC - DAY, ())
    assert sum(told) == path.stat().st_size
    found = in_force(tmp_path, UTC)
    assert found.remarks == ()
    agreements = found.agreements
    assert {
        "dnc": found.national is not None and found.national.listed("12025550101"),
        "allow": "12025550100" in found.allow,
        "deny": all(tn in found.deny for tn in ("12025550129", "12025550133", "911")),
        "dno": "12025550147" in found.dno,
        "areas": "1321" not in found.areas and {"1202", "1800"} < found.areas,
        "optout": agreements.opted_out("12025550100", "12125550147", UTC) is not None,
        "consent": agreements.consented("12025550100", "12125550148", UTC),
        "relations": agreements.related("12025550100", "12125550149", UTC),
        "reassigned": found.reassigned is not None and found.reassigned.given_up("12125550147", 1_704_067_200.0, UTC),
        "complaints": found.complaints is not None and found.complaints.of("12025550151", moment("2024-03-03")) is not None,
        "traits": found.casebook is not None and len(found.casebook) == 1,
        "campaigns": found.campaigns.match("12025550150", UTC) is not None,
    }[kind]
    [one] = statuses(tmp_path, UTC, deep=True)
    assert (one.kind, one.state, one.days, one.generation) == (kind, "ok", 1, made)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != NATIONAL])
def test_what_is_kept_reads_as_what_was_brought_in(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, FILES[kind])
    bring_in(tmp_path, kind, [path], UTC)
    again = Shelf(tmp_path, kind).snapshot(1)
    assert kinds.checked(kind, [again]) == kinds.checked(kind, [path])


def test_numbers_are_written_as_they_are_read() -> None:
    numbers = NumberSet.of("12025550100", "911", "+442079460000", "1202555*", "+44207*", "12025550100-12025550109")
    assert parse_numbers("\n".join(lines_of(numbers))) == (numbers, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing in it"),
        ("what\n", "nothing in it"),
        ("12025550100\n" + "what\n" * 3, "3 of 4 lines"),
        ("12025550100\n", "is it whole"),
    ],
)
def test_a_list_that_looks_wrong_does_not_come_into_force_unless_forced(text: str, said: str, tmp_path: Path) -> None:
    good = written(tmp_path, "".join(f"120255501{line:02}\n" for line in range(10)), "good.txt")
    bring_in(tmp_path, "deny", [good], UTC)
    bad = written(tmp_path, text)
    with pytest.raises(ListError, match=said):
        bring_in(tmp_path, "deny", [bad], UTC)
    assert (current := Shelf(tmp_path, "deny").current()) is not None and current.entries == 10
    assert bring_in(tmp_path, "deny", [bad], UTC, force=True)[0].number == 2


def test_one_bad_line_among_many_is_set_apart(tmp_path: Path) -> None:
    path = written(tmp_path, "oops\n" + "".join(f"120255501{line:02}\n" for line in range(10)))
    made, bad = bring_in(tmp_path, "deny", [path], UTC)
    assert (made.entries, made.refused, bad[0].line) == (10, 1, 1)


def test_a_file_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="cannot be read"):
        bring_in(tmp_path, "deny", [tmp_path / "none.txt"], UTC)
    assert Shelf(tmp_path, "deny").current() is None


@pytest.mark.req("REG-071", "REG-072")
def test_changes_of_the_registry_come_upon_the_generation_in_force(tmp_path: Path) -> None:
    bring_in(tmp_path / FOLDER, "dnc", [written(tmp_path, "202,5550100\n202,5550101\n212,5550100\n")], UTC, as_of=UTC)
    changes = written(tmp_path, "202,5550101,D\n202,5550102,A\n")
    made, _ = bring_in(tmp_path / FOLDER, "dnc", [changes], UTC + DAY, as_of=UTC + DAY)
    assert made.as_of == UTC  # the oldest area code tells
    national = in_force(tmp_path, UTC).national
    assert isinstance(national, Bitmap)
    assert [line for line in range(100, 103) if national.listed(f"1202555{line:04}")] == [100, 102]
    assert national.listed("12125550100")
    Shelf(tmp_path / FOLDER, "dnc").roll_back()
    assert (back := in_force(tmp_path, UTC).national) is not None and back.listed("12025550101")
    assert national.listed("12025550102")  # who still maps the other one is not disturbed


def area(code: int, count: int, change: str = "") -> str:
    return "".join(f"{code},{5_550_000 + at}{change}\n" for at in range(count))


@pytest.mark.req("REG-071")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (area(202, 2_000)[:1_234], r"area 202 \(102 of 2,000\): is it whole"),
        (area(303, 5_000) + area(202, 999), r"area 202 \(999 of 2,000\): is it whole"),
        (area(202, 900) + area(303, 2_499) + area(404, 1_000), r"area 202 \(900 of 2,000\), 303 \(2,499 of 5,000\):"),
        (area(303, 50, ",A") + area(202, 1), r"area 202 \(1 of 2,000\)"),
    ],
)
def test_an_area_that_lost_most_of_its_numbers_is_not_replaced_unless_forced(
    text: str, said: str, tmp_path: Path
) -> None:
    bring_in(tmp_path, NATIONAL, [written(tmp_path, area(202, 2_000) + area(303, 5_000))], UTC, as_of=UTC)
    cut = written(tmp_path, text, "cut.txt")
    with pytest.raises(ListError, match=said):
        bring_in(tmp_path, NATIONAL, [cut], UTC + DAY, as_of=UTC + DAY)
    assert (current := Shelf(tmp_path, NATIONAL).current()) is not None and current.number == 1
    assert bring_in(tmp_path, NATIONAL, [cut], UTC + DAY, as_of=UTC + DAY, force=True)[0].number == 2


@pytest.mark.req("REG-071", "REG-072")
@pytest.mark.parametrize(
    ("text", "entries"),
    [
        (area(202, 1_000), 6_000),
        (area(404, 1), 7_001),
        (area(202, 1_999, ",D"), 5_001),
        (area(303, 3_000, ",D") + area(202, 2_000), 4_000),
    ],
)
def test_an_area_may_lose_half_of_its_numbers_or_what_changes_take_off(text: str, entries: int, tmp_path: Path) -> None:
    bring_in(tmp_path, NATIONAL, [written(tmp_path, area(202, 2_000) + area(303, 5_000))], UTC, as_of=UTC)
    made, _ = bring_in(tmp_path, NATIONAL, [written(tmp_path, text)], UTC + DAY, as_of=UTC + DAY)
    assert (made.number, made.entries) == (2, entries)


@pytest.mark.req("REG-059")
def test_an_old_registry_is_an_alarm(tmp_path: Path) -> None:
    bring_in(tmp_path / FOLDER, "dnc", [written(tmp_path, FILES["dnc"])], UTC, as_of=UTC)
    metrics = Metrics()
    now = UTC
    declare(metrics, tmp_path, lambda: now)
    for days, stale in ((31, 0), (32, 1)):
        now = UTC + days * DAY
        assert f'ringwarden_list_stale{{list="dnc"}} {stale}.0'.encode() in metrics.exported("0")
        assert bool(in_force(tmp_path, now).remarks) is bool(stale)
        assert [one.state for one in statuses(tmp_path, now)] == ["stale" if stale else "ok"]
    assert b'ringwarden_list_generation{list="dnc"} 1.0' in metrics.exported("0")
    assert b'ringwarden_list_imported_entries{list="dnc"} 2.0' in metrics.exported("0")


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_list_is_remarked_upon_and_stops_nothing(kind: str, tmp_path: Path) -> None:
    bring_in(tmp_path / FOLDER, kind, [written(tmp_path, FILES[kind])], UTC)
    path = Shelf(tmp_path / FOLDER, kind).snapshot(1)
    path.chmod(0o600)
    path.write_bytes(b"damaged")
    found = in_force(tmp_path, UTC)
    assert [f"list {kind}: generation 1 is damaged" in one for one in found.remarks] == [True]
    assert [one.state for one in statuses(tmp_path, UTC)] == ["damaged"]


def test_area_codes_that_are_few_or_old_are_not_used(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="not all"):
        bring_in(tmp_path / FOLDER, "areas", [written(tmp_path, "202\n212\n")], UTC)
    bring_in(tmp_path / FOLDER, "areas", [written(tmp_path, FILES["areas"])], UTC, as_of=UTC)
    for days, used in ((100, True), (101, False)):
        found = in_force(tmp_path, UTC + days * DAY)
        assert (found.areas != GIVEN_OUT, bool(found.remarks)) == (used, not used)
        assert statuses(tmp_path, UTC + days * DAY)[0].state == ("ok" if used else "stale")


def test_without_a_state_folder_there_is_nothing_in_force(tmp_path: Path) -> None:
    assert in_force(None, UTC).remarks == in_force(tmp_path / "none", UTC).remarks == ()
    metrics = Metrics()
    declare(metrics, None, lambda: UTC)
    assert b"list_stale" not in metrics.exported("0")


def test_of_a_torn_letter_the_rows_that_can_be_read_are_taken(tmp_path: Path) -> None:
    names = "These campaigns were seen:\nParcel-Impers\n\nIn all 3 recorded calls were traced.\n"
    lost = "9/7/2025 9/6/2025 2025550102 Ao \n9/6/2025 9/5/2025 2025550103 Eo\n"
    path = written(tmp_path, names + "9/8/2025 9/7/2025 2025550101 Parcel-Impers\n" + lost)
    made, bad = bring_in(tmp_path / FOLDER, "campaigns", [path], UTC)
    assert (made.entries, made.refused, [one.line for one in bad]) == (1, 2, [6, 7])
    hit = in_force(tmp_path, UTC).campaigns.match("12025550101", 1_757_400_000.0)
    assert hit is not None and hit.firm
