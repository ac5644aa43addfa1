"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "operations_0001"
down_revision = None
branch_labels = ("operations",)
depends_on = ('foundation_0001',)


def upgrade() -> None:
    op.create_table('bulk_retry',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=True, comment='what was chosen; null: any'),
    sa.Column('action', sa.String(length=40), nullable=True),
    sa.Column('parked_for', sa.String(length=20), nullable=True),
    sa.Column('since_at', sa.BigInteger(), nullable=True),
    sa.Column('until_at', sa.BigInteger(), nullable=True),
    sa.Column('authorities', sa.JSON(), nullable=False, comment='whose operations are among them'),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False, comment='how many operations were chosen'),
    sa.Column('two_persons', sa.Boolean(), nullable=False, comment='effects are among them about which people decide in pairs'),
    sa.Column('proposed_by', sa.String(length=40), nullable=False),
    sa.Column('proposed_name', sa.String(length=200), nullable=False),
    sa.Column('proposed_at', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_by', sa.String(length=40), nullable=True),
    sa.Column('confirmed_name', sa.String(length=200), nullable=True),
    sa.Column('confirmed_side', sa.String(length=12), nullable=True, comment='who confirms has no other part in it: held by the key below'),
    sa.Column('begun_at', sa.BigInteger(), nullable=True, comment='since when it counts'),
    sa.Column('ended_at', sa.BigInteger(), nullable=True, comment='when each operation had its result'),
    sa.Column('withdrawn_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("confirmed_side = 'confirming'", name=op.f('ck_bulk_retry_only_who_takes_no_part_confirms')),
    sa.CheckConstraint('(confirmed_by is null) = (confirmed_side is null)', name=op.f('ck_bulk_retry_confirmed_on_a_side')),
    sa.CheckConstraint('begun_at is null or not two_persons or confirmed_by is not null', name=op.f('ck_bulk_retry_begins_with_two')),
    sa.CheckConstraint('begun_at is null or withdrawn_at is null', name=op.f('ck_bulk_retry_begun_or_withdrawn')),
    sa.CheckConstraint('confirmed_by is null or confirmed_by <> proposed_by', name=op.f('ck_bulk_retry_two_people')),
    sa.CheckConstraint('ended_at is null or begun_at is not null', name=op.f('ck_bulk_retry_ends_after_it_began')),
    sa.ForeignKeyConstraint(['id', 'confirmed_by', 'confirmed_side'], ['matter_person.matter', 'matter_person.person', 'matter_person.side'], name=op.f('fk_bulk_retry_id_confirmed_by_confirmed_side')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bulk_retry'))
    )
    with op.batch_alter_table('bulk_retry', schema=None) as batch_op:
        batch_op.create_index('ix_bulk_retry_going_on', ['id'], unique=False, sqlite_where=sa.text('begun_at is not null and ended_at is null'), postgresql_where=sa.text('begun_at is not null and ended_at is null'))

    op.create_table('bulk_retry_item',
    sa.Column('bulk_id', sa.String(length=40), nullable=False),
    sa.Column('operation_id', sa.String(length=40), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False, comment='of the operation when it was chosen'),
    sa.Column('result', sa.String(length=20), nullable=True, comment='null until it was its turn'),
    sa.Column('why', sa.Text(), nullable=True, comment='why it could not be sent on'),
    sa.CheckConstraint("(why is null) = (result is null or result <> 'not_applicable')", name=op.f('ck_bulk_retry_item_refusals_have_a_reason')),
    sa.CheckConstraint("result in ('sent_on','not_applicable')", name=op.f('ck_bulk_retry_item_known_result')),
    sa.ForeignKeyConstraint(['bulk_id'], ['bulk_retry.id'], name=op.f('fk_bulk_retry_item_bulk_id')),
    sa.ForeignKeyConstraint(['operation_id'], ['operation.id'], name=op.f('fk_bulk_retry_item_operation_id')),
    sa.PrimaryKeyConstraint('bulk_id', 'operation_id', name=op.f('pk_bulk_retry_item'))
    )


def downgrade() -> None:
    op.drop_table('bulk_retry_item')
    with op.batch_alter_table('bulk_retry', schema=None) as batch_op:
        batch_op.drop_index('ix_bulk_retry_going_on', sqlite_where=sa.text('begun_at is not null and ended_at is null'), postgresql_where=sa.text('begun_at is not null and ended_at is null'))

    op.drop_table('bulk_retry')
