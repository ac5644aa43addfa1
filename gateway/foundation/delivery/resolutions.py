"""Doubt ended by people: found out by other means, said with a reason, and confirmed by a second person.

"It happened" ends the operation with the answer that was lost, typed in and held against the same checks as one from
the wire. "It did not happen" ends it too, and sends the effect again as a new operation with a reference of its own.
The database holds the rule of two persons: an operation ends under a resolution only if that row is applied, and the
row can be applied only if somebody other than who proposed it has confirmed it (``delivery.tables``). Who has a part in
what is said, and what a second person saw, ``two_persons`` keeps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from sqlalchemy import Connection

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.delivery import operation_records, resolution_records
from gateway.foundation.delivery.actions import Absent, Action, Done, Operation
from gateway.foundation.delivery.operation_records import OperationRecord
from gateway.foundation.delivery.resolution_records import Resolution
from gateway.foundation.delivery.service import Delivery
from gateway.foundation.delivery.states import FOR_PEOPLE, ResolutionState, State
from gateway.foundation.once import NEVER, Once
from gateway.foundation.store import Store
from gateway.foundation.two_persons import Part, Person, TwoPersons, require_operator
from gateway.ports.base import Message
from gateway.words.errors import ConflictProblem, ContractError, InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.personal import in_full
from gateway.words.saying import FieldName, Sentence, say
from gateway.words.wrong import reason_of

Renew = Callable[[Connection, Operation, Message, Operation], None]
"""``(conn, old operation, new request, new operation)``: the room takes note that its effect has a new reference.

Where the effect is no longer wanted (money went back meanwhile, a withdrawal came first), the room cancels the new
operation in this transaction, and nothing leaves.
"""

_RESOLVING = say("operations.what_resolving")


@dataclass(frozen=True)
class Possible:
    """What people can say: that it happened, with an answer of these ``fields``; that it did not, so it goes again.

    ``known``: what of the answer the request says already.
    """

    happened: bool
    did_not_happen: bool
    fields: Mapping[str, FieldInfo]
    known: Mapping[str, Any]


@dataclass(frozen=True)
class _Applied:
    """What has followed: the channel to wake, and the operation that was sent again, if one was."""

    channel: str
    again: Operation | None = None
    request: Message | None = None


class Resolutions:
    """Proposals of people about operations that wait for them, and what follows once they count."""

    def __init__(self, store: Store, delivery: Delivery, two_persons: TwoPersons, envelope: Envelope) -> None:
        self._store = store
        self._delivery = delivery
        self._two_persons = two_persons
        self._envelope = envelope
        self._renewals: dict[str, Renew] = {}

    def renews(self, action: str, renew: Renew) -> None:
        """Effects of this kind can be sent again under a new reference, which ``renew`` tells the room.

        Raises ValueError where somebody renews them already.
        """
        if action in self._renewals:
            raise ValueError(f"{action} is renewed twice")
        self._renewals[action] = renew

    def possible(self, record: OperationRecord) -> Possible:
        """What people can say became of an operation, before they say it."""
        action = self._delivery.action(record.action)
        renewable = record.effectful and record.action in self._renewals
        if record.state not in FOR_PEOPLE:
            return Possible(False, False, {}, {})
        request = self._delivery.request_of(record)
        names = action.answer_model.model_fields
        known = {name: getattr(request, name) for name in names if getattr(request, name, None) is not None}
        return Possible(action.by_hand, renewable, names, known)

    async def propose(
        self,
        operation_id: str,
        by: Person,
        *,
        happened: bool,
        reason: str,
        answer: Mapping[str, Any] | None = None,
        once: Once = NEVER,
    ) -> Resolution:
        """Say what became of an operation; counts at once unless a second person must confirm it.

        ``answer``: what the other side's answer would have been, only if it happened. Raises NotFoundProblem,
        ConflictProblem, InvalidProblem, and a 403 Problem for a key.
        """
        require_operator(by, _RESOLVING)
        now = self._delivery.node.now()
        resolution_id = new_id("res")
        record = await self._store.read(lambda conn: _waiting(conn, operation_id, hold=False))
        action = self._delivery.action(record.action)
        sealed = None
        if happened and not action.by_hand:
            raise ConflictProblem(
                say("operations.judgement", action=record.action),
                type="operation-not-answerable",
            )
        if happened:
            checked = self._checked(action, record, answer)
            sealed = resolution_records.sealed_answer(self._envelope, resolution_id, checked)
        elif answer is not None:
            raise InvalidProblem(say("operations.no_answer_to_none"), field="answer")
        elif not record.effectful:
            raise ConflictProblem(
                say("operations.a_question", action=record.action),
                type="operation-not-renewable",
            )
        elif record.action not in self._renewals:
            raise ConflictProblem(
                say("operations.not_renewable", action=record.action),
                type="operation-not-renewable",
            )

        def unit(conn: Connection) -> _Applied | None:
            known = _waiting(conn, operation_id)
            if resolution_records.standing(conn, operation_id) is not None:
                raise ConflictProblem(
                    say("operations.resolution_exists"),
                    type="resolution-exists",
                )
            resolution_records.add(
                conn,
                id=resolution_id,
                operation_id=operation_id,
                two_persons=known.two_persons,
                happened=happened,
                answer_sealed=sealed,
                reason=reason,
                proposed_by=by.id,
                proposed_at=now,
            )
            self._two_persons.took_part(conn, resolution_id, by, Part.PROPOSED)
            return None if known.two_persons else self._apply(conn, resolution_id, now)

        self._follow(await self._store.write(once.about(operation_id).first(unit)))
        return await self.of(operation_id)

    async def confirm(self, operation_id: str, by: Person, *, seen: str, once: Once = NEVER) -> Resolution:
        """A second person confirms what they saw; then it counts. Raises NotFoundProblem, ConflictProblem, a Problem.

        ``seen``: the token that came with the view of it.
        """
        require_operator(by, _RESOLVING)
        now = self._delivery.node.now()

        def unit(conn: Connection) -> _Applied:
            record = _waiting(conn, operation_id)
            said = _said(conn, operation_id)
            self._two_persons.confirm(conn, said.id, by, seen=seen, face=self._face(said, record))
            resolution_records.confirm(conn, said.id, by.id, now)
            return self._apply(conn, said.id, now)

        self._follow(await self._store.write(once.about(operation_id).first(unit)))
        return await self.of(operation_id)

    async def withdraw(self, operation_id: str, by: Person) -> None:
        """Take back what was said before it counted. Raises NotFoundProblem, and a 403 Problem."""
        require_operator(by, _RESOLVING)
        now = self._delivery.node.now()

        def unit(conn: Connection) -> bool:
            said = resolution_records.standing(conn, operation_id)
            if said is not None and said.state is ResolutionState.PROPOSED:
                self._two_persons.withdraws(conn, said.id, by)
            return resolution_records.withdraw(conn, operation_id, now)

        if not await self._store.write(unit):
            raise NotFoundProblem(say("operations.no_resolution_open"))

    async def of(self, operation_id: str) -> Resolution:
        """The resolution of an operation that stands. Raises NotFoundProblem."""
        return await self._store.read(lambda conn: _said(conn, operation_id))

    def answer_of(self, said: Resolution) -> dict[str, Any] | None:
        """The answer typed in, for who must confirm it."""
        return said.answer(self._envelope)

    def seen(self, said: Resolution, record: OperationRecord) -> str | None:
        """What a confirmation sends back: the token over what is said of an operation. None where nobody need confirm.

        It changes with the operation: what has come back from the other side meanwhile must be looked at first.
        """
        if said.state is not ResolutionState.PROPOSED or record.state not in FOR_PEOPLE:
            return None
        return self._two_persons.seen(self._face(said, record))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _face(self, said: Resolution, record: OperationRecord) -> dict[str, Any]:
        """What two people must agree about."""
        return {
            "operation": record.id,
            "action": record.action,
            "channel": record.channel,
            "subject": record.subject,
            "attempt": record.attempt,
            "state": record.state.value,
            "happened": said.happened,
            "answer": said.answer(self._envelope),
            "reason": said.reason,
        }

    def _checked(self, action: Action, record: OperationRecord, answer: Mapping[str, Any] | None) -> Message:
        """The answer as a message, held against the request as one from the wire would be."""
        if answer is None:
            raise InvalidProblem(say("operations.what_answer"), field="answer", cure=_fields(action))
        request = self._delivery.request_of(record)
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
            raise InvalidProblem(reason_of(first), field=where, cure=_fields(action)) from None
        except ContractError as error:
            raise InvalidProblem(str(error), field="answer", cure=say("operations.look_again")) from error
        return message

    def _apply(self, conn: Connection, resolution_id: str, now: int) -> _Applied:
        """End the operation under its resolution, in the ledger and in its room."""
        said = resolution_records.by_id(conn, resolution_id)
        record = _waiting(conn, said.operation_id)
        action, old = self._delivery.action(record.action), record.operation()
        resolution_records.apply(conn, resolution_id, now)
        values: dict[str, Any] = {"code": "did-not-happen"}
        answer = None
        if (body := said.answer_json(self._envelope)) is not None:
            answer = action.answer_model.model_validate_json(body)
            sealed = operation_records.sealed_answer(self._envelope, record.id, in_full(answer))
            values = {"answer_sealed": sealed, "code": None}
        if not operation_records.end_by_people(
            conn,
            record,
            State.REJECTED if answer is None else State.DONE,
            reason=f"resolved by people: {said.reason}",
            resolution_id=resolution_id,
            updated_at=now,
            **values,
        ):
            raise ConflictProblem(say("operations.moved_on"), type="operation-not-parked")
        if answer is not None:
            try:
                action.record(conn, old, Done(answer, found=True))
            except ContractError as error:
                raise ConflictProblem(
                    say("operations.contradicts", error=error),
                    type="resolution-contradicts",
                ) from error
            return _Applied(record.channel)
        reference = self._delivery.new_reference(record.channel)
        request = self._delivery.request_of(record).model_copy(update={"reference": reference})
        again = self._delivery.enqueue(
            conn,
            action=record.action,
            channel=record.channel,
            authority=record.authority,
            subject=record.subject,
            request=request,
            rerun_of=record.id,
        )
        action.record(conn, old, Absent())
        self._renewals[record.action](conn, old, request, again)
        return _Applied(record.channel, again, request)

    def _follow(self, applied: _Applied | None) -> None:
        if applied is None:
            return
        if applied.again is not None and applied.request is not None:
            self._delivery.begin(applied.again, applied.request)
        self._delivery.wake(applied.channel)


def _said(conn: Connection, operation_id: str) -> Resolution:
    """What is said about an operation. Raises NotFoundProblem."""
    found = resolution_records.standing(conn, operation_id)
    if found is None:
        raise NotFoundProblem(say("operations.not_resolved"))
    return found


def _waiting(conn: Connection, operation_id: str, *, hold: bool = True) -> OperationRecord:
    """The operation if it waits for a person or is in doubt; ``hold``: nobody else moves it in this transaction."""
    found = operation_records.held(conn, operation_id, hold=hold)
    if found.state not in FOR_PEOPLE:
        raise ConflictProblem(
            say("operations.not_resolvable", state=found.state),
            type="operation-not-parked",
        )
    return found


def _fields(action: Action) -> Sentence:
    return say("operations.give", fields=[FieldName(name) for name in action.answer_model.model_fields])
