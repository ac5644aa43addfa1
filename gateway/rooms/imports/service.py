"""Going live: open bills of another system come over with their codes, from a CSV or XLSX file.

Each row is judged before anything is written; a bad one is named by its line and reason. A row makes a decision with
the few facts that a bill tells, and a payment that is ISSUED already under its code. A code that is known is left as it
is, so that a file may be imported again after an interruption.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial as partially
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.ports.nontax import BillLine, IssueRequest
from gateway.rooms.decisions import DecisionFacts, Party, PartyKind
from gateway.rooms.decisions.records import add as add_decision
from gateway.rooms.decisions.records import add_version, fetch_by_number, is_revoked
from gateway.rooms.imports.records import is_authority
from gateway.rooms.imports.table import AMOUNTS, Line, read
from gateway.rooms.payments import records
from gateway.rooms.payments.bill import LineInput, LineKind, Unit
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.rooms.payments.lives import CodeKey, PaymentLives
from gateway.rooms.payments.records import Payment, new_payment
from gateway.rooms.payments.states import CodeState, Status
from gateway.words.clock import day_of, start_of, to_micros
from gateway.words.days import Day
from gateway.words.errors import InvalidProblem, Problem
from gateway.words.identifiers import check_payment_code, clean_text, new_id
from gateway.words.money import Yuan, format_yuan, parse_yuan
from gateway.words.saying import FieldName, Language, Sentence, UnfitError, said_of, say, worded
from gateway.words.spelling import number_key, wire_name
from gateway.words.text import Ask
from gateway.words.wrong import shaped, wrongs

Progress = Callable[[int, int], None]

_TOLD = "由原系统导入，详见决定书"
_CHUNK = 200


class BillFacts(Ask):
    """One open bill under its code, by the names of a file's columns. Amounts are decimal yuan, days 2026-06-30.

    ``reference``: the bill's number at the platform 单位缴款书编号, by which it is asked for and voided.
    ``served_on`` is not a column: service is recorded with the decision's events. Empty cells are left out.
    """

    authority: Annotated[str, Field(min_length=1, max_length=40)]
    decision_number: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(clean_text)]
    decided_on: Day
    reference: Annotated[str, Field(pattern=shaped(r"^[0-9A-Za-z]{1,64}$", "shapes.reference"))]
    party_kind: PartyKind
    party_name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(clean_text)]
    party_uscc: str | None = None
    party_registration_number: str | None = None
    party_id_type: str | None = None
    party_id_number: str | None = None
    fine: Yuan | None = None
    confiscated: Yuan | None = None
    issued_on: Day | None = None
    valid_until: Day | None = None
    due_on: Day | None = None
    pay_url: Annotated[str, Field(max_length=2000, pattern=shaped(r"^https?://", "shapes.web_address"))] | None = None
    procedure: Literal["simple", "ordinary"] = "ordinary"
    surcharge_stated: bool = False
    violation: str = _TOLD
    basis: str = _TOLD

    @model_validator(mode="after")
    def _pays(self) -> Self:
        if not (self.fine or self.confiscated):
            raise UnfitError(say("imports.nothing_to_pay"))
        return self

    def facts(self) -> DecisionFacts:
        """The few facts that a bill tells. Raises ValidationError."""
        kinds = [*(["罚款"] if self.fine else []), *(["没收违法所得"] if self.confiscated else [])]
        party = {
            "kind": self.party_kind,
            "name": self.party_name,
            "uscc": self.party_uscc,
            "registration_number": self.party_registration_number,
            "id_type": self.party_id_type,
            "id_number": self.party_id_number,
        }
        return DecisionFacts.model_validate(
            {
                "procedure": self.procedure,
                "party": Party.model_validate(party),
                "violation": self.violation,
                "facts": _TOLD,
                "basis": self.basis,
                "penalty_kinds": kinds,
                "content": "，".join(f"{line.kind.value} {format_yuan(line.amount)}" for line in self.lines()),
                "fine": format_yuan(self.fine) if self.fine else None,
                "confiscated": format_yuan(self.confiscated) if self.confiscated else None,
                "decided_on": self.decided_on,
                "surcharge_stated": self.surcharge_stated and bool(self.fine),
            }
        )

    def lines(self) -> list[LineInput]:
        """What is to be paid, by kind."""
        parts = ((LineKind.CONFISCATED, self.confiscated), (LineKind.FINE, self.fine))
        return [LineInput(kind=kind, amount=format_yuan(amount)) for kind, amount in parts if amount]


class BillRow(BillFacts):
    """One open bill with its code, as a row of a file has it."""

    code: str


@dataclass(frozen=True)
class RowResult:
    """What became of one line of the file: new, known, bad with its reason, or noted, which is no record of a bill."""

    line: int
    outcome: Literal["new", "known", "bad", "noted"]
    code: str = ""
    reasons: tuple[Sentence | str, ...] = ()
    payment: str = ""

    def reason_in(self, language: Language) -> str:
        """Why, for people; empty where there is nothing to say."""
        return "; ".join(worded(one, language) for one in self.reasons)


@dataclass
class ImportReport:
    """All results, and whether anything was written."""

    rows: list[RowResult] = field(default_factory=list)
    written: bool = False

    def count(self, outcome: str) -> int:
        """How many rows ended so."""
        return sum(1 for row in self.rows if row.outcome == outcome)


@dataclass(frozen=True)
class _Judged:
    line: int
    row: BillRow
    facts: DecisionFacts
    unit: Unit
    channel: str
    warning: Sentence | None = None

    @property
    def noted(self) -> tuple[Sentence, ...]:
        """What is said of the row although it is good."""
        return () if self.warning is None else (self.warning,)


def lines_of(content: bytes, sheet: str | None = None) -> list[Line]:
    """The lines of a file. Raises InvalidProblem where the file as a whole is none."""
    needed = {name for name, one in BillRow.model_fields.items() if one.is_required()}
    return read(content, BillRow.model_fields, needed, sheet)


class Imports:
    """Brings open bills of another system in."""

    def __init__(self, base: Foundation) -> None:
        self._base = base

    async def run(
        self,
        content: bytes,
        *,
        by: str,
        dry_run: bool = False,
        partial: bool = False,
        sheet: str | None = None,
        hidden: bool = False,
        progress: Progress = lambda _done, _all: None,
    ) -> ImportReport:
        """Judge all rows, then write them: all if none is bad, the good ones with ``partial``, none with ``dry_run``.

        ``sheet``: of a workbook with several. ``hidden``: rows that a reader of the sheet does not see are taken too.
        ``progress(done, all)`` is told after each chunk, judging and writing alike. Raises InvalidProblem for a file
        that is none.
        """
        rows = [as_seen(one, hidden) for one in await asyncio.to_thread(lines_of, content, sheet)]
        sums = Sums()
        report = ImportReport(rows=[found for one in rows if (found := sums.look(one)) is not None])
        rows = [one for one in rows if not one.total]
        good: list[_Judged] = []
        seen: dict[str, int] = {}
        total = len(rows) * (1 if dry_run else 2)
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            results = await self._base.store.read(partially(self._judge, rows=chunk, seen=seen))
            for result in results:
                if isinstance(result, _Judged):
                    good.append(result)
                else:
                    report.rows.append(result)
            progress(min(start + _CHUNK, len(rows)), total)
        if dry_run or (report.count("bad") and not partial):
            report.rows += [RowResult(one.line, "new", one.row.code, one.noted) for one in good]
        else:
            report.written = True
            for start in range(0, len(good), _CHUNK):
                made = [self._made(one) for one in good[start : start + _CHUNK]]
                report.rows += await self._base.store.write(partially(self._write, made=made, by=by))
                progress(len(rows) + min(start + _CHUNK, len(good)), total)
        report.rows.sort(key=lambda one: one.line)
        return report

    async def look(
        self, content: bytes, *, sheet: str | None = None, hidden: bool = False
    ) -> list[tuple[RowResult, Mapping[str, str]]]:
        """What would become of each row of a file now, with its cells.

        Raises InvalidProblem for a file that is none.
        """
        report = await self.run(content, by="", dry_run=True, sheet=sheet, hidden=hidden)
        cells = {one.number: one.cells for one in await asyncio.to_thread(lines_of, content, sheet)}
        return [(one, cells[one.line]) for one in report.rows if one.outcome != "noted"]

    async def take(self, row: BillRow, *, by: str) -> RowResult:
        """One bill: new, or known already and left. Raises InvalidProblem for one that cannot be taken."""
        try:
            facts = row.facts()
            judged = await self._base.store.read(lambda conn: self._fits(conn, 1, row, facts))
        except ValidationError as error:
            raise InvalidProblem(say("imports.wrong_row", reason=list(_words(error)))) from error
        except ValueError as error:
            raise InvalidProblem(said_of(error)) from error
        if isinstance(judged, RowResult):
            return judged
        made = self._made(judged)
        told = await self._base.store.write(lambda conn: self._write_row(conn, *made, by))
        if told.outcome == "bad":
            raise InvalidProblem(told.reasons[0])
        return told

    # --- judging ----------------------------------------------------------------------------------------------------

    def _judge(self, conn: Connection, rows: Sequence[Line], seen: dict[str, int]) -> list[_Judged | RowResult]:
        return [self._judge_row(conn, line, seen) for line in rows]

    def _judge_row(self, conn: Connection, told: Line, seen: dict[str, int]) -> _Judged | RowResult:
        line, code = told.number, told.cells.get("code", "")
        try:
            if told.wrong:
                return RowResult(line, "bad", code, (told.wrong,))
            row = BillRow.model_validate(told.cells)
            facts = row.facts()
            if (first := seen.setdefault(row.code, line)) != line:
                raise UnfitError(say("imports.code_twice", first=first))
            decision = f"{row.authority} {number_key(row.decision_number)}"
            if (first := seen.setdefault(decision, line)) != line:
                raise UnfitError(say("imports.decision_twice", first=first))
            found = self._fits(conn, line, row, facts)
            return replace(found, warning=told.warning) if isinstance(found, _Judged) else found
        except ValidationError as error:
            return RowResult(line, "bad", code, tuple(_words(error)))
        except (ValueError, Problem) as error:
            return RowResult(line, "bad", code, (said_of(error),))

    def _fits(self, conn: Connection, line: int, row: BillRow, facts: DecisionFacts) -> _Judged | RowResult:
        """Whether a row can be taken in as things stand. Raises ValueError."""
        today = day_of(self._base.clock.now())
        if row.decided_on > today:
            raise UnfitError(say("imports.decided_in_future"))
        if not is_authority(conn, row.authority):
            raise UnfitError(say("imports.no_authority", authority=row.authority))
        channels = self._base.channels.route(row.authority, "payments")
        if not channels:
            raise UnfitError(say("imports.no_channel", authority=row.authority))
        unit = records.unit_of(conn, row.authority, today)
        if unit is None:
            raise UnfitError(say("imports.no_unit", authority=row.authority, today=today))
        if unfit := [one.kind.value for one in row.lines() if one.kind not in unit.items]:
            raise UnfitError(say("imports.no_income_item", code=unit.code, unfit=unfit))
        try:
            check_payment_code(row.code, length=channels[0].keys_of(PaymentKeys).code_length)
        except ValueError as error:
            raise UnfitError(say("imports.wrong_code", error=said_of(error))) from None
        channel = channels[0].name
        if (known := self._known(conn, channel, row)) is not None:
            return RowResult(line, "known", row.code, payment=known)
        decision = fetch_by_number(conn, self._base.envelope, row.authority, row.decision_number)
        if decision is not None:
            if is_revoked(conn, decision.id):
                raise UnfitError(say("imports.revoked"))
            if records.standing(conn, decision.id).live(0, "main") is not None:
                raise UnfitError(say("imports.other_code"))
            if (decision.facts.fine or 0, decision.facts.confiscated or 0) != (row.fine or 0, row.confiscated or 0):
                raise UnfitError(say("imports.other_amounts"))
        return _Judged(line, row, facts, unit, channel)

    def _known(self, conn: Connection, channel: str, row: BillRow) -> str | None:
        """The payment that has this code already. Raises ValueError when that is for another demand."""
        owner = records.by_code(conn, channel, row.code)
        if owner is None:
            if records.fetch_code(conn, channel, row.reference) is not None:
                raise UnfitError(say("imports.reference_taken", reference=row.reference))
            return None
        payment = records.held(conn, owner.payment_id)
        total = sum(line.amount for line in row.lines())
        told = (row.authority, number_key(row.decision_number), total)
        if (payment.authority, number_key(payment.decision_number), payment.amount) != told:
            raise UnfitError(
                say("imports.code_taken", decision_number=payment.decision_number, amount=format_yuan(payment.amount))
            )
        return payment.id

    # --- writing ----------------------------------------------------------------------------------------------------

    def _made(self, one: _Judged) -> tuple[_Judged, Payment, IssueRequest]:
        """What can be made outside the transaction: ids, the bill, what is sealed."""
        row, unit = one.row, one.unit
        at = to_micros(self._base.clock.now())
        lines = tuple(
            BillLine(item_code=unit.items[line.kind].code, item_name=unit.items[line.kind].name, amount=line.amount)
            for line in row.lines()
        )
        bill = IssueRequest(
            reference=row.reference,
            region=unit.region,
            unit_code=unit.code,
            unit_name=unit.name,
            payer_name=wire_name(row.party_name),
            payer_code=None if row.party_kind is PartyKind.NATURAL_PERSON else row.party_uscc,
            payer_is_person=row.party_kind is PartyKind.NATURAL_PERSON,
            decision_number=row.decision_number,
            lines=lines,
            total=sum(line.amount for line in lines),
            bill_date=row.issued_on or row.decided_on,
            due_on=row.due_on,
        )
        made = new_payment(self._base.envelope, bill, authority=row.authority, channel=one.channel, at=at)
        payment = replace(
            made,
            status=Status.ISSUED,
            code=row.code,
            pay_url=row.pay_url,
            valid_until_on=row.valid_until,
            due_on=row.due_on,
        )
        return one, payment, bill

    def _write(
        self, conn: Connection, made: Sequence[tuple[_Judged, Payment, IssueRequest]], by: str
    ) -> list[RowResult]:
        return [self._write_row(conn, one, payment, bill, by) for one, payment, bill in made]

    def _write_row(self, conn: Connection, one: _Judged, payment: Payment, bill: IssueRequest, by: str) -> RowResult:
        """One row, judged again in the transaction that writes it."""
        row = one.row
        try:
            again = self._fits(conn, one.line, row, one.facts)
        except ValueError as error:
            return RowResult(one.line, "bad", row.code, (said_of(error),))
        if isinstance(again, RowResult):
            return again
        now = payment.created_at
        decision = fetch_by_number(conn, self._base.envelope, row.authority, row.decision_number)
        decision_id = decision.id if decision is not None else new_id("dec")
        if decision is None:
            add_decision(conn, self._base.envelope, decision_id, row.authority, row.decision_number, one.facts, now)
            add_version(conn, self._base.envelope, decision_id, 1, one.facts, by, now)
            self._emit(conn, "decision.recorded", decision_id, row, imported=True)
        records.lock_decision(conn, decision_id)
        records.add(conn, replace(payment, decision_id=decision_id), row.lines(), bill.lines, row.reference)
        key = CodeKey(one.channel, row.reference)
        issued = to_micros(start_of(row.issued_on or row.decided_on))  # the earlier system issued it: not now
        PaymentLives(self._base.events).code.move(conn, key, CodeState.LIVE, code=row.code, issued_at=issued)
        self._emit(conn, "payment.imported", payment.id, row, code=row.code, amount=format_yuan(bill.total))
        return RowResult(one.line, "new", row.code, one.noted, payment=payment.id)

    def _emit(self, conn: Connection, type: str, subject: str, row: BillRow, **data: Any) -> None:
        self._base.events.emit(
            conn,
            type=type,
            subject=subject,
            authority=row.authority,
            data={"decision_number": row.decision_number, **data},
        )


def as_seen(line: Line, hidden: bool) -> Line:
    """A line, refused where nobody who looks at the sheet sees it and it was not said that such rows are meant."""
    if not line.hidden or hidden or line.wrong:
        return line
    return replace(line, wrong=say("imports.hidden"), total=False)


class Sums:
    """What the rows of a file come to so far, against which rows that sum others are held."""

    def __init__(self) -> None:
        self._fen: Counter[str] = Counter()

    def look(self, line: Line) -> RowResult | None:
        """None for a record. What sums others is noted where it agrees with the rows above, and bad where not."""
        if not line.total:
            counted = {name: _fen(line.cells[name]) for name in AMOUNTS if name in line.cells and not line.wrong}
            self._fen.update(counted)
            return None
        differs = [name for name, told in line.cells.items() if _fen(told) != self._fen[name]]
        told = [say("imports.sum", name=FieldName(name), amount=format_yuan(self._fen[name])) for name in line.cells]
        outcome: Literal["bad", "noted"] = "bad" if differs else "noted"
        said = say("imports.total_differs", told=told) if differs else say("imports.total_agrees", told=told)
        return RowResult(line.number, outcome, reasons=(said,))


def _fen(text: str) -> int:
    try:
        return parse_yuan(text)
    except ValueError:
        return 0


def _words(error: ValidationError) -> Iterator[Sentence]:
    """What is wrong with a row, each column by its Chinese name and its own."""
    for one in wrongs(error.errors(include_input=False, include_url=False)):
        if one.field in BillRow.model_fields:
            yield say("imports.wrong_cell", field=FieldName(one.field), reason=one.reason)
        else:
            yield say("imports.wrong_row", reason=one.said)
