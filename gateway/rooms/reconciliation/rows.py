"""The rows of a statement file, numbered, as its shape has them: delimited text, fixed widths, or a workbook's sheet.

Lines end as they like, CR alone too. A byte that is no text becomes U+FFFD and is judged where its cell is used. Fixed
widths count bytes before they are decoded: the second byte of a GBK character may look like anything.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import BinaryIO

from gateway.foundation.sheets import MAGIC, read_sheet
from gateway.rooms.reconciliation.cells import BLANKS
from gateway.rooms.reconciliation.profiles import Profile
from gateway.rooms.reconciliation.statement import StatementRefusedError
from gateway.words.saying import say

_QUOTED_LINES = 50  # of one row, in which a quote has to close
_BYTES = "latin-1"  # each byte is a character


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row: its number in the file, its cells (none where widths are fixed), and its text as it stands there."""

    number: int
    cells: Sequence[str]
    text: str
    hidden: bool = False


@dataclass(frozen=True)
class Rows:
    """The rows of a file, to be walked once; ``epoch`` is that of a workbook's dates."""

    every: Iterator[FileRow]
    epoch: date = date.min


def rows_of(file: BinaryIO, profile: Profile) -> Rows:
    """The rows of a file. Raises StatementRefusedError, here or while they are walked."""
    if profile.shape == "workbook":
        return _of_workbook(file.read(), profile)
    if profile.shape == "fixed":
        return Rows(FileRow(number, (), text) for number, text in _lines(file, profile, _codec(profile)))
    return Rows(_delimited(_lines(file, profile, profile.codec), profile))


def _codec(profile: Profile) -> str:
    return _BYTES if profile.counted_in == "bytes" else profile.codec


def text_of(text: str, profile: Profile) -> str:
    """A row's text, or a part of it, as people read it."""
    if profile.shape == "fixed" and profile.counted_in == "bytes":
        return text.encode(_BYTES).decode(profile.codec, "replace")
    return text


def _lines(file: BinaryIO, profile: Profile, codec: str) -> Iterator[tuple[int, str]]:
    """Numbered lines of text, without their ends."""
    longest = profile.max_line_bytes
    reader = io.TextIOWrapper(file, encoding=codec, errors="replace", newline=None)
    try:
        number = 0
        while text := reader.readline(longest + 1):
            number += 1
            if len(text) > longest:
                raise StatementRefusedError(say("files.too_long", limit=longest), number)
            if number == 1 and codec == _BYTES:
                text = text.removeprefix("\xef\xbb\xbf")
            yield number, text.rstrip("\n")
    except UnicodeError:
        raise StatementRefusedError(say("files.no_encoding", encoding=profile.encoding)) from None
    finally:
        with contextlib.suppress(ValueError):  # the file was closed before
            reader.detach()


def _delimited(lines: Iterator[tuple[int, str]], profile: Profile) -> Iterator[FileRow]:
    delimiter, quote = profile.delimiter, profile.quote if len(profile.delimiter) == 1 else ""
    for number, text in lines:
        if quote and quote in text:
            yield FileRow(number, _unquoted(number, text, lines, profile), text)
        else:
            yield FileRow(number, text.split(delimiter), text)


def _unquoted(number: int, text: str, lines: Iterator[tuple[int, str]], profile: Profile) -> list[str]:
    """The cells of a row with quotes; a quoted cell may run over several lines."""
    ended = False

    def more() -> Iterator[str]:
        nonlocal ended
        size = 0
        for _, line in chain([(number, text)], (next_line for next_line, _ in zip(lines, range(_QUOTED_LINES)))):  # noqa: B905
            size += len(line)
            if size > profile.max_line_bytes:
                break
            yield line + "\n"
        ended = True

    cells = next(csv.reader(more(), delimiter=profile.delimiter, quotechar=profile.quote))
    if ended:
        raise StatementRefusedError(say("files.open_quote"), number)
    return cells


def _of_workbook(content: bytes, profile: Profile) -> Rows:
    from gateway.rooms.reconciliation.old_workbooks import OLE, read_old_workbook

    try:
        if content.startswith(OLE):
            sheet = read_old_workbook(content, profile.sheet or None)
        elif content.startswith(MAGIC):
            sheet = read_sheet(content, profile.sheet or None)
        else:
            raise StatementRefusedError(say("files.no_workbook"))
    except ValueError as error:
        raise StatementRefusedError(say("files.sheet", reason=str(error))) from None
    return Rows(
        (FileRow(row.number, row.cells, " ".join(row.cells), row.hidden) for row in sheet.rows),
        sheet.epoch,
    )


def is_blank(row: FileRow) -> bool:
    """Whether nothing stands in a row but blanks and delimiters."""
    return not any(cell.strip(BLANKS) for cell in row.cells or (row.text,))
