"""Tables of jobs: what is done in many steps as one thing."""

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
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from gateway.foundation.store.base import metadata
from gateway.words.identifiers import claim_prefix

claim_prefix("job", "a job: many requests as one record")

_GOING_ON = text("begun_at is not null and ended_at is null")

job = Table(
    "job",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("authorities", Json, nullable=False, comment="whose records were seen by whoever proposed it"),
    Column("number", Integer, nullable=False, comment="of rows, which are frozen"),
    Column("digest", LargeBinary(32), nullable=False, comment="of the rows as they were proposed"),
    Column("two_persons", Boolean, nullable=False, comment="a second operator confirms it"),
    Column("language", String(2), nullable=False, comment="of the reasons of its rows"),
    Column("proposed_by", String(40), nullable=False, comment="an operator, or os:USER; each row is done as that one"),
    Column("proposed_name", String(200), nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("confirmed_by", String(40)),
    Column("confirmed_name", String(200)),
    Column("confirmed_side", String(12), comment="who confirms has no other part in it: held by the key below"),
    Column("begun_at", BigInteger, comment="since when it counts"),
    Column("ended_at", BigInteger, comment="when each row had its result, or it was stopped"),
    Column("stopped_name", String(200), comment="who stopped it, or withdrew it before it began"),
    Column("held_by", String(40), comment="the process that works at it"),
    Column("held_until_at", BigInteger),
    CheckConstraint("confirmed_by is null or confirmed_by <> proposed_by", name="two_people"),
    CheckConstraint("(confirmed_by is null) = (confirmed_side is null)", name="confirmed_on_a_side"),
    CheckConstraint("confirmed_side = 'confirming'", name="only_who_takes_no_part_confirms"),
    CheckConstraint("begun_at is null or not two_persons or confirmed_by is not null", name="begins_with_two"),
    CheckConstraint("ended_at is null or begun_at is not null or stopped_name is not null", name="ends_or_is_stopped"),
    ForeignKeyConstraint(
        ["id", "confirmed_by", "confirmed_side"],
        ["matter_person.matter", "matter_person.person", "matter_person.side"],
    ),
    Index("ix_job_going_on", "id", sqlite_where=_GOING_ON, postgresql_where=_GOING_ON),
)

job_row = Table(
    "job_row",
    metadata,
    Column("job_id", String(40), ForeignKey("job.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("subject", String(200), nullable=False, comment="what it is about, for people"),
    Column("request_sealed", LargeBinary, nullable=False),
    Column("result", String(20), comment="null until it was its turn"),
    Column("why", Text, comment="why it was not done"),
    Column("at", BigInteger),
    Column("answer_sealed", LargeBinary, comment="the file that it made"),
    CheckConstraint("result in ('done','not_applicable','failed')", name="known_result"),
    CheckConstraint("(why is null) = (result is null or result = 'done')", name="refusals_have_a_reason"),
    CheckConstraint("(result is null) = (at is null)", name="results_have_an_instant"),
)
