"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "reconciliation_0001"
down_revision = None
branch_labels = ("reconciliation",)
depends_on = ('payments_0001', 'refunds_0001')


def upgrade() -> None:
    op.create_table('channel_day',
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('day_on', sa.Date(), nullable=False),
    sa.Column('issued', sa.Integer(), nullable=False, comment='codes that began to live on the day'),
    sa.Column('issued_amount', sa.BigInteger(), nullable=False),
    sa.Column('closed', sa.Integer(), nullable=False, comment='codes that were paid, voided or expired on the day'),
    sa.Column('closed_amount', sa.BigInteger(), nullable=False),
    sa.Column('open', sa.Integer(), nullable=False, comment='codes that live at the cut-off, counted and not reckoned'),
    sa.Column('open_amount', sa.BigInteger(), nullable=False),
    sa.Column('counted_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('channel', 'day_on', name=op.f('pk_channel_day'))
    )
    op.create_table('month_close',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('month', sa.String(length=7), nullable=False, comment='as 2026-09'),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('figures', sa.JSON(), nullable=False, comment='the balance statement 余额调节表 as it was signed'),
    sa.Column('digest', sa.LargeBinary(), nullable=False, comment='SM3 of the figures'),
    sa.Column('signature', sa.LargeBinary(), nullable=False, comment='SM2 over the figures'),
    sa.Column('closed_by', sa.String(length=40), nullable=False),
    sa.Column('closed_name', sa.String(length=200), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=False),
    sa.Column('asked_by', sa.String(length=40), nullable=True, comment='who wants it open again'),
    sa.Column('asked_name', sa.String(length=200), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('reopened_by', sa.String(length=40), nullable=True),
    sa.Column('reopened_name', sa.String(length=200), nullable=True),
    sa.Column('reopened_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("(state = 'reopened') = (reopened_by is not null)", name=op.f('ck_month_close_reopened_by_someone')),
    sa.CheckConstraint("state = 'closed' or (asked_by is not null and reason is not null)", name=op.f('ck_month_close_reopened_for_a_reason')),
    sa.CheckConstraint("state in ('closed','reopening','reopened')", name=op.f('ck_month_close_known_state')),
    sa.CheckConstraint('reopened_by is null or reopened_by <> asked_by', name=op.f('ck_month_close_second_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_month_close'))
    )
    with op.batch_alter_table('month_close', schema=None) as batch_op:
        batch_op.create_index('uq_month_close_current', ['channel', 'month'], unique=True, sqlite_where=sa.text("state in ('closed','reopening')"), postgresql_where=sa.text("state in ('closed','reopening')"))

    op.create_table('statement',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('side', sa.String(length=10), server_default='platform', nullable=False, comment='who tells'),
    sa.Column('day_on', sa.Date(), nullable=False, comment="the platform's day"),
    sa.Column('origin', sa.String(length=200), server_default='', nullable=False, comment="the file's name; empty: asked for"),
    sa.Column('version', sa.Integer(), nullable=False, comment='from 1; a changed statement of the day is a new one'),
    sa.Column('lines', sa.Integer(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False, comment='of its paid lines'),
    sa.Column('digest', sa.LargeBinary(), nullable=False, comment='SM3 of its lines, whatever their order'),
    sa.Column('fetched_at', sa.BigInteger(), nullable=False),
    sa.Column('superseded_at', sa.BigInteger(), nullable=True, comment='null: what the platform says now'),
    sa.CheckConstraint("side in ('platform','bank','treasury')", name=op.f('ck_statement_known_side')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_statement')),
    sa.UniqueConstraint('channel', 'side', 'day_on', 'version', name=op.f('uq_statement_channel_side_day_on_version'))
    )
    with op.batch_alter_table('statement', schema=None) as batch_op:
        batch_op.create_index('uq_statement_current', ['channel', 'side', 'day_on'], unique=True, sqlite_where=sa.text('superseded_at is null'), postgresql_where=sa.text('superseded_at is null'))

    op.create_table('reconciliation_run',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('side', sa.String(length=10), server_default='platform', nullable=False),
    sa.Column('day_on', sa.Date(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True, comment='why it was refused or failed'),
    sa.Column('statement_id', sa.String(length=40), nullable=True),
    sa.Column('provisional', sa.Boolean(), nullable=False, comment="the platform's day had not ended"),
    sa.Column('matched', sa.Integer(), server_default='0', nullable=False),
    sa.Column('matched_amount', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('healed', sa.Integer(), server_default='0', nullable=False, comment='paid, and we learnt it from the statement'),
    sa.Column('waiting', sa.Integer(), server_default='0', nullable=False, comment='ours only, while the day lasts'),
    sa.Column('breaks', sa.Integer(), server_default='0', nullable=False, comment='open after this run'),
    sa.Column('passed_over', sa.Integer(), server_default='0', nullable=False, comment='lines of a file without money or sense'),
    sa.Column('not_ours', sa.Integer(), server_default='0', nullable=False, comment='lines of other business in a file'),
    sa.Column('not_ours_amount', sa.BigInteger(), server_default='0', nullable=False, comment='theirs, paid less refunded'),
    sa.Column('remarks', sa.JSON(), server_default='[]', nullable=False, comment='sentences about the file, for people'),
    sa.Column('ran_by', sa.String(length=80), nullable=False),
    sa.Column('ran_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("state in ('done','refused','failed')", name=op.f('ck_reconciliation_run_known_state')),
    sa.ForeignKeyConstraint(['statement_id'], ['statement.id'], name=op.f('fk_reconciliation_run_statement_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reconciliation_run'))
    )
    with op.batch_alter_table('reconciliation_run', schema=None) as batch_op:
        batch_op.create_index('ix_reconciliation_run_day', ['channel', 'day_on'], unique=False)

    op.create_table('statement_line',
    sa.Column('statement_id', sa.String(length=40), nullable=False),
    sa.Column('line', sa.Integer(), nullable=False, comment='from 1, over all pages'),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('code', sa.String(length=80), nullable=False, comment="a stranger's may be anything"),
    sa.Column('bank_serial', sa.String(length=80), nullable=False),
    sa.Column('reference', sa.String(length=64), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('paid_at', sa.BigInteger(), nullable=False),
    sa.Column('unit_code', sa.String(length=30), nullable=False),
    sa.Column('item_codes', sa.JSON(), nullable=False),
    sa.Column('refund_number', sa.String(length=80), server_default='', nullable=False, comment="the platform's own of a refund"),
    sa.CheckConstraint("kind in ('paid','refunded')", name=op.f('ck_statement_line_known_kind')),
    sa.ForeignKeyConstraint(['statement_id'], ['statement.id'], name=op.f('fk_statement_line_statement_id')),
    sa.PrimaryKeyConstraint('statement_id', 'line', name=op.f('pk_statement_line')),
    sa.UniqueConstraint('statement_id', 'kind', 'code', 'bank_serial', 'refund_number', name='uq_statement_line_once')
    )
    with op.batch_alter_table('statement_line', schema=None) as batch_op:
        batch_op.create_index('ix_statement_line_key', ['code', 'bank_serial'], unique=False)

    op.create_table('breaks',
    sa.Column('id', sa.String(length=40), nullable=False, comment='made from channel, day, kind and key: the same in every run'),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('side', sa.String(length=10), server_default='platform', nullable=False, comment='whose statement differs'),
    sa.Column('day_on', sa.Date(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('code', sa.String(length=80), nullable=False),
    sa.Column('bank_serial', sa.String(length=80), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False, comment='empty while nobody knows whose money it is'),
    sa.Column('payment_id', sa.String(length=40), nullable=True),
    sa.Column('ours', sa.BigInteger(), nullable=True, comment='fen; null when we have nothing'),
    sa.Column('theirs', sa.BigInteger(), nullable=True, comment='fen; null when the statement has nothing'),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('run_id', sa.String(length=40), nullable=False, comment='that last changed it'),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.Column('closed_by', sa.String(length=80), nullable=True, comment='who resolved it; empty when a run did'),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('assignee', sa.String(length=80), nullable=True, comment='the operator who looks into it'),
    sa.CheckConstraint("(state = 'open') = (closed_at is null)", name=op.f('ck_breaks_closed_has_a_date')),
    sa.CheckConstraint("kind in ('platform_only','ours_only','amount_differs','status_differs','paid_twice','unknown_code','refund_unmatched','cross_day','wrong_unit','wrong_item','receipt_missing','statement_changed','continuity','unreadable_line')", name=op.f('ck_breaks_known_kind')),
    sa.CheckConstraint("state <> 'resolved' or (closed_by is not null and reason is not null)", name=op.f('ck_breaks_resolved_by_someone')),
    sa.CheckConstraint("state in ('open','healed','cleared','resolved')", name=op.f('ck_breaks_known_state')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_breaks_payment_id')),
    sa.ForeignKeyConstraint(['run_id'], ['reconciliation_run.id'], name=op.f('fk_breaks_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_breaks')),
    sa.UniqueConstraint('channel', 'side', 'day_on', 'kind', 'code', 'bank_serial', name=op.f('uq_breaks_channel_side_day_on_kind_code_bank_serial'))
    )
    with op.batch_alter_table('breaks', schema=None) as batch_op:
        batch_op.create_index('ix_breaks_key', ['code', 'bank_serial'], unique=False)
        batch_op.create_index('ix_breaks_open', ['opened_at', 'id', 'authority', 'assignee'], unique=False, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
        batch_op.create_index('ix_breaks_open_day', ['channel', 'day_on', 'side', 'state'], unique=False, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
        batch_op.create_index('ix_breaks_opened', ['opened_at', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_breaks_payment_id'), ['payment_id'], unique=False)

    op.create_table('break_action',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('break_id', sa.String(length=40), nullable=False),
    sa.Column('action', sa.String(length=10), nullable=False, comment='what moves money or says whose it is'),
    sa.Column('payment_id', sa.String(length=40), nullable=True, comment='whose the money is, for attribute'),
    sa.Column('refund_id', sa.String(length=40), nullable=True, comment='what goes back, for refund'),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('proposed_by', sa.String(length=40), nullable=False),
    sa.Column('proposed_name', sa.String(length=200), nullable=False),
    sa.Column('proposed_at', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_by', sa.String(length=40), nullable=True),
    sa.Column('confirmed_name', sa.String(length=200), nullable=True),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("(action = 'attribute') = (payment_id is not null)", name=op.f('ck_break_action_attributed_to_a_payment')),
    sa.CheckConstraint("(action = 'refund') = (refund_id is not null)", name=op.f('ck_break_action_refund_leads_to_a_refund')),
    sa.CheckConstraint("(state = 'confirmed') = (confirmed_by is not null)", name=op.f('ck_break_action_confirmed_by_someone')),
    sa.CheckConstraint("action in ('refund','attribute')", name=op.f('ck_break_action_known_action')),
    sa.CheckConstraint("state in ('proposed','confirmed','withdrawn')", name=op.f('ck_break_action_known_state')),
    sa.CheckConstraint('confirmed_by is null or confirmed_by <> proposed_by', name=op.f('ck_break_action_second_person')),
    sa.ForeignKeyConstraint(['break_id'], ['breaks.id'], name=op.f('fk_break_action_break_id')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_break_action_payment_id')),
    sa.ForeignKeyConstraint(['refund_id'], ['refund.id'], name=op.f('fk_break_action_refund_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_break_action'))
    )
    with op.batch_alter_table('break_action', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_break_action_break_id'), ['break_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_break_action_payment_id'), ['payment_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_break_action_refund_id'), ['refund_id'], unique=False)
        batch_op.create_index('uq_break_action_proposed', ['break_id'], unique=True, sqlite_where=sa.text("state = 'proposed'"), postgresql_where=sa.text("state = 'proposed'"))


def downgrade() -> None:
    with op.batch_alter_table('break_action', schema=None) as batch_op:
        batch_op.drop_index('uq_break_action_proposed', sqlite_where=sa.text("state = 'proposed'"), postgresql_where=sa.text("state = 'proposed'"))
        batch_op.drop_index(batch_op.f('ix_break_action_refund_id'))
        batch_op.drop_index(batch_op.f('ix_break_action_payment_id'))
        batch_op.drop_index(batch_op.f('ix_break_action_break_id'))

    op.drop_table('break_action')
    with op.batch_alter_table('breaks', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_breaks_payment_id'))
        batch_op.drop_index('ix_breaks_opened')
        batch_op.drop_index('ix_breaks_open_day', sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
        batch_op.drop_index('ix_breaks_open', sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
        batch_op.drop_index('ix_breaks_key')

    op.drop_table('breaks')
    with op.batch_alter_table('statement_line', schema=None) as batch_op:
        batch_op.drop_index('ix_statement_line_key')

    op.drop_table('statement_line')
    with op.batch_alter_table('reconciliation_run', schema=None) as batch_op:
        batch_op.drop_index('ix_reconciliation_run_day')

    op.drop_table('reconciliation_run')
    with op.batch_alter_table('statement', schema=None) as batch_op:
        batch_op.drop_index('uq_statement_current', sqlite_where=sa.text('superseded_at is null'), postgresql_where=sa.text('superseded_at is null'))

    op.drop_table('statement')
    with op.batch_alter_table('month_close', schema=None) as batch_op:
        batch_op.drop_index('uq_month_close_current', sqlite_where=sa.text("state in ('closed','reopening')"), postgresql_where=sa.text("state in ('closed','reopening')"))

    op.drop_table('month_close')
    op.drop_table('channel_day')
