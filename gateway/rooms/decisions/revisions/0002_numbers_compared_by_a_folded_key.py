"""numbers compared by a folded key"""

import sqlalchemy as sa
from alembic import op

from gateway.words.errors import ConflictProblem
from gateway.words.spelling import number_key

revision = "decisions_0002"
down_revision = "decisions_0001"
branch_labels = None
depends_on = None

_MOST = 50


def upgrade() -> None:
    op.add_column(
        "decision",
        sa.Column("number_key", sa.String(length=256), server_default="", nullable=False, comment="words.spelling.number_key of it"),
    )
    _fill_in(op.get_bind())
    op.create_index("uq_decision_number_key", "decision", ["number_key", "authority"], unique=True)


def _fill_in(conn: sa.Connection) -> None:
    """Give each decision its key. ConflictProblem lists those that stand there twice, under two spellings."""
    decision = sa.table("decision", *(sa.column(name) for name in ("id", "authority", "number", "number_key")))
    known = conn.execute(sa.select(decision.c.id, decision.c.authority, decision.c.number).order_by(decision.c.id)).all()
    by_key: dict[tuple[str, str], list[str]] = {}
    for row in known:
        by_key.setdefault((row.authority, number_key(row.number) or row.number), []).append(row.number)
    if clashes := [f"{authority}: {' = '.join(numbers)}" for (authority, _), numbers in by_key.items() if len(numbers) > 1]:
        more = f" … and {len(clashes) - _MOST} more" if len(clashes) > _MOST else ""
        raise ConflictProblem(
            "these decisions are recorded twice, each under several spellings of one number: " + "; ".join(clashes[:_MOST]) + more,
            cure="Nothing was changed. Revoke or remove the wrong one of each with the version before, then migrate again.",
        )
    if known:
        conn.execute(
            sa.update(decision).where(decision.c.id == sa.bindparam("of")).values(number_key=sa.bindparam("key")),
            [{"of": row.id, "key": number_key(row.number) or row.number} for row in known],
        )


def downgrade() -> None:
    op.drop_index("uq_decision_number_key", table_name="decision")
    op.drop_column("decision", "number_key")
