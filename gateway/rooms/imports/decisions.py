"""Batches of decisions: JSON Lines, CSV or XLSX as officials have them become decisions, and are published.

Each row is judged before anything is written, at every target too. The file is read row by row, twice, and no more than
a few rows of it are held. A row that is known with the same facts changes nothing, so a batch that was interrupted is
simply run again: what is done is found done, what is missing follows.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.rooms.decisions import Decision, DecisionFacts, Decisions, PartyKind
from gateway.rooms.disclosures import Disclosures
from gateway.rooms.disclosures.judging import Refusal, Wanting
from gateway.rooms.disclosures.planning import NOTHING_MORE
from gateway.rooms.imports.records import is_authority
from gateway.rooms.imports.service import ImportReport, RowResult, Sums, as_seen
from gateway.rooms.imports.table import LONGEST, Line, stream
from gateway.words.clock import day_of
from gateway.words.days import Day
from gateway.words.errors import InvalidProblem, NotFoundProblem, Problem
from gateway.words.identifiers import clean_text
from gateway.words.money import Yuan, format_yuan
from gateway.words.saying import FieldName, Sentence, UnfitError, said_of, say
from gateway.words.spelling import number_key
from gateway.words.wrong import wrongs

_TOGETHER = 50
"""Rows that are judged in one query, and written in one transaction: others wait no longer than it takes."""
_LONGEST_LINE = 2 << 20
Outcome = Literal["new", "known"]
_PARTY = (
    "kind", "name", "uscc", "no_uscc_reason", "registration_number", "organisation_code", "tax_number",
    "institution_number", "social_organisation_number", "id_type", "id_number",
)  # fmt: skip
_HEAD = ("legal_representative", "representative_id_type", "representative_id_number")
_NOTHING = frozenset({"无", "/", "／", "\\", "-", "－", "—", "——", "N/A"})
"""What people write into a cell that has nothing to say."""


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
    party_no_uscc_reason: str | None = None
    party_registration_number: str | None = None
    party_organisation_code: str | None = None
    party_tax_number: str | None = None
    party_institution_number: str | None = None
    party_social_organisation_number: str | None = None
    party_id_type: str | None = None
    party_id_number: str | None = None
    party_is_minor: bool | None = None
    legal_representative: str | None = None
    representative_id_type: str | None = None
    representative_id_number: str | None = None
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
    surcharge_stated: bool | None = None
    payment_days: int | None = None
    case_name: str | None = None
    remark: str | None = None
    full_text: str | None = None

    def told(self) -> dict[str, Any]:
        """The facts as the API takes them."""
        given: dict[str, Any] = {
            name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None
        }
        party = {name: given.pop(f"party_{name}") for name in _PARTY if f"party_{name}" in given}
        party |= {name: given.pop(name) for name in _HEAD if name in given}
        for name in ("fine", "confiscated"):
            if (fen := given.pop(name, 0)) > 0:  # a column of amounts says 0 where there is none
                given[name] = format_yuan(fen)
        if "penalty_valid_until" in given:
            given["valid_until"] = given.pop("penalty_valid_until")
        rest = {name: value for name, value in given.items() if name not in ("authority", "decision_number")}
        return {**rest, "party": party, "penalty_kinds": [self.penalty_kinds]}


@dataclass(frozen=True)
class _Entry:
    """One row: of which authority, under which number, with which facts; or why it is none.

    ``total``: what is said of one that sums others.
    """

    line: int
    authority: str = ""
    number: str = ""
    facts: DecisionFacts | None = None
    wrong: tuple[Sentence | str, ...] = ()
    total: RowResult | None = None


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
        hidden: bool = False,
        progress: Callable[[int, int | None], None] = lambda _done, _all: None,
    ) -> ImportReport:
        """Judge all rows, then write them: all if none is bad, the good ones with ``partial``, none with ``dry_run``.

        ``publish``: at every target of the authority; what one would refuse makes the row bad. ``sheet``: of a workbook
        with several. ``hidden``: rows that a reader of the sheet does not see are taken too. ``progress(done, all)`` is
        told after each few rows, first judged and then written; how many there are to write is known once all are
        judged. Raises InvalidProblem for a file that is none.
        """
        report, seen = ImportReport(), dict[str, int]()
        for few in _few(entries(content, sheet, hidden)):
            judged = await self._judge(few, publish)
            report.rows += [_once(one, found, seen) for one, found in zip(few, judged, strict=True)]
            progress(len(report.rows), None)
        if dry_run or (report.count("bad") and not partial):
            return report
        report.written = True
        results = {one.line: one for one in report.rows}
        good, done = {one.line for one in report.rows if one.outcome in ("new", "known")}, 0
        for few in _few(one for one in entries(content, sheet, hidden) if one.line in good):
            results |= {one.line: one for one in await self._written(few, results, by, publish)}
            self._base.delivery.wake()
            progress(done := done + len(few), len(good))
        report.rows = [results[line] for line in sorted(results)]
        return report

    async def look(
        self, content: bytes, *, publish: bool = False, sheet: str | None = None, hidden: bool = False
    ) -> list[tuple[RowResult, str, DecisionFacts | None]]:
        """What would become of each row of a file now, with its authority and facts.

        Raises InvalidProblem for a file that is none.
        """
        report = await self.run(content, by="", dry_run=True, publish=publish, sheet=sheet, hidden=hidden)
        known = zip(report.rows, entries(content, sheet, hidden), strict=True)
        return [(told, one.authority, one.facts) for told, one in known if told.outcome != "noted"]

    async def take(self, authority: str, number: str, facts: DecisionFacts, *, by: str, publish: bool) -> Outcome:
        """One decision: new, or known already with these facts. Raises InvalidProblem for one that cannot be taken."""
        one = _Entry(1, authority, number, facts)
        (told,) = await self._judge([one], publish)
        if told.outcome != "bad":
            (told,) = await self._written([one], {1: told}, by, publish)
            self._base.delivery.wake()
        if told.outcome == "bad":
            raise InvalidProblem(told.reasons[0])
        return "new" if told.outcome == "new" else "known"

    async def _judge(self, few: Sequence[_Entry], publish: bool) -> list[RowResult]:
        return await self._base.store.read(lambda conn: [self._judged(conn, one, publish) for one in few])

    def _judged(self, conn: Connection, one: _Entry, publish: bool) -> RowResult:
        if one.facts is None:
            return one.total or RowResult(one.line, "bad", one.number, one.wrong)
        try:
            outcome: Outcome = "new" if self._known(conn, one, one.facts) is None else "known"
            notes = self._foreseen(conn, one, one.facts) if publish else ()
        except (ValueError, Problem) as error:
            return RowResult(one.line, "bad", one.number, (said_of(error),))
        return RowResult(one.line, outcome, one.number, notes)

    def _known(self, conn: Connection, one: _Entry, facts: DecisionFacts) -> Decision | None:
        """The decision where it is there already, as it is here. Raises ValueError, Problem."""
        if facts.decided_on > day_of(self._base.clock.now()):
            raise UnfitError(say("imports.decided_in_future"))
        if not is_authority(conn, one.authority):
            raise UnfitError(say("imports.no_authority", authority=one.authority))
        try:
            known = self._decisions.read(conn, one.authority, one.number)
        except NotFoundProblem:
            return None
        if known.facts != facts:
            raise UnfitError(say("imports.known_otherwise"))
        return known

    def _foreseen(self, conn: Connection, one: _Entry, facts: DecisionFacts) -> tuple[Sentence | str, ...]:
        """Where it would not be published, and why. Raises ValueError for what a target would refuse."""
        notes: list[Sentence | str] = []
        for intent in self._disclosures.foresee(conn, one.authority, one.number, facts):
            if isinstance(intent.found, Wanting):
                unmet = list(intent.found.fields.values())
                raise UnfitError(say("disclosures.unmet_at", target=intent.target, unmet=unmet))
            if isinstance(intent.found, Refusal):
                notes.append(say("imports.not_public", target=intent.target, reason=intent.found.reason))
        return tuple(notes)

    async def _written(
        self, few: Sequence[_Entry], judged: Mapping[int, RowResult], by: str, publish: bool
    ) -> list[RowResult]:
        """Rows in one transaction. Is one refused by now, all go again, each under a savepoint, which costs more."""

        def unit(conn: Connection) -> list[RowResult]:
            return [replace(judged[one.line], outcome=self._write(conn, one, by, publish)) for one in few]

        def one_by_one(conn: Connection) -> list[RowResult]:
            return [self._tried(conn, one, judged[one.line], by, publish) for one in few]

        try:
            return await self._base.store.write(unit)
        except _RefusedError:
            return await self._base.store.write(one_by_one)

    def _tried(self, conn: Connection, one: _Entry, judged: RowResult, by: str, publish: bool) -> RowResult:
        try:
            with conn.begin_nested():
                return replace(judged, outcome=self._write(conn, one, by, publish))
        except _RefusedError as refused:
            return RowResult(one.line, "bad", one.number, (refused.why,))

    def _write(self, conn: Connection, one: _Entry, by: str, publish: bool) -> Outcome:
        """One row, judged again in the transaction that writes it. Raises _RefusedError, perhaps half written."""
        assert one.facts is not None, "only good rows are written"
        try:
            decision, is_new = self._known(conn, one, one.facts), False
            if decision is None:
                decision, is_new = self._decisions.putting(one.authority, one.number, one.facts, by=by)(conn)
            if publish:
                self._disclosures.enter(conn, decision, None, NOTHING_MORE, self._base.clock.now())
        except (ValueError, Problem) as error:
            raise _RefusedError(said_of(error)) from error
        return "new" if is_new else "known"


class _RefusedError(Exception):
    """A row that was good when it was judged is so no more. ``why``."""

    def __init__(self, why: Sentence | str) -> None:
        super().__init__(why)
        self.why = why


def entries(content: bytes, sheet: str | None = None, hidden: bool = False) -> Iterator[_Entry]:
    """The rows of a file, one after another. Raises InvalidProblem where the file as a whole is none."""
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        yield from _json_lines(content)
        return
    needed = {name for name, one in DecisionRow.model_fields.items() if one.is_required()}
    sums = Sums()
    for line in stream(content, DecisionRow.model_fields, needed, sheet):
        told = as_seen(line, hidden)
        total = sums.look(told)
        yield _of_cells(told, needed) if total is None else _Entry(line.number, total=total)


def _of_cells(line: Line, needed: Container[str]) -> _Entry:
    number = line.cells.get("decision_number", "")
    if line.wrong:
        return _Entry(line.number, number=number, wrong=(line.wrong,))
    cells = {name: cell for name, cell in line.cells.items() if name in needed or cell not in _NOTHING}
    try:
        row = DecisionRow.model_validate(cells)
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
    if found.outcome in ("new", "known") and (first := seen.setdefault(key, one.line)) != one.line:
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
