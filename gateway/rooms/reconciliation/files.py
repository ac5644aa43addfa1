"""Statement files: bytes to lines, believed as a whole or not at all, with the number of the line to blame.

What was saved under a statement's name and is none is told apart by its first bytes. Large files without a fault take
the fast reader; all others the line reader, which alone has words for a fault.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from gateway.foundation.sheets import MAGIC
from gateway.foundation.wire.xml import XmlRefusedError, parse_xml
from gateway.rooms.reconciliation.line_reader import cells_of, find_header, read_rows
from gateway.rooms.reconciliation.old_workbooks import OLE
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.rows import rows_of
from gateway.rooms.reconciliation.statement import Progress, Statement, StatementRefusedError, Window, unseen
from gateway.rooms.reconciliation.totals import TotalsOfFile
from gateway.words.saying import say

_LARGE = 1 << 20  # bytes
_LOOKED_AT = 64 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "UTF-8 with BOM", "utf-8"),
    (codecs.BOM_UTF16_LE, "UTF-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "UTF-16", "utf-16"),
)
_PACKED = ((b"\x1f\x8b", "gzip"), (MAGIC, "zip"), (b"Rar!", "rar"), (b"7z\xbc\xaf", "7z"))
_SAID_OF_ERRORS = re.compile(r"code|msg|message|reason|error|desc|result|info|status", re.IGNORECASE)
_LONGEST_ANSWER = 64 * 1024


def read(path: Path, profile: Profile, day: date, days: Window, progress: Progress = unseen) -> Statement:
    """The statement of ``day`` in a file. Raises StatementRefusedError; blocking. ``progress`` is told in bytes.

    Refused whole: other totals or counts than its lines have, no totals where the profile promises some (it was cut),
    money outside ``days``, a line twice, numbers that a spreadsheet has cut, overlong lines, and what is no statement.
    """
    try:
        with open(path, "rb") as file:
            size = path.stat().st_size

            def tell() -> None:
                progress(file.tell(), size)

            check_is_statement(file.read(_LOOKED_AT), profile)
            file.seek(0)
            if size >= _LARGE and (clean := _read_clean(file, size, profile, day, days, tell)) is not None:
                return clean
            file.seek(0)
            try:
                told = read_rows(rows_of(file, profile), profile, day, days, tell)
            except StatementRefusedError as refused:
                file.seek(0)
                raise _about_encoding(refused, file.read(_LOOKED_AT), profile) from None
            tell()
            return told
    except OSError as error:
        raise StatementRefusedError(say("files.no_file", name=path.name, reason=error.strerror or "?")) from None


def check_is_statement(head: bytes, profile: Profile) -> None:
    """Raises StatementRefusedError for what cannot be this profile's file, by how it begins."""
    bare = head.lstrip(codecs.BOM_UTF8 + b" \t\r\n\x00\x1a")
    if not bare:
        raise StatementRefusedError(say("files.empty"))
    if (answer := answer_in(bare)) is not None:
        raise StatementRefusedError(say("files.answer", answer=answer))
    is_book = head.startswith((OLE, MAGIC)) and (head.startswith(OLE) or b"xl/" in head or b"[Content_Types]" in head)
    if is_book and profile.shape != "workbook":
        raise StatementRefusedError(say("files.workbook"))
    packed = next((name for magic, name in _PACKED if head.startswith(magic)), None)
    if packed is not None and not is_book:
        raise StatementRefusedError(say("files.packed", kind=packed))
    for mark, name, encoding in _BOMS if profile.shape != "workbook" else ():
        if head.startswith(mark) and not profile.encoding.startswith(encoding):
            found = say("files.encoding_mark", found=name, encoding=profile.encoding, should=encoding)
            raise StatementRefusedError(found)


def answer_in(head: bytes) -> str | None:
    """What an XML or JSON answer or a web page says that was saved as a file; None for anything else."""
    if re.match(rb"<!doctype html|<html", head, re.IGNORECASE):
        title = re.search(rb"<title[^>]*>(.*?)</title>", head, re.IGNORECASE | re.DOTALL)
        return f"a web page {_decoded(title[1]).strip()[:100] if title else ''}".strip()
    if head.startswith(b"<"):
        return _told_in_xml(head)
    if head.startswith((b"{", b"[")):
        try:
            told = json.loads(_decoded(head))
        except ValueError:
            return None
        return " ".join(_words_of(told))[:300] or "JSON"
    return None


def _told_in_xml(head: bytes) -> str | None:
    try:
        root = parse_xml(head[:_LONGEST_ANSWER])
    except XmlRefusedError:
        return "XML" if re.match(rb"<\?xml|<[A-Za-z][\w:.-]*[\s>]", head) else None
    texts = [(one.text or "").strip() for one in root.iter() if not len(one)]
    return " ".join(text[:100] for text in texts if text)[:300] or "XML"


def _words_of(told: Any, name: str = "code") -> Iterator[str]:
    """What an error answer in JSON says: its short texts and numbers that are named like words about an error."""
    if isinstance(told, dict):
        for key, value in told.items():
            yield from _words_of(value, str(key))
    elif isinstance(told, list):
        for value in told[:5]:
            yield from _words_of(value, name)
    elif isinstance(told, str | int) and _SAID_OF_ERRORS.search(name) and str(told):
        yield str(told)[:100]


def _decoded(head: bytes) -> str:
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError:
        return head.decode("gb18030", "replace")


def _about_encoding(refused: StatementRefusedError, head: bytes, profile: Profile) -> StatementRefusedError:
    """The refusal; with the encoding that the file seems to have where that is another than the profile's."""
    if profile.shape == "workbook" or head.isascii() or profile.encoding == "utf-16":
        return refused
    seems = next((one for one in ("utf-8", "gb18030") if _reads_as(head, one)), None)
    says = "utf-8" if profile.encoding.startswith("utf-8") else "gb18030"
    if seems in (says, None) or (seems == "gb18030" and _reads_as(head, "utf-8")):
        return refused
    found = "UTF-8" if seems == "utf-8" else "GB 18030"
    hint = say("files.encoding_seems", found=found, encoding=profile.encoding, should=seems)
    return StatementRefusedError(refused.reason, refused.line, cure=hint)


def _reads_as(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


# --- large files ----------------------------------------------------------------------------------------------------


def _read_clean(
    file: BinaryIO, size: int, profile: Profile, day: date, days: Window, tell: Callable[[], None]
) -> Statement | None:
    """The statement by the fast reader, which sees the lines between the header and the totals; None where it declines.

    Header and totals are read here as they are for the line reader.
    """
    from gateway.rooms.reconciliation.clean_files import is_plain, read_clean  # DuckDB is loaded for the first of them

    if not is_plain(profile):
        return None
    try:
        file.seek(0)
        if profile.header:
            first = file.readline(profile.max_line_bytes + 1)
            header = find_header(rows_of(io.BytesIO(first), profile).every, profile)
            places = header.places
        else:
            header, places = None, dict(profile.columns)
            file.seek(len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0)
        begin = file.tell()
        found = _find_totals(file, size, profile)
        if found is None:
            return None
        end, totals = found
        totals_of_file = TotalsOfFile(profile, cells_of(profile, header))
        for row in rows_of(io.BytesIO(totals), profile).every:
            if not totals_of_file.take(row):
                return None
        if not totals_of_file.seen:
            return None

        def check_totals(made: dict[str, int]) -> dict[str, int]:
            totals_of_file.check(made)
            return {name: said for name, (said, _) in totals_of_file.told.items()}

        file.seek(begin)
        at = {name: place - 1 for name, place in places.items() if isinstance(place, int)}
        return read_clean(file, end, at, profile, day, days, check_totals, tell)
    except StatementRefusedError:
        return None


def _find_totals(file: BinaryIO, size: int, profile: Profile) -> tuple[int, bytes] | None:
    """Where the totals begin, and their bytes; None where they are not plainly the last lines."""
    assert profile.totals != "none"
    many = profile.totals.lines
    begin = max(0, size - (many + 1) * profile.max_line_bytes)
    file.seek(begin)
    last = file.read().rstrip(b"\r\n")
    start = len(last)
    for _ in range(many):
        start = last.rfind(b"\n", 0, start)
        if start < 0:
            return None
    tail = last[start + 1 :]
    return None if tail.startswith(codecs.BOM_UTF8) else (begin + start + 1, tail)
