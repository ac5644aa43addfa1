"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "entities_0001"
down_revision = None
branch_labels = ("entities",)
depends_on = None


def upgrade() -> None:
    op.create_table('entity_change',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('code', sa.String(length=50), nullable=False),
    sa.Column('topic', sa.String(length=200), nullable=False, comment='the alert, else the item that was altered'),
    sa.Column('alert', sa.Boolean(), nullable=False),
    sa.Column('source', sa.String(length=10), nullable=False),
    sa.Column('change_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('after_index', sa.LargeBinary(), nullable=False, comment='blind index of the new value: told once, whoever tells'),
    sa.Column('changed_on', sa.Date(), nullable=False),
    sa.Column('recorded_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("source in ('feed','comparison')", name=op.f('ck_entity_change_known_source')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_entity_change'))
    )
    with op.batch_alter_table('entity_change', schema=None) as batch_op:
        batch_op.create_index('ix_entity_change_code', ['channel', 'code', 'id'], unique=False)

    op.create_table('entity_feed',
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('cursor', sa.Text(), nullable=False),
    sa.Column('moved_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('channel', name=op.f('pk_entity_feed'))
    )
    op.create_table('entity_snapshot',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('code', sa.String(length=50), nullable=False, comment='unified code, or registration number where there is none'),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('record_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('as_of_at', sa.BigInteger(), nullable=False, comment="the registry's books, when last seen unchanged"),
    sa.Column('taken_at', sa.BigInteger(), nullable=False, comment='when we first received this version'),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=False, comment='when we last received it'),
    sa.Column('outdated', sa.Boolean(), nullable=False, comment='a change became known since'),
    sa.CheckConstraint('confirmed_at >= taken_at', name=op.f('ck_entity_snapshot_confirmed_after_taken')),
    sa.CheckConstraint('version >= 1', name=op.f('ck_entity_snapshot_version_from_one')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_entity_snapshot')),
    sa.UniqueConstraint('channel', 'code', 'version', name=op.f('uq_entity_snapshot_channel_code_version'))
    )
    op.create_table('entity_watch',
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('code', sa.String(length=50), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('since_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('channel', 'code', 'authority', name=op.f('pk_entity_watch'))
    )


def downgrade() -> None:
    op.drop_table('entity_watch')
    op.drop_table('entity_snapshot')
    op.drop_table('entity_feed')
    with op.batch_alter_table('entity_change', schema=None) as batch_op:
        batch_op.drop_index('ix_entity_change_code')

    op.drop_table('entity_change')
