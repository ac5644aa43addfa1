"""What can be done about reconciliation 对账: run a day, look at its breaks, resolve them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.clock import Clock, to_micros
from gateway.crypto.envelope import Envelope
from gateway.delivery.events import Events
from gateway.errors import (
    ConflictProblem,
    ContractError,
    ExchangeError,
    InvalidProblem,
    NotFoundProblem,
    Problem,
    UnavailableProblem,
)
from gateway.identifiers import clean_text, new_id
from gateway.payments import apply_paid, settlement
from gateway.payments.settlement import Owner, Standing
from gateway.payments.states import Settlement
from gateway.plugins import Channels
from gateway.ports import NonTaxPlatform, PaidFact
from gateway.reconciliation import records
from gateway.reconciliation.matching import BreakKind, Finding, Key, match
from gateway.reconciliation.records import Break, Run
from gateway.reconciliation.statement import Statement, StatementRefusedError, Window, fetch, window
from gateway.store import Store

Remember = Callable[[Connection, str], None]

HEALED = "the statement told us first; applied as a callback would have been"
CLEARED = "a later run found nothing different any more"


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


@dataclass
class _Pass:
    """What one run works on, inside its transaction."""

    run_id: str
    channel: str
    told: Statement
    days: Window
    provisional: bool
    now: int
    cleared: list[Break] = field(default_factory=list)


class Reconciliation:
    """Statement against books, both ways, once a day and again whenever somebody asks: a rerun has no second effect.

    ``cut_offs`` names the channels whose day does not end at midnight. Emits ``break.opened``, ``break.closed`` and
    ``payment.settlement`` in the transaction of the change.
    """

    def __init__(
        self,
        store: Store,
        channels: Channels,
        events: Events,
        envelope: Envelope,
        clock: Clock,
        cut_offs: Mapping[str, time] | None = None,
    ) -> None:
        self._store = store
        self._channels = channels
        self._events = events
        self._envelope = envelope
        self._clock = clock
        self._cut_offs = dict(cut_offs or {})

    async def run(self, channel: str, day: date, *, by: str, remember: Remember = _forget) -> Run:
        """Fetch the day's statement, believe it as a whole or not at all, match both ways, keep what differs.

        Before the platform's day has ended the run is provisional: what only we have may still come, and is counted
        as waiting. ``remember(conn, run_id)`` joins the transaction. Raises NotFoundProblem and InvalidProblem;
        ConflictProblem ``statement-refused``, UnavailableProblem ``statement-unavailable`` (both kept as runs).
        """
        platform = self._platform(channel)
        days = window(day, self._cut_offs.get(channel, time.min))
        begun = to_micros(self._clock.now())
        if begun < days.start:
            raise InvalidProblem(
                f"the platform's day {day} has not begun", field="day", cure="Reconcile a day that has passed."
            )
        run_id = new_id("rec")
        this = {"id": run_id, "channel": channel, "day_on": day, "provisional": begun < days.end, "ran_by": by}
        try:
            told = await fetch(platform, day, days)
        except (StatementRefusedError, ExchangeError) as error:
            problem = _told_nothing(error)
            state = "refused" if isinstance(problem, ConflictProblem) else "failed"
            at = to_micros(self._clock.now())
            await self._store.write(
                lambda conn: records.add_run(conn, **this, state=state, reason=problem.detail, ran_at=at)
            )
            raise problem from error
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> Run:
            statement_id = records.keep_statement(conn, channel, told, now)
            records.add_run(conn, **this, state="done", statement_id=statement_id, ran_at=now)
            self._reconcile(conn, _Pass(run_id, channel, told, days, begun < days.end, now))
            remember(conn, run_id)
            done = records.fetch_run(conn, run_id)
            assert done is not None
            return done

        try:
            return await self._store.write(unit)
        except IntegrityError as error:
            raise ConflictProblem(
                f"another node reconciled {channel} {day} at the same moment", cure="Run it again."
            ) from error

    async def get_run(self, run_id: str) -> Run:
        """One run. Raises NotFoundProblem."""
        found = await self._store.read(lambda conn: records.fetch_run(conn, run_id))
        if found is None:
            raise NotFoundProblem("no such reconciliation")
        return found

    async def runs(
        self, *, channel: str | None = None, day: date | None = None, before: str | None = None, limit: int = 50
    ) -> list[Run]:
        """Runs, newest first."""
        return await self._store.read(
            lambda conn: records.search_runs(conn, channel=channel, day=day, before=before, limit=limit)
        )

    async def breaks(
        self,
        *,
        authorities: Collection[str] | None = None,
        channel: str | None = None,
        day: date | None = None,
        kind: BreakKind | None = None,
        state: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Break]:
        """Breaks, newest first; None for ``authorities`` shows all, also those that nobody owns yet."""
        return await self._store.read(
            lambda conn: records.search_breaks(
                conn,
                authorities=authorities,
                channel=channel,
                day=day,
                kind=kind,
                state=state,
                before=before,
                limit=limit,
            )
        )

    async def get_break(self, id: str) -> Break:
        """One break. Raises NotFoundProblem."""
        found = await self._store.read(lambda conn: records.fetch_break(conn, id))
        if found is None:
            raise NotFoundProblem("no such break")
        return found

    async def resolve(self, id: str, reason: str, *, by: str, remember: Remember = _forget) -> Break:
        """A person explains a break. It stays resolved while its figures stay what they are.

        Moves no money and no payment. Raises NotFoundProblem, InvalidProblem, ConflictProblem when it is not open.
        """
        try:
            said = clean_text(reason, multiline=True)
        except ValueError as problem:
            raise InvalidProblem(str(problem), field="reason") from problem
        if not said:
            raise InvalidProblem("a resolution needs a reason", field="reason")
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> Break:
            known = records.fetch_break(conn, id)
            if known is None:
                raise NotFoundProblem("no such break")
            if known.state != "open" or not records.change_break(
                conn, known, state="resolved", closed_at=now, closed_by=by, reason=said
            ):
                raise ConflictProblem(f"this break is {known.state}", type="break-not-open")
            self._tell(conn, "break.closed", known, state="resolved")
            if known.payment_id is not None:
                self._settle(conn, known.channel, {known.payment_id}, set(), now)
            remember(conn, id)
            done = records.fetch_break(conn, id)
            assert done is not None
            return done

        return await self._store.write(unit)

    # --- inside a run's transaction -----------------------------------------------------------------------------------

    def _reconcile(self, conn: Connection, this: _Pass) -> None:
        issued = settlement.owners(conn, this.channel, {line.code for line in this.told.lines})
        findings = self._match(conn, this, issued)
        healed = self._heal(conn, this, findings)
        if healed:
            findings = self._match(conn, this, issued)
        waiting = [finding for finding in findings if finding.kind is BreakKind.OURS_ONLY and this.provisional]
        self._keep_breaks(conn, this, [one for one in findings if one.kind and one not in waiting], healed, issued)
        equal = [finding for finding in findings if finding.kind is None]
        matched = {one.booked.payment_id for one in equal if one.booked is not None and one.booked.payment_id}
        concerned = {
            payment
            for payment in (
                *(_owner(finding, issued).payment_id for finding in findings),
                *(known.payment_id for known in this.cleared),
            )
            if payment
        }
        self._settle(conn, this.channel, concerned, matched, this.now)
        records.set_run(
            conn,
            this.run_id,
            matched=len(equal),
            matched_amount=sum(finding.theirs or 0 for finding in equal),
            healed=len(healed),
            waiting=len(waiting),
            breaks=records.count_open(conn, this.channel, this.told.day),
        )

    def _match(self, conn: Connection, this: _Pass, issued: Collection[str]) -> list[Finding]:
        lines = this.told.lines
        books = settlement.books(conn, this.channel, this.days.start, this.days.end, {line.code for line in lines})
        here = {(line.code, line.bank_serial) for line in lines}
        missing = {one.code for one in books if (one.code, one.bank_serial) not in here}
        elsewhere = records.told(conn, this.channel, missing, besides=this.told.day)
        return match(books, lines, issued=issued, days=this.days, elsewhere=elsewhere)

    def _heal(self, conn: Connection, this: _Pass, findings: Iterable[Finding]) -> set[Key]:
        """Money on our codes that nobody told us about applies itself, by the function that a callback uses."""
        lines = [one.line for one in findings if one.kind is BreakKind.PLATFORM_ONLY and one.line is not None]
        for line in sorted(lines, key=lambda line: (line.paid_at, line.bank_serial)):
            fact = PaidFact(
                code=line.code,
                amount=line.amount,
                paid_at=line.paid_at,
                bank_serial=line.bank_serial,
                pay_mode="unknown",
            )
            apply_paid(conn, self._events, self._envelope, this.channel, fact, "statement", this.now)
        return {(line.code, line.bank_serial) for line in lines}

    def _keep_breaks(
        self,
        conn: Connection,
        this: _Pass,
        findings: Iterable[Finding],
        healed: Collection[Key],
        issued: Mapping[str, Owner],
    ) -> None:
        known = records.breaks_of_day(conn, this.channel, this.told.day)
        by_unit = settlement.authorities_of_units(conn, {line.unit_code for line in this.told.lines})
        still: set[str] = set()
        for finding in findings:
            assert finding.kind is not None
            owner = _owner(finding, issued)
            authority = owner.authority or (by_unit.get(finding.line.unit_code, "") if finding.line else "")
            still.add(
                self._keep(
                    conn,
                    this,
                    known,
                    finding.kind,
                    finding.key,
                    {
                        "ours": finding.ours,
                        "theirs": finding.theirs,
                        "authority": authority,
                        "payment_id": owner.payment_id or None,
                    },
                )
            )
        theirs = {(line.code, line.bank_serial): line.amount for line in this.told.lines if line.kind == "paid"}
        for key in healed:
            values = {
                "ours": None,
                "theirs": theirs[key],
                "authority": issued[key[0]].authority,
                "payment_id": issued[key[0]].payment_id,
            }
            still.add(self._keep(conn, this, known, BreakKind.PLATFORM_ONLY, key, values, healed=True))
        for id, old in known.items():
            if old.state == "open" and id not in still:
                self._clear(conn, this, old, CLEARED)
        for old in records.open_elsewhere(conn, this.channel, this.told.day, {code for code, _ in theirs}):
            if (old.code, old.bank_serial) in theirs:
                self._clear(conn, this, old, f"on the statement of {this.told.day} 跨日")

    def _keep(
        self,
        conn: Connection,
        this: _Pass,
        known: Mapping[str, Break],
        kind: BreakKind,
        key: Key,
        values: Mapping[str, object],
        *,
        healed: bool = False,
    ) -> str:
        """Open, re-open or leave alone; a healed one is kept closed. Returns the id."""
        id = records.break_id(this.channel, this.told.day, kind, key)
        old = known.get(id)
        same = old is not None and (old.ours, old.theirs) == (values["ours"], values["theirs"])
        closing = (
            {"state": "healed", "closed_at": this.now, "closed_by": None, "reason": HEALED}
            if healed
            else {"state": "open", "closed_at": None, "closed_by": None, "reason": None}
        )
        if old is None:
            records.add_break(
                conn,
                id=id,
                channel=this.channel,
                day_on=this.told.day,
                kind=kind.value,
                code=key[0],
                bank_serial=key[1],
                run_id=this.run_id,
                opened_at=this.now,
                **values,
                **closing,
            )
        elif same and old.state in ("open", "resolved") and not healed:
            return id
        else:
            records.change_break(conn, old, run_id=this.run_id, **values, **closing)
        fresh = records.fetch_break(conn, id)
        assert fresh is not None
        self._tell(conn, "break.closed" if healed else "break.opened", fresh, state=fresh.state)
        return id

    def _clear(self, conn: Connection, this: _Pass, old: Break, reason: str) -> None:
        if records.change_break(
            conn, old, state="cleared", closed_at=this.now, closed_by=None, reason=reason, run_id=this.run_id
        ):
            this.cleared.append(old)
            self._tell(conn, "break.closed", old, state="cleared")

    def _settle(self, conn: Connection, channel: str, concerned: set[str], matched: set[str], now: int) -> None:
        """Broken while a break is open; matched when a statement has the money that paid it, to the fen."""
        broken = records.payments_with_open_breaks(conn, concerned)
        wanted = dict.fromkeys(matched, Settlement.MATCHED) | dict.fromkeys(broken, Settlement.BROKEN)
        rest = settlement.money_of(conn, concerned - wanted.keys())
        told = records.told(conn, channel, {one.code for money in rest.values() for one in money})
        for payment_id in concerned - wanted.keys():
            paying = [one for one in rest.get(payment_id, []) if one.standing is Standing.PAYS]
            if not paying:
                wanted[payment_id] = Settlement.NONE
            elif all(told.get((one.code, one.bank_serial)) == one.amount for one in paying):
                wanted[payment_id] = Settlement.MATCHED
            else:
                wanted[payment_id] = Settlement.PENDING
        settlement.settle_all(conn, self._events, wanted, now)

    def _tell(self, conn: Connection, type: str, about: Break, *, state: str) -> None:
        self._events.emit(
            conn,
            type=type,
            subject=about.id,
            authority=about.authority,
            data={
                "channel": about.channel,
                "day": about.day.isoformat(),
                "kind": about.kind.value,
                "state": state,
                "code": about.code,
                "payment_id": about.payment_id,
            },
        )

    def _platform(self, channel: str) -> NonTaxPlatform:
        try:
            found = self._channels.get(channel)
        except KeyError:
            raise NotFoundProblem(f"no channel {channel}", field="channel") from None
        if "statement" not in found.info.capabilities:
            raise ConflictProblem(f"channel {channel} offers no statements", type="no-statements", field="channel")
        platform: NonTaxPlatform = found.adapter
        return platform


def _owner(finding: Finding, issued: Mapping[str, Owner]) -> Owner:
    """Whose money this is; empty words when nobody knows."""
    if finding.booked is not None and finding.booked.payment_id is not None:
        return Owner(finding.booked.payment_id, finding.booked.authority)
    return issued.get(finding.key[0], Owner("", ""))


def _told_nothing(error: StatementRefusedError | ExchangeError) -> Problem:
    """What the caller is told when there is no statement to work with."""
    if isinstance(error, StatementRefusedError | ContractError):
        return ConflictProblem(
            f"the statement cannot be believed, nothing of it was used: {error}",
            type="statement-refused",
            cure="Ask the platform's operator for a corrected statement, then run the day again.",
        )
    return UnavailableProblem(
        f"no statement could be had: {error}",
        type="statement-unavailable",
        cure="Run the day again later; nothing was changed.",
    )
