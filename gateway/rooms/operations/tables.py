"""Tables of bulk retries: parked work that is sent on together."""

from __future__ import annotations

from sqlalchemy import JSON as Json
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from gateway.foundation.store.base import metadata
from gateway.words.identifiers import claim_prefix

claim_prefix("brt", "a bulk retry of parked operations")

bulk_retry = Table(
    "bulk_retry",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), comment="what was chosen; null: any"),
    Column("action", String(40)),
    Column("parked_for", String(20)),
    Column("since_at", BigInteger),
    Column("until_at", BigInteger),
    Column("authorities", Json, nullable=False, comment="whose operations are among them"),
    Column("reason", Text, nullable=False),
    Column("number", Integer, nullable=False, comment="how many operations were chosen"),
    Column("two_persons", Boolean, nullable=False, comment="effects are among them about which people decide in pairs"),
    Column("proposed_by", String(40), nullable=False),
    Column("proposed_name", String(200), nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("confirmed_by", String(40)),
    Column("confirmed_name", String(200)),
    Column("confirmed_side", String(12), comment="who confirms has no other part in it: held by the key below"),
    Column("begun_at", BigInteger, comment="since when it counts"),
    Column("ended_at", BigInteger, comment="when each operation had its result"),
    Column("withdrawn_at", BigInteger),
    CheckConstraint("confirmed_by is null or confirmed_by <> proposed_by", name="two_people"),
    CheckConstraint("(confirmed_by is null) = (confirmed_side is null)", name="confirmed_on_a_side"),
    CheckConstraint("confirmed_side = 'confirming'", name="only_who_takes_no_part_confirms"),
    CheckConstraint("begun_at is null or not two_persons or confirmed_by is not null", name="begins_with_two"),
    CheckConstraint("begun_at is null or withdrawn_at is null", name="begun_or_withdrawn"),
    CheckConstraint("ended_at is null or begun_at is not null", name="ends_after_it_began"),
    ForeignKeyConstraint(
        ["id", "confirmed_by", "confirmed_side"],
        ["matter_person.matter", "matter_person.person", "matter_person.side"],
    ),
    Index(
        "ix_bulk_retry_going_on",
        "id",
        sqlite_where=text("begun_at is not null and ended_at is null"),
        postgresql_where=text("begun_at is not null and ended_at is null"),
    ),
)

bulk_retry_item = Table(
    "bulk_retry_item",
    metadata,
    Column("bulk_id", String(40), ForeignKey("bulk_retry.id"), primary_key=True),
    Column("operation_id", String(40), ForeignKey("operation.id"), primary_key=True),
    Column("attempt", Integer, nullable=False, comment="of the operation when it was chosen"),
    Column("result", String(20), comment="null until it was its turn"),
    Column("why", Text, comment="why it could not be sent on"),
    CheckConstraint("result in ('sent_on','not_applicable')", name="known_result"),
    CheckConstraint("(why is null) = (result is null or result <> 'not_applicable')", name="refusals_have_a_reason"),
)
