"""Entries of the bulletin as records, and all SQL about them: plain functions of a connection.

Everything here may be read by anybody. What is taken off the page loses its text in the same statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, or_, select, update

from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.rows import columns, reader
from gateway.ports.base import Fen, Message
from gateway.ports.credit import DisclosureKey, MarkName, named
from gateway.rooms.bulletin.tables import bulletin_effect, bulletin_entry
from gateway.words.errors import RejectedError
from gateway.words.masking import Public
from gateway.words.spelling import name_key, number_key

Gone = Literal["withdrawn", "repaired", "ended"]


class Shown(Message):
    """What the page says of one decision: ``Public`` texts alone, made by ``public_entry.entry_of``."""

    organ_name: Public
    party: Public
    violation: Public
    facts: Public
    basis: Public
    penalty_kinds: tuple[Public, ...]
    content: Public
    fine: Fen | None = None
    confiscated: Fen | None = None
    licence: Public | None = None
    decided_on: date
    full_text: Public | None = None
    person: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One decision on the page, or what is left of it once ``gone``. Days are of Asia/Shanghai.

    ``objection``, ``under_appeal``: marked so. ``shielded``: kept from the public for the time being.
    """

    id: str
    channel: str
    organ_code: str
    decision_number: str
    number_key: str
    party_name: str | None
    name_key: str | None
    party_code: str | None = None
    shown: Shown | None
    published_on: date
    publish_until_on: date
    objection: bool = False
    under_appeal: bool = False
    shielded: bool = False
    gone: Gone | None = None
    gone_on: date | None = None
    reason: str | None = None
    created_at: int
    updated_at: int

    @property
    def key(self) -> DisclosureKey:
        """By what its publisher asks for it."""
        name = self.party_name or ""
        return DisclosureKey(
            decision_number=self.decision_number, authority_code=self.organ_code, party_name=named(name)
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """An effect that is asked for: at which channel, under which reference of ours, and the digest of its content."""

    channel: str
    reference: str
    content: str


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries, newest first, and how many there are in all."""

    entries: Sequence[Entry]
    total: int


_entry = reader(Entry)
_OF_KEY = and_(
    bulletin_entry.c.channel == bindparam("at"),
    bulletin_entry.c.organ_code == bindparam("organ"),
    bulletin_entry.c.decision_number == bindparam("number"),
    bulletin_entry.c.party_name == bindparam("name"),
    bulletin_entry.c.gone.is_(None),
)
_EVER = (
    select(bulletin_entry.c.id)
    .where(
        bulletin_entry.c.channel == bindparam("at"),
        bulletin_entry.c.organ_code == bindparam("organ"),
        bulletin_entry.c.decision_number == bindparam("number"),
    )
    .limit(1)
)
_LIVE = select(bulletin_entry).where(_OF_KEY)
_BY_ID = select(bulletin_entry).where(bulletin_entry.c.id == bindparam("id"))
_DONE = select(bulletin_effect.c.content).where(
    bulletin_effect.c.channel == bindparam("at"), bulletin_effect.c.reference == bindparam("reference")
)
_EMPTY = {"party_name": None, "name_key": None, "party_code": None, "shown": None}


def begin_effect(conn: Connection, asked: Asked, now: int) -> bool:
    """Note that an effect is carried out in this transaction; False where it was before.

    Raises RejectedError where its reference stood for another content.
    """
    if insert_new(conn, bulletin_effect, **columns(asked), done_at=now):
        return True
    before = conn.execute(_DONE, {"at": asked.channel, "reference": asked.reference}).scalar_one()
    if before != asked.content:
        raise RejectedError("同一请求号内容不同", "reference")
    return False


def is_done(conn: Connection, channel: str, reference: str) -> bool:
    """Whether the effect with this reference was carried out."""
    return conn.execute(_DONE, {"at": channel, "reference": reference}).first() is not None


def live(conn: Connection, channel: str, key: DisclosureKey) -> Entry | None:
    """The entry that is on the page under this key."""
    asked = {"at": channel, "organ": key.authority_code, "number": key.decision_number}
    asked["name"] = key.party_name.for_official_use()
    row = conn.execute(_LIVE, asked).mappings().first()
    return None if row is None else _entry(row)


def was_shown(conn: Connection, channel: str, key: DisclosureKey) -> bool:
    """Whether a decision with this number was ever on the page; whose it was is not kept once it is gone."""
    asked = {"at": channel, "organ": key.authority_code, "number": key.decision_number}
    return conn.execute(_EVER, asked).first() is not None


def add(conn: Connection, new: Entry) -> None:
    """Put an entry on the page. IntegrityError where one is there under its key."""
    conn.execute(insert(bulletin_entry), columns(new))


def replace(conn: Connection, entry_id: str, shown: Shown, until: date, now: int) -> None:
    """Other words for an entry; its address and its first day stay."""
    values = {"shown": shown.model_dump(mode="json"), "publish_until_on": until, "updated_at": now}
    conn.execute(update(bulletin_entry).where(bulletin_entry.c.id == entry_id).values(**values))


def mark(conn: Connection, entry_id: str, name: MarkName, holds: bool, now: int) -> None:
    """Set a mark, or lift it; each has a column of its name."""
    statement = update(bulletin_entry).where(bulletin_entry.c.id == entry_id)
    conn.execute(statement.values({name: holds, "updated_at": now}))


def take_off(conn: Connection, entry_id: str, how: Gone, on: date, reason: str | None, now: int) -> None:
    """Take an entry off the page, with everything that the public read."""
    values = {**_EMPTY, "gone": how, "gone_on": on, "reason": reason, "updated_at": now}
    conn.execute(update(bulletin_entry).where(bulletin_entry.c.id == entry_id).values(**values))


def over(conn: Connection, today: date, now: int) -> int:
    """Empty every entry whose last day is over; how many there were."""
    ended = (bulletin_entry.c.gone.is_(None), bulletin_entry.c.publish_until_on < today)
    values = {**_EMPTY, "gone": "ended", "gone_on": today, "updated_at": now}
    return conn.execute(update(bulletin_entry).where(*ended).values(**values)).rowcount


def fetch(conn: Connection, entry_id: str) -> Entry | None:
    """One entry, gone or not."""
    row = conn.execute(_BY_ID, {"id": entry_id}).mappings().first()
    return None if row is None else _entry(row)


def find(conn: Connection, words: str, today: date, offset: int, limit: int) -> Found:
    """What the public finds: by a part of the number or name, or by the whole unified code. "" finds all."""
    shown = (bulletin_entry.c.gone.is_(None), bulletin_entry.c.shielded.is_(False))
    holds = and_(*shown, bulletin_entry.c.publish_until_on >= today)
    if words:
        holds = and_(holds, _matches(words))
    total = conn.execute(select(func.count()).select_from(bulletin_entry).where(holds)).scalar_one()
    query = select(bulletin_entry).where(holds)
    query = query.order_by(bulletin_entry.c.published_on.desc(), bulletin_entry.c.id.desc())
    rows = conn.execute(query.offset(offset).limit(limit)).mappings()
    return Found([_entry(row) for row in rows], total)


def _matches(words: str) -> ColumnElement[bool]:
    number, name = number_key(words), name_key(words)
    ways = [bulletin_entry.c.party_code == words.strip().upper()]
    if number:
        ways.append(bulletin_entry.c.number_key.contains(number, autoescape=True))
    if name:
        ways.append(bulletin_entry.c.name_key.contains(name, autoescape=True))
    return or_(*ways)
