"""Storing and reading sealed documents: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from gateway.foundation.access.tables import authority as owner
from gateway.foundation.delivery.tables import (
    event,
)
from gateway.rooms.seals.states import Status, sources
from gateway.rooms.seals.tables import sealed_document

_LARGE = ("file_sealed", "signature")
_LISTED = [column for column in sealed_document.c if column.name not in _LARGE]
_LIVE = (Status.REQUESTED.value, Status.SEALED.value)


def owner_code(conn: Connection, authority: str) -> str | None:
    """The unified social credit code of an authority."""
    return conn.execute(select(owner.c.uscc).where(owner.c.code == authority)).scalar_one_or_none()


def add(conn: Connection, values: Mapping[str, Any]) -> None:
    """Insert one document. IntegrityError if the same file is sealed, or being sealed, with the same seal."""
    conn.execute(insert(sealed_document), dict(values))


def fetch(conn: Connection, document_id: str) -> RowMapping | None:
    """One document's row, files and all."""
    return conn.execute(select(sealed_document).where(sealed_document.c.id == document_id)).mappings().first()


def describe(conn: Connection, document_id: str) -> RowMapping | None:
    """One document's row without its file and signature."""
    return conn.execute(select(*_LISTED).where(sealed_document.c.id == document_id)).mappings().first()


def live(conn: Connection, authority: str, source_digest: bytes, seal_id: str) -> str | None:
    """The document that holds this file under this seal already."""
    return conn.execute(
        select(sealed_document.c.id).where(
            sealed_document.c.authority == authority,
            sealed_document.c.source_digest == source_digest,
            sealed_document.c.seal_id == seal_id,
            sealed_document.c.status.in_(_LIVE),
        )
    ).scalar_one_or_none()


def by_reference(conn: Connection, channel: str, reference: str) -> RowMapping | None:
    """The document whose sealing has this reference."""
    query = select(*_LISTED).where(sealed_document.c.channel == channel, sealed_document.c.reference == reference)
    return conn.execute(query).mappings().first()


def of_decision(conn: Connection, decision_id: str) -> Sequence[RowMapping]:
    """All documents of a decision, oldest first, without files."""
    query = select(*_LISTED).where(sealed_document.c.decision_id == decision_id).order_by(sealed_document.c.id)
    return conn.execute(query).mappings().all()


def move(conn: Connection, document_id: str, end: Status, now: int, **values: Any) -> bool:
    """Compare-and-set along the state table; False when the document is in no state from which ``end`` follows."""
    done = conn.execute(
        update(sealed_document)
        .where(
            sealed_document.c.id == document_id,
            sealed_document.c.status.in_([start.value for start in sources(end)]),
        )
        .values(status=end.value, updated_at=now, in_doubt_since_at=None, doubt_reason=None, **values)
    )
    return done.rowcount == 1


def change(conn: Connection, document_id: str, now: int, **values: Any) -> None:
    """Set fields that are not states."""
    conn.execute(update(sealed_document).where(sealed_document.c.id == document_id).values(updated_at=now, **values))


def search(
    conn: Connection,
    *,
    authorities: Sequence[str],
    status: str | None = None,
    decision_number: str | None = None,
    in_doubt: bool | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[RowMapping]:
    """Documents, newest first, without files; ``before`` is the id at which the previous page ended."""
    query = select(*_LISTED).where(sealed_document.c.authority.in_(authorities))
    if status is not None:
        query = query.where(sealed_document.c.status == status)
    if decision_number is not None:
        query = query.where(sealed_document.c.decision_number == decision_number)
    if in_doubt is not None:
        flag = sealed_document.c.in_doubt_since_at
        query = query.where(flag.is_not(None) if in_doubt else flag.is_(None))
    if before is not None:
        query = query.where(sealed_document.c.id < before)
    return conn.execute(query.order_by(sealed_document.c.id.desc()).limit(limit)).mappings().all()


def timeline(conn: Connection, document_id: str) -> Sequence[RowMapping]:
    """Events of one document, oldest first."""
    return conn.execute(select(event).where(event.c.subject == document_id).order_by(event.c.seq)).mappings().all()
