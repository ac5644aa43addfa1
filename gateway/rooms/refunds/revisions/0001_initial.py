"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "refunds_0001"
down_revision = None
branch_labels = ("refunds",)
depends_on = ('foundation_0001', 'payments_0001')


def upgrade() -> None:
    op.create_table('refund',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('payment_id', sa.String(length=40), nullable=False),
    sa.Column('collection_id', sa.String(length=40), nullable=False),
    sa.Column('exception_id', sa.String(length=40), nullable=True, comment='whose way out this refund is'),
    sa.Column('decision_number', sa.String(length=128), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('bank_serial', sa.String(length=80), nullable=False, comment='of the money that goes back'),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.String(length=30), nullable=False),
    sa.Column('explanation', sa.Text(), nullable=False),
    sa.Column('status', sa.String(length=12), nullable=False),
    sa.Column('origin', sa.String(length=10), nullable=False, comment='filed by us, or returned by the platform of its own accord'),
    sa.Column('payee_sealed', sa.LargeBinary(), nullable=True, comment='name, account and bank of who gets the money'),
    sa.Column('proposed_by', sa.String(length=40), nullable=True),
    sa.Column('proposed_name', sa.String(length=200), nullable=True),
    sa.Column('confirmed_by', sa.String(length=40), nullable=True),
    sa.Column('confirmed_name', sa.String(length=200), nullable=True),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
    sa.Column('confirmed_side', sa.String(length=12), nullable=True, comment='who confirms has no other part in it: held by the key below'),
    sa.Column('reference', sa.String(length=64), nullable=True, comment='under which it was filed'),
    sa.Column('operation_id', sa.String(length=40), nullable=True),
    sa.Column('waits_for', sa.String(length=20), nullable=True, comment='what a person must do before it can be filed'),
    sa.Column('in_doubt_since_at', sa.BigInteger(), nullable=True),
    sa.Column('doubt_reason', sa.Text(), nullable=True),
    sa.Column('refusal', sa.Text(), nullable=True, comment='the words of whoever refused or dismissed it'),
    sa.Column('number', sa.String(length=80), nullable=True, comment="the platform's own number of this refund 退款单号"),
    sa.Column('returned_serial', sa.String(length=80), nullable=True, comment="the bank's serial of the money going back, from a statement"),
    sa.Column('refunded_at', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("confirmed_side = 'confirming'", name=op.f('ck_refund_only_who_takes_no_part_confirms')),
    sa.CheckConstraint("origin = 'platform' or payee_sealed is not null or status in ('PROPOSED','DISMISSED')", name=op.f('ck_refund_somebody_is_paid')),
    sa.CheckConstraint("origin = 'platform' or proposed_by is not null", name=op.f('ck_refund_somebody_proposed')),
    sa.CheckConstraint("origin in ('filed','platform')", name=op.f('ck_refund_known_origin')),
    sa.CheckConstraint("reason in ('wrong_payment','paid_twice','paid_after_cancel','decision_revoked','decision_changed')", name=op.f('ck_refund_known_reason')),
    sa.CheckConstraint("status <> 'REFUNDED' or refunded_at is not null", name=op.f('ck_refund_refunded_has_a_date')),
    sa.CheckConstraint("status in ('PROPOSED','CONFIRMED','FILED','APPROVED','REFUNDED','REFUSED','DISMISSED')", name=op.f('ck_refund_known_status')),
    sa.CheckConstraint("status in ('PROPOSED','DISMISSED') or origin = 'platform' or confirmed_by is not null", name=op.f('ck_refund_confirmed_before_filed')),
    sa.CheckConstraint("waits_for in ('red_receipt','person')", name=op.f('ck_refund_known_wait')),
    sa.CheckConstraint('(confirmed_by is null) = (confirmed_side is null)', name=op.f('ck_refund_confirmed_on_a_side')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_refund_positive_amount')),
    sa.CheckConstraint('confirmed_by is null or confirmed_by <> proposed_by', name=op.f('ck_refund_two_people')),
    sa.ForeignKeyConstraint(['collection_id'], ['collection.id'], name=op.f('fk_refund_collection_id')),
    sa.ForeignKeyConstraint(['exception_id'], ['payment_exception.id'], name=op.f('fk_refund_exception_id')),
    sa.ForeignKeyConstraint(['id', 'confirmed_by', 'confirmed_side'], ['matter_person.matter', 'matter_person.person', 'matter_person.side'], name=op.f('fk_refund_id_confirmed_by_confirmed_side')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_refund_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refund')),
    sa.UniqueConstraint('channel', 'code', 'number', name=op.f('uq_refund_channel_code_number'))
    )
    with op.batch_alter_table('refund', schema=None) as batch_op:
        batch_op.create_index('ix_refund_authority', ['authority', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_refund_collection_id'), ['collection_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_refund_payment_id'), ['payment_id'], unique=False)
        batch_op.create_index('ix_refund_reference', ['channel', 'reference'], unique=False)
        batch_op.create_index('ix_refund_status', ['authority', 'status', 'id', 'proposed_by'], unique=False)
        batch_op.create_index('uq_refund_exception_live', ['exception_id'], unique=True, sqlite_where=sa.text("status not in ('REFUSED','DISMISSED')"), postgresql_where=sa.text("status not in ('REFUSED','DISMISSED')"))
        batch_op.create_index('uq_refund_returned', ['channel', 'code', 'returned_serial'], unique=True, sqlite_where=sa.text('number is null'), postgresql_where=sa.text('number is null'))

    op.create_table('refund_document',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('refund_id', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('reference', sa.String(length=200), nullable=False, comment='its number, or where the paper lies'),
    sa.Column('digest', sa.LargeBinary(), nullable=False, comment='SM3 of the document'),
    sa.Column('file_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('media_type', sa.String(length=80), nullable=True),
    sa.Column('added_by', sa.String(length=40), nullable=False),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("kind in ('opinion_letter','original_voucher','loss_statement','legal_document')", name=op.f('ck_refund_document_known_kind')),
    sa.ForeignKeyConstraint(['refund_id'], ['refund.id'], name=op.f('fk_refund_document_refund_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refund_document')),
    sa.UniqueConstraint('refund_id', 'kind', 'digest', name=op.f('uq_refund_document_refund_id_kind_digest'))
    )
    with op.batch_alter_table('refund_document', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_refund_document_refund_id'), ['refund_id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('refund_document', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_refund_document_refund_id'))

    op.drop_table('refund_document')
    with op.batch_alter_table('refund', schema=None) as batch_op:
        batch_op.drop_index('uq_refund_returned', sqlite_where=sa.text('number is null'), postgresql_where=sa.text('number is null'))
        batch_op.drop_index('uq_refund_exception_live', sqlite_where=sa.text("status not in ('REFUSED','DISMISSED')"), postgresql_where=sa.text("status not in ('REFUSED','DISMISSED')"))
        batch_op.drop_index('ix_refund_status')
        batch_op.drop_index('ix_refund_reference')
        batch_op.drop_index(batch_op.f('ix_refund_payment_id'))
        batch_op.drop_index(batch_op.f('ix_refund_collection_id'))
        batch_op.drop_index('ix_refund_authority')

    op.drop_table('refund')
