"""parties found by a blind index"""

import sqlalchemy as sa
from alembic import op

revision = "decisions_0003"
down_revision = "decisions_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was recorded before is filled in by the running gateway: only it has the key."""
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.add_column(sa.Column("party_index", sa.LargeBinary(), nullable=True, comment="blind index of the party's name; null until filled in"))
        batch_op.add_column(sa.Column("party_number_index", sa.LargeBinary(), nullable=True, comment="blind index of its number; null where it has none"))
        batch_op.create_index(batch_op.f("ix_decision_party_index"), ["party_index"], unique=False)
        batch_op.create_index(batch_op.f("ix_decision_party_number_index"), ["party_number_index"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_decision_party_number_index"))
        batch_op.drop_index(batch_op.f("ix_decision_party_index"))
        batch_op.drop_column("party_number_index")
        batch_op.drop_column("party_index")
