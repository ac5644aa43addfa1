"""Notices as records, and all SQL about them: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

from sqlalchemy import Connection, exists, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.rotation.indexed import Indexed
from gateway.foundation.store.base import constant
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.rows import columns, reader
from gateway.rooms.notices.states import Status
from gateway.rooms.notices.tables import notice, notice_item
from gateway.words.identifiers import claim_prefix

claim_prefix("ntc", "a notice to an officer 执法人员消息")

_OFFICER = "notice.officer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message to one officer. Instants are UTC microseconds; ``tables`` says what each field is."""

    id: str
    authority: str
    officer_index: bytes
    officer_sealed: bytes
    status: Status
    template: str
    items: int
    due_at: int
    created_at: int
    updated_at: int
    number: str | None = None
    channel: str | None = None
    user_id: str | None = None
    reference: str | None = None
    operation: str | None = None
    recalling: str | None = None
    message_id: str | None = None
    reason: str | None = None
    in_doubt_since_at: int | None = None
    doubt_reason: str | None = None
    held_until_at: int | None = None
    sent_at: int | None = None
    delivered_at: int | None = None
    read_at: int | None = None

    def officer(self, envelope: Envelope) -> str:
        """The certificate number of whom it is for 执法证号. Personal data."""
        return envelope.open(self.officer_sealed, _officer_context(self.id)).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One event that an officer is told of."""

    event_key: str
    officer_index: bytes
    notice_id: str
    event: str
    subject: str
    template: str
    created_at: int
    decision_id: str | None = None
    number: str | None = None
    gone_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFilter:
    """Which notices a list shows, newest first. ``before``: the id at which the previous page ended."""

    authorities: Collection[str] | None = None
    status: Status | None = None
    subject: str | None = None
    in_doubt: bool | None = None
    before: str | None = None
    limit: int = 50


class Change(TypedDict, total=False):
    """Columns that change while the state stays."""

    template: str
    number: str | None
    items: int
    reference: str
    operation: str
    recalling: str | None
    message_id: str
    held_until_at: int | None
    sent_at: int
    reason: str | None
    in_doubt_since_at: int | None
    doubt_reason: str | None


_notice = reader(Notice)
_item = reader(Item)


def seal_officer(envelope: Envelope, notice_id: str, certificate: str) -> bytes:
    """A certificate number as a notice keeps it."""
    return envelope.seal(certificate.encode(), _officer_context(notice_id))


def _officer_context(notice_id: str) -> str:
    return f"notice|officer|{notice_id}"


def officer_index(envelope: Envelope, certificate: str) -> bytes:
    """By what notices of one officer are found without their number."""
    return envelope.blind_index(certificate, _OFFICER)


INDEXES = (
    Indexed(
        notice.c.officer_index,
        lambda envelope, row: officer_index(
            envelope, envelope.open(row["officer_sealed"], _officer_context(row["id"])).decode()
        ),
        follows=((notice_item.c.officer_index, notice_item.c.notice_id),),
    ),
)
"""How the index of an officer is made again under a new key, here and where it was told of what."""


def officer_indexes(envelope: Envelope, certificate: str) -> tuple[bytes, ...]:
    """Under what notices of one officer may be found now."""
    return envelope.blind_indexes(certificate, _OFFICER)


# --- notices --------------------------------------------------------------------------------------------------------


def add(conn: Connection, made: Notice) -> bool:
    """Insert a planned notice; False where one is collecting for this officer already."""
    return insert_new(conn, notice, **columns(made))


def fetch(conn: Connection, notice_id: str) -> Notice | None:
    """One notice."""
    row = conn.execute(select(notice).where(notice.c.id == notice_id)).mappings().first()
    return None if row is None else _notice(row)


def fetch_by_reference(conn: Connection, channel: str, reference: str) -> Notice | None:
    """The notice that was sent under this reference."""
    query = select(notice).where(notice.c.channel == channel, notice.c.reference == reference)
    row = conn.execute(query).mappings().first()
    return None if row is None else _notice(row)


def collecting(conn: Connection, authority: str, indexes: Sequence[bytes]) -> Notice | None:
    """The planned notice to which more may be added for this officer; nobody else adds or sends meanwhile."""
    query = select(notice).where(
        notice.c.authority == authority,
        notice.c.officer_index.in_(indexes),
        notice.c.status == constant(Status.PLANNED.value),
        notice.c.reason.is_(None),
    )
    row = conn.execute(query.with_for_update()).mappings().first()
    return None if row is None else _notice(row)


def due(conn: Connection, now: int, limit: int = 500) -> list[str]:
    """Ids of the notices whose time has come, oldest first."""
    mine = (notice.c.status == constant(Status.PLANNED.value), notice.c.due_at <= now)
    return list(conn.execute(select(notice.c.id).where(*mine).order_by(notice.c.due_at).limit(limit)).scalars())


def lock(conn: Connection, notice_id: str) -> Notice | None:
    """One notice that nobody else changes until the transaction ends."""
    row = conn.execute(select(notice).where(notice.c.id == notice_id).with_for_update()).mappings().first()
    return None if row is None else _notice(row)


def change(conn: Connection, notice_id: str, now: int, **values: Unpack[Change]) -> None:
    """Set fields that are not states."""
    conn.execute(update(notice).where(notice.c.id == notice_id).values(updated_at=now, **values))


def find(conn: Connection, wanted: NoticeFilter) -> list[Notice]:
    """Notices, newest first."""
    query = select(notice)
    if wanted.authorities is not None:
        query = query.where(notice.c.authority.in_(list(wanted.authorities)))
    if wanted.status is not None:
        query = query.where(notice.c.status == wanted.status.value)
    if wanted.subject is not None:
        of = exists().where(notice_item.c.notice_id == notice.c.id, notice_item.c.subject == wanted.subject)
        query = query.where(of)
    if wanted.in_doubt is not None:
        flag = notice.c.in_doubt_since_at
        query = query.where(flag.is_not(None) if wanted.in_doubt else flag.is_(None))
    if wanted.before is not None:
        query = query.where(notice.c.id < wanted.before)
    rows = conn.execute(query.order_by(notice.c.id.desc()).limit(wanted.limit)).mappings()
    return [_notice(row) for row in rows]


def of_decision(conn: Connection, decision_id: str) -> list[Notice]:
    """Notices that tell of a decision, oldest first."""
    of = exists().where(notice_item.c.notice_id == notice.c.id, notice_item.c.decision_id == decision_id)
    return [_notice(row) for row in conn.execute(select(notice).where(of).order_by(notice.c.id)).mappings()]


def failed_since(conn: Connection, since: int) -> int:
    """How many notices have failed since then and were not sent again."""
    query = select(notice.c.id).where(notice.c.status == Status.FAILED.value, notice.c.updated_at >= since)
    return len(conn.execute(query).scalars().all())


# --- what they tell of ----------------------------------------------------------------------------------------------


def is_told(conn: Connection, event_key: str, indexes: Sequence[bytes]) -> bool:
    """Whether an officer is told of this already."""
    mine = (notice_item.c.event_key == event_key, notice_item.c.officer_index.in_(indexes))
    return conn.execute(select(notice_item.c.event_key).where(*mine)).first() is not None


def add_item(conn: Connection, item: Item) -> bool:
    """Add one event to a notice; False where the officer is told of it already."""
    return insert_new(conn, notice_item, **columns(item))


def items_of(conn: Connection, notice_id: str) -> list[Item]:
    """What a notice tells of and is still so, oldest first."""
    query = select(notice_item).where(notice_item.c.notice_id == notice_id, notice_item.c.gone_at.is_(None))
    ordered = query.order_by(notice_item.c.created_at, notice_item.c.event_key)
    return [_item(row) for row in conn.execute(ordered).mappings()]


def end_items(conn: Connection, subject: str, events: Collection[str], now: int) -> list[str]:
    """There is nothing to tell any more of these events of a record; the planned notices that told of it."""
    mine = (notice_item.c.subject == subject, notice_item.c.event.in_(list(events)), notice_item.c.gone_at.is_(None))
    planned = select(notice.c.id).where(notice.c.status == constant(Status.PLANNED.value))
    held = conn.execute(select(notice_item.c.notice_id).where(*mine, notice_item.c.notice_id.in_(planned))).scalars()
    found = sorted(set(held))
    if found:
        conn.execute(update(notice_item).where(*mine, notice_item.c.notice_id.in_(found)).values(gone_at=now))
    return found
