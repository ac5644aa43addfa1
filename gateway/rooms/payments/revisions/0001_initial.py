"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "payments_0001"
down_revision = None
branch_labels = ("payments",)
depends_on = ('decisions_0001',)


def upgrade() -> None:
    op.create_table('code_series',
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('series', sa.String(length=40), nullable=False, comment="region and year, or the range's first code"),
    sa.Column('next_serial', sa.String(length=21), nullable=False, comment='twenty digits are too long for an integer column'),
    sa.Column('last_serial', sa.String(length=21), nullable=False),
    sa.PrimaryKeyConstraint('channel', 'series', name=op.f('pk_code_series'))
    )
    op.create_table('collecting_unit',
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('valid_from_on', sa.Date(), nullable=False),
    sa.Column('unit_code', sa.String(length=30), nullable=False, comment='执收单位编码'),
    sa.Column('unit_name', sa.String(length=100), nullable=False),
    sa.Column('region', sa.String(length=6), nullable=False, comment='行政区划'),
    sa.PrimaryKeyConstraint('authority', 'valid_from_on', name=op.f('pk_collecting_unit'))
    )
    op.create_table('income_item',
    sa.Column('unit_code', sa.String(length=30), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('valid_from_on', sa.Date(), nullable=False),
    sa.Column('valid_until_on', sa.Date(), nullable=True),
    sa.Column('item_code', sa.String(length=30), nullable=False, comment='收入项目编码'),
    sa.Column('item_name', sa.String(length=100), nullable=False),
    sa.CheckConstraint("kind in ('fine','confiscated','surcharge')", name=op.f('ck_income_item_known_kind')),
    sa.PrimaryKeyConstraint('unit_code', 'kind', 'valid_from_on', name=op.f('pk_income_item'))
    )
    op.create_table('look_up_budget',
    sa.Column('budget', sa.String(length=20), nullable=False, comment='of some codes, of some sources, of all'),
    sa.Column('full_at', sa.BigInteger(), nullable=False, comment="when all of it can be spent again; the database's clock"),
    sa.PrimaryKeyConstraint('budget', name=op.f('pk_look_up_budget'))
    )
    op.create_table('payment',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('decision_id', sa.String(length=40), nullable=True, comment='null for a remittance of cash'),
    sa.Column('decision_number', sa.String(length=128), nullable=False),
    sa.Column('instalment', sa.Integer(), nullable=False, comment='0 for the whole'),
    sa.Column('line_group', sa.String(length=20), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('settlement', sa.String(length=12), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('paid_amount', sa.BigInteger(), nullable=True),
    sa.Column('code', sa.String(length=20), nullable=True, comment='the live or last code'),
    sa.Column('pay_url', sa.Text(), nullable=True),
    sa.Column('check_code', sa.String(length=20), nullable=True),
    sa.Column('valid_until_on', sa.Date(), nullable=True, comment="the platform's date for the code"),
    sa.Column('due_on', sa.Date(), nullable=True, comment="the law's date; null until served"),
    sa.Column('due_provisional', sa.Integer(), server_default='0', nullable=False),
    sa.Column('due_look_on', sa.Date(), nullable=True, comment='when the due date is looked at next: is it near, is it over'),
    sa.Column('planned_due_on', sa.Date(), nullable=True, comment="an instalment's own last day, from the approved plan 分期"),
    sa.Column('surcharge_paid', sa.BigInteger(), nullable=True, comment='part of what was paid that is surcharge, in fen'),
    sa.Column('surcharge_reduced', sa.BigInteger(), server_default='0', nullable=False, comment='taken off by agreement'),
    sa.Column('replaces', sa.String(length=40), nullable=True, comment='the payment whose code this one re-issues'),
    sa.Column('reissue_sealed', sa.LargeBinary(), nullable=True, comment='what to ask for once the void of this code is confirmed'),
    sa.Column('asked_at', sa.BigInteger(), nullable=True, comment='when the platform was last asked how the bill stands'),
    sa.Column('being_paid_since_at', sa.BigInteger(), nullable=True, comment='the platform says that somebody is paying; null when not'),
    sa.Column('in_doubt_since_at', sa.BigInteger(), nullable=True),
    sa.Column('doubt_reason', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True, comment="the platform's words for a refusal, or why it was cancelled"),
    sa.Column('bill_sealed', sa.LargeBinary(), nullable=False, comment='payer and unit as sent to the platform'),
    sa.Column('token_index', sa.LargeBinary(), nullable=False, comment="blind index of the payer page's token"),
    sa.Column('token_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('paid_at', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("settlement in ('none','pending','matched','broken')", name=op.f('ck_payment_known_settlement')),
    sa.CheckConstraint("status in ('REQUESTED','ISSUED','CANCELLING','PAID','REJECTED','CANCELLED','EXPIRED')", name=op.f('ck_payment_known_status')),
    sa.CheckConstraint("status not in ('ISSUED','PAID') or code is not null", name=op.f('ck_payment_issued_has_a_code')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_payment_positive_amount')),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_payment_decision_id')),
    sa.ForeignKeyConstraint(['replaces'], ['payment.id'], name=op.f('fk_payment_replaces')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment')),
    sa.UniqueConstraint('token_index', name=op.f('uq_payment_token_index'))
    )
    with op.batch_alter_table('payment', schema=None) as batch_op:
        batch_op.create_index('ix_payment_amount', ['amount', 'id', 'authority'], unique=False)
        batch_op.create_index('ix_payment_authority', ['authority', 'id'], unique=False)
        batch_op.create_index('ix_payment_code', ['code'], unique=False)
        batch_op.create_index('ix_payment_created', ['created_at', 'id', 'authority'], unique=False)
        batch_op.create_index(batch_op.f('ix_payment_decision_id'), ['decision_id'], unique=False)
        batch_op.create_index('ix_payment_doubt', ['authority', 'id'], unique=False, sqlite_where=sa.text('in_doubt_since_at is not null'), postgresql_where=sa.text('in_doubt_since_at is not null'))
        batch_op.create_index('ix_payment_due', ['due_look_on'], unique=False, sqlite_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED')"), postgresql_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED')"))
        batch_op.create_index('ix_payment_ended', ['status', 'id'], unique=False, sqlite_where=sa.text("status in ('CANCELLING', 'REJECTED', 'CANCELLED')"), postgresql_where=sa.text("status in ('CANCELLING', 'REJECTED', 'CANCELLED')"))
        batch_op.create_index('ix_payment_open', ['asked_at'], unique=False, sqlite_where=sa.text("status = 'ISSUED'"), postgresql_where=sa.text("status = 'ISSUED'"))
        batch_op.create_index('ix_payment_paid', ['channel', 'paid_at'], unique=False)
        batch_op.create_index('ix_payment_paid_otherwise', ['paid_amount', 'id', 'authority'], unique=False, sqlite_where=sa.text('paid_amount <> amount'), postgresql_where=sa.text('paid_amount <> amount'))
        batch_op.create_index('ix_payment_provisional', ['id'], unique=False, sqlite_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED') and due_provisional = 1"), postgresql_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED') and due_provisional = 1"))
        batch_op.create_index('ix_payment_replaces', ['replaces'], unique=False, sqlite_where=sa.text('replaces is not null'), postgresql_where=sa.text('replaces is not null'))
        batch_op.create_index('ix_payment_settled', ['settlement', 'id', 'authority'], unique=False, sqlite_where=sa.text("settlement <> 'none'"), postgresql_where=sa.text("settlement <> 'none'"))
        batch_op.create_index('ix_payment_unpaid', ['id', 'authority', 'status', 'due_on'], unique=False, sqlite_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED')"), postgresql_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED')"))
        batch_op.create_index('uq_payment_live', ['decision_id', 'instalment', 'line_group'], unique=True, sqlite_where=sa.text("status not in ('REJECTED','CANCELLED')"), postgresql_where=sa.text("status not in ('REJECTED','CANCELLED')"))

    op.create_table('collection',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('bank_serial', sa.String(length=80), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('paid_at', sa.BigInteger(), nullable=False),
    sa.Column('pay_mode', sa.String(length=20), nullable=False),
    sa.Column('payer_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('source', sa.String(length=10), nullable=False, comment='who told us first: callback, query or statement'),
    sa.Column('payment_id', sa.String(length=40), nullable=True, comment='null while no payment has this code'),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("source in ('callback','query','statement')", name=op.f('ck_collection_known_source')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_collection_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_collection')),
    sa.UniqueConstraint('code', 'channel', 'bank_serial', name=op.f('uq_collection_code_channel_bank_serial'))
    )
    with op.batch_alter_table('collection', schema=None) as batch_op:
        batch_op.create_index('ix_collection_paid', ['channel', 'paid_at'], unique=False)
        batch_op.create_index('ix_collection_payment', ['payment_id'], unique=False)
        batch_op.create_index('ix_collection_serial', ['bank_serial'], unique=False)

    op.create_table('payment_code',
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('reference', sa.String(length=64), nullable=False, comment='of the operation that asked for it'),
    sa.Column('payment_id', sa.String(length=40), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('asked_at', sa.BigInteger(), nullable=False),
    sa.Column('issued_at', sa.BigInteger(), nullable=True),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("state in ('requested','live','paid','void','expired','refused')", name=op.f('ck_payment_code_known_state')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_payment_code_payment_id')),
    sa.PrimaryKeyConstraint('channel', 'reference', name=op.f('pk_payment_code')),
    sa.UniqueConstraint('channel', 'code', name=op.f('uq_payment_code_channel_code'))
    )
    with op.batch_alter_table('payment_code', schema=None) as batch_op:
        batch_op.create_index('uq_payment_code_live', ['payment_id'], unique=True, sqlite_where=sa.text("state in ('requested','live','paid')"), postgresql_where=sa.text("state in ('requested','live','paid')"))

    op.create_table('payment_line',
    sa.Column('payment_id', sa.String(length=40), nullable=False),
    sa.Column('line', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('item_code', sa.String(length=30), nullable=False),
    sa.Column('item_name', sa.String(length=100), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("kind in ('fine','confiscated','surcharge')", name=op.f('ck_payment_line_known_kind')),
    sa.CheckConstraint('amount > 0', name=op.f('ck_payment_line_positive_amount')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_payment_line_payment_id')),
    sa.PrimaryKeyConstraint('payment_id', 'line', name=op.f('pk_payment_line'))
    )
    op.create_table('payment_exception',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('payment_id', sa.String(length=40), nullable=True),
    sa.Column('collection_id', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('proposal', sa.String(length=30), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('resolution', sa.String(length=30), nullable=True, comment='the way out that a person chose'),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('proposed_by', sa.String(length=40), nullable=True),
    sa.Column('proposed_name', sa.String(length=200), nullable=True),
    sa.Column('confirmed_by', sa.String(length=40), nullable=True),
    sa.Column('confirmed_name', sa.String(length=200), nullable=True),
    sa.Column('resolved_at', sa.BigInteger(), nullable=True),
    sa.Column('times_proposed', sa.Integer(), server_default='0', nullable=False, comment='how often a way out was proposed: each time is a matter of its own between two people'),
    sa.CheckConstraint("state <> 'resolved' or confirmed_by is not null", name=op.f('ck_payment_exception_resolved_is_confirmed')),
    sa.CheckConstraint("state in ('open','proposed','resolved')", name=op.f('ck_payment_exception_known_state')),
    sa.CheckConstraint('confirmed_by is null or confirmed_by <> proposed_by', name=op.f('ck_payment_exception_two_people')),
    sa.ForeignKeyConstraint(['collection_id'], ['collection.id'], name=op.f('fk_payment_exception_collection_id')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_payment_exception_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment_exception')),
    sa.UniqueConstraint('collection_id', 'kind', name=op.f('uq_payment_exception_collection_id_kind'))
    )
    with op.batch_alter_table('payment_exception', schema=None) as batch_op:
        batch_op.create_index('ix_payment_exception_authority', ['authority', 'id'], unique=False)
        batch_op.create_index('ix_payment_exception_kind', ['authority', 'kind', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_payment_exception_payment_id'), ['payment_id'], unique=False)
        batch_op.create_index('ix_payment_exception_state', ['authority', 'state', 'id', 'proposed_by'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('payment_exception', schema=None) as batch_op:
        batch_op.drop_index('ix_payment_exception_state')
        batch_op.drop_index(batch_op.f('ix_payment_exception_payment_id'))
        batch_op.drop_index('ix_payment_exception_kind')
        batch_op.drop_index('ix_payment_exception_authority')

    op.drop_table('payment_exception')
    op.drop_table('payment_line')
    with op.batch_alter_table('payment_code', schema=None) as batch_op:
        batch_op.drop_index('uq_payment_code_live', sqlite_where=sa.text("state in ('requested','live','paid')"), postgresql_where=sa.text("state in ('requested','live','paid')"))

    op.drop_table('payment_code')
    with op.batch_alter_table('collection', schema=None) as batch_op:
        batch_op.drop_index('ix_collection_serial')
        batch_op.drop_index('ix_collection_payment')
        batch_op.drop_index('ix_collection_paid')

    op.drop_table('collection')
    with op.batch_alter_table('payment', schema=None) as batch_op:
        batch_op.drop_index('uq_payment_live', sqlite_where=sa.text("status not in ('REJECTED','CANCELLED')"), postgresql_where=sa.text("status not in ('REJECTED','CANCELLED')"))
        batch_op.drop_index('ix_payment_unpaid', sqlite_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED')"), postgresql_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED')"))
        batch_op.drop_index('ix_payment_settled', sqlite_where=sa.text("settlement <> 'none'"), postgresql_where=sa.text("settlement <> 'none'"))
        batch_op.drop_index('ix_payment_replaces', sqlite_where=sa.text('replaces is not null'), postgresql_where=sa.text('replaces is not null'))
        batch_op.drop_index('ix_payment_provisional', sqlite_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED') and due_provisional = 1"), postgresql_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED') and due_provisional = 1"))
        batch_op.drop_index('ix_payment_paid_otherwise', sqlite_where=sa.text('paid_amount <> amount'), postgresql_where=sa.text('paid_amount <> amount'))
        batch_op.drop_index('ix_payment_paid')
        batch_op.drop_index('ix_payment_open', sqlite_where=sa.text("status = 'ISSUED'"), postgresql_where=sa.text("status = 'ISSUED'"))
        batch_op.drop_index('ix_payment_ended', sqlite_where=sa.text("status in ('CANCELLING', 'REJECTED', 'CANCELLED')"), postgresql_where=sa.text("status in ('CANCELLING', 'REJECTED', 'CANCELLED')"))
        batch_op.drop_index('ix_payment_due', sqlite_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED')"), postgresql_where=sa.text("status in ('REQUESTED', 'ISSUED', 'EXPIRED')"))
        batch_op.drop_index('ix_payment_doubt', sqlite_where=sa.text('in_doubt_since_at is not null'), postgresql_where=sa.text('in_doubt_since_at is not null'))
        batch_op.drop_index(batch_op.f('ix_payment_decision_id'))
        batch_op.drop_index('ix_payment_created')
        batch_op.drop_index('ix_payment_code')
        batch_op.drop_index('ix_payment_authority')
        batch_op.drop_index('ix_payment_amount')

    op.drop_table('payment')
    op.drop_table('look_up_budget')
    op.drop_table('income_item')
    op.drop_table('collecting_unit')
    op.drop_table('code_series')
