"""Sealed documents as records, and all SQL about them: plain functions of a connection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypedDict, Unpack

from sqlalchemy import Connection, insert, select, update

from gateway.foundation.access.tables import authority as owner
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.store.rows import columns, reader
from gateway.ports.seal import Placement
from gateway.rooms.decisions.records import numbered
from gateway.rooms.seals.approvals import Approval
from gateway.rooms.seals.report import Report
from gateway.rooms.seals.states import Status
from gateway.rooms.seals.tables import sealed_document


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedDocument:
    """One document without its file and its signature. Digests are SM3, instants UTC microseconds.

    ``source_digest`` is of the file as it was given to us, ``digest`` of what the signature covers, ``picture_digest``
    of the picture that was drawn. ``shares`` are further places, one a page, where a seal across pages is read back.
    ``gap_start`` and ``gap_end`` bound the room for the signature. ``operation`` is the latest about it, ``sealed_at``
    the time inside the signature.
    """

    id: str
    authority: str
    decision_id: str | None
    decision_number: str | None
    channel: str
    status: Status
    title: str
    approval: str
    approval_record: Approval | None = None
    seal_id: str
    seal_name: str
    placements: tuple[Placement, ...]
    shares: tuple[Placement, ...] = ()
    property_info: str
    picture_digest: bytes
    source_digest: bytes
    digest: bytes
    gap_start: int
    gap_end: int
    reference: str
    operation: str
    asked_by: str | None = None
    grant_id: str | None = None
    job_id: str | None = None
    report: Report | None = None
    reason: str | None = None
    in_doubt_since_at: int | None = None
    doubt_reason: str | None = None
    sealed_at: int | None = None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDocument(SealedDocument):
    """One document without its file, and the signature (DER) once it has come."""

    signature: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument(SignedDocument):
    """One document with its prepared file, which never changes.

    ``layer`` is what is appended to the sealed file: a signature for readers that know no seals.
    """

    file_sealed: bytes
    layer: bytes | None = None

    def prepared(self, envelope: Envelope) -> bytes:
        """The file as it was prepared: original, picture, room for the signature."""
        return envelope.open(self.file_sealed, _file_context(self.id))


def seal_file(envelope: Envelope, document_id: str, content: bytes) -> bytes:
    """A prepared file as it is kept."""
    return envelope.seal(content, _file_context(document_id))


def _file_context(document_id: str) -> str:
    return f"sealed_document|file|{document_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFilter:
    """Which documents a list shows, newest first. ``before``: the id at which the previous page ended.

    ``authorities``: None for all. ``since`` and ``until`` bound when it was asked for, microseconds; the first is in,
    the last is not.
    """

    authorities: Collection[str] | None
    status: Status | None = None
    seal_id: str | None = None
    since: int | None = None
    until: int | None = None
    decision_number: str | None = None
    in_doubt: bool | None = None
    before: str | None = None
    limit: int = 50


class Change(TypedDict, total=False):
    """Columns that change while the state stays."""

    reference: str
    operation: str
    job_id: str | None
    signature: bytes | None
    layer: bytes | None
    report: dict[str, object]
    in_doubt_since_at: int | None
    doubt_reason: str | None


_document = reader(SealedDocument)
_signed = reader(SignedDocument)
_stored = reader(StoredDocument)
_LARGE = ("file_sealed", "signature", "layer")
_LISTED = [column for column in sealed_document.c if column.name not in _LARGE]
_LIVE = (Status.REQUESTED.value, Status.SEALED.value)


def owner_code(conn: Connection, authority: str) -> str | None:
    """The unified social credit code of an authority."""
    return conn.execute(select(owner.c.uscc).where(owner.c.code == authority)).scalar_one_or_none()


def add(conn: Connection, document: StoredDocument) -> None:
    """Insert one document. IntegrityError if the same file is sealed, or being sealed, with the same seal."""
    conn.execute(insert(sealed_document), columns(document))


def fetch(conn: Connection, document_id: str) -> SealedDocument | None:
    """One document without its file."""
    row = conn.execute(select(*_LISTED).where(sealed_document.c.id == document_id)).mappings().first()
    return None if row is None else _document(row)


def fetch_stored(conn: Connection, document_id: str) -> StoredDocument | None:
    """One document, file and all."""
    row = conn.execute(select(sealed_document).where(sealed_document.c.id == document_id)).mappings().first()
    return None if row is None else _stored(row)


def after(conn: Connection, document_id: str, most: int) -> list[SignedDocument]:
    """Documents with their signatures after an id, in the order of ids."""
    query = select(*_LISTED, sealed_document.c.signature).where(sealed_document.c.id > document_id)
    return [_signed(row) for row in conn.execute(query.order_by(sealed_document.c.id).limit(most)).mappings()]


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


def latest(conn: Connection, file: tuple[str, bytes, str], decision_number: str | None) -> SealedDocument | None:
    """The latest sealing of a file (authority, SM3 of it, seal) for a decision, or for none; whatever became of it."""
    authority, source_digest, seal_id = file
    number = sealed_document.c.decision_number
    query = select(*_LISTED).where(
        sealed_document.c.authority == authority,
        sealed_document.c.source_digest == source_digest,
        sealed_document.c.seal_id == seal_id,
        number.is_(None) if decision_number is None else numbered(number, decision_number),
    )
    row = conn.execute(query.order_by(sealed_document.c.id.desc()).limit(1)).mappings().first()
    return None if row is None else _document(row)


def fetch_by_reference(conn: Connection, channel: str, reference: str) -> SealedDocument | None:
    """The document whose sealing has this reference."""
    query = select(*_LISTED).where(sealed_document.c.channel == channel, sealed_document.c.reference == reference)
    row = conn.execute(query).mappings().first()
    return None if row is None else _document(row)


def of_decision(conn: Connection, decision_id: str) -> list[SealedDocument]:
    """All documents of a decision, oldest first, without files."""
    query = select(*_LISTED).where(sealed_document.c.decision_id == decision_id).order_by(sealed_document.c.id)
    return [_document(row) for row in conn.execute(query).mappings()]


def change(conn: Connection, document_id: str, now: int, **values: Unpack[Change]) -> None:
    """Set fields that are not states."""
    conn.execute(update(sealed_document).where(sealed_document.c.id == document_id).values(updated_at=now, **values))


def find(conn: Connection, wanted: DocumentFilter) -> list[SealedDocument]:
    """Documents, newest first, without files."""
    query = select(*_LISTED)
    if wanted.authorities is not None:
        query = query.where(sealed_document.c.authority.in_(list(wanted.authorities)))
    if wanted.status is not None:
        query = query.where(sealed_document.c.status == wanted.status.value)
    if wanted.seal_id is not None:
        query = query.where(sealed_document.c.seal_id == wanted.seal_id)
    if wanted.since is not None:
        query = query.where(sealed_document.c.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(sealed_document.c.created_at < wanted.until)
    if wanted.decision_number is not None:
        query = query.where(numbered(sealed_document.c.decision_number, wanted.decision_number))
    if wanted.in_doubt is not None:
        flag = sealed_document.c.in_doubt_since_at
        query = query.where(flag.is_not(None) if wanted.in_doubt else flag.is_(None))
    if wanted.before is not None:
        query = query.where(sealed_document.c.id < wanted.before)
    rows = conn.execute(query.order_by(sealed_document.c.id.desc()).limit(wanted.limit)).mappings()
    return [_document(row) for row in rows]
