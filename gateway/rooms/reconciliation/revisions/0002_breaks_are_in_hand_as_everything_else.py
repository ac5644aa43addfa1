"""breaks are in hand as everything else"""

import sqlalchemy as sa
from alembic import op

revision = "reconciliation_0002"
down_revision = "reconciliation_0001"
branch_labels = None
depends_on = None
contracts = True

_OPEN = sa.text("state = 'open'")
_AT_ONCE = 500


def fill(conn: sa.Connection) -> int:
    """Who looked into a break, by a name, has it in hand from now on: where one operator alone has that name.

    A moved name is taken away, so that nobody gets back what they have put back since.
    """
    operator = sa.table("operator", sa.column("id"), sa.column("name"))
    breaks = sa.table("breaks", sa.column("id"), sa.column("assignee"), sa.column("opened_at"))
    in_hand = sa.table("in_hand", sa.column("subject"), sa.column("operator_id"), sa.column("at"))
    known = sa.select(operator.c.name).group_by(operator.c.name).having(sa.func.count() == 1)
    some = conn.execute(sa.select(breaks.c.id).where(breaks.c.assignee.in_(known)).limit(_AT_ONCE)).scalars().all()
    taken = (
        sa.select(breaks.c.id, operator.c.id, breaks.c.opened_at)
        .join(operator, operator.c.name == breaks.c.assignee)
        .where(breaks.c.id.in_(some), breaks.c.id.not_in(sa.select(in_hand.c.subject)))
    )
    conn.execute(sa.insert(in_hand).from_select(["subject", "operator_id", "at"], taken))
    conn.execute(sa.update(breaks).where(breaks.c.id.in_(some)).values(assignee=None))
    return len(some)


def upgrade() -> None:
    with op.batch_alter_table("breaks", schema=None) as batch_op:
        batch_op.drop_index("ix_breaks_open", sqlite_where=_OPEN, postgresql_where=_OPEN)
        batch_op.drop_column("assignee")
        batch_op.create_index("ix_breaks_open", ["opened_at", "id", "authority"], unique=False, sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    with op.batch_alter_table("breaks", schema=None) as batch_op:
        batch_op.drop_index("ix_breaks_open", sqlite_where=_OPEN, postgresql_where=_OPEN)
        batch_op.add_column(sa.Column("assignee", sa.String(length=80), nullable=True, comment="the operator who looks into it"))
        batch_op.create_index("ix_breaks_open", ["opened_at", "id", "authority", "assignee"], unique=False, sqlite_where=_OPEN, postgresql_where=_OPEN)
