"""Lists that one machine brought in and another one takes over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policy.told import DAY
from proxy.cli import NEGATIVE, OK, USAGE, main
from proxy.fleet import shelves as room
from proxy.fleet.shelves import Shelves
from proxy.lists.files import ListError
from proxy.lists.force import in_force
from proxy.lists.kinds import FOLDER, bring_in

KEY = b"k" * 32
UTC = 20_000 * DAY


def imported(state: Path, text: str, utc: float, kind: str = "deny") -> None:
    path = state.parent / "list.txt"
    path.write_text(text)
    bring_in(state / FOLDER, kind, [path], utc, force=True)


@pytest.fixture
def states(tmp_path: Path, redis: str) -> tuple[Path, Path]:
    from redis import Redis

    with Redis.from_url(redis) as link:
        for key in link.scan_iter("ringwarden:list:*"):
            link.delete(key)
    (tmp_path / "east").mkdir()
    (tmp_path / "west").mkdir()
    return tmp_path / "east", tmp_path / "west"


def test_a_list_goes_from_one_machine_to_the_other_and_only_forward(redis: str, states: tuple[Path, Path]) -> None:
    east, west = states
    imported(east, "12025550140\n12025550141\n", UTC)
    one, other = Shelves(redis, KEY, "east"), Shelves(redis, KEY, "west")
    assert [kind for kind, _ in one.share(east, [])] == ["deny"]
    ((kind, made),) = other.pull(west)
    assert (kind, made.entries, made.sources) == ("deny", 2, ("east: deny",))
    assert "12025550141" in in_force(west, UTC).deny
    assert other.pull(west) == [] and one.pull(east) == [], "nothing is newer"
    imported(west, "12025550142\n", UTC + 10)
    assert other.pull(west) == [], "what is here is newer"
    other.share(west, ["deny"])
    assert [kind for kind, _ in one.pull(east)] == ["deny"]
    assert "12025550142" in in_force(east, UTC).deny and "12025550140" not in in_force(east, UTC).deny
    for each in (one, other):
        each.close()


def test_what_others_wrote_into_redis_is_not_believed(redis: str, states: tuple[Path, Path]) -> None:
    from redis import Redis

    east, west = states
    imported(east, "12025550140\n", UTC)
    stranger, other = Shelves(redis, b"another", "east"), Shelves(redis, KEY, "west")
    stranger.share(east, [])
    with pytest.raises(ListError, match="no machine with our secret"):
        other.pull(west)
    Shelves(redis, KEY, "east")._redis.delete("ringwarden:list:deny")
    one = Shelves(redis, KEY, "east")
    ((_, made),) = one.share(east, [])
    with Redis.from_url(redis) as link:
        link.set(f"ringwarden:list:deny:{made.digest}", b"12025550199\n")
        with pytest.raises(ListError, match="not there as it was"):
            other.pull(west)
        note = link.get("ringwarden:list:deny")
        assert note is not None
        link.set("ringwarden:list:allow", note)  # a deny list as one of those who always pass
        with pytest.raises(ListError, match="allow: what stands in Redis"):
            other.pull(west)
        for nonsense in (b"", b"[]", b"{}", b"[" * 5000):
            link.set("ringwarden:list:allow", nonsense)
            with pytest.raises(ListError):
                other.pull(west)
    for each in (one, other, stranger):
        each.close()


def test_what_is_too_large_is_brought_in_on_each_machine(redis: str, states: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", 4)
    imported(states[0], "12025550140\n", UTC)
    shelves = Shelves(redis, KEY, "east")
    with pytest.raises(ListError, match="import it on each machine"):
        shelves.share(states[0], ["deny"])
    left: list[str] = []
    assert shelves.share(states[0], [], left.append) == [], "of all lists those go that can"
    assert left == ["list deny: 0 MB is too much; import it on each machine"]
    shelves.close()


def test_the_commands_share_and_pull(redis: str, states: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    configs = []
    for state in states:
        config = state.parent / f"{state.name}.toml"
        config.write_text(
            f'secret = "sixteen octets and more"\n[[listen]]\naddress = "127.0.0.1:5060"\n[paths]\nstate = "{state.name}"\n'
            '[[peer]]\nname = "west"\nside = "carrier"\nhops = ["127.0.0.2:5060"]\n'
            '[[peer]]\nname = "pbx"\nside = "pbx"\nhops = ["127.0.0.3:5060"]\n'
            f'[fleet]\nmachine = "{state.name}"\nredis = "{redis}"\n'
        )
        configs.append(str(config))
    imported(states[0], "12025550140\n", UTC)
    assert main(["lists", "share", "deny", "--config", configs[0]]) == OK
    assert "list deny: shared generation 1, 1 entries" in capsys.readouterr().out
    assert main(["lists", "pull", "--config", configs[1], "--json"]) == OK
    assert json.loads(capsys.readouterr().out) == [{"list": "deny", "generation": 1, "entries": 1}]
    assert main(["lists", "pull", "--config", configs[1]]) == NEGATIVE
    assert main(["lists", "share", "nonsense", "--config", configs[0]]) == USAGE
    assert main(["lists", "pull"]) == USAGE


def test_a_machine_without_a_fleet_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "alone.toml"
    config.write_text(
        '[[listen]]\naddress = "127.0.0.1:5060"\n[[peer]]\nname = "west"\nside = "carrier"\nhops = ["127.0.0.2:5060"]\n'
        '[[peer]]\nname = "pbx"\nside = "pbx"\nhops = ["127.0.0.3:5060"]\n'
    )
    assert main(["lists", "pull", "--config", str(config)]) == USAGE
    assert "fleet.redis and a secret" in capsys.readouterr().err
