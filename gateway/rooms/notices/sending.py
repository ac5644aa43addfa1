"""Sending one notice that is due: who the officer is at the messenger, then the message, which names no case."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.foundation.channels import Channel
from gateway.foundation.delivery import Sent
from gateway.foundation.handovers import DataKind, HandsOver, note
from gateway.foundation.lives import Living
from gateway.ports.notice import OfficerKey, Recipient, SendRequest
from gateway.rooms.notices import records
from gateway.rooms.notices.occasions import DIGEST
from gateway.rooms.notices.options import NoticeOptions
from gateway.rooms.notices.planning import CAPABILITY, Planner
from gateway.rooms.notices.records import Notice
from gateway.rooms.notices.states import Status
from gateway.words.clock import to_micros
from gateway.words.errors import ExchangeError, NotFoundProblem, NotSentError, RejectedError, UnsupportedError
from gateway.words.identifiers import new_id
from gateway.words.saying import say

log = structlog.get_logger(__name__)

NO_NUMBER = "见办案系统"
"""What stands in a text in place of the decision number: see the case system."""


class Sending:
    """Asks who an officer is and hands the message to delivery. A notice that nobody can be found for has failed."""

    def __init__(
        self, base: Foundation, options: NoticeOptions, life: Living[Status, Notice], planner: Planner
    ) -> None:
        self._base = base
        self._options = options
        self._life = life
        self._planner = planner

    async def begin(self, notice: Notice) -> bool:
        """Ask who the officer is, and send; False where that has to wait, or where there is nothing to send."""
        channels = self._base.channels.route(notice.authority, CAPABILITY)
        if not channels:
            return False
        channel = channels[0]
        key = OfficerKey(certificate=notice.officer(self._base.envelope))
        try:
            found: Recipient | None = await self._who_is(notice, channel, key)
        except RejectedError as refused:
            await self._fail(notice, refused.reason)
            return False
        except ExchangeError as problem:
            log.warning(
                "the messenger cannot be asked who an officer is; tried again", notice=notice.id, why=str(problem)
            )
            return False
        if found is None or not found.active:
            await self._fail(notice, "the messenger has no active user with this certificate number")
            return False
        unit = partial(self._send, notice_id=notice.id, channel=channel, user_id=found.user_id)
        await self._base.delivery.carry_out(unit, wait=0)
        return True

    async def _who_is(self, notice: Notice, channel: Channel, key: OfficerKey) -> Recipient | None:
        """Ask the messenger, and write down that it was told a certificate number, unless that did not leave."""
        left = True
        try:
            found: Recipient | None = await channel.adapter.resolve_user(key)
            return found
        except (NotSentError, UnsupportedError):
            left = False
            raise
        finally:
            if left:
                await self._base.store.write(partial(self._told_number, notice=notice, channel=channel))

    def _told_number(self, conn: Connection, notice: Notice, channel: Channel) -> None:
        note(
            conn,
            HandsOver((DataKind.NUMBER,)).on(self._base.settings.handovers.basis, "notice.resolve_user"),
            to_micros(self._base.clock.now()),
            "channel",
            channel.name,
            system=channel.info.name,
            subject=notice.id,
            authority=notice.authority,
        )

    async def _fail(self, notice: Notice, reason: str) -> None:
        tell = {"reason": reason}
        await self._base.store.write(
            lambda conn: self._life.move(conn, notice, Status.FAILED, tell=tell, reason=reason)
        )

    def _send(self, conn: Connection, notice_id: str, channel: Channel, user_id: str) -> Sent | None:
        planned = records.lock(conn, notice_id)
        if planned is None or planned.status is not Status.PLANNED:
            return None
        if not self._planner.count(conn, planned):
            self._life.move(conn, planned, Status.DROPPED, reason="nothing is to be told any more")
            return None
        notice = held(conn, notice_id)
        request = SendRequest(
            reference=self._base.delivery.new_reference(channel.name),
            user_id=user_id,
            template=notice.template,
            parameters=_parameters(notice, self._options),
            link=self._options.link,
        )
        operation_id = new_id("opn")
        known: dict[str, Any] = {
            "channel": channel.name,
            "user_id": user_id,
            "reference": request.reference,
            "operation": operation_id,
        }
        self._life.move(conn, notice, Status.SENDING, reason=None, **known)
        operation = self._base.delivery.enqueue(
            conn,
            action="notice.send",
            channel=channel.name,
            authority=notice.authority,
            subject=notice.id,
            request=request,
            operation_id=operation_id,
            claim=True,
        )
        return Sent(operation, request)


def held(conn: Connection, notice_id: str) -> Notice:
    """One notice. Raises NotFoundProblem."""
    notice = records.fetch(conn, notice_id)
    if notice is None:
        raise NotFoundProblem(say("notices.none"))
    return notice


def _parameters(notice: Notice, options: NoticeOptions) -> dict[str, str]:
    """What the text of a notice tells beside its template."""
    if notice.template == DIGEST:
        return {"count": str(notice.items)}
    return {"number": notice.number if notice.number and options.numbers else NO_NUMBER}
