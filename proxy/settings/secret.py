"""The secret that all workers and the next start share: set by the operator, or made once and kept in the
state folder.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from proxy.settings.errors import SettingsError
from proxy.settings.values import Settings

FILE = "secret"
SIZE = 32
"""Octets: as long as the key of the authenticator that it feeds is ever useful."""


def shared_secret(settings: Settings, *, make: bool = True) -> tuple[bytes, bool]:
    """The secret and whether the next start will know it. Makes and keeps one where none is set; not `make`: who only
    looks writes nothing, since what another user made the service could not read.

    A state folder that cannot be used never stops the proxy: the secret is then this process's own, and
    calls that are up when it ends are screened as new ones afterwards. Raises SettingsError for a kept
    secret that others can read or that is too short, because tokens sealed with it would prove nothing.
    """
    if settings.secret is not None:
        return settings.secret, True
    made = secrets.token_bytes(SIZE)
    if settings.paths.state is None:
        return made, False
    path = settings.paths.state / FILE
    try:
        if not make and not path.exists():
            return made, True
        return kept(path, made), True
    except OSError:
        return made, False


def kept(path: Path, made: bytes) -> bytes:
    """What the file holds; `made`, written whole and for the owner alone, if there is none. Raises OSError,
    SettingsError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(made)
                stream.flush()
                os.fsync(stream.fileno())
            # A link appears whole or not at all; of two starts at once one wins and both read the winner's.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_mode & 0o077:
            raise SettingsError(
                [f"{path}: others than the owner can use the secret; chmod 600 it, or remove it"]
            )
        found = stream.read(SIZE + 1)
    if len(found) != SIZE:
        raise SettingsError([f"{path}: the kept secret is damaged; remove the file and start again"])
    return found
