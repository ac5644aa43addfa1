"""Batches of decisions: JSON Lines, CSV or XLSX as officials have them become decisions, and are published.

Each row is judged before anything is written, at every target too. The file is read row by row, twice, and no more than
a few rows of it are held. A row that is known with the same facts changes nothing, so a batch that was interrupted is
simply run again: what is done is found done, what is missing follows.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gateway.foundation.base import Foundation
from gateway.rooms.decisions import DecisionFacts, Decisions, PartyKind
from gateway.rooms.disclosures import Disclosures
from gateway.rooms.disclosures.judging import Refusal, Wanting
from gateway.rooms.imports.records import is_authority
from gateway.rooms.imports.service import ImportReport, RowResult
from gateway.rooms.imports.table import LONGEST, Line, stream
from gateway.words.clock import day_of
from gateway.words.days import Day
from gateway.words.errors import InvalidProblem, NotFoundProblem, Problem
from gateway.words.identifiers import clean_text
from gateway.words.money import Yuan, format_yuan
from gateway.words.saying import FieldName, Sentence, UnfitError, said_of, say
from gateway.words.spelling import number_key
from gateway.words.wrong import wrongs

_TOGETHER = 100
"""Rows that are judged, and written, at one time."""
_LONGEST_LINE = 2 << 20
_PARTY = ("kind", "name", "uscc", "registration_number", "id_type", "id_number")


class DecisionRow(BaseModel):
    """One decision by the names of the file's columns. Amounts are decimal yuan, days 2026-06-30. Empty: left out.

    ``penalty_kinds``: joined by ；. A line of JSON has the body of ``PUT /v1/decisions/…`` with these first two.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    authority: Annotated[str, Field(min_length=1, max_length=40)]
    decision_number: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(clean_text)]
    decided_on: Day
    party_kind: PartyKind
    party_name: str
    party_uscc: str | None = None
    party_registration_number: str | None = None
    party_id_type: str | None = None
    party_id_number: str | None = None
    legal_representative: str | None = None
    procedure: Literal["simple", "ordinary"] = "ordinary"
    violation: str
    facts: str
    basis: str
    penalty_kinds: str
    content: str
    fine: Yuan | None = None
    confiscated: Yuan | None = None
    licence: str | None = None
    violation_on: Day | None = None
    penalty_valid_until: Day | None = None
    field_of_law: str = "other"
    seriousness: str | None = None
    seriousness_standard: str | None = None
    seriousness_standard_on: Day | None = None

    def told(self) -> dict[str, Any]:
        """The facts as the API takes them."""
        given: dict[str, Any] = {
            name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None
        }
        party = {name: given.pop(f"party_{name}") for name in _PARTY if f"party_{name}" in given}
        if (head := given.pop("legal_representative", None)) is not None:
            party["legal_representative"] = head
        for name in ("fine", "confiscated"):
            if name in given:
                given[name] = format_yuan(given[name])
        if "penalty_valid_until" in given:
            given["valid_until"] = given.pop("penalty_valid_until")
        rest = {name: value for name, value in given.items() if name not in ("authority", "decision_number")}
        return {**rest, "party": party, "penalty_kinds": [self.penalty_kinds]}


@dataclass(frozen=True)
class _Entry:
    """One row: of which authority, under which number, with which facts; or why it is none."""

    line: int
    authority: str = ""
    number: str = ""
    facts: DecisionFacts | None = None
    wrong: tuple[Sentence | str, ...] = ()


class DecisionBatches:
    """Brings decisions in, many at a time."""

    def __init__(self, base: Foundation, decisions: Decisions, disclosures: Disclosures) -> None:
        self._base = base
        self._decisions = decisions
        self._disclosures = disclosures

    async def run(
        self,
        content: bytes,
        *,
        by: str,
        dry_run: bool = False,
        partial: bool = False,
        publish: bool = False,
        sheet: str | None = None,
        progress: Callable[[int], None] = lambda _done: None,
    ) -> ImportReport:
        """Judge all rows, then write them: all if none is bad, the good ones with ``partial``, none with ``dry_run``.

        ``publish``: at every target of the authority; what one would refuse makes the row bad. ``progress(done)`` is
        told after each few rows, of both turns. Raises InvalidProblem for a file that is none.
        """
        report, seen, done = ImportReport(), dict[str, int](), 0
        for few in _few(entries(content, sheet)):
            judged = await asyncio.gather(*(self._judge(one, publish) for one in few))
            report.rows += [_once(one, found, seen) for one, found in zip(few, judged, strict=True)]
            progress(done := done + len(few))
        if dry_run or (report.count("bad") and not partial):
            return report
        report.written = True
        good = {one.line for one in report.rows if one.outcome != "bad"}
        results = {one.line: one for one in report.rows}
        for few in _few(one for one in entries(content, sheet) if one.line in good):
            for found in await asyncio.gather(*(self._write(one, by, publish) for one in few)):
                results[found.line] = found
            progress(done := done + len(few))
        report.rows = [results[line] for line in sorted(results)]
        return report

    async def _judge(self, one: _Entry, publish: bool) -> RowResult:
        if one.facts is None:
            return RowResult(one.line, "bad", one.number, one.wrong)
        try:
            outcome = await self._known(one)
            notes = await self._foreseen(one) if publish else ()
        except (ValueError, Problem) as error:
            return RowResult(one.line, "bad", one.number, (said_of(error),))
        return RowResult(one.line, outcome, one.number, notes)

    async def _known(self, one: _Entry) -> Literal["new", "known"]:
        """Whether this decision is there already, as it is here. Raises ValueError."""
        assert one.facts is not None, "it was read"
        if one.facts.decided_on > day_of(self._base.clock.now()):
            raise UnfitError(say("imports.decided_in_future"))
        if not await self._base.store.read(lambda conn: is_authority(conn, one.authority)):
            raise UnfitError(say("imports.no_authority", authority=one.authority))
        try:
            known = await self._decisions.get(one.authority, one.number)
        except NotFoundProblem:
            return "new"
        if known.facts != one.facts:
            raise UnfitError(say("imports.known_otherwise"))
        return "known"

    async def _foreseen(self, one: _Entry) -> tuple[Sentence | str, ...]:
        """Where it would not be published, and why. Raises ValueError for what a target would refuse."""
        assert one.facts is not None, "it was read"
        notes: list[Sentence | str] = []
        for intent in await self._disclosures.foresee(one.authority, one.number, one.facts):
            if isinstance(intent.found, Wanting):
                unmet = list(intent.found.fields.values())
                raise UnfitError(say("disclosures.unmet_at", target=intent.target, unmet=unmet))
            if isinstance(intent.found, Refusal):
                notes.append(say("imports.not_public", target=intent.target, reason=intent.found.reason))
        return tuple(notes)

    async def _write(self, one: _Entry, by: str, publish: bool) -> RowResult:
        assert one.facts is not None, "only good rows are written"
        judged = await self._judge(one, publish)
        if judged.outcome == "bad":
            return judged
        try:
            await self._decisions.put(one.authority, one.number, one.facts, by=by)
            if publish:
                await self._disclosures.request(one.authority, one.number)
        except (ValueError, Problem) as error:
            return RowResult(one.line, "bad", one.number, (said_of(error),))
        return judged


def entries(content: bytes, sheet: str | None = None) -> Iterator[_Entry]:
    """The rows of a file, one after another. Raises InvalidProblem where the file as a whole is none."""
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        yield from _json_lines(content)
        return
    needed = {name for name, one in DecisionRow.model_fields.items() if one.is_required()}
    for line in stream(content, DecisionRow.model_fields, needed, sheet):
        if not line.total:
            yield _of_cells(line)


def _of_cells(line: Line) -> _Entry:
    number = line.cells.get("decision_number", "")
    if line.wrong or line.hidden:
        return _Entry(line.number, number=number, wrong=(line.wrong or say("imports.hidden"),))
    try:
        row = DecisionRow.model_validate(line.cells)
        return _entry(line.number, row.authority, row.decision_number, row.told())
    except ValidationError as error:
        return _Entry(line.number, number=number, wrong=tuple(_words(error)))


def _json_lines(content: bytes) -> Iterator[_Entry]:
    if len(content) > LONGEST:
        raise InvalidProblem(say("imports.file_over", most=LONGEST >> 20))
    start = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    for number in itertools.count(1):
        end = content.find(b"\n", start)
        raw = content[start : end if end >= 0 else len(content)]
        if raw.strip():
            yield _of_json(number, raw)
        if end < 0:
            return
        start = end + 1


def _of_json(line: int, raw: bytes) -> _Entry:
    try:
        told = json.loads(raw) if len(raw) <= _LONGEST_LINE else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return _Entry(line, wrong=(say("imports.no_object"),))
    authority, number = (told.pop(name, None) for name in ("authority", "decision_number"))
    if not (isinstance(authority, str) and isinstance(number, str) and authority and number.strip()):
        return _Entry(line, wrong=(say("imports.no_number"),))
    return _entry(line, authority, number, told)


def _entry(line: int, authority: str, number: str, told: dict[str, Any]) -> _Entry:
    try:
        facts = DecisionFacts.model_validate(told, strict=False)
    except ValidationError as error:
        return _Entry(line, authority, number, wrong=tuple(_words(error)))
    return _Entry(line, authority, number, facts)


def _once(one: _Entry, found: RowResult, seen: dict[str, int]) -> RowResult:
    """A decision that stands twice in a file is bad the second time."""
    key = f"{one.authority} {number_key(one.number)}"
    if found.outcome != "bad" and (first := seen.setdefault(key, one.line)) != one.line:
        return RowResult(one.line, "bad", one.number, (say("imports.decision_twice", first=first),))
    return found


def _few(those: Iterable[_Entry]) -> Iterator[Sequence[_Entry]]:
    waiting = iter(those)
    while few := list(itertools.islice(waiting, _TOGETHER)):
        yield few


def _words(error: ValidationError) -> Iterator[Sentence]:
    """What is wrong with a row, each fact by its name."""
    for one in wrongs(error.errors(include_input=False, include_url=False)):
        yield (
            say("imports.wrong_cell", field=FieldName(one.field), reason=one.reason)
            if one.field
            else say("imports.wrong_row", reason=one.said)
        )
