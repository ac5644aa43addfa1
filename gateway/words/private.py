"""What others may read is no secret: files and folders that must be their owner's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from gateway.words.errors import SettingsError
from gateway.words.saying import Sentence, say

_OTHERS: Final = 0o077
_BY_GROUP: Final = 0o050
_ROOT: Final = 0


def exposed(path: Path) -> Sentence | None:
    """Why a file or folder is not its owner's alone, with the cure; None where it is, or is not there.

    The owner is whoever runs this process, or root, who can read it anyway. What is root's is read by way of its
    group, so that one may have it. On a system without such bits nothing is said.
    """
    if os.name != "posix":
        return None
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    mode, owner = stat.S_IMODE(found.st_mode), found.st_uid
    if owner not in (os.geteuid(), _ROOT):
        return say("keys.others_own", path=path, owner=owner)
    if mode & (_OTHERS if owner == os.geteuid() else _OTHERS & ~_BY_GROUP):
        cure = 0o700 if stat.S_ISDIR(found.st_mode) else 0o600
        return say("keys.readable", path=path, mode=mode, cure=cure)
    return None


def require_private(path: Path, key: str) -> None:
    """Raises SettingsError under ``key`` where somebody else could read it."""
    said = exposed(path)
    if said is not None:
        raise SettingsError(key, said)
