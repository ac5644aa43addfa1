"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "notices_0001"
down_revision = None
branch_labels = ("notices",)
depends_on = ('decisions_0001',)


def upgrade() -> None:
    op.create_table('notice',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('officer_index', sa.LargeBinary(), nullable=False, comment='blind index of the certificate number 执法证号'),
    sa.Column('officer_sealed', sa.LargeBinary(), nullable=False, comment='the certificate number'),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('template', sa.String(length=40), nullable=False, comment='what it says, as a word; digest where it is about several'),
    sa.Column('number', sa.String(length=128), nullable=True, comment='the decision number in its text, where the settings allow one'),
    sa.Column('items', sa.Integer(), nullable=False, comment='of how many events it tells'),
    sa.Column('channel', sa.String(length=60), nullable=True),
    sa.Column('user_id', sa.String(length=64), nullable=True, comment='the officer at the messenger'),
    sa.Column('reference', sa.String(length=64), nullable=True),
    sa.Column('operation', sa.String(length=40), nullable=True, comment='the latest operation about it'),
    sa.Column('recalling', sa.String(length=40), nullable=True, comment='the operation that takes it back'),
    sa.Column('message_id', sa.String(length=64), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True, comment='why it failed, was dropped or recalled'),
    sa.Column('in_doubt_since_at', sa.BigInteger(), nullable=True),
    sa.Column('doubt_reason', sa.Text(), nullable=True),
    sa.Column('due_at', sa.BigInteger(), nullable=False, comment='it leaves then, outside quiet hours'),
    sa.Column('held_until_at', sa.BigInteger(), nullable=True, comment='the messenger keeps it back until then'),
    sa.Column('sent_at', sa.BigInteger(), nullable=True),
    sa.Column('delivered_at', sa.BigInteger(), nullable=True),
    sa.Column('read_at', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("status in ('PLANNED','FAILED','DROPPED') or (reference is not null and user_id is not null)", name=op.f('ck_notice_sent_to_somebody')),
    sa.CheckConstraint("status in ('PLANNED','SENDING','SENT','DELIVERED','READ','RECALLED','FAILED','DROPPED')", name=op.f('ck_notice_known_status')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice'))
    )
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.create_index('ix_notice_authority', ['authority', 'id'], unique=False)
        batch_op.create_index('ix_notice_due', ['due_at'], unique=False, sqlite_where=sa.text("status = 'PLANNED'"), postgresql_where=sa.text("status = 'PLANNED'"))
        batch_op.create_index('uq_notice_collecting', ['authority', 'officer_index'], unique=True, sqlite_where=sa.text("status = 'PLANNED' and reason is null"), postgresql_where=sa.text("status = 'PLANNED' and reason is null"))
        batch_op.create_index('uq_notice_reference', ['channel', 'reference'], unique=True)

    op.create_table('notice_item',
    sa.Column('event_key', sa.String(length=200), nullable=False, comment='type and subject: an event that repeats is one'),
    sa.Column('officer_index', sa.LargeBinary(), nullable=False),
    sa.Column('notice_id', sa.String(length=40), nullable=False),
    sa.Column('event', sa.String(length=60), nullable=False),
    sa.Column('subject', sa.String(length=60), nullable=False),
    sa.Column('template', sa.String(length=40), nullable=False),
    sa.Column('decision_id', sa.String(length=40), nullable=True),
    sa.Column('number', sa.String(length=128), nullable=True),
    sa.Column('gone_at', sa.BigInteger(), nullable=True, comment='since when there is nothing to tell any more'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_notice_item_decision_id')),
    sa.ForeignKeyConstraint(['notice_id'], ['notice.id'], name=op.f('fk_notice_item_notice_id')),
    sa.PrimaryKeyConstraint('event_key', 'officer_index', name=op.f('pk_notice_item'))
    )
    with op.batch_alter_table('notice_item', schema=None) as batch_op:
        batch_op.create_index('ix_notice_item_decision', ['decision_id'], unique=False)
        batch_op.create_index('ix_notice_item_notice', ['notice_id'], unique=False)
        batch_op.create_index('ix_notice_item_subject', ['subject'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('notice_item', schema=None) as batch_op:
        batch_op.drop_index('ix_notice_item_subject')
        batch_op.drop_index('ix_notice_item_notice')
        batch_op.drop_index('ix_notice_item_decision')

    op.drop_table('notice_item')
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_index('uq_notice_reference')
        batch_op.drop_index('uq_notice_collecting', sqlite_where=sa.text("status = 'PLANNED' and reason is null"), postgresql_where=sa.text("status = 'PLANNED' and reason is null"))
        batch_op.drop_index('ix_notice_due', sqlite_where=sa.text("status = 'PLANNED'"), postgresql_where=sa.text("status = 'PLANNED'"))
        batch_op.drop_index('ix_notice_authority')

    op.drop_table('notice')
