"""Backups of a database, of either kind, taken while it is in use: one file, compressed, encrypted, checked.

What is written down is one unchanging state: every row of every table as a line, behind it how many lines a table had
and their digest, and the signed heads of the evidence as they were just before, so that the chain of that state can be
verified. The file begins with a readable line that says what it is; the rest is AES-256-GCM or SM4-GCM in pieces, each
under a nonce of its own that says whether it is the last, so that no byte can change, move or be missing unnoticed. The
key is in no backup, and neither are the keys of the installation.

A backup is of a schema and of no database: what was taken from PostgreSQL can be restored into SQLite, and back.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Connection, Engine, Table, select, text

from gateway.foundation.crypto.envelope import Algorithm
from gateway.foundation.crypto.sm import (
    NONCE_BYTES,
    TAG_BYTES,
    aes_gcm_open,
    aes_gcm_seal,
    hkdf_sm3,
    sm3,
    sm4_gcm_open,
    sm4_gcm_seal,
)
from gateway.foundation.store import lines, months, schema
from gateway.foundation.store.all_tables import all_tables
from gateway.foundation.store.engine import open_engine, sqlite_path, unhurried
from gateway.foundation.store.lines import Tally
from gateway.words.clock import rfc3339
from gateway.words.errors import NotAsWrittenError, SettingsError
from gateway.words.saying import say

KEY_BYTES: Final = 32
_MAGIC: Final = b"gateway backup 1\n"
_PIECE: Final = 1 << 20
_LINE_MOST: Final = 1 << 28
_NAME: Final = re.compile(r"gateway-(\d{8}T\d{6}Z)\.backup")
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_CONTROL: Final = b"#"
_CIPHERS: Final = {
    Algorithm.SM4_GCM.name: (16, sm4_gcm_seal, sm4_gcm_open),
    Algorithm.AES_256_GCM.name: (32, aes_gcm_seal, aes_gcm_open),
}

Progress = Callable[[str, str, int, int], None]
"""``(what is done, table, rows so far, rows in all)``"""


class BackupError(NotAsWrittenError):
    """A backup that is not what was written, or what was restored differs from it: nothing of it was kept."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds: when it was taken, of which schema, and the rows of each table."""

    made_at: str
    revisions: frozenset[str]
    tables: dict[str, int]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(self.tables.values())


# --- making -----------------------------------------------------------------------------------------------------------


def make(
    url: str,
    heads: Path,
    folder: Path,
    key: bytes,
    now: datetime,
    algorithm: Algorithm = Algorithm.SM4_GCM,
    progress: Progress = lambda *_: None,
) -> Path:
    """Back a database and its signed heads up into ``folder``, read the file back, and return where it is.

    Nobody who works on the database waits for it. Raises SettingsError for a schema that is not current, BackupError
    where what is on the disk is not what was written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"gateway-{now.astimezone(UTC).strftime(_STAMP)}.backup"
    draft = path.with_suffix(".part")
    engine = open_engine(url, read_only=True)
    try:
        fit = schema.require_current(engine)
        # The heads first: what is signed while the rows are read would look like a cut chain.
        signed = {one.name: one.read_bytes() for one in sorted(heads.glob("*.jsonl"))}
        about = {"made_at": rfc3339(now), "revisions": sorted(fit.heads), "cipher": algorithm.name}
        with open(draft, "xb", opener=_private) as file, engine.begin() as conn:
            sealing = _Sealing(file, key, about)
            for line in _content(conn, signed, progress):
                sealing.add(line)
            sealing.end()
            os.fsync(file.fileno())
        look(draft, key, partial(progress, "checked"))
        draft.replace(path)
        _settle(folder)
    finally:
        draft.unlink(missing_ok=True)
        engine.dispose()
    return path


def _content(conn: Connection, signed: dict[str, bytes], progress: Progress) -> Iterator[bytes]:
    for name, content in signed.items():
        yield _control(heads=name, content=base64.b64encode(content[: content.rfind(b"\n") + 1]).decode())
    for table in all_tables().sorted_tables:
        tally, total = Tally(), lines.count(table, conn)
        yield _control(table=table.name)
        for page in lines.rows_of(table, conn):
            for row in page:
                line = lines.written(table, row)
                tally.add(line)
                yield line
            progress("copied", table.name, tally.rows, total)
        yield _control(end=table.name, rows=tally.rows, digest=tally.digest)
    yield _control(whole=True)


def _control(**fields: Any) -> bytes:
    return _CONTROL + json.dumps(fields).encode()


# --- reading ----------------------------------------------------------------------------------------------------------


def look(path: Path, key: bytes, progress: Callable[[str, int, int], None] = lambda *_: None) -> Backup:
    """Read a whole backup and prove that it is what was written; what it holds. Raises BackupError, SettingsError."""
    found: dict[str, int] = {}
    with open(path, "rb") as file:
        about, content = _opened(file, path, key)
        for table, tally in _tables(path, content, lambda _name, _content: None):
            for _ in tally:
                pass
            found[table] = tally.rows
            progress(table, tally.rows, tally.rows)
    return Backup(about["made_at"], frozenset(about["revisions"]), found)


def restore(path: Path, key: bytes, url: str, heads: Path, progress: Progress = lambda *_: None) -> Backup:
    """Make a database of a backup, all or nothing, and compare each table with it.

    A SQLite file must not be there yet, a PostgreSQL database must be empty. ``heads``: the folder for the signed heads
    of the evidence; the caller has moved away what was there. Raises SettingsError, and BackupError for a backup that
    is not what was written, or where what was restored differs.
    """
    target = sqlite_path(url)
    if target is not None and target.exists():
        raise SettingsError("store.url", say("backup.there", path=target))
    if heads_there := sorted(heads.glob("*.jsonl")):
        raise SettingsError("evidence.heads", say("backup.heads_there", path=heads_there[0]))
    draft = None if target is None else target.with_name(f"{target.name}.restoring")
    _remove(draft)
    engine = open_engine(url if draft is None else f"sqlite:///{draft}")
    signed: dict[str, bytes] = {}
    try:
        with open(path, "rb") as file:
            about, content = _opened(file, path, key)
            if other := schema.chart().unlike(set(about["revisions"])):
                raise SettingsError("database", say("backup.other_schema", revisions=other))
            schema.upgrade(engine, heads=sorted(about["revisions"]))
            found = _fill(engine, path, content, signed, progress)
    except BaseException:
        engine.dispose()
        _remove(draft)
        raise
    engine.dispose()
    heads.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, lines_of_it in signed.items():
        with open(heads / name, "xb", opener=_private) as out:
            out.write(lines_of_it)
            os.fsync(out.fileno())
    if draft is not None and target is not None:
        draft.replace(target)
        _settle(target.parent)
    return Backup(about["made_at"], frozenset(about["revisions"]), found)


def _remove(draft: Path | None) -> None:
    """Remove a SQLite file that is not finished, with what SQLite put beside it."""
    if draft is not None:
        for end in ("", "-wal", "-shm"):
            draft.with_name(draft.name + end).unlink(missing_ok=True)


def _fill(
    engine: Engine, path: Path, content: Iterator[bytes], signed: dict[str, bytes], progress: Progress
) -> dict[str, int]:
    found: dict[str, int] = {}
    known = {table.name: table for table in all_tables().sorted_tables}
    with engine.begin() as conn:
        unhurried(conn)
        for table in known.values():
            if conn.execute(select(text("1")).select_from(table).limit(1)).first() is not None:
                raise SettingsError("store.url", say("store.not_empty", table=table.name))
        for name, told in _tables(path, content, signed.__setitem__):
            if name not in known:
                raise BackupError(say("backup.damaged", path=path))
            _insert(conn, known[name], told, progress)
            found[name] = told.rows
            if lines.tallied(known[name], conn) != told.tally:
                raise BackupError(say("backup.differs", table=name))
            progress("compared", name, told.rows, told.rows)
    return found


def _insert(conn: Connection, table: Table, told: _Lines, progress: Progress) -> None:
    insertion, page = lines.insertion(table), list[dict[str, Any]]()

    def write() -> None:
        months.make_for(conn, table, page)
        conn.execute(insertion, page)

    for line in told:
        page.append(lines.read(table, line))
        if len(page) == lines.ROWS:
            write()
            progress("restored", table.name, told.rows, told.rows + lines.ROWS)
            page = []
    if page:
        write()
    lines.continue_numbers(table, conn)


class _Lines:
    """The lines of one table in a backup; at their end they have been compared with what the backup says of them."""

    def __init__(self, path: Path, name: str, content: Iterator[bytes]) -> None:
        self._path, self._name, self._content = path, name, content
        self.tally = Tally()

    @property
    def rows(self) -> int:
        """How many there were so far."""
        return self.tally.rows

    def __iter__(self) -> Iterator[bytes]:
        for line in self._content:
            if line.startswith(_CONTROL):
                said = json.loads(line[1:])
                if said != {"end": self._name, "rows": self.tally.rows, "digest": self.tally.digest}:
                    break
                return
            self.tally.add(line)
            yield line
        raise BackupError(say("backup.damaged", path=self._path))


def _tables(path: Path, content: Iterator[bytes], heads: Callable[[str, bytes], None]) -> Iterator[tuple[str, _Lines]]:
    """Each table of a backup with its lines, which must be read to their end before the next."""
    for line in content:
        said = json.loads(line[1:]) if line.startswith(_CONTROL) else {}
        if "heads" in said:
            heads(Path(said["heads"]).name, base64.b64decode(said["content"]))
        elif "table" in said:
            yield said["table"], _Lines(path, said["table"], content)
        elif said == {"whole": True} and next(content, None) is None:
            return
        else:
            break
    raise BackupError(say("backup.damaged", path=path))


# --- which ones stay --------------------------------------------------------------------------------------------------


def backups(folder: Path) -> list[Path]:
    """The backups in a folder, the newest first. Nothing else in it is looked at."""
    return sorted((one for one in folder.glob("*.backup") if _NAME.fullmatch(one.name)), reverse=True)


def made_at(path: Path) -> datetime:
    """When a backup was taken, from its name."""
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)


def superfluous(made: Collection[datetime], *, daily: int, monthly: int) -> set[datetime]:
    """Those that may go: not the newest of one of the last ``daily`` days that have any, nor of the last ``monthly``
    months. The newest of all stays.
    """
    newest_first = sorted(made, reverse=True)
    stay = set(newest_first[:1])
    for most, period in ((daily, "%Y-%m-%d"), (monthly, "%Y-%m")):
        by_period: dict[str, datetime] = {}
        for one in newest_first:
            by_period.setdefault(one.strftime(period), one)
        stay |= set(list(by_period.values())[:most])
    return set(made) - stay


# --- the file ---------------------------------------------------------------------------------------------------------


class _Sealing:
    """Lines, compressed and sealed in pieces. ``end`` writes the last one."""

    def __init__(self, file: IO[bytes], key: bytes, about: dict[str, Any]) -> None:
        head = _MAGIC + json.dumps({**about, "salt": secrets.token_hex(16)}).encode() + b"\n"
        file.write(head)
        self._file, self._aad, self._number = file, sm3(head), 0
        self._key, self._seal, _ = _cipher(key, head)
        self._squeezer = zlib.compressobj(1)
        self._waiting = bytearray()

    def add(self, line: bytes) -> None:
        """One more line."""
        self._waiting += self._squeezer.compress(line + b"\n")
        while len(self._waiting) > _PIECE:
            self._write(bytes(self._waiting[:_PIECE]), last=False)
            del self._waiting[:_PIECE]

    def end(self) -> None:
        """Nothing more comes."""
        self._waiting += self._squeezer.flush()
        while len(self._waiting) > _PIECE:
            self._write(bytes(self._waiting[:_PIECE]), last=False)
            del self._waiting[:_PIECE]
        self._write(bytes(self._waiting), last=True)
        self._file.flush()

    def _write(self, piece: bytes, *, last: bool) -> None:
        sealed = self._seal(self._key, _nonce(self._number, last), piece, self._aad)
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1


def _opened(file: IO[bytes], path: Path, key: bytes) -> tuple[dict[str, Any], Iterator[bytes]]:
    """What the file says of itself, and its lines, each proved as it is read."""
    magic, told = file.readline(len(_MAGIC) + 1), file.readline(1 << 16)
    try:
        if magic != _MAGIC:
            raise ValueError
        about = json.loads(told)
        if about["cipher"] not in _CIPHERS:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise BackupError(say("backup.none_of_ours", path=path)) from None
    return about, _lines(_pieces(file, path, key, magic + told), path)


def _pieces(file: IO[bytes], path: Path, key: bytes, head: bytes) -> Iterator[bytes]:
    derived, _, open_ = _cipher(key, head)
    aad, number, last = sm3(head), 0, False
    while not last:
        length = int.from_bytes(file.read(4), "big")
        sealed = file.read(length) if TAG_BYTES <= length <= _PIECE + TAG_BYTES else b""
        sealed = sealed if len(sealed) == length else b""
        here = file.tell()
        last = not file.read(1)
        file.seek(here)
        try:
            yield open_(derived, _nonce(number, last), sealed, aad)
        except ValueError:
            said = say("backup.wrong_key", path=path) if number == 0 else say("backup.damaged", path=path)
            raise BackupError(said) from None
        number += 1


def _lines(pieces: Iterator[bytes], path: Path) -> Iterator[bytes]:
    stretcher, rest = zlib.decompressobj(), b""
    try:
        for piece in pieces:
            *whole, rest = (rest + stretcher.decompress(piece)).split(b"\n")
            yield from whole
            if len(rest) > _LINE_MOST:
                raise BackupError(say("backup.damaged", path=path))
        if rest or not stretcher.eof:
            raise BackupError(say("backup.damaged", path=path))
    except zlib.error:
        raise BackupError(say("backup.damaged", path=path)) from None


def _cipher(key: bytes, head: bytes) -> tuple[bytes, Any, Any]:
    """The key of this one file, and what seals and opens under it."""
    about = json.loads(head[len(_MAGIC) :])
    length, seal, open_ = _CIPHERS[about["cipher"]]
    return hkdf_sm3(key, b"backup" + sm3(head), length), seal, open_


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(NONCE_BYTES - 1, "big") + bytes([last])


def _settle(folder: Path) -> None:
    """Let a new name in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
