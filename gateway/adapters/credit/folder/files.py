"""The files of contract creditfolder/v1: the workbook of a submission, its receipt, the list of what is shown.

The same submission is the same bytes: nothing in a workbook tells when or where it was made.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import contracts
from gateway.adapters.credit.penalty_table import TABLES, same_name
from gateway.ports.credit import DisclosureKey, FieldError, Shown, Submission, SubmissionState
from gateway.words.days import told_day
from gateway.words.errors import ContractError, UnusableError
from gateway.words.spelling import number_key

TABLE: Final = TABLES["2018"]
"""The columns of a submission: those of Credit China's table."""


def _codes(table: str, key: str, value: str) -> dict[str, str]:
    return {row[key]: row[value] for row in contracts.code_table("creditfolder", "v1", table)}


COLUMNS: Final = _codes("columns", "name", "title") | {one.wire: one.title for one in TABLE.fields}
"""The title of each column by its name in our words, or on the wire of the table."""

SHEETS: Final = _codes("sheets", "action", "sheet")
_BY_TITLE: Final = {one.title: one.wire for one in TABLE.fields}
_VERDICTS: Final = _codes("verdicts", "state", "effect")
_SHOWN: Final = _codes("shown", "word", "state")
_STATES: Final = {"ok": SubmissionState.ACCEPTED, "rejected": SubmissionState.REJECTED}
_RECEIPT: Final = ("reference", "verdict", "receipt", "column", "code", "message")
_NO_DAY: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def workbook(action: str, reference: str, row: Mapping[str, Any]) -> bytes:
    """A submission: one sheet, the columns' titles, one row of texts. Columns without a value are there, empty."""
    import xlsxwriter

    columns = {"reference": reference, **row}
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.set_properties({"created": _NO_DAY})
        sheet = book.add_worksheet(SHEETS[action])
        text = book.add_format({"num_format": "@", "text_wrap": True})
        for at, (name, value) in enumerate(columns.items()):
            sheet.write_string(0, at, COLUMNS[name])
            sheet.write_string(1, at, str(value), text)
        sheet.set_column(0, len(columns) - 1, 24)
        sheet.freeze_panes(1, 1)
    return out.getvalue()


def table_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A filled row in the order of the table, with all its columns, as officials have it."""
    return {one.wire: row.get(one.wire, "") for one in TABLE.fields}


def key_row(key: DisclosureKey) -> dict[str, str]:
    """What names a published decision."""
    return {
        "CF_WSH": key.decision_number,
        "CF_CFJGDM": key.authority_code,
        "CF_XDR_MC": key.party_name.for_official_use(),
    }


def receipt(reference: str, content: bytes) -> Submission:
    """What a receipt says. UnusableError for what is none, ContractError for another reference or an unknown word."""
    lines = list(_lines(content, [COLUMNS[one] for one in _RECEIPT]))
    told = {one[COLUMNS["reference"]] for one in lines}
    if told != {reference}:
        raise ContractError(f"the receipt of {reference} tells of {', '.join(sorted(told)) or 'nothing'}")
    verdicts = {(one[COLUMNS["verdict"]], one[COLUMNS["receipt"]]) for one in lines}
    if len(verdicts) > 1:
        raise ContractError(f"the receipt of {reference} has {len(verdicts)} verdicts")
    ((word, number),) = verdicts
    state = _STATES.get(_VERDICTS.get(word, ""))
    if state is None or not number:
        raise ContractError(f"the receipt of {reference} has the number {number!r} and the unknown verdict {word!r}")
    errors: tuple[FieldError, ...] = ()
    if state is SubmissionState.REJECTED:
        column, code, message = (COLUMNS[one] for one in ("column", "code", "message"))
        errors = TABLE.named(
            [
                FieldError(field=_BY_TITLE.get(one[column], one[column]), code=one[code], message=one[message])
                for one in lines
            ]
        )
    return Submission(reference=reference, state=state, receipt=number, field_errors=errors)


def shown(content: bytes, key: DisclosureKey) -> Shown | None:
    """The entry of a publication in the list of what is shown. ContractError for a state that no table has."""
    wanted = ("CF_WSH", "CF_CFJGDM", "CF_XDR_MC", "state", "published_on")
    for line in _lines(content, [COLUMNS[one] for one in wanted]):
        told = {name: line.get(COLUMNS[name]) or None for name in (*wanted, *_BY_TITLE.values())}
        number, organ, name = (str(told[one] or "") for one in wanted[:3])
        same = number_key(number) == number_key(key.decision_number) and organ == key.authority_code
        if not same or not same_name(name, key.party_name.for_official_use()):
            continue
        word = str(told["state"] or "")
        if word not in _SHOWN:
            raise ContractError(f"the list says of {number} the unknown state {word!r}")
        return Shown.model_validate(
            {
                "key": key,
                "state": _SHOWN[word],
                "content": told["CF_NR"],
                "published_on": told_day(told["published_on"]),
                "party_code": told["CF_XDR_SHXYM"],
                "violation": told["CF_WFXW"],
                "authority_name": told["CF_CFJG"],
                "decided_on": told_day(told["CF_JDRQ"]),
                "publish_until": told_day(told["CF_GSJZQ"]),
            },
            strict=False,
        )
    return None


def _lines(content: bytes, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """The lines of a CSV that has these columns at least. UnusableError for what is none, or was cut."""
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableError(f"the file cannot be read: {error}") from error
    if not rows or not text.endswith("\n") or not set(columns) <= set(rows[0]):
        raise UnusableError(f"the file is cut, or has no columns {', '.join(columns)}")
    for row in rows[1:]:
        if len(row) != len(rows[0]):
            raise UnusableError(f"a line has {len(row)} values, the first {len(rows[0])}")
        yield dict(zip(rows[0], row, strict=True))
