"""The ledger: operations, their attempts, channel conditions, schedule runs, events and webhooks out."""

from __future__ import annotations

from sqlalchemy import JSON as Json
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.store.tables.base import metadata

OPEN = "state in ('queued','uncertain')"

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
    Column("tries", Integer, nullable=False, server_default="0", comment="failures in a row, for the delay"),
    Column("sent_at", BigInteger, comment="when the last effectful call began"),
    Column("doubt_since_at", BigInteger),
    Column("reason", Text),
    Column("code", String(40)),
    Column("rerun_of", String(40), ForeignKey("operation.id")),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("state in ('queued','sending','done','rejected','uncertain','parked')", name="known_state"),
    CheckConstraint("(state = 'sending') = (lease_until_at is not null)", name="sending_has_a_lease"),
    CheckConstraint("not effectful or reference is not null", name="effect_has_a_reference"),
    UniqueConstraint("channel", "reference"),
    Index("ix_operation_due", "channel", "due_at", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    Index(
        "ix_operation_lease",
        "lease_until_at",
        sqlite_where=text("state = 'sending'"),
        postgresql_where=text("state = 'sending'"),
    ),
    Index("ix_operation_subject", "subject"),
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
    Column("next_slot_at", Float, comment="rate: theoretical arrival time (GCRA)"),
    Column("updated_at", BigInteger, nullable=False),
)

schedule_run = Table(
    "schedule_run",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("slot_at", BigInteger, primary_key=True),
    Column("node", String(40), nullable=False),
    Column("ran_at", BigInteger, nullable=False),
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
    Index("ix_event_subject", "subject", "seq"),
    Index("ix_event_authority", "authority", "seq"),
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
    Column("types", Json, nullable=False, comment="event types, empty for all"),
    Column("disabled_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_webhook_endpoint_authority", "authority"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("endpoint_id", String(40), ForeignKey("webhook_endpoint.id"), primary_key=True),
    Column("event_id", String(40), primary_key=True),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", BigInteger, nullable=False),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("delivered_at", BigInteger),
    CheckConstraint("state in ('queued','delivered','failed')", name="known_state"),
    Index(
        "ix_webhook_delivery_due",
        "due_at",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("client_id", String(40), primary_key=True),
    Column("path", String(200), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("digest", LargeBinary, nullable=False, comment="keyed digest of the request body"),
    Column("subject", String(120), nullable=False),
    Column("status", Integer, comment="first status answered; null while the first request runs"),
    Column("created_at", BigInteger, nullable=False),
)

callback_nonce = Table(
    "callback_nonce",
    metadata,
    Column("channel", String(60), primary_key=True),
    Column("nonce", String(80), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Index("ix_callback_nonce_received", "received_at"),
)
