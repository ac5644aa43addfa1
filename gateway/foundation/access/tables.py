"""Access: authorities, clients with their keys, operators with their sessions."""

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
    UniqueConstraint,
    text,
)

from gateway.foundation.store.base import metadata

authority = Table(
    "authority",
    metadata,
    Column("code", String(40), primary_key=True, comment="its identifier everywhere: the tenant"),
    Column("name", String(200), nullable=False),
    Column("uscc", String(18), nullable=False, unique=True),
    Column("unit_code", String(40), comment="its code as a collecting unit 执收单位"),
    Column("telephone", String(40), comment="shown to parties"),
    Column("created_at", BigInteger, nullable=False),
)

client = Table(
    "client",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger, comment="from then on all its keys are refused"),
)

client_authority = Table(
    "client_authority",
    metadata,
    Column("client_id", String(40), ForeignKey("client.id"), primary_key=True),
    Column("authority", String(40), ForeignKey("authority.code"), primary_key=True),
)

client_rate = Table(
    "client_rate",
    metadata,
    Column("client", String(40), primary_key=True, comment="a client's id, or an operator's"),
    Column("minute", BigInteger, nullable=False, comment="since 1970, by the database's clock"),
    Column("taken", Integer, nullable=False, comment="by all nodes in that minute, what was refused too"),
)

operator = Table(
    "operator",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("login", String(60), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(15), nullable=False),
    Column("password", LargeBinary, nullable=False, comment="argon2id: parameters, salt and hash"),
    Column("password_once", Boolean, nullable=False, server_default=text("(false)"), comment="to be changed at once"),
    Column("failures", Integer, nullable=False, server_default="0", comment="wrong passwords in a row"),
    Column("locked_until_at", BigInteger),
    Column("factor_sealed", LargeBinary, comment="secret of the one-time codes 动态口令; null without"),
    Column("factor_step", BigInteger, comment="the time step of the last code: each is taken once"),
    Column("disabled_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint("role in ('viewer','operator','supervisor','auditor','administrator')", name="known_role"),
)

operator_authority = Table(
    "operator_authority",
    metadata,
    Column("operator_id", String(40), ForeignKey("operator.id"), primary_key=True),
    Column("authority", String(40), ForeignKey("authority.code"), primary_key=True),
    comment="whose records an operator sees; who has no row sees those of all",
)

operator_session = Table(
    "operator_session",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("operator_id", String(40), ForeignKey("operator.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SM3 of the secret in the cookie"),
    Column("source", String(60), nullable=False, comment="from which address it began"),
    Column("began_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False, comment="to the minute"),
    Column("proved_at", BigInteger, nullable=False, comment="when the person last proved who it is"),
    Column("ended_at", BigInteger),
    Index("ix_operator_session_operator", "operator_id", "began_at"),
    comment="where people are signed in at the console",
)

kept_upload = Table(
    "kept_upload",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("operator_id", String(40), ForeignKey("operator.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("content_sealed", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    comment="files that somebody looks at before they count; forgotten when they are taken, or after a day",
)

console_view = Table(
    "console_view",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("operator_id", String(40), ForeignKey("operator.id"), nullable=False),
    Column("screen", String(40), nullable=False),
    Column("name", String(40), nullable=False),
    Column("query", Text, nullable=False, comment="what stands in the address of the list"),
    UniqueConstraint("operator_id", "screen", "name"),
    comment="filters of lists that people have given a name",
)

in_hand = Table(
    "in_hand",
    metadata,
    Column("subject", String(40), primary_key=True, comment="a record: an operation, an exception, a publication"),
    Column("operator_id", String(40), ForeignKey("operator.id"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    comment="what people have taken on, or were handed",
)

access_key = Table(
    "access_key",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("client_id", String(40), ForeignKey("client.id"), index=True),
    Column("operator_id", String(40), ForeignKey("operator.id"), index=True),
    Column("label", String(200), nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SM3 of the secret half, which is shown once"),
    Column("scopes", Json, nullable=False),
    Column("test", Boolean, nullable=False, server_default=text("(false)"), comment="of sandboxes only"),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger, comment="to the minute"),
    CheckConstraint("(client_id is null) <> (operator_id is null)", name="one_owner"),
)

operator_act = Table(
    "operator_act",
    metadata,
    Column("id", String(40), primary_key=True, comment="its evidence, written before the act"),
    Column("operator_id", String(80), nullable=False),
    Column("operator", String(200), nullable=False, comment="the name as it was"),
    Column("role", String(20), nullable=False),
    Column("kind", String(4), nullable=False),
    Column("action", String(200), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("authority", String(40)),
    Column("reason", Text),
    Column("at", BigInteger, nullable=False),
    Column("status", Integer, comment="as in HTTP; null while it is not over, or was cut"),
    CheckConstraint("kind in ('act','read')", name="known_kind"),
    Index("ix_operator_act_operator", "operator_id", "id"),
    Index("ix_operator_act_subject", "subject", "id"),
    comment="what people did, and at whom they looked unmasked; the chain has the same",
)

matter_person = Table(
    "matter_person",
    metadata,
    Column("matter", String(80), primary_key=True, comment="what is proposed: a refund, a way out, a month"),
    Column("person", String(40), primary_key=True, comment="an operator, or a case system for an officer"),
    Column("side", String(12), nullable=False),
    Column("operator", Boolean, nullable=False),
    Column("name", String(200), nullable=False),
    Column("officer", String(200), comment="for whom a case system speaks"),
    UniqueConstraint("matter", "person", "side"),
    CheckConstraint("side in ('taking_part','confirming')", name="known_side"),
    CheckConstraint("side <> 'confirming' or operator", name="a_key_is_no_person"),
    comment="on which side a person is in a matter, once and for all",
)

participation = Table(
    "participation",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("matter", String(80), nullable=False),
    Column("person", String(40), nullable=False),
    Column("side", String(12), nullable=False),
    Column("part", String(12), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("seen", Text, comment="the token of what was seen by who confirmed"),
    ForeignKeyConstraint(
        ["matter", "person", "side"], ["matter_person.matter", "matter_person.person", "matter_person.side"]
    ),
    CheckConstraint("part in ('proposed','named','added','changed','confirmed')", name="known_part"),
    CheckConstraint("(part = 'confirmed') = (side = 'confirming')", name="who_confirms_takes_no_part"),
    CheckConstraint("(part = 'confirmed') = (seen is not null)", name="what_is_confirmed_was_seen"),
    Index("ix_participation_matter", "matter"),
    comment="everything that people did in matters that need two; never changed",
)
