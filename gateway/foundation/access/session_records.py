"""Sessions of people, as they are kept. Plain functions of a connection."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.foundation.access.tables import operator_session
from gateway.foundation.store.rows import columns, reader

_row = operator_session.c


@dataclass(frozen=True, slots=True)
class Session:
    """Where somebody is signed in. ``digest``: of the secret in the cookie. Instants in microseconds.

    ``used_at``: to the minute; ``proved_at``: when the person last proved who it is.
    """

    id: str
    operator_id: str
    digest: bytes
    source: str
    began_at: int
    used_at: int
    proved_at: int
    ended_at: int | None = None


_session = reader(Session)
_BY_ID = select(operator_session).where(_row.id == bindparam("of"))
_MINE = update(operator_session).where(_row.id == bindparam("of"), _row.ended_at.is_(None))


def add(conn: Connection, made: Session) -> None:
    """A session begins."""
    conn.execute(insert(operator_session), columns(made))


def fetch(conn: Connection, session_id: str) -> Session | None:
    """One session."""
    found = conn.execute(_BY_ID, {"of": session_id}).mappings().first()
    return None if found is None else _session(found)


def used(conn: Connection, session_id: str, now: int) -> None:
    """Somebody did something in it."""
    conn.execute(_MINE, {"of": session_id, "used_at": now})


def proved(conn: Connection, session_id: str, now: int) -> None:
    """The person has proved again who it is."""
    conn.execute(_MINE, {"of": session_id, "proved_at": now, "used_at": now})


def end(conn: Connection, session_id: str, now: int) -> None:
    """It is over. Again changes nothing."""
    conn.execute(_MINE, {"of": session_id, "ended_at": now})


def end_all(conn: Connection, operator_id: str, now: int, but: str | None = None) -> None:
    """All of an operator's are over, but for one."""
    mine = update(operator_session).where(_row.operator_id == operator_id, _row.ended_at.is_(None))
    conn.execute((mine if but is None else mine.where(_row.id != but)).values(ended_at=now))


def live(conn: Connection, used_since: int, began_since: int) -> list[Session]:
    """Those that have not ended, the latest first."""
    query = select(operator_session).where(
        _row.ended_at.is_(None), _row.used_at >= used_since, _row.began_at >= began_since
    )
    return [_session(row) for row in conn.execute(query.order_by(_row.used_at.desc(), _row.id)).mappings()]


def before(conn: Connection, operator_id: str, session_id: str) -> Session | None:
    """An operator's session before this one."""
    query = select(operator_session).where(_row.operator_id == operator_id, _row.id < session_id)
    found = conn.execute(query.order_by(_row.began_at.desc()).limit(1)).mappings().first()
    return None if found is None else _session(found)
