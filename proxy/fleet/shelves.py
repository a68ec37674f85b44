"""Lists that one machine brought in, for the others, by way of Redis: `lists share` and `lists pull`.

What travels is the checked snapshot and a note of it with a keyed digest, so that whoever can write into Redis cannot
put a list into force. The national registry is too large for it: bring it in on each machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.lists.files import ListError
from proxy.lists.kinds import FOLDER, KINDS, NATIONAL
from proxy.lists.shelf import Content, Generation, Shelf, verify

if TYPE_CHECKING:
    from redis import Redis

LIMIT = 10.0
"""Seconds for each question."""
MOST = 32 * 1024 * 1024
"""Octets of a list that travels."""
KEPT_SECONDS = 7 * 86_400
"""How long a list that was followed by another one stays for those who are behind."""
PREFIX = "ringwarden:list"


class Shelves:
    """The shared lists of a fleet."""

    def __init__(self, url: str, key: bytes, machine: str) -> None:
        """key: what all machines share. Raises ImportError without the library."""
        from redis import Redis
        from redis.exceptions import RedisError

        self._wrong = (RedisError, OSError)
        self._redis: Redis = Redis.from_url(url, socket_timeout=LIMIT, socket_connect_timeout=LIMIT)
        self._key, self._machine = key[:64], machine

    def share(
        self, state: Path, kinds: Sequence[str], left: Callable[[str], object] = lambda why: None
    ) -> list[tuple[str, Generation]]:
        """Offer the generations that are in force here; of all kinds where none is named, but for what is too long, of
        which `left` is told. Raises ListError."""
        found = []
        for kind in kinds or [one for one in KINDS if one != NATIONAL]:
            shelf = Shelf(state / FOLDER, kind)
            one = shelf.current()
            if one is None:
                continue
            path = shelf.snapshot(one.number)
            verify(path, one)
            if kind == NATIONAL or one.size > MOST:
                why = f"list {kind}: {one.size / 1e6:,.0f} MB is too much; import it on each machine"
                if kinds:
                    raise ListError(why)
                left(why)
                continue
            note = json.dumps({**asdict(one), "machine": self._machine, "kind": kind})
            try:
                with self._redis.pipeline() as pipe:
                    # The content first: a note never names what is not there.
                    pipe.set(f"{PREFIX}:{kind}:{one.digest}", path.read_bytes())
                    before = self._note(kind)
                    if before is not None and before["digest"] != one.digest:
                        pipe.expire(f"{PREFIX}:{kind}:{before['digest']}", KEPT_SECONDS)
                    pipe.set(f"{PREFIX}:{kind}", json.dumps({"note": note, "digest": self._sealed(note)}))
                    pipe.execute()
            except self._wrong as error:
                raise ListError(f"list {kind}: Redis: {error}") from error
            found.append((kind, one))
        return found

    def pull(self, state: Path) -> list[tuple[str, Generation]]:
        """Put into force what other machines shared and is newer than what is here. Raises ListError; what came before
        is then in force."""
        found = []
        for kind in KINDS:
            try:
                note = self._note(kind)
                shelf = Shelf(state / FOLDER, kind)
                mine = shelf.current()
                if note is None or (mine is not None and (note["digest"] == mine.digest or note["made"] <= mine.made)):
                    continue
                octets: Any = self._redis.get(f"{PREFIX}:{kind}:{note['digest']}")
            except self._wrong as error:
                raise ListError(f"list {kind}: Redis: {error}") from error
            if octets is None or len(octets) > MOST or blake2b(octets, digest_size=32).hexdigest() != note["digest"]:
                raise ListError(f"list {kind}: what {note['machine']} shared is not there as it was; share it again")
            content = Content(int(note["entries"]), int(note["refused"]), float(note["as_of"]))

            def fill(draft: Path, octets: bytes = octets, content: Content = content) -> Content:
                draft.write_bytes(octets)
                return content

            found.append((kind, shelf.add(fill, float(note["made"]), (f"{note['machine']}: {kind}",))))
        return found

    def close(self) -> None:
        self._redis.close()

    def _note(self, kind: str) -> dict[str, Any] | None:
        """What is shared of a kind; None: nothing. Raises ListError for what no machine of ours wrote."""
        found: Any = self._redis.get(f"{PREFIX}:{kind}")
        if found is None:
            return None
        try:
            said = json.loads(found)
            note, digest = said["note"], said["digest"]
            if not compare_digest(self._sealed(note), digest):
                raise ValueError("another key")
            told: dict[str, Any] = json.loads(note)
            if told["kind"] != kind:
                raise ValueError("another list")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ListError(f"list {kind}: what stands in Redis was written by no machine with our secret") from error
        return told

    def _sealed(self, note: str) -> str:
        return blake2b(note.encode(), key=self._key, digest_size=32).hexdigest()
