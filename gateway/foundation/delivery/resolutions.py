"""Doubt ended by people: found out by other means, said with a reason, and confirmed by a second person.

"It happened" ends the operation with the answer that was lost, typed in and held against the same checks as one from
the wire. "It did not happen" ends it too, and sends the effect again as a new operation with a reference of its own.
The database holds the rule of two persons: an operation ends under a resolution only if that row is applied, and the
row can be applied only if somebody other than who proposed it has confirmed it (``delivery.tables``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping, insert, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import ledger
from gateway.foundation.delivery.actions import Absent, Action, Done, Operation
from gateway.foundation.delivery.service import Delivery
from gateway.foundation.delivery.tables import (
    operation as operation_table,
)
from gateway.foundation.delivery.tables import (
    resolution,
)
from gateway.foundation.store import Store
from gateway.ports.base import Message
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import ConflictProblem, ContractError, InvalidProblem, NotFoundProblem, Problem
from gateway.words.identifiers import new_id

Renew = Callable[[Connection, Operation, Message, Operation], None]
"""``(conn, old operation, new request, new operation)``: the room takes note that its effect has a new reference.

Where the effect is no longer wanted (money went back meanwhile, a withdrawal came first), the room cancels the new
operation in this transaction, and nothing leaves.
"""
Remember = Callable[[Connection, str], None]

RESOLVERS = ("operator", "supervisor")
_OPEN = select(resolution).where(resolution.c.withdrawn_at.is_(None))


def _forget(_conn: Connection, _subject: str) -> None:
    """For callers that need no idempotency record."""


@dataclass(frozen=True)
class Person:
    """Who resolves: an operator, by id, name and role."""

    id: str
    name: str
    role: str | None


@dataclass(frozen=True)
class _Applied:
    """What has followed: the channel to wake, and the operation that was sent again, if one was."""

    channel: str
    again: Operation | None = None
    request: Message | None = None


class Resolutions:
    """Proposals of people about operations that wait for them, and what follows once they count."""

    def __init__(self, store: Store, delivery: Delivery, envelope: Envelope, clock: Clock) -> None:
        self._store = store
        self._delivery = delivery
        self._envelope = envelope
        self._clock = clock
        self._renewals: dict[str, Renew] = {}

    def renews(self, action: str, renew: Renew) -> None:
        """Effects of this kind can be sent again under a new reference, which ``renew`` tells the room."""
        self._renewals[action] = renew

    async def propose(
        self,
        operation_id: str,
        by: Person,
        *,
        happened: bool,
        reason: str,
        answer: Mapping[str, Any] | None = None,
        remember: Remember = _forget,
    ) -> RowMapping:
        """Say what became of an operation; counts at once unless a second person must confirm it.

        ``answer``: what the other side's answer would have been, only if it happened. Raises NotFoundProblem,
        ConflictProblem, InvalidProblem, and a 403 Problem for who may not.
        """
        _require(by)
        now = to_micros(self._clock.now())
        resolution_id = new_id("res")
        row = await self._store.read(lambda conn: _waiting(conn, operation_id, hold=False))
        action = self._delivery.action(row["action"])
        sealed = None
        if happened and not action.by_hand:
            raise ConflictProblem(
                f"the answer to {row['action']} is a judgement of the gateway, which nobody can give in its place",
                type="operation-not-answerable",
                cure="Retry the operation, so that it is judged again.",
            )
        if happened:
            checked = self._checked(action, row, answer)
            sealed = self._envelope.seal(checked.model_dump_json().encode(), f"resolution|answer|{resolution_id}")
        elif answer is not None:
            raise InvalidProblem("there is no answer to what did not happen", field="answer")
        elif not row["effectful"]:
            raise ConflictProblem(
                f"{row['action']} is a question, which has no effect that could have failed to happen",
                type="operation-not-renewable",
                cure="Retry the operation, so that the question is asked again.",
            )
        elif row["action"] not in self._renewals:
            raise ConflictProblem(
                f"{row['action']} cannot be sent again from here",
                type="operation-not-renewable",
                cure="Retry the operation so that the other side is asked, or ask for the effect anew.",
            )

        def unit(conn: Connection) -> _Applied | None:
            known = _waiting(conn, operation_id)
            if conn.execute(_OPEN.where(resolution.c.operation_id == operation_id)).first() is not None:
                raise ConflictProblem(
                    "somebody has already said what became of it",
                    type="resolution-exists",
                    cure="Confirm that resolution, or have it withdrawn.",
                )
            conn.execute(
                insert(resolution),
                {
                    "id": resolution_id,
                    "operation_id": operation_id,
                    "two_persons": known["two_persons"],
                    "happened": happened,
                    "answer_sealed": sealed,
                    "reason": reason,
                    "proposed_by": by.id,
                    "proposed_at": now,
                },
            )
            remember(conn, operation_id)
            return None if known["two_persons"] else self._apply(conn, resolution_id, now)

        self._follow(await self._store.write(unit))
        return await self.of(operation_id)

    async def confirm(self, operation_id: str, by: Person, *, remember: Remember = _forget) -> RowMapping:
        """A second person confirms; then it counts. Raises NotFoundProblem and ConflictProblem."""
        _require(by)
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> _Applied:
            _waiting(conn, operation_id)
            row = conn.execute(_OPEN.where(resolution.c.operation_id == operation_id)).mappings().first()
            if row is None:
                raise NotFoundProblem("nobody has said yet what became of it")
            if row["proposed_by"] == by.id:
                raise ConflictProblem(
                    "who proposed a resolution cannot confirm it",
                    type="second-person-needed",
                    cure="Have another operator look at the evidence and confirm.",
                )
            conn.execute(
                update(resolution).where(resolution.c.id == row["id"]).values(confirmed_by=by.id, confirmed_at=now)
            )
            remember(conn, operation_id)
            return self._apply(conn, row["id"], now)

        self._follow(await self._store.write(unit))
        return await self.of(operation_id)

    async def withdraw(self, operation_id: str, by: Person, *, remember: Remember = _forget) -> None:
        """Take back what was said before it counted. Raises NotFoundProblem, and a 403 Problem."""
        _require(by)
        now = to_micros(self._clock.now())

        def unit(conn: Connection) -> int:
            remember(conn, operation_id)
            return conn.execute(
                update(resolution)
                .where(
                    resolution.c.operation_id == operation_id,
                    resolution.c.withdrawn_at.is_(None),
                    resolution.c.applied.is_(False),
                )
                .values(withdrawn_at=now)
            ).rowcount

        if await self._store.write(unit) == 0:
            raise NotFoundProblem("there is nothing to withdraw")

    async def of(self, operation_id: str) -> RowMapping:
        """The resolution of an operation that stands. Raises NotFoundProblem."""
        query = _OPEN.where(resolution.c.operation_id == operation_id)
        row = await self._store.read(lambda conn: conn.execute(query).mappings().first())
        if row is None:
            raise NotFoundProblem("nobody has said yet what became of it")
        return row

    def answer_of(self, row: RowMapping) -> dict[str, Any] | None:
        """The answer typed in, for who must confirm it."""
        if row["answer_sealed"] is None:
            return None
        body = self._envelope.open(row["answer_sealed"], f"resolution|answer|{row['id']}")
        answer: dict[str, Any] = json.loads(body)
        return answer

    # --- inside -----------------------------------------------------------------------------------------------------

    def _checked(self, action: Action, row: RowMapping, answer: Mapping[str, Any] | None) -> Message:
        """The answer as a message, held against the request as one from the wire would be."""
        if answer is None:
            raise InvalidProblem("what did the other side answer?", field="answer", cure=_fields(action))
        request = self._delivery.request_of(row)
        reference = getattr(request, "reference", None)
        filled = dict(answer)
        if reference is not None and "reference" in action.answer_model.model_fields:
            filled.setdefault("reference", reference)
        try:
            message = action.answer_model.model_validate_json(json.dumps(filled))
            if action.check is not None:
                action.check(request, message)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(["answer", *map(str, first["loc"])])
            raise InvalidProblem(str(first["msg"]), field=where, cure=_fields(action)) from None
        except ContractError as error:
            raise InvalidProblem(str(error), field="answer", cure="Look at the other side's record again.") from error
        return message

    def _apply(self, conn: Connection, resolution_id: str, now: int) -> _Applied:
        """End the operation under its resolution, in the ledger and in its room."""
        said = conn.execute(select(resolution).where(resolution.c.id == resolution_id)).mappings().one()
        row = _waiting(conn, said["operation_id"])
        action, old = self._delivery.action(row["action"]), ledger.as_operation(row)
        conn.execute(update(resolution).where(resolution.c.id == resolution_id).values(applied=True, applied_at=now))
        values: dict[str, Any] = {"state": "rejected", "code": "did-not-happen"}
        answer = None
        if said["happened"]:
            body = self._envelope.open(said["answer_sealed"], f"resolution|answer|{resolution_id}")
            answer = action.answer_model.model_validate_json(body)
            sealed = self._envelope.seal(body, f"operation|answer|{row['id']}")
            values = {"state": "done", "answer_sealed": sealed, "code": None}
        ended = conn.execute(
            update(operation_table)
            .where(
                operation_table.c.id == row["id"],
                operation_table.c.state == row["state"],
                operation_table.c.attempt == row["attempt"],
            )
            .values(
                reason=f"resolved by people: {said['reason']}",
                resolution_id=resolution_id,
                resolution_applied=True,
                updated_at=now,
                **values,
            )
        )
        if ended.rowcount != 1:
            raise ConflictProblem("the operation has just moved on", type="operation-not-parked")
        if answer is not None:
            try:
                action.record(conn, old, Done(answer, found=True))
            except ContractError as error:
                raise ConflictProblem(
                    f"the answer contradicts what is known here: {error}",
                    type="resolution-contradicts",
                    cure="Look at the other side's record again; withdraw what was said, then say it right.",
                ) from error
            return _Applied(row["channel"])
        reference = self._delivery.new_reference(row["channel"])
        request = self._delivery.request_of(row).model_copy(update={"reference": reference})
        again = self._delivery.enqueue(
            conn,
            action=row["action"],
            channel=row["channel"],
            authority=row["authority"],
            subject=row["subject"],
            request=request,
            rerun_of=row["id"],
        )
        action.record(conn, old, Absent())
        self._renewals[row["action"]](conn, old, request, again)
        return _Applied(row["channel"], again, request)

    def _follow(self, applied: _Applied | None) -> None:
        if applied is None:
            return
        if applied.again is not None and applied.request is not None:
            self._delivery.begin(applied.again, applied.request)
        self._delivery.wake(applied.channel)


def _require(by: Person) -> None:
    if by.role not in RESOLVERS:
        raise Problem(
            "only an operator or a supervisor can say what became of an operation",
            type="operator-needed",
            cure="Use an operator's key: `gateway operators key`.",
        )


def _waiting(conn: Connection, operation_id: str, *, hold: bool = True) -> RowMapping:
    """The operation if it waits for a person or is in doubt; ``hold``: nobody else moves it in this transaction."""
    query = select(operation_table).where(operation_table.c.id == operation_id)
    if hold:
        query = query.with_for_update()
    row = conn.execute(query).mappings().first()
    if row is None:
        raise NotFoundProblem("no such operation")
    if row["state"] not in ("parked", "uncertain"):
        raise ConflictProblem(
            f"the operation is {row['state']}; only parked or uncertain ones are resolved by people",
            type="operation-not-parked",
        )
    return row


def _fields(action: Action) -> str:
    return f"Give {', '.join(action.answer_model.model_fields)} as the other side has them."
