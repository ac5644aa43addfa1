"""Jobs: proposed, confirmed where two are needed, and done row by row as whoever proposed them.

A row is a request of the API, frozen when the job is proposed. It is asked from within as that person, with the job
and the row's number for an Idempotency-Key: so a row is one act with one effect however often the gateway is killed,
what it may do is what the person may do at that moment, and it stands in the audit as theirs. A row that is refused
has its reason and hinders no other. What another process has begun is left to it while it goes on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import httpx
from sqlalchemy import Connection

from gateway.foundation.access import Principal
from gateway.foundation.access.sign_in import MACHINE
from gateway.foundation.base import Foundation
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.once import NEVER, Once
from gateway.foundation.two_persons import Part, Person, Side, require_operator
from gateway.rooms.jobs import records
from gateway.rooms.jobs.records import Job, JobRow, Result
from gateway.words.clock import to_micros
from gateway.words.errors import GatewayError, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.saying import FieldName, Language, Sentence, Word, say, worded

MOST: Final = 5000
"""Rows of one job."""
_HELD: Final = 30_000_000  # microseconds that a process has a job for itself, from its last row on
_TRIES: Final = (0.0, 1.0, 5.0)  # seconds before each try of a row that could not be answered
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """One row: what is asked, and what it is about.

    ``look`` and ``known``: an address and members of what it shows, by dotted names; where one of them is otherwise
    when it is the row's turn, nothing is asked. ``why``: it is not applicable from the beginning, and why.
    ``pairs``: two people decide about it, and so about the job.
    """

    subject: str
    method: str = "POST"
    path: str = ""
    body: Any = None
    look: str | None = None
    known: Mapping[str, Any] | None = None
    why: Sentence | None = None
    pairs: bool = False


@dataclass(frozen=True)
class Plan:
    """What a job is to do. ``two_persons``: a second operator confirms it first.

    ``left_out``: the numbers of the rows of a file that ask for nothing.
    """

    kind: str
    reason: str
    rows: Sequence[Request]
    two_persons: bool = False
    left_out: Sequence[int] = ()


@dataclass(frozen=True)
class JobSight:
    """A job as people see it. ``seen``: what its confirmation sends back; None where nobody need confirm."""

    job: Job
    results: Mapping[Result | None, int]
    seen: str | None


class Jobs:
    """Every job of this gateway."""

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._me = secrets.token_hex(8)
        self._running: dict[str, asyncio.Task[None]] = {}

    async def propose(self, plan: Plan, *, who: Principal, language: Language, once: Once = NEVER) -> str:
        """Keep a job; it begins at once where one person is enough. Its id. Raises InvalidProblem without rows."""
        if not plan.rows:
            raise InvalidProblem(say("jobs.empty"))
        if len(plan.rows) > MOST:
            raise InvalidProblem(say("jobs.too_many", most=MOST))
        person = Person(who.client_id, who.name, who.kind == "operator" and who.role != MACHINE)
        require_operator(person, say("jobs.what")) if plan.two_persons else None
        job_id, now = new_id("job"), to_micros(self._base.clock.now())
        rows = [self._frozen(job_id, number, one, language, now) for number, one in enumerate(plan.rows, start=1)]
        new = Job(
            id=job_id,
            kind=plan.kind,
            reason=plan.reason,
            authorities=sorted(who.authorities),
            number=len(rows),
            digest=digest_of(plan.rows),
            two_persons=plan.two_persons,
            language=language.value,
            proposed_by=who.client_id,
            proposed_name=who.name,
            proposed_at=now,
            begun_at=None if plan.two_persons else now,
        )

        def unit(conn: Connection) -> None:
            records.add(conn, new, rows)
            if plan.two_persons:
                self._base.two_persons.took_part(conn, job_id, person, Part.PROPOSED)

        await self._base.store.write(once.about(job_id).first(unit))
        if not plan.two_persons:
            self._work(job_id)
        return job_id

    async def confirm(self, job_id: str, *, by: Person, seen: str, once: Once = NEVER) -> None:
        """A second person confirms what they saw; it begins. Raises NotFoundProblem, ConflictProblem, 403."""
        require_operator(by, say("jobs.what"))
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> None:
            one = records.held(conn, job_id)
            if one.standing != "proposed":
                raise NotFoundProblem(say("jobs.not_waiting"))
            self._base.two_persons.confirm(conn, job_id, by, seen=seen, face=_face(one))
            side = Side.CONFIRMING.value
            records.begin(conn, job_id, begun_at=now, confirmed_by=by.id, confirmed_name=by.name, confirmed_side=side)

        await self._base.store.write(once.about(job_id).first(unit))
        self._work(job_id)

    async def stop(self, job_id: str, *, by: Person, once: Once = NEVER) -> None:
        """Stop it after the row at which it is; what waits for its word only whoever proposed it takes back.

        Raises NotFoundProblem for one that has ended, a 403 Problem.
        """
        now = to_micros(self._base.clock.now())

        def unit(conn: Connection) -> None:
            if records.held(conn, job_id).standing == "proposed":
                self._base.two_persons.withdraws(conn, job_id, by)
            if not records.end(conn, job_id, ended_at=now, stopped_name=by.name):
                raise NotFoundProblem(say("jobs.ended"))

        await self._base.store.write(once.about(job_id).first(unit))

    async def of(self, job_id: str) -> JobSight:
        """One job. Raises NotFoundProblem."""

        def read(conn: Connection) -> JobSight:
            one = records.held(conn, job_id)
            seen = self._base.two_persons.seen(_face(one)) if one.standing == "proposed" else None
            return JobSight(one, records.results(conn, job_id), seen)

        return await self._base.store.read(read)

    async def find(self, authorities: frozenset[str], before: str | None = None, limit: int = 50) -> list[Job]:
        """Jobs of people who see no more than these authorities, newest first."""

        def read(conn: Connection) -> list[Job]:
            found: list[Job] = []
            last = before
            while len(found) < limit and (page := records.find(conn, last, limit)):
                last = page[-1].id
                found += [one for one in page if set(one.authorities) <= authorities]
            return found[:limit]

        return await self._base.store.read(read)

    async def rows(self, job_id: str, after: int | None = None, limit: int = 200) -> list[JobRow]:
        """The rows of a job with their results, in their order."""
        return await self._base.store.read(lambda conn: records.rows(conn, job_id, after, limit))

    async def file(self, job_id: str) -> bytes:
        """The file that a job has made. Raises NotFoundProblem where it made none, or has not yet."""
        for row in await self.rows(job_id, limit=1):
            if row.answer_sealed is not None:
                return self._base.envelope.open(row.answer_sealed, _context(job_id, row.number, "answer"))
        raise NotFoundProblem(say("jobs.no_file"))

    async def go_on(self, _slot: datetime) -> None:
        """What was begun and cut by a stop goes on."""
        if self._base.inside.made_by is None:  # a command that opened the gateway, and ends before the next minute
            return
        for job_id in await self._base.store.read(records.going_on):
            self._work(job_id)

    async def close(self) -> None:
        """Let go of what is at work; it goes on where it was, here or at another node."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # --- row by row -------------------------------------------------------------------------------------------------

    def _work(self, job_id: str) -> None:
        if job_id not in self._running:
            self._running[job_id] = task = asyncio.create_task(self._do(job_id))
            task.add_done_callback(lambda _: self._running.pop(job_id, None))

    async def _do(self, job_id: str) -> None:
        try:
            while (row := await self._base.store.write(partial(self._next, job_id=job_id))) is not None:
                known = await self._base.store.read(partial(records.held, job_id=job_id))
                result, why, answer = await self._result(known, row)
                await self._base.store.write(partial(self._tell, row=row, result=result, why=why, answer=answer))
        except GatewayError as problem:  # the database is away, or this node fell: it goes on with the next minute
            _LOG.warning("job %s waits: %s", job_id, problem)

    def _next(self, conn: Connection, job_id: str) -> JobRow | None:
        """The next row, had for oneself; the end where there is none."""
        now = to_micros(self._base.clock.now())
        if not records.hold(conn, job_id, self._me, now, now + _HELD):
            return None
        if (row := records.next_row(conn, job_id)) is None:
            records.end(conn, job_id, ended_at=now, held_by=None, held_until_at=None)
        return row

    def _tell(self, conn: Connection, row: JobRow, result: Result, why: str | None, answer: bytes | None) -> None:
        sealed = None
        if answer is not None:
            sealed = self._base.envelope.seal(answer, _context(row.job_id, row.number, "answer"))
        records.tell(conn, row, to_micros(self._base.clock.now()), result, why, sealed)

    async def _result(self, known: Job, row: JobRow) -> tuple[Result, str | None, bytes | None]:
        language = Language(known.language)
        who = await self._base.access.sign_in.as_now(known.proposed_by)
        if who is None:
            return "not_applicable", worded(say("jobs.nobody", name=known.proposed_name), language), None
        asked = json.loads(self._base.envelope.open(row.request_sealed, _context(row.job_id, row.number, "request")))
        said = ""
        for seconds in _TRIES:
            await asyncio.sleep(seconds)
            if asked["look"] is not None:
                view = await self._ask(who, language, "GET", asked["look"])
                if view.is_success and (changed := _changed(asked["known"], view.json())):
                    return "not_applicable", worded(say("jobs.changed", changed=changed), language), None
            key = f"{row.job_id}-{row.number}"
            answer = await self._ask(who, language, asked["method"], asked["path"], asked["body"], key)
            if answer.is_success:
                plain = answer.headers.get("content-type", "").startswith("application/json")
                return "done", None, None if plain else answer.content
            told = _problem(answer)
            said = str(told.get("detail", answer.status_code))
            again = answer.status_code >= 500 or answer.status_code == 429
            if not again and not str(told.get("type")).endswith("request-in-progress"):
                return "not_applicable", said, None
        return "failed", said, None

    async def _ask(
        self, who: Principal, language: Language, method: str, path: str, body: Any = None, key: str | None = None
    ) -> httpx.Response:
        headers = {"Accept-Language": language.value} | ({} if key is None else {"Idempotency-Key": key})
        return await self._base.inside.ask(who, method, path, body, headers)

    def _frozen(self, job_id: str, number: int, one: Request, language: Language, now: int) -> JobRow:
        asked = {name: getattr(one, name) for name in ("method", "path", "body", "look", "known")}
        sealed = self._base.envelope.seal(json.dumps(asked).encode(), _context(job_id, number, "request"))
        if one.why is None:
            return JobRow(job_id=job_id, number=number, subject=one.subject[:200], request_sealed=sealed)
        return JobRow(
            job_id=job_id,
            number=number,
            subject=one.subject[:200],
            request_sealed=sealed,
            result="not_applicable",
            why=worded(one.why, language),
            at=now,
        )


def digest_of(rows: Sequence[Request]) -> bytes:
    """Another one for other rows."""
    return sm3(json.dumps([asdict(one) for one in rows], sort_keys=True, default=str).encode())


def _changed(known: Mapping[str, Any], view: Any) -> list[Sentence]:
    """What of a record is otherwise than it was when the row was frozen."""
    found = []
    for name, was in known.items():
        now = view
        for part in name.split("."):
            now = now.get(part) if isinstance(now, dict) else None
        if now != was:
            part = name.rpartition(".")[2]
            values = {"seen": Word(was or "-"), "now": Word(now or "-")}
            found.append(say("two_persons.part_changed", part=FieldName(part), **values))
    return found


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        return dict(answer.json())
    except ValueError:
        return {}


def _face(one: Job) -> dict[str, Any]:
    """What two people must agree about: which rows, and why."""
    return {"job": one.id, "kind": one.kind, "number": one.number, "rows": one.digest, "reason": one.reason}


def _context(job_id: str, number: int, what: str) -> str:
    return f"job_row|{what}|{job_id}|{number}"
