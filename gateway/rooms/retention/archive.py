"""The archive: aged rows in files that outlive the gateway, with a signed word of what each part holds.

A part is a folder ``<what>/<number>``: one file of JSON lines for each table, gzipped (``<table>.jsonl.gz``, which
DuckDB and every other reader know), and ``manifest.json``: of each file its rows, their digest and the SM3 of its
bytes, signed with SM2 under the key ``archive``. A part is whole or not there.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table

from gateway.foundation.crypto.keys import KeyProvider
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import default_provider
from gateway.foundation.store.lines import Tally
from gateway.words.errors import NotAsWrittenError
from gateway.words.saying import say

ARCHIVE_KEY: Final = "archive"
_MANIFEST: Final = "manifest.json"


class ArchiveError(NotAsWrittenError):
    """A part of the archive is not there, or not what was written."""


@dataclass(frozen=True)
class Part:
    """What a part says of itself, proved by its signature. ``files``: rows, digest and SM3 by table."""

    what: str
    number: int
    before: str
    why: str
    files: Mapping[str, Mapping[str, Any]]
    digest: str

    @property
    def rows(self) -> int:
        """Of all its files."""
        return sum(int(one["rows"]) for one in self.files.values())


class Archive:
    """The parts in one folder. Blocking."""

    def __init__(self, folder: Path, keys: KeyProvider) -> None:
        self.folder = folder
        self._keys = keys

    def write(self, what: str, number: int, about: Mapping[str, str], content: Mapping[Table, Sequence[bytes]]) -> Part:
        """Write a part and read it back. ``about``: ``before`` and ``why``. Raises ArchiveError.

        A part of this number that is there already was never recorded: it is written anew.
        """
        place = self._place(what, number)
        draft = place.with_name(f".{place.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        files = {table.name: _write(draft, table.name, lines) for table, lines in content.items() if lines}
        told = {"what": what, "number": number, **about, "files": files, "key": self._keys.public(ARCHIVE_KEY).hex()}
        signature = self._keys.sign(ARCHIVE_KEY, _signed(told))
        manifest = json.dumps({**told, "signature": signature.hex()}, ensure_ascii=False, indent=1).encode()
        _keep(draft / _MANIFEST, manifest)
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
        _settle(place)
        _settle(place.parent)
        part = self.part(what, number)
        self.compare(part, part.digest)
        return part

    def part(self, what: str, number: int) -> Part:
        """What a part says of itself. Raises ArchiveError where it is not there, or its signature does not hold."""
        path = self._place(what, number) / _MANIFEST
        try:
            content = path.read_bytes()
            told = json.loads(content)
            signature = bytes.fromhex(told.pop("signature"))
            ours = bytes.fromhex(told["key"]) in self._keys.publics(ARCHIVE_KEY)
            held = default_provider().verify(bytes.fromhex(told["key"]), _signed(told), signature)
            if not (ours and held and (told["what"], told["number"]) == (what, number)):
                raise ValueError
            return Part(what, number, told["before"], told["why"], told["files"], sm3(content).hex())
        except OSError:
            raise ArchiveError(say("retention.part_gone", path=path)) from None
        except (ValueError, KeyError, TypeError):
            raise ArchiveError(say("retention.part_altered", path=path)) from None

    def lines(self, part: Part, table: str) -> Iterator[bytes]:
        """The lines of one table in a part; at their end they are proved. Raises ArchiveError."""
        if table not in part.files:
            return
        path, told, tally = self._place(part.what, part.number) / f"{table}.jsonl.gz", part.files[table], Tally()
        try:
            if sm3(path.read_bytes()).hex() != told["sm3"]:
                raise ValueError
            with gzip.open(path, "rb") as file:
                for line in file:
                    tally.add(line[:-1])
                    yield line[:-1]
        except OSError:
            raise ArchiveError(say("retention.part_gone", path=path)) from None
        except (ValueError, EOFError):
            raise ArchiveError(say("retention.part_altered", path=path)) from None
        if (tally.rows, tally.digest) != (told["rows"], told["digest"]):
            raise ArchiveError(say("retention.part_altered", path=path))

    def compare(self, part: Part, manifest: str) -> None:
        """Raise ArchiveError unless this is the part with this SM3 of its manifest, and its files are what it says."""
        if part.digest != manifest:
            path = self._place(part.what, part.number) / _MANIFEST
            raise ArchiveError(say("retention.part_altered", path=path))
        for table in part.files:
            for _ in self.lines(part, table):
                pass

    def _place(self, what: str, number: int) -> Path:
        return self.folder / what.replace(" ", "-") / f"{number:06}"


def _write(folder: Path, table: str, lines: Sequence[bytes]) -> dict[str, Any]:
    tally = Tally()
    for line in lines:
        tally.add(line)
    packed = gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)
    _keep(folder / f"{table}.jsonl.gz", packed)
    return {"rows": tally.rows, "digest": tally.digest, "sm3": sm3(packed).hex()}


def _keep(path: Path, content: bytes) -> None:
    with open(path, "xb", opener=_private) as file:
        file.write(content)
        os.fsync(file.fileno())


def _signed(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def _settle(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
