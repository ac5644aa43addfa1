"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "cash_0001"
down_revision = None
branch_labels = ("cash",)
depends_on = ('decisions_0001', 'payments_0001')


def upgrade() -> None:
    op.create_table('cash_taken',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('decision_id', sa.String(length=40), nullable=False),
    sa.Column('decision_number', sa.String(length=128), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('ground', sa.String(length=20), nullable=False),
    sa.Column('explanation', sa.Text(), nullable=True, comment='why it would be hard to enforce, or what the party asked for'),
    sa.Column('receipt_number', sa.String(length=60), nullable=False, comment="of the finance department's receipt handed out"),
    sa.Column('receipt_key', sa.String(length=80), nullable=False, comment='words.spelling.number_key of it'),
    sa.Column('officer_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('officer_index', sa.LargeBinary(), nullable=False, comment="blind index of the officer's name"),
    sa.Column('taken_on', sa.Date(), nullable=False),
    sa.Column('ashore_on', sa.Date(), nullable=True, comment='for cash taken on water: the day of landing'),
    sa.Column('status', sa.String(length=12), nullable=False),
    sa.Column('hand_in_due_on', sa.Date(), nullable=True, comment='null on water until landing'),
    sa.Column('handed_in_on', sa.Date(), nullable=True),
    sa.Column('bank_due_on', sa.Date(), nullable=True),
    sa.Column('due_provisional', sa.Integer(), server_default='0', nullable=False, comment='of the duty that it has now'),
    sa.Column('on_water', sa.Integer(), server_default='0', nullable=False),
    sa.Column('payment_id', sa.String(length=40), nullable=True, comment='the bill that remits it'),
    sa.Column('remitted_at', sa.BigInteger(), nullable=True),
    sa.Column('alarmed', sa.String(length=10), nullable=True, comment='the last duty of which it was told that it is late'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("ground = 'small' or explanation is not null", name=op.f('ck_cash_taken_ground_is_explained')),
    sa.CheckConstraint("ground in ('small','hard_to_enforce','remote')", name=op.f('ck_cash_taken_known_ground')),
    sa.CheckConstraint("status = 'TAKEN' or handed_in_on is not null", name=op.f('ck_cash_taken_handed_in_first')),
    sa.CheckConstraint("status in ('TAKEN','HANDED_IN','BILLED','REMITTED')", name=op.f('ck_cash_taken_known_status')),
    sa.CheckConstraint("status not in ('BILLED','REMITTED') or payment_id is not null", name=op.f('ck_cash_taken_billed_has_a_bill')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_cash_taken_positive_amount')),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_cash_taken_decision_id')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_cash_taken_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cash_taken')),
    sa.UniqueConstraint('authority', 'receipt_key', name=op.f('uq_cash_taken_authority_receipt_key'))
    )
    with op.batch_alter_table('cash_taken', schema=None) as batch_op:
        batch_op.create_index('ix_cash_taken_authority', ['authority', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_cash_taken_decision_id'), ['decision_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_cash_taken_officer_index'), ['officer_index'], unique=False)
        batch_op.create_index(batch_op.f('ix_cash_taken_payment_id'), ['payment_id'], unique=False)
        batch_op.create_index('ix_cash_taken_provisional', ['id'], unique=False, sqlite_where=sa.text("status <> 'REMITTED' and due_provisional = 1"), postgresql_where=sa.text("status <> 'REMITTED' and due_provisional = 1"))
        batch_op.create_index('ix_cash_taken_receipt', ['receipt_key'], unique=False)
        batch_op.create_index('ix_cash_taken_status', ['authority', 'status', 'id'], unique=False)
        batch_op.create_index('ix_cash_taken_to_bank', ['status', 'bank_due_on'], unique=False)
        batch_op.create_index('ix_cash_taken_to_hand_in', ['status', 'hand_in_due_on'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('cash_taken', schema=None) as batch_op:
        batch_op.drop_index('ix_cash_taken_to_hand_in')
        batch_op.drop_index('ix_cash_taken_to_bank')
        batch_op.drop_index('ix_cash_taken_status')
        batch_op.drop_index('ix_cash_taken_receipt')
        batch_op.drop_index('ix_cash_taken_provisional', sqlite_where=sa.text("status <> 'REMITTED' and due_provisional = 1"), postgresql_where=sa.text("status <> 'REMITTED' and due_provisional = 1"))
        batch_op.drop_index(batch_op.f('ix_cash_taken_payment_id'))
        batch_op.drop_index(batch_op.f('ix_cash_taken_officer_index'))
        batch_op.drop_index(batch_op.f('ix_cash_taken_decision_id'))
        batch_op.drop_index('ix_cash_taken_authority')

    op.drop_table('cash_taken')
