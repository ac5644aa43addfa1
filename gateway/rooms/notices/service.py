"""Notices to officers 执法人员消息: planned by events, sent when their time has come, followed until they are read.

A message says of what kind something is, and no more: no facts of a case, no names. Whatever the messenger answers or
does not answer, one event is told to one officer once.
"""

from __future__ import annotations

from functools import partial

import structlog
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.delivery import (
    Action,
    Done,
    Event,
    Operation,
    Outcome,
    Rejected,
    Sent,
    Unsettled,
)
from gateway.foundation.delivery.callbacks import Concerned
from gateway.foundation.delivery.events import timeline
from gateway.foundation.delivery.limits import closed_until
from gateway.foundation.handovers import DataKind, HandsOver
from gateway.foundation.lives import Living
from gateway.foundation.once import NEVER, Once
from gateway.ports.base import Message, Pending, Refused
from gateway.ports.notice import (
    DeliveredNotice,
    OfficerMessages,
    ReadNotice,
    RecallRequest,
    SendRequest,
    SentMessage,
)
from gateway.rooms.decisions import Decisions
from gateway.rooms.notices import records
from gateway.rooms.notices.options import NoticeOptions
from gateway.rooms.notices.planning import Planner
from gateway.rooms.notices.records import Item, Notice, NoticeFilter
from gateway.rooms.notices.sending import Sending, held
from gateway.rooms.notices.states import LIFE, Status
from gateway.words.clock import to_micros
from gateway.words.errors import (
    ConflictProblem,
    ContractError,
)
from gateway.words.saying import say

log = structlog.get_logger(__name__)

_DAY = 86_400_000_000


class Notices:
    """Send what is due, recall it, have it sent again; take what the messenger tells."""

    def __init__(self, base: Foundation, decisions: Decisions, options: NoticeOptions) -> None:
        self._base = base
        self._options = options
        self._life: Living[Status, Notice] = Living(
            LIFE, base.events, base.clock, lambda notice: {"template": notice.template, "items": notice.items}
        )
        self.planner = Planner(base, decisions, options, self._life)
        self._sending = Sending(base, options, self._life, self.planner)

    def actions(self) -> tuple[Action, ...]:
        """What delivery is told: to send a message, and to take one back."""
        return (
            Action(
                name="notice.send",
                request_model=SendRequest,
                answer_model=SentMessage,
                call=_send,
                find=_find,
                check=_check_sent,
                record=self._sent,
                two_persons=False,
                hands_over=lambda _: HandsOver((DataKind.ACCOUNT,)),
            ),
            Action(
                name="notice.recall",
                request_model=RecallRequest,
                answer_model=SentMessage,
                call=_recall,
                find=_find_recalled,
                check=_check_recalled,
                record=self._recalled,
                two_persons=False,
            ),
        )

    # --- looking ----------------------------------------------------------------------------------------------------

    async def held(self, notice_id: str) -> Notice:
        """One notice. Raises NotFoundProblem."""
        return await self._base.store.read(lambda conn: held(conn, notice_id))

    async def view(self, notice_id: str) -> tuple[Notice, list[Item], list[Event]]:
        """One notice, what it tells of, and its timeline, oldest first. Raises NotFoundProblem."""
        return await self._base.store.read(partial(story, notice_id))

    async def find(self, wanted: NoticeFilter) -> list[Notice]:
        """Notices, newest first."""
        return await self._base.store.read(lambda conn: records.find(conn, wanted))

    async def notes(self) -> list[str]:
        """What is worth knowing: messages that failed lately."""
        since = to_micros(self._base.clock.now()) - _DAY
        failed = await self._base.store.read(lambda conn: records.failed_since(conn, since))
        return [f"{failed} notices to officers have failed since yesterday: gateway notices list"] if failed else []

    # --- acting -----------------------------------------------------------------------------------------------------

    async def sweep(self) -> int:
        """Send what is due, unless these are quiet hours; how many were begun. What cannot be asked about waits."""
        now = self._base.clock.now()
        if closed_until(self._options.quiet, now) is not None:
            return 0
        found = await self._base.store.read(lambda conn: records.due(conn, to_micros(now)))
        begun = 0
        for notice_id in found:
            begun += await self._sending.begin(await self.held(notice_id))
        return begun

    async def resend(self, notice_id: str, *, once: Once = NEVER) -> str:
        """Have one that failed sent again, by the next sweep. Returns its id. Raises NotFoundProblem, ConflictProblem.

        Who the officer is at the messenger is asked anew.
        """

        def unit(conn: Connection) -> None:
            notice = held(conn, notice_id)
            now = to_micros(self._base.clock.now())
            why = notice.reason or "it had failed"
            if not self._life.move(conn, notice, Status.PLANNED, due_at=now, reason=f"sent again: {why}"):
                raise ConflictProblem(say("notices.not_failed", status=notice.status))

        await self._base.store.write(once.about(notice_id).first(unit))
        return notice_id

    async def recall(self, notice_id: str, reason: str, *, wait: float = 3.0, once: Once = NEVER) -> str:
        """Take one back 撤回, at the messenger if it was sent. Returns its id.

        Raises NotFoundProblem, ConflictProblem.
        """
        unit = partial(self._begin_recall, notice_id=notice_id, reason=reason, claim=True)
        await self._base.delivery.carry_out(unit, once.about(notice_id), wait)
        return notice_id

    async def recall_later(self, notice_id: str, reason: str) -> None:
        """Write down that one is taken back, for a process that sends nothing: whoever sends carries it out."""
        await self._base.store.write(partial(self._begin_recall, notice_id=notice_id, reason=reason, claim=False))

    # --- what happens elsewhere -------------------------------------------------------------------------------------

    def take_notice(
        self, conn: Connection, channel: str, told: DeliveredNotice | ReadNotice, _exchange_id: str
    ) -> Concerned | None:
        """The messenger tells that a message was delivered or read. Told again, or late, it changes nothing."""
        notice = records.fetch_by_reference(conn, channel, told.reference)
        if notice is None:
            return None
        if isinstance(told, ReadNotice):
            self._read(conn, notice, to_micros(told.at))
        else:
            self._life.move(conn, notice, Status.DELIVERED, delivered_at=to_micros(told.at))
        return Concerned(notice.authority, notice.id)

    def renewed(self, conn: Connection, old: Operation, _request: Message, new: Operation) -> None:
        """People found out that nothing was sent, or taken back: it is asked for again under a new reference."""
        assert new.reference is not None, "an effect has a reference"
        if old.action == "notice.recall":
            records.change(conn, new.subject, new.created_at, recalling=new.id)
        else:
            records.change(conn, new.subject, new.created_at, reference=new.reference, operation=new.id)

    # --- taking back ------------------------------------------------------------------------------------------------

    def _begin_recall(self, conn: Connection, notice_id: str, reason: str, claim: bool) -> Sent | None:
        notice = held(conn, notice_id)
        if self._life.move(conn, notice, Status.DROPPED, reason=reason):
            return None
        if notice.status not in LIFE.sources(Status.RECALLED) or notice.reference is None or notice.channel is None:
            raise ConflictProblem(say("notices.not_recallable", status=notice.status))
        if notice.recalling is not None:
            raise ConflictProblem(say("notices.recalling"))
        request = RecallRequest(
            reference=self._base.delivery.new_reference(notice.channel), message=notice.reference, reason=reason
        )
        operation = self._base.delivery.enqueue(
            conn,
            action="notice.recall",
            channel=notice.channel,
            authority=notice.authority,
            subject=notice.id,
            request=request,
            claim=claim,
        )
        records.change(conn, notice.id, to_micros(self._base.clock.now()), recalling=operation.id, reason=reason)
        return Sent(operation, request)

    # --- outcomes, in the ledger's transaction ------------------------------------------------------------------------

    def _sent(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        notice = held(conn, operation.subject)
        match outcome:
            case Done(answer=SentMessage(state="failed") as message):
                self._refuse(conn, notice, message.reason or "the messenger could not deliver it")
            case Done(answer=SentMessage() as message):
                until = None if message.held_until is None else to_micros(message.held_until)
                now = to_micros(self._base.clock.now())
                kept = records.Change(message_id=message.message_id, held_until_at=until, sent_at=now)
                if not self._life.move(conn, notice, Status.SENT, **kept):  # a callback came before the answer
                    records.change(conn, notice.id, now, **kept)
                if message.read_at is not None:
                    self._read(conn, held(conn, notice.id), to_micros(message.read_at))
                elif message.delivered_at is not None:
                    at = to_micros(message.delivered_at)
                    self._life.move(conn, held(conn, notice.id), Status.DELIVERED, delivered_at=at)
            case Rejected(reason=reason, code=code):
                self._refuse(conn, notice, reason, messenger_code=code)
            case Unsettled():
                self._life.doubt(conn, notice, outcome)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def _recalled(self, conn: Connection, operation: Operation, outcome: Outcome) -> None:
        notice = held(conn, operation.subject)
        match outcome:
            case Done(answer=SentMessage()):
                self._life.move(conn, notice, Status.RECALLED, tell={"reason": notice.reason}, recalling=None)
            case Rejected(reason=reason):
                now = to_micros(self._base.clock.now())
                why = f"not recalled: {reason}"
                records.change(
                    conn, notice.id, now, recalling=None, reason=why, in_doubt_since_at=None, doubt_reason=None
                )
            case Unsettled():
                self._life.doubt(conn, notice, outcome)
            case _:
                raise AssertionError(f"unforeseen outcome {outcome}")

    def _read(self, conn: Connection, notice: Notice, at: int) -> None:
        self._life.move(conn, notice, Status.READ, read_at=at, delivered_at=notice.delivered_at or at)

    def _refuse(self, conn: Connection, notice: Notice, reason: str, **tell: str) -> None:
        self._life.move(conn, notice, Status.FAILED, tell={"reason": reason, **tell}, reason=reason)


def found(wanted: NoticeFilter, conn: Connection) -> list[Notice]:
    """Notices, newest first, for who has no more than a connection."""
    return records.find(conn, wanted)


def story(notice_id: str, conn: Connection) -> tuple[Notice, list[Item], list[Event]]:
    """One notice, what it tells of, and its timeline. Raises NotFoundProblem."""
    return held(conn, notice_id), records.items_of(conn, notice_id), timeline(conn, notice_id)


async def _send(messenger: OfficerMessages, request: SendRequest) -> SentMessage | Pending:
    return await messenger.send(request)


async def _find(messenger: OfficerMessages, request: SendRequest) -> SentMessage | Pending | Refused | None:
    return await messenger.find(request.reference)


async def _recall(messenger: OfficerMessages, request: RecallRequest) -> SentMessage | Pending:
    return await messenger.recall(request)


async def _find_recalled(messenger: OfficerMessages, request: RecallRequest) -> SentMessage | Pending | Refused | None:
    """The message if it is recalled; one that is not shows that nothing has happened."""
    found = await messenger.find(request.message)
    return found if not isinstance(found, SentMessage) or found.state == "recalled" else None


def _check_sent(request: SendRequest, answer: SentMessage) -> None:
    if (answer.reference, answer.user_id) != (request.reference, request.user_id):
        raise ContractError(f"the answer is about {answer.reference}, asked was {request.reference}")


def _check_recalled(request: RecallRequest, answer: SentMessage) -> None:
    if (answer.reference, answer.state) != (request.message, "recalled"):
        raise ContractError(f"{request.message} was to be recalled, the answer says {answer.reference} {answer.state}")
