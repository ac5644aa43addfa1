"""The ledger: operations, their attempts, channel conditions, schedule runs, events and webhooks out."""

from __future__ import annotations

from sqlalchemy import JSON as Json
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.foundation.store.base import HERE_ONLY, by_month, metadata

OPEN = "state in ('queued','uncertain','pending')"
UNFINISHED = "state in ('queued','sending','uncertain','pending','parked')"
FOR_PEOPLE = "state in ('parked','uncertain','pending')"
"""What went well was never among these: an index of them costs a call nothing on its way."""

operation = Table(
    "operation",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("action", String(40), nullable=False),
    Column("channel", String(60), nullable=False),
    Column("authority", String(40), nullable=False),
    Column("subject", String(40), nullable=False, comment="the record this is for"),
    Column("reference", String(64), comment="ours, by which the other side is asked; null for plain questions"),
    Column("effectful", Boolean, nullable=False),
    Column("state", String(10), nullable=False),
    Column("request_sealed", LargeBinary, nullable=False),
    Column("answer_sealed", LargeBinary),
    Column("attempt", Integer, nullable=False, server_default="0", comment="the fence: only the newest may finish"),
    Column("node", String(40), comment="who holds the lease"),
    Column("lease_until_at", BigInteger),
    Column("due_at", BigInteger, nullable=False),
    Column("wanted_by_on", Date, comment="the last day of the law for it; what has one is sent by it"),
    Column("tries", Integer, nullable=False, server_default="0", comment="failures in a row, for the delay"),
    Column("sent_at", BigInteger, comment="when the last effectful call began"),
    Column("doubt_since_at", BigInteger),
    Column("pending_since_at", BigInteger, comment="when the other side took it without being ready"),
    Column("reason", Text),
    Column("code", String(40)),
    Column("rerun_of", String(40), ForeignKey("operation.id")),
    Column(
        "two_persons", Boolean, nullable=False, server_default=text("false"), comment="people decide about it in pairs"
    ),
    Column("resolution_id", String(40), comment="the decision of people that ended it"),
    Column("resolution_applied", Boolean, comment="always true beside a resolution: only an applied one may end it"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint(
        "state in ('queued','sending','done','rejected','uncertain','pending','parked')", name="known_state"
    ),
    CheckConstraint("state <> 'pending' or pending_since_at is not null", name="pending_has_a_date"),
    CheckConstraint("(state = 'sending') = (lease_until_at is not null)", name="sending_has_a_lease"),
    CheckConstraint("not effectful or reference is not null", name="effect_has_a_reference"),
    CheckConstraint("(resolution_id is null) = (resolution_applied is null)", name="resolution_is_whole"),
    CheckConstraint("resolution_applied is null or resolution_applied", name="resolution_was_applied"),
    CheckConstraint("resolution_id is null or state in ('done','rejected')", name="resolution_ends_it"),
    CheckConstraint(
        "doubt_since_at is null or state not in ('done','rejected') or resolution_id is not null",
        name="doubt_ends_by_an_answer_or_by_people",
    ),
    ForeignKeyConstraint(
        ["resolution_id", "id", "two_persons", "resolution_applied"],
        ["resolution.id", "resolution.operation_id", "resolution.two_persons", "resolution.applied"],
        name="fk_operation_resolution",
    ),
    UniqueConstraint("channel", "reference"),
    Index("ix_operation_rerun", "rerun_of"),
    Index("ix_operation_due", "channel", "due_at", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    # By this it is counted: each call is in it for a while, so it holds no more.
    Index(
        "ix_operation_unfinished",
        "state",
        "channel",
        sqlite_where=text(UNFINISHED),
        postgresql_where=text(UNFINISHED),
    ),
    # In the order in which people read, with what they narrow it by.
    Index(
        "ix_operation_for_people",
        "state",
        "id",
        "authority",
        "channel",
        sqlite_where=text(FOR_PEOPLE),
        postgresql_where=text(FOR_PEOPLE),
    ),
    Index(
        "ix_operation_parked_for",
        "code",
        "state",
        "id",
        "authority",
        "channel",
        sqlite_where=text(FOR_PEOPLE),
        postgresql_where=text(FOR_PEOPLE),
    ),
    Index(
        "ix_operation_doubted",
        "reference",
        sqlite_where=text(FOR_PEOPLE),
        postgresql_where=text(FOR_PEOPLE),
    ),
    Index(
        "ix_operation_lease",
        "channel",
        "lease_until_at",
        sqlite_where=text("state = 'sending'"),
        postgresql_where=text("state = 'sending'"),
    ),
    Index("ix_operation_subject", "subject"),
)

resolution = Table(
    "resolution",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("operation_id", String(40), nullable=False, index=True),
    Column("two_persons", Boolean, nullable=False),
    Column("happened", Boolean, nullable=False),
    Column("answer_sealed", LargeBinary, comment="what the other side's answer would have been, typed in"),
    Column("reason", Text, nullable=False),
    Column("proposed_by", String(40), nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("confirmed_by", String(40)),
    Column("confirmed_at", BigInteger),
    Column("withdrawn_at", BigInteger),
    Column("applied", Boolean, nullable=False, server_default=text("false")),
    Column("applied_at", BigInteger),
    CheckConstraint("confirmed_by <> proposed_by", name="second_person"),
    CheckConstraint("(confirmed_by is null) = (confirmed_at is null)", name="confirmed_whole"),
    CheckConstraint("not (applied and two_persons) or confirmed_by is not null", name="applied_needs_confirmation"),
    CheckConstraint("applied = (applied_at is not null)", name="applied_whole"),
    CheckConstraint("not (applied and withdrawn_at is not null)", name="applied_or_withdrawn"),
    CheckConstraint("not happened or answer_sealed is not null", name="happened_has_an_answer"),
    UniqueConstraint("id", "operation_id", "two_persons", "applied", name="uq_resolution_applied"),
    Index(
        "uq_resolution_open",
        "operation_id",
        unique=True,
        sqlite_where=text("withdrawn_at is null"),
        postgresql_where=text("withdrawn_at is null"),
    ),
)

attempt = Table(
    "attempt",
    metadata,
    Column("operation_id", String(40), ForeignKey("operation.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", String(8), nullable=False, comment="call or find"),
    Column("node", String(40), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("reason", Text),
    Column("exchanges", Json, nullable=False, comment="ids of the exchanges this attempt made"),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    **by_month("operation_id", "opn"),
)

channel_condition = Table(
    "channel_condition",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("stopped", Boolean, nullable=False, server_default=text("false")),
    Column("reason", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("open_until_at", BigInteger, comment="circuit: nothing leaves before"),
    Column("probe_until_at", BigInteger, comment="circuit: one probe is out until then"),
    Column("next_slot_at", BigInteger, comment="rate: theoretical arrival time (GCRA), by the database's clock"),
    Column("updated_at", BigInteger, nullable=False),
)

schedule_run = Table(
    "schedule_run",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("slot_at", BigInteger, primary_key=True),
    Column("node", String(40), nullable=False),
    Column("ran_at", BigInteger, nullable=False),
    Column("done_at", BigInteger, comment="null while it is under way, and when it failed or died under way"),
    Index("ix_schedule_run_slot", "slot_at", "name"),
    Index(
        "ix_schedule_run_unfinished",
        "slot_at",
        sqlite_where=text("done_at is null"),
        postgresql_where=text("done_at is null"),
    ),
)

event = Table(
    "event",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("type", String(60), nullable=False),
    Column("authority", String(40), nullable=False),
    Column("subject", String(40), nullable=False),
    Column("data", Json, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column(
        "txid",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="PostgreSQL: the writing transaction, by which readers know that nothing earlier is still to come",
        info={HERE_ONLY: True},
    ),
    Index("ix_event_subject", "subject", "txid", "seq"),
    Index("ix_event_authority", "authority", "txid", "seq"),
    sqlite_autoincrement=True,
)

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("client_id", String(40), nullable=False),
    Column("authority", String(40), nullable=False),
    Column("url", Text, nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("old_secret_sealed", LargeBinary, comment="signs too until its time has come"),
    Column("old_secret_until_at", BigInteger),
    Column("types", Json, nullable=False, comment="event types, empty for all"),
    Column(
        "ordered", Boolean, nullable=False, server_default=text("false"), comment="events of a record one after another"
    ),
    Column("failing_since_at", BigInteger, comment="nothing was delivered since"),
    Column("disabled_at", BigInteger),
    Column("disabled_reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_webhook_endpoint_authority", "authority"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("event_id", String(40), primary_key=True),
    Column("endpoint_id", String(40), ForeignKey("webhook_endpoint.id"), primary_key=True),
    Column("event_seq", BigInteger, nullable=False),
    Column("subject", String(40), nullable=False, comment="the event's record, for its order"),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("taken", Integer, nullable=False, server_default="0", comment="the fence: only the newest taker may close"),
    Column("due_at", BigInteger, nullable=False),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("delivered_at", BigInteger),
    CheckConstraint("state in ('queued','delivered','failed')", name="known_state"),
    Index("ix_webhook_delivery_endpoint", "endpoint_id", "event_seq"),
    Index(
        "ix_webhook_delivery_due",
        "due_at",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "ix_webhook_delivery_order",
        "endpoint_id",
        "subject",
        "event_seq",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "ix_webhook_delivery_failed",
        "endpoint_id",
        sqlite_where=text("state = 'failed'"),
        postgresql_where=text("state = 'failed'"),
    ),
    **by_month("event_id", "evt"),
)

webhook_attempt = Table(
    "webhook_attempt",
    metadata,
    Column("endpoint_id", String(40), primary_key=True),
    Column("event_id", String(40), primary_key=True),
    Column("taken", Integer, primary_key=True),
    Column("node", String(40), nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    # No foreign key to its delivery: PostgreSQL lets no part go to which another table's parts refer.
    **by_month("event_id", "evt"),
)

unreadable_callback = Table(
    "unreadable_callback",
    metadata,
    Column("exchange_id", String(40), primary_key=True, comment="its evidence, the first time that it came"),
    Column("channel", String(60), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("authority", String(40), comment="null: it could not be told whom it is about"),
    Column("subject", String(40), comment="the record that was asked about because of it"),
    Column("received_at", BigInteger, nullable=False),
    UniqueConstraint("channel", "digest"),
    Index("ix_unreadable_callback_received", "channel", "received_at"),
)

refused_callback = Table(
    "refused_callback",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("channel", String(60), nullable=False),
    Column("source", String(60), nullable=False, comment="the address that it came from"),
    Column("reason", Text, nullable=False, comment="why it is not authentic"),
    Column("digest", LargeBinary, nullable=False, comment="SM3 of all of it"),
    Column("length", BigInteger, nullable=False),
    Column("beginning_sealed", LargeBinary, nullable=False, comment="its first 4 KiB"),
    Column("received_at", BigInteger, nullable=False),
    Index("ix_refused_callback_received", "received_at"),
    comment="what came without being authentic; outside the evidence, and never more than a bound",
)

refused_tally = Table(
    "refused_tally",
    metadata,
    Column("on", Date, primary_key=True),
    Column("source", String(60), primary_key=True, comment="an address; * for all of them"),
    Column("seen", BigInteger, nullable=False),
    Column("kept", Integer, nullable=False, comment="by which all nodes keep to one bound"),
)

callback_nonce = Table(
    "callback_nonce",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("nonce", String(80), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Index("ix_callback_nonce_received", "received_at", "channel", "nonce"),
)

access_token = Table(
    "access_token",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("account", LargeBinary, nullable=False, comment="blind index of the address and credentials it was for"),
    Column("token_sealed", LargeBinary),
    Column("renew_at", BigInteger, comment="when a new one is fetched"),
    Column("until_at", BigInteger),
    Column("lease", Integer, nullable=False, comment="the fence: only the newest taker may keep one"),
    Column("lease_until_at", BigInteger, comment="by the database's clock; null while nobody fetches"),
    CheckConstraint("(token_sealed is null) = (until_at is null)", name="token_has_an_end"),
)
