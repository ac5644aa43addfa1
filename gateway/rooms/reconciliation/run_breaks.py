"""What a run does to breaks 差错: opens them, opens them again, keeps them healed, or clears them, and tells of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection

from gateway.foundation.lives import Living
from gateway.rooms.reconciliation import break_records
from gateway.rooms.reconciliation.break_records import Break, break_id
from gateway.rooms.reconciliation.breaks import step
from gateway.rooms.reconciliation.matching import BreakKind, Key, Side
from gateway.rooms.reconciliation.states import BreakState


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference that a run found, in fen; None where that side has nothing. Empty ``authority``: nobody's."""

    kind: BreakKind
    key: Key
    ours: int | None
    theirs: int | None
    authority: str = ""
    payment_id: str | None = None


class RunBreaks:
    """The breaks of one run. ``cleared`` are those that it has closed because they are explained."""

    def __init__(
        self, conn: Connection, life: Living[BreakState, Break], run_id: str, channel: str, side: Side, now: int
    ) -> None:
        self._conn = conn
        self._life = life
        self._run_id = run_id
        self._channel = channel
        self._side = side
        self._now = now
        self.cleared: list[Break] = []

    def keep(self, day: date, known: Mapping[str, Break], found: Difference, *, healed: str = "") -> str:
        """Open, open again or leave alone; with a reason in ``healed`` it is kept closed. Returns the id.

        ``known`` are the breaks of the day. What people resolved stays so while its figures stay the same.
        """
        id = break_id(self._channel, day, found.kind, found.key, self._side)
        old = known.get(id)
        same = old is not None and (old.ours, old.theirs) == (found.ours, found.theirs)
        if old is not None and same and old.state in (BreakState.OPEN, BreakState.RESOLVED) and not healed:
            return id
        fresh = Break(
            id=id,
            channel=self._channel,
            side=self._side,
            day_on=day,
            kind=found.kind,
            code=found.key[0],
            bank_serial=found.key[1],
            authority=found.authority,
            payment_id=found.payment_id,
            ours=found.ours,
            theirs=found.theirs,
            state=BreakState.HEALED if healed else BreakState.OPEN,
            run_id=self._run_id,
            opened_at=self._now if old is None else old.opened_at,
            closed_at=self._now if healed else None,
            closed_by=None,
            reason=healed or None,
            assignee=None if old is None else old.assignee,
        )
        if old is None:
            break_records.add(self._conn, fresh)
            self._life.begin(self._conn, fresh)
        else:
            step(self._conn, self._life, old, fresh)
        return id

    def clear(self, those: Iterable[Break], reason: str) -> None:
        """Close those that are open: what differed does not differ any more."""
        for old in those:
            if old.state is not BreakState.OPEN:
                continue
            fresh = replace(
                old,
                state=BreakState.CLEARED,
                closed_at=self._now,
                closed_by=None,
                reason=reason,
                run_id=self._run_id,
            )
            if step(self._conn, self._life, old, fresh):
                self.cleared.append(old)
