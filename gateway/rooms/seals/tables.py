"""Sealed documents: the prepared file, the signature that came for it, and what our checks found."""

from __future__ import annotations

from sqlalchemy import JSON as Json
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)
from sqlalchemy import text as sql

from gateway.foundation.store.base import metadata
from gateway.words.identifiers import claim_prefix

claim_prefix("ssp", "a stop of a seal")
claim_prefix("svo", "the voiding of a sealing 用印作废")
claim_prefix("sgr", "a grant to use a seal 用印授权")

LIVE = "status in ('REQUESTED','SEALED')"
STANDING = "status in ('PROPOSED','CONFIRMED','VOIDED')"

sealed_document = Table(
    "sealed_document",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("decision_id", String(40), ForeignKey("decision.id")),
    Column("decision_number", String(128)),
    Column("channel", String(60), nullable=False),
    Column("status", String(20), nullable=False),
    Column("title", String(200), nullable=False),
    Column("approval", String(200), nullable=False, comment="用印审批 as text: what the service is told"),
    Column("approval_record", Json, comment="the same in its parts, where it was given so"),
    Column("seal_id", String(32), nullable=False),
    Column("seal_name", String(200), nullable=False),
    Column("placements", Json, nullable=False, comment="page, x, y, width, height in millimetres"),
    Column(
        "shares", Json, nullable=False, comment="the same, of a seal across pages: what each page is read back with"
    ),
    Column("property_info", String(200), nullable=False),
    Column("picture_digest", LargeBinary, nullable=False, comment="SM3 of the picture that was drawn"),
    Column("source_digest", LargeBinary, nullable=False, comment="SM3 of the file as it was given to us"),
    Column("digest", LargeBinary, nullable=False, comment="SM3 of what the signature covers"),
    Column("file_sealed", LargeBinary, nullable=False, comment="the prepared file: original, picture, room for it"),
    Column("gap_start", Integer, nullable=False),
    Column("gap_end", Integer, nullable=False),
    Column("reference", String(64), nullable=False),
    Column("operation", String(40), nullable=False, comment="the latest operation about it"),
    Column("asked_by", String(80), comment="who asked for it: a client's or an operator's name"),
    Column("grant_id", String(40), comment="the grant under which the seal was used"),
    Column("layer", LargeBinary, comment="what stands behind the sealed file: a signature for ordinary readers"),
    Column("job_id", String(64)),
    Column("signature", LargeBinary, comment="DER SES_Signature as it came"),
    Column("report", Json, comment="what our checks found"),
    Column("reason", Text),
    Column("in_doubt_since_at", BigInteger),
    Column("doubt_reason", Text),
    Column("sealed_at", BigInteger, comment="timeInfo of the signature"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("status in ('REQUESTED','SEALED','REFUSED','VOIDED')", name="known_status"),
    CheckConstraint(
        "status not in ('SEALED','VOIDED') or (signature is not null and report is not null)", name="sealed_is_verified"
    ),
    Index("uq_sealed_document_reference", "channel", "reference", unique=True),
    Index(
        "uq_sealed_document_live",
        "authority",
        "source_digest",
        "seal_id",
        unique=True,
        sqlite_where=sql(LIVE),
        postgresql_where=sql(LIVE),
    ),
    Index("ix_sealed_document_authority", "authority", "id"),
    Index("ix_sealed_document_file", "authority", "source_digest", "seal_id", "id"),
    Index("ix_sealed_document_decision", "decision_id"),
)

seal_stop = Table(
    "seal_stop",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("seal_id", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("stopped_by", String(40), nullable=False),
    Column("stopped_name", String(80), nullable=False),
    Column("stopped_at", BigInteger, nullable=False, comment="seals made until then are not used any more"),
    Index("ix_seal_stop_seal", "authority", "seal_id", "stopped_at"),
)

seal_grant = Table(
    "seal_grant",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("seal_id", String(32), nullable=False),
    Column("officer_index", LargeBinary, nullable=False, comment="blind index of the certificate number 执法证号"),
    Column("officer_sealed", LargeBinary, nullable=False, comment="the certificate number"),
    Column("first_on", Date, nullable=False),
    Column("last_on", Date, nullable=False, comment="the last day on which it may be used"),
    Column("granted_name", String(80), nullable=False),
    Column("granted_at", BigInteger, nullable=False),
    Column("ended_name", String(80)),
    Column("ended_at", BigInteger),
    Column("reason", Text, comment="why it was ended"),
    CheckConstraint("last_on >= first_on", name="in_order"),
    Index("ix_seal_grant_seal", "authority", "seal_id", "officer_index"),
)

seal_voiding = Table(
    "seal_voiding",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("document_id", String(40), ForeignKey("sealed_document.id"), nullable=False, index=True),
    Column("authority", String(40), nullable=False),
    Column("channel", String(60), nullable=False),
    Column("status", String(20), nullable=False),
    Column("why", String(200), nullable=False, comment="why the sealing is to be void: what the service is told"),
    Column("signature_digest", LargeBinary, nullable=False, comment="SM3 of the SES_Signature that is void"),
    Column("proposed_by", String(40), nullable=False),
    Column("proposed_name", String(80), nullable=False),
    Column("officer", String(200), comment="for whom a case system spoke"),
    Column("confirmed_by", String(40)),
    Column("confirmed_name", String(80)),
    Column("confirmed_at", BigInteger),
    Column("operation", String(40), comment="the latest operation about it"),
    Column("job_id", String(64)),
    Column("reason", Text, comment="what the service said, or why it was taken back"),
    Column("signed_record", LargeBinary, comment="what was done, as signed: canonical JSON"),
    Column("record_signature", LargeBinary, comment="SM2 over it by the key seal-records"),
    Column("voided_at", BigInteger),
    Column("in_doubt_since_at", BigInteger),
    Column("doubt_reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("confirmed_by is null or confirmed_by <> proposed_by", name="two_persons"),
    CheckConstraint("status not in ('CONFIRMED','VOIDED','REFUSED') or confirmed_by is not null", name="confirmed"),
    CheckConstraint(
        "status <> 'VOIDED' or (signed_record is not null and record_signature is not null)", name="signed"
    ),
    Index(
        "uq_seal_voiding_standing",
        "document_id",
        unique=True,
        sqlite_where=sql(STANDING),
        postgresql_where=sql(STANDING),
    ),
    Index("ix_seal_voiding_signature", "signature_digest"),
)
