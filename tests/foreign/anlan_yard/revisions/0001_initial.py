"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "impounds_0001"
down_revision = None
branch_labels = ("impounds",)
depends_on = ('decisions_0001',)


def upgrade() -> None:
    op.create_table('impound',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('decision_id', sa.String(length=40), nullable=True),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('plate', sa.String(length=20), nullable=False),
    sa.Column('driver_sealed', sa.LargeBinary(), nullable=False, comment='name of whoever had the vehicle'),
    sa.Column('seized_on', sa.Date(), nullable=False),
    sa.Column('reference', sa.String(length=64), nullable=False),
    sa.Column('slot', sa.String(length=20), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True, comment='why the yard refused'),
    sa.Column('left_at', sa.BigInteger(), nullable=True),
    sa.Column('warned_at', sa.BigInteger(), nullable=True, comment='when somebody was told that it is held too long'),
    sa.Column('in_doubt_since_at', sa.BigInteger(), nullable=True),
    sa.Column('doubt_reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("status in ('REQUESTED','STORED','REFUSED','LEFT')", name=op.f('ck_impound_known_status')),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_impound_decision_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_impound'))
    )
    with op.batch_alter_table('impound', schema=None) as batch_op:
        batch_op.create_index('ix_impound_authority', ['authority', 'id'], unique=False)
        batch_op.create_index('ix_impound_decision', ['decision_id'], unique=False)
        batch_op.create_index('uq_impound_reference', ['channel', 'reference'], unique=True)


def downgrade() -> None:
    with op.batch_alter_table('impound', schema=None) as batch_op:
        batch_op.drop_index('uq_impound_reference')
        batch_op.drop_index('ix_impound_decision')
        batch_op.drop_index('ix_impound_authority')

    op.drop_table('impound')
