"""Jobs: the SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from gateway.foundation.store.rows import columns, reader
from gateway.rooms.jobs.tables import job, job_row
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

Standing = Literal["proposed", "going_on", "done", "stopped"]
Result = Literal["done", "not_applicable", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Many requests as one record, done as whoever proposed them. Instants in microseconds."""

    id: str
    kind: str
    reason: str
    authorities: list[str]
    number: int
    digest: bytes
    two_persons: bool
    language: str
    proposed_by: str
    proposed_name: str
    proposed_at: int
    confirmed_by: str | None = None
    confirmed_name: str | None = None
    confirmed_side: str | None = None
    begun_at: int | None = None
    ended_at: int | None = None
    stopped_name: str | None = None
    held_by: str | None = None
    held_until_at: int | None = None

    @property
    def standing(self) -> Standing:
        """Where it stands, as its dates say."""
        if self.stopped_name is not None:
            return "stopped"
        if self.begun_at is None:
            return "proposed"
        return "going_on" if self.ended_at is None else "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One request of a job. ``result``: None until its turn; ``why``: where it was not done."""

    job_id: str
    number: int
    subject: str
    request_sealed: bytes
    result: Result | None = None
    why: str | None = None
    at: int | None = None
    answer_sealed: bytes | None = None


_job, _row = reader(Job), reader(JobRow)
_BY_ID = select(job).where(job.c.id == bindparam("of"))
_ROWS = select(job_row).where(job_row.c.job_id == bindparam("of")).order_by(job_row.c.number)
_NEXT = _ROWS.where(job_row.c.result.is_(None)).limit(1)
_OPEN = update(job).where(job.c.id == bindparam("of"), job.c.begun_at.is_(None), job.c.ended_at.is_(None))
_END = update(job).where(job.c.id == bindparam("of"), job.c.ended_at.is_(None))
_HOLD = _END.where(
    job.c.begun_at.is_not(None),
    or_(job.c.held_until_at.is_(None), job.c.held_until_at < bindparam("now"), job.c.held_by == bindparam("me")),
)
_TELL = update(job_row).where(
    job_row.c.job_id == bindparam("of"), job_row.c.number == bindparam("row"), job_row.c.result.is_(None)
)
_GOING_ON = select(job.c.id).where(job.c.begun_at.is_not(None), job.c.ended_at.is_(None)).order_by(job.c.id)
_RESULTS = (
    select(job_row.c.result, func.count().label("number"))
    .where(job_row.c.job_id == bindparam("of"))
    .group_by(job_row.c.result)
)


def add(conn: Connection, new: Job, rows: Sequence[JobRow]) -> None:
    """Write a job with its rows: these and no others."""
    conn.execute(insert(job), columns(new))
    names = job_row.c.keys()  # all of them: many rows are written as the first one is
    conn.execute(insert(job_row), [{name: getattr(one, name) for name in names} for one in rows])


def held(conn: Connection, job_id: str) -> Job:
    """One job. Raises NotFoundProblem."""
    row = conn.execute(_BY_ID, {"of": job_id}).mappings().first()
    if row is None:
        raise NotFoundProblem(say("jobs.none"))
    return _job(row)


def find(conn: Connection, before: str | None, limit: int) -> list[Job]:
    """Jobs, newest first."""
    query = select(job).order_by(job.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(job.c.id < before)
    return [_job(row) for row in conn.execute(query).mappings()]


def begin(conn: Connection, job_id: str, **values: Any) -> bool:
    """Begin what waits for its word; False where it does not wait any more."""
    return conn.execute(_OPEN, {"of": job_id, **values}).rowcount == 1


def end(conn: Connection, job_id: str, **values: Any) -> bool:
    """End it; False where it has ended before."""
    return conn.execute(_END, {"of": job_id, **values}).rowcount == 1


def hold(conn: Connection, job_id: str, me: str, now: int, until: int) -> bool:
    """Have it for oneself until an instant; False where another process has it, or it has ended."""
    asked = {"of": job_id, "me": me, "now": now, "held_by": me, "held_until_at": until}
    return conn.execute(_HOLD, asked).rowcount == 1


def going_on(conn: Connection) -> Sequence[str]:
    """Those that have begun and not ended."""
    return conn.execute(_GOING_ON).scalars().all()


def next_row(conn: Connection, job_id: str) -> JobRow | None:
    """The first row without a result."""
    row = conn.execute(_NEXT, {"of": job_id}).mappings().first()
    return None if row is None else _row(row)


def tell(conn: Connection, row: JobRow, at: int, result: Result, why: str | None, answer: bytes | None) -> None:
    """What became of a row; what was told before stays."""
    conn.execute(
        _TELL,
        {"of": row.job_id, "row": row.number, "result": result, "why": why, "at": at, "answer_sealed": answer},
    )


def rows(conn: Connection, job_id: str, after: int | None, limit: int) -> list[JobRow]:
    """Its rows in their order. ``after``: a row's number."""
    query = _ROWS.limit(limit)
    if after is not None:
        query = query.where(job_row.c.number > after)
    return [_row(row) for row in conn.execute(query, {"of": job_id}).mappings()]


def results(conn: Connection, job_id: str) -> dict[Result | None, int]:
    """How many of its rows came to which result."""
    return {row.result: row.number for row in conn.execute(_RESULTS, {"of": job_id})}
