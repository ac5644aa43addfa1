"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "receipts_0001"
down_revision = None
branch_labels = ("receipts",)
depends_on = ('payments_0001',)


def upgrade() -> None:
    op.create_table('fiscal_receipt',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('payment_id', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False, comment='财政电子票据, or 电子一般缴款书 completed after payment'),
    sa.Column('status', sa.String(length=12), nullable=False),
    sa.Column('reference', sa.String(length=64), nullable=False, comment='under which it was asked for'),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('receipt_code', sa.String(length=8), nullable=True),
    sa.Column('receipt_number', sa.String(length=10), nullable=True),
    sa.Column('check_code', sa.String(length=6), nullable=True),
    sa.Column('issued_at', sa.BigInteger(), nullable=True),
    sa.Column('document_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('media_type', sa.String(length=80), nullable=True),
    sa.Column('digest', sa.LargeBinary(), nullable=True, comment='SM3 of the document'),
    sa.Column('signers', sa.JSON(), nullable=True, comment='who signed, when, with what certificate; null where the channel signs none'),
    sa.Column('in_doubt_since_at', sa.BigInteger(), nullable=True),
    sa.Column('doubt_reason', sa.Text(), nullable=True),
    sa.Column('refusal', sa.Text(), nullable=True),
    sa.Column('red_code', sa.String(length=8), nullable=True, comment='of the red receipt 红票 that reversed it'),
    sa.Column('red_number', sa.String(length=10), nullable=True),
    sa.Column('red_by', sa.String(length=40), nullable=True),
    sa.Column('red_at', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("kind in ('fiscal_receipt','general_bill')", name=op.f('ck_fiscal_receipt_known_kind')),
    sa.CheckConstraint("status <> 'REVERSED' or (red_number is not null and red_by is not null)", name=op.f('ck_fiscal_receipt_reversed_by_red')),
    sa.CheckConstraint("status in ('REQUESTED','ISSUED','REFUSED','REVERSED')", name=op.f('ck_fiscal_receipt_known_status')),
    sa.CheckConstraint("status not in ('ISSUED','REVERSED') or (receipt_number is not null and document_sealed is not null)", name=op.f('ck_fiscal_receipt_issued_is_whole')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_fiscal_receipt_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_fiscal_receipt')),
    sa.UniqueConstraint('channel', 'receipt_code', 'receipt_number', name=op.f('uq_fiscal_receipt_channel_receipt_code_receipt_number'))
    )
    with op.batch_alter_table('fiscal_receipt', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_fiscal_receipt_payment_id'), ['payment_id'], unique=False)
        batch_op.create_index('uq_fiscal_receipt_live', ['payment_id'], unique=True, sqlite_where=sa.text("status <> 'REFUSED'"), postgresql_where=sa.text("status <> 'REFUSED'"))


def downgrade() -> None:
    with op.batch_alter_table('fiscal_receipt', schema=None) as batch_op:
        batch_op.drop_index('uq_fiscal_receipt_live', sqlite_where=sa.text("status <> 'REFUSED'"), postgresql_where=sa.text("status <> 'REFUSED'"))
        batch_op.drop_index(batch_op.f('ix_fiscal_receipt_payment_id'))

    op.drop_table('fiscal_receipt')
