"""What a person has at hand: files that were looked at and not yet taken, views of lists by name, records taken on.

A file is kept sealed for a day at most, for who uploaded it alone: what was shown of it is what is then taken, and no
browser has to send it twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, delete, insert, literal, select, update

from gateway.foundation.access.tables import console_view, in_hand, kept_upload, operator
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.store import Store
from gateway.foundation.store.rows import columns, reader
from gateway.words.clock import Clock, to_micros
from gateway.words.errors import InvalidProblem, NotFoundProblem
from gateway.words.identifiers import new_id
from gateway.words.saying import say

LARGEST: Final = 32 << 20
"""Bytes of a file that is looked at before it is taken."""
MOST: Final = 12
"""Views of one list that a person has."""
_DAY: Final = 86_400_000_000
_LONGEST_NAME: Final = 40
_LONGEST_QUERY: Final = 1000


@dataclass(frozen=True, slots=True)
class KeptUpload:
    """A file that somebody has uploaded and looks at."""

    id: str
    operator_id: str
    name: str
    content_sealed: bytes
    at: int


@dataclass(frozen=True, slots=True)
class ConsoleView:
    """A list by a filter, under a person's own name. ``query``: what stands in its address."""

    id: str
    operator_id: str
    screen: str
    name: str
    query: str


_upload, _view = reader(KeptUpload), reader(ConsoleView)


class Desk:
    """Files and views of people, each seen by its person alone."""

    def __init__(self, store: Store, envelope: Envelope, clock: Clock) -> None:
        self._store, self._envelope, self._clock = store, envelope, clock

    async def keep(self, operator_id: str, name: str, content: bytes) -> str:
        """Keep a file until it is taken, or for a day. Its id. Raises InvalidProblem for one that is too large."""
        if len(content) > LARGEST:
            raise InvalidProblem(say("console.upload_too_large", most=LARGEST >> 20))
        upload_id, now = new_id("upl"), to_micros(self._clock.now())
        made = KeptUpload(upload_id, operator_id, name, self._envelope.seal(content, _context(upload_id)), now)

        def unit(conn: Connection) -> None:
            conn.execute(delete(kept_upload).where(kept_upload.c.at < now - _DAY))
            conn.execute(insert(kept_upload), columns(made))

        await self._store.write(unit)
        return upload_id

    async def kept(self, operator_id: str, upload_id: str) -> tuple[str, bytes]:
        """Name and content of a person's own file. Raises NotFoundProblem for one that is gone, or another's."""
        mine = select(kept_upload).where(kept_upload.c.id == upload_id, kept_upload.c.operator_id == operator_id)
        row = await self._store.read(lambda conn: conn.execute(mine).mappings().first())
        if row is None:
            raise NotFoundProblem(say("console.upload_gone"))
        found = _upload(row)
        return found.name, self._envelope.open(found.content_sealed, _context(upload_id))

    async def let_go(self, operator_id: str, upload_id: str) -> None:
        """Forget a file that was taken. Again changes nothing."""
        mine = delete(kept_upload).where(kept_upload.c.id == upload_id, kept_upload.c.operator_id == operator_id)
        await self._store.write(lambda conn: conn.execute(mine))

    async def views(self, operator_id: str, screen: str) -> list[ConsoleView]:
        """A person's views of a list, by their names."""
        mine = select(console_view).where(console_view.c.operator_id == operator_id, console_view.c.screen == screen)
        ordered = mine.order_by(console_view.c.name)
        return await self._store.read(lambda conn: [_view(row) for row in conn.execute(ordered).mappings()])

    async def save_view(self, operator_id: str, screen: str, name: str, query: str) -> None:
        """Keep a filter under a name; under a name that is there it takes its place. Raises InvalidProblem."""
        _require_name(name)
        if not query or len(query) > _LONGEST_QUERY:
            raise InvalidProblem(say("console.view_of_nothing"))

        def unit(conn: Connection) -> None:
            mine = [console_view.c.operator_id == operator_id, console_view.c.screen == screen]
            same = update(console_view).where(*mine, console_view.c.name == name).values(query=query)
            if conn.execute(same).rowcount:
                return
            if len(conn.execute(select(console_view.c.id).where(*mine)).all()) >= MOST:
                raise InvalidProblem(say("console.view_many", most=MOST))
            made = ConsoleView(new_id("vew"), operator_id, screen, name, query)
            conn.execute(insert(console_view), columns(made))

        await self._store.write(unit)

    async def change_view(self, operator_id: str, view_id: str, name: str | None) -> None:
        """Give a person's view another name, or take it away. Raises InvalidProblem, NotFoundProblem."""
        _require_name(name) if name is not None else None

        def unit(conn: Connection) -> None:
            mine = [console_view.c.operator_id == operator_id, console_view.c.id == view_id]
            row = conn.execute(select(console_view).where(*mine)).mappings().first()
            if row is None:
                raise NotFoundProblem(say("console.view_gone"))
            if name is not None:
                here = [console_view.c.operator_id == operator_id, console_view.c.screen == row["screen"]]
                conn.execute(
                    delete(console_view).where(*here, console_view.c.name == name, console_view.c.id != view_id)
                )
                conn.execute(update(console_view).where(*mine).values(name=name))
            else:
                conn.execute(delete(console_view).where(*mine))

        await self._store.write(unit)

    async def assign(self, subject: str, operator_id: str | None) -> None:
        """Put a record into somebody's hands; None: into nobody's. The last one counts."""

        def unit(conn: Connection) -> None:
            conn.execute(delete(in_hand).where(in_hand.c.subject == subject))
            if operator_id is not None:
                values = {"subject": subject, "operator_id": operator_id, "at": to_micros(self._clock.now())}
                conn.execute(insert(in_hand), values)

        await self._store.write(unit)

    async def holder(self, subject: str) -> str | None:
        """The name of who has a record in hand."""
        query = select(name_of_holder(literal(subject)))
        return await self._store.read(lambda conn: conn.execute(query).scalar())


def of_person(operator_id: str) -> Select[tuple[str]]:
    """The records that somebody has in hand, for the SQL of a list."""
    return select(in_hand.c.subject).where(in_hand.c.operator_id == operator_id)


def of_people_called(name: str) -> Select[tuple[str]]:
    """The records that people of this name have in hand."""
    return _held().where(operator.c.name == name)


def name_of_holder(subject: ColumnElement[str]) -> ColumnElement[str]:
    """Who has a row's record in hand, by name, as a column of a list."""
    return _held().with_only_columns(operator.c.name).where(in_hand.c.subject == subject).scalar_subquery()


def _held() -> Select[tuple[str]]:
    return select(in_hand.c.subject).join(operator, operator.c.id == in_hand.c.operator_id)


def _require_name(name: str) -> None:
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidProblem(say("console.view_name", most=_LONGEST_NAME), field="name")


def _context(upload_id: str) -> str:
    return f"kept_upload|content|{upload_id}"
