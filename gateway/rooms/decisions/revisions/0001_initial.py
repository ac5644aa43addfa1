"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "decisions_0001"
down_revision = None
branch_labels = ("decisions",)
depends_on = None


def upgrade() -> None:
    op.create_table('decision',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('number', sa.String(length=128), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('facts_sealed', sa.LargeBinary(), nullable=False, comment="the current version's facts"),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('version >= 1', name=op.f('ck_decision_version_from_one')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_decision')),
    sa.UniqueConstraint('authority', 'number', name=op.f('uq_decision_authority_number'))
    )
    op.create_table('decision_event',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('decision_id', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('happened_on', sa.Date(), nullable=False, comment='the day on which it happened, Asia/Shanghai'),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('party_sealed', sa.LargeBinary(), nullable=True, comment="name of who appealed, if not the decision's party"),
    sa.Column('replaces', sa.String(length=40), nullable=True, comment='the event that this one corrects'),
    sa.Column('ended_by', sa.String(length=40), nullable=True, comment='the correction by which it is in force no longer'),
    sa.Column('recorded_at', sa.BigInteger(), nullable=False),
    sa.Column('recorded_by', sa.String(length=80), nullable=False),
    sa.CheckConstraint("kind in ('served','appealed','appeal_ended','deferral_applied','deferred','urged','changed','revoked')", name=op.f('ck_decision_event_known_kind')),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_decision_event_decision_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_decision_event'))
    )
    with op.batch_alter_table('decision_event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_decision_event_decision_id'), ['decision_id'], unique=False)

    op.create_table('decision_version',
    sa.Column('decision_id', sa.String(length=40), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('facts_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False, comment='keyed digest of the canonical facts: same facts, same version'),
    sa.Column('recorded_at', sa.BigInteger(), nullable=False),
    sa.Column('recorded_by', sa.String(length=80), nullable=False),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_decision_version_decision_id')),
    sa.PrimaryKeyConstraint('decision_id', 'version', name=op.f('pk_decision_version'))
    )

    op.create_table('decision_correction',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('decision_id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('event_id', sa.String(length=40), nullable=False),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('event_sealed', sa.LargeBinary(), nullable=True, comment='the event in its place; null where it is voided'),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('proposed_by', sa.String(length=80), nullable=False),
    sa.Column('proposed_name', sa.String(length=200), nullable=False),
    sa.Column('officer', sa.String(length=200), nullable=True, comment='for whom a case system spoke: name and certificate number'),
    sa.Column('confirmed_name', sa.String(length=200), nullable=True),
    sa.Column('withdrawn_because', sa.Text(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("status in ('PROPOSED','APPLIED','WITHDRAWN')", name=op.f('ck_decision_correction_known_status')),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_decision_correction_decision_id')),
    sa.ForeignKeyConstraint(['event_id'], ['decision_event.id'], name=op.f('fk_decision_correction_event_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_decision_correction'))
    )
    with op.batch_alter_table('decision_correction', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_decision_correction_decision_id'), ['decision_id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('decision_correction', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_decision_correction_decision_id'))

    op.drop_table('decision_correction')
    op.drop_table('decision_version')
    with op.batch_alter_table('decision_event', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_decision_event_decision_id'))

    op.drop_table('decision_event')
    op.drop_table('decision')
