"""Disclosures: one decision's publication at one target, what is amiss with it, and who publishes for an authority."""

from __future__ import annotations

from sqlalchemy import JSON as Json
from sqlalchemy import (
    BigInteger,
    Boolean,
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
    text,
)

from gateway.foundation.store.base import metadata

LIVE = "status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN')"
# What is not in a state is said, not what is: SQLite would ask the index of states for each, and pass over ours.
PUBLIC = "status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN','REPAIRED','ENDED')"
OWED = f"withdraw_wanted_at is not null and {LIVE}"
"""Still public, or on the way, while a withdrawal is owed."""
PROVISIONAL = (
    "(status in ('DRAFT','PLANNED','SUBMITTED','ACCEPTED') and submit_by_provisional)"
    f" or ({OWED} and withdraw_by_provisional)"
)
"""A last day to publish or to withdraw rests on days that are not published."""

UNPUBLISHED = (
    "status not in ('NOT_PUBLISHABLE','PUBLISHED','CORRECTED','SHIELDED','WITHDRAWN','REPAIRED','ENDED')"
    " and withdraw_wanted_at is null"
)
"""On the way, or refused: not public, and its last day counts, unless what was refused went again since."""
PASSED_ON = (
    "pass_on_by_on is not null and status not in ('NOT_PUBLISHABLE','DRAFT','SUBMITTED','ACCEPTED','PUBLISHED',"
    "'CORRECTED','SHIELDED','REJECTED','WITHDRAWN','REPAIRED','ENDED')"
)
"""Not handed yet to whoever shows it, which has a last day of its own."""
HELD = "end_held_at is not null and end_reason is null"
"""Its period is over, it is not ended, and nobody has said that it ends nevertheless."""
OBJECTED, IN_DOUBT = "objection_at is not null", "in_doubt_since_at is not null"
UNMARKED = (
    "(objection_at is null) <> (objection_marked_at is null) or (appeal_at is null) <> (appeal_marked_at is null)"
)
"""The target does not show the mark of an objection or an appeal that it should, or still shows one."""

disclosing_organ = Table(
    "disclosing_organ",
    metadata,
    Column("authority", String(40), primary_key=True),
    Column("valid_from_on", Date, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("code", String(18), nullable=False, comment="unified social credit code of the organ"),
    Column("source_name", String(200), nullable=False, comment="数据来源单位"),
    Column("source_code", String(18), nullable=False),
)

disclosure = Table(
    "disclosure",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("decision_id", String(40), ForeignKey("decision.id"), nullable=False, index=True),
    Column("decision_number", String(128), nullable=False),
    Column("decision_version", Integer, nullable=False, comment="version of the facts that was sent"),
    Column("target", String(60), nullable=False, comment="the channel"),
    Column("status", String(20), nullable=False),
    Column("record_sealed", LargeBinary, comment="as sent; null where nothing may be published"),
    Column("pending_sealed", LargeBinary, comment="the correction under way"),
    Column("former_sealed", LargeBinary, comment="as shown before the last correction"),
    Column("pending_version", Integer),
    Column("citation", Text, nullable=False, comment="the rule behind period or refusal"),
    Column("override_reason", Text),
    Column(
        "basis_ground",
        String(20),
        comment="upon what the publication relies: social_impact, special_statute, local_rule",
    ),
    Column("basis_citation", Text),
    Column("judged_under", String(16), comment="digest of the rules by which it was judged last"),
    Column("submit_by_on", Date),
    Column("submit_by_provisional", Boolean, nullable=False, server_default=text("false")),
    Column("submit_citation", Text),
    Column("pass_on_by_on", Date, comment="last day to hand it to the authority that shows it"),
    Column("publish_until_on", Date),
    Column("repair_from_on", Date),
    Column("effect", String(10), comment="what is under way at the target"),
    Column("awaiting", String(10), comment="of that effect: answer, verdict, page"),
    Column("effect_operation", String(40)),
    Column("effect_reference", String(64)),
    Column("withdraw_wanted_at", BigInteger, comment="a withdrawal is owed since"),
    Column("withdraw_reason_on", Date, comment="the day from which the term to withdraw runs"),
    Column("withdraw_by_on", Date),
    Column("withdraw_by_provisional", Boolean, nullable=False, server_default=text("false")),
    Column("withdraw_reason", Text),
    Column("repair_number", String(128)),
    Column("objection_at", BigInteger, comment="objected to since"),
    Column("objection_reason", Text),
    Column("objection_marked_at", BigInteger, comment="the target shows the mark since; null: it shows none"),
    Column("appeal_at", BigInteger, comment="under appeal since, where the target is to show that"),
    Column("appeal_marked_at", BigInteger, comment="the target shows that since; null: it does not"),
    Column("shield_reason", Text, comment="the ruling for which it is shielded, or shown again"),
    Column("look_on", Date, comment="on which day it is looked at next, as the public sees it; null: on none"),
    Column("looked_at", BigInteger, comment="when the public's view was last read"),
    Column("end_held_at", BigInteger, comment="its period is over and it is not ended, for duties are not performed"),
    Column("end_reason", Text, comment="a person's word that it ends nevertheless"),
    Column("end_late_at", BigInteger, comment="when the alarm about an end that does not come was raised"),
    Column("receipt", String(64)),
    Column("field_errors", Json, nullable=False, comment="field, code, message as the target gave them"),
    Column("reason", Text, comment="why not publishable, refused, or different from what was sent"),
    Column("url", Text, comment="where the public reads it"),
    Column("published_on", Date),
    Column("in_doubt_since_at", BigInteger),
    Column("doubt_reason", Text),
    Column("late_at", BigInteger, comment="when the alarm about a missed submission was raised"),
    Column("withdraw_late_at", BigInteger),
    Column("pass_on_late_at", BigInteger),
    Column("foreseen_late_at", BigInteger, comment="when it was told that its last day cannot be kept"),
    Column("due_soon_days", Integer, comment="working days before the last day to publish, of which was told last"),
    Column("withdraw_due_soon_days", Integer, comment="the same of the last day to withdraw"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint(
        "status in ('NOT_PUBLISHABLE','DRAFT','PLANNED','SUBMITTED','ACCEPTED','PUBLISHED','CORRECTED','SHIELDED',"
        "'REJECTED','WITHDRAWN','REPAIRED','ENDED')",
        name="known_status",
    ),
    CheckConstraint("basis_ground in ('social_impact','special_statute','local_rule')", name="known_ground"),
    CheckConstraint(
        "effect in ('submit','correct','withdraw','repair','end','object','settle','appeal','decide','shield',"
        "'unshield')",
        name="known_effect",
    ),
    CheckConstraint("awaiting in ('answer','verdict','page')", name="known_awaiting"),
    CheckConstraint("(effect is null) = (awaiting is null)", name="effect_awaits"),
    CheckConstraint("status = 'NOT_PUBLISHABLE' or record_sealed is not null", name="published_has_a_record"),
    CheckConstraint("status = 'NOT_PUBLISHABLE' or submit_by_on is not null", name="published_has_a_deadline"),
    Index(
        "uq_disclosure_live",
        "decision_id",
        "target",
        unique=True,
        sqlite_where=text(LIVE),
        postgresql_where=text(LIVE),
    ),
    Index("ix_disclosure_authority", "authority", "id"),
    Index("ix_disclosure_reference", "target", "effect_reference"),
    Index("ix_disclosure_status", "status", "authority", "id"),
    Index(
        "ix_disclosure_unpublished",
        "submit_by_on",
        "authority",
        sqlite_where=text(UNPUBLISHED),
        postgresql_where=text(UNPUBLISHED),
    ),
    Index(
        "ix_disclosure_passed_on",
        "pass_on_by_on",
        "authority",
        sqlite_where=text(PASSED_ON),
        postgresql_where=text(PASSED_ON),
    ),
    Index("ix_disclosure_held", "authority", "id", sqlite_where=text(HELD), postgresql_where=text(HELD)),
    Index("ix_disclosure_objected", "authority", "id", sqlite_where=text(OBJECTED), postgresql_where=text(OBJECTED)),
    Index("ix_disclosure_doubt", "authority", "id", sqlite_where=text(IN_DOUBT), postgresql_where=text(IN_DOUBT)),
    Index("ix_disclosure_provisional", "id", sqlite_where=text(PROVISIONAL), postgresql_where=text(PROVISIONAL)),
    Index("ix_disclosure_judged", "judged_under", sqlite_where=text(PUBLIC), postgresql_where=text(PUBLIC)),
    Index(
        "ix_disclosure_look",
        "look_on",
        sqlite_where=text("look_on is not null"),
        postgresql_where=text("look_on is not null"),
    ),
    Index(
        "ix_disclosure_mark",
        "id",
        sqlite_where=text(UNMARKED),
        postgresql_where=text(UNMARKED),
    ),
    Index(
        "ix_disclosure_withdrawal",
        "withdraw_by_on",
        "authority",
        sqlite_where=text(OWED),
        postgresql_where=text(OWED),
    ),
)

confirmed_text = Table(
    "confirmed_text",
    metadata,
    Column("decision_id", String(40), ForeignKey("decision.id"), primary_key=True),
    Column("of_digest", String(64), primary_key=True, comment="SM3 of the original full text"),
    Column("text_sealed", LargeBinary, nullable=False, comment="as a person confirmed it for the public"),
    Column("seen", String(64), nullable=False, comment="digest of the preview that was confirmed"),
    Column("confirmed_by", String(200), nullable=False),
    Column("confirmed_at", BigInteger, nullable=False),
)

credit_repair = Table(
    "credit_repair",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("authority", String(40), nullable=False),
    Column("decision_id", String(40), ForeignKey("decision.id"), nullable=False, index=True),
    Column("decision_number", String(128), nullable=False),
    Column("status", String(10), nullable=False),
    Column("received_on", Date, nullable=False),
    Column("forwarded_by", Text, nullable=False),
    Column("corrected", Text, comment="proof that the breach is corrected"),
    Column("commitment", Text, comment="信用承诺"),
    Column("performed", Text, comment="proof of performance, where the money did not come here"),
    Column("answer_by_on", Date, nullable=False),
    Column("answer_by_provisional", Boolean, nullable=False, server_default=text("false")),
    Column("answer_citation", Text, nullable=False),
    Column("grants", Boolean, comment="the answer that was proposed"),
    Column("number", String(128)),
    Column("reason", Text),
    Column("end_by_on", Date, comment="the last day for every target to end it"),
    Column("late_at", BigInteger, comment="when the alarm about an answer or an end was raised"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("status in ('RECEIVED','PROPOSED','GRANTED','REFUSED','DONE')", name="known_status"),
    Index(
        "uq_credit_repair_open",
        "decision_id",
        unique=True,
        sqlite_where=text("status in ('RECEIVED','PROPOSED','GRANTED')"),
        postgresql_where=text("status in ('RECEIVED','PROPOSED','GRANTED')"),
    ),
    Index("ix_credit_repair_authority", "authority", "id"),
    Index("ix_credit_repair_status", "status", "id"),
)

disclosure_finding = Table(
    "disclosure_finding",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("disclosure_id", String(40), ForeignKey("disclosure.id"), nullable=False, index=True),
    Column("authority", String(40), nullable=False),
    Column("decision_number", String(128), nullable=False),
    Column("place", String(60), nullable=False, comment="the channel whose page was read: the target, or a copy"),
    Column("kind", String(20), nullable=False),
    Column("fields", Json, nullable=False, comment="the fields that differ, by their Chinese names"),
    Column("status", String(10), nullable=False),
    Column("url", Text),
    Column("seen_at", BigInteger, nullable=False, comment="when it was last seen so"),
    Column("closed_by", String(100), comment="who said what came of it; null where a later look did"),
    Column("explanation", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint(
        "kind in ('missing','stale','altered','still_there','unperformed','by_hand')", name="known_finding"
    ),
    CheckConstraint("status in ('OPEN','MENDED','SETTLED')", name="known_status"),
    Index(
        "uq_disclosure_finding_open",
        "disclosure_id",
        "place",
        "kind",
        unique=True,
        sqlite_where=text("status = 'OPEN'"),
        postgresql_where=text("status = 'OPEN'"),
    ),
    Index("ix_disclosure_finding_status", "status", "id"),
)
