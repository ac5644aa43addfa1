"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "jobs_0001"
down_revision = None
branch_labels = ("jobs",)
depends_on = ('foundation_0001',)


def upgrade() -> None:
    op.create_table('job',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('authorities', sa.JSON(), nullable=False, comment='whose records were seen by whoever proposed it'),
    sa.Column('number', sa.Integer(), nullable=False, comment='of rows, which are frozen'),
    sa.Column('digest', sa.LargeBinary(length=32), nullable=False, comment='of the rows as they were proposed'),
    sa.Column('two_persons', sa.Boolean(), nullable=False, comment='a second operator confirms it'),
    sa.Column('language', sa.String(length=2), nullable=False, comment='of the reasons of its rows'),
    sa.Column('proposed_by', sa.String(length=40), nullable=False, comment='an operator, or os:USER; each row is done as that one'),
    sa.Column('proposed_name', sa.String(length=200), nullable=False),
    sa.Column('proposed_at', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_by', sa.String(length=40), nullable=True),
    sa.Column('confirmed_name', sa.String(length=200), nullable=True),
    sa.Column('confirmed_side', sa.String(length=12), nullable=True, comment='who confirms has no other part in it: held by the key below'),
    sa.Column('begun_at', sa.BigInteger(), nullable=True, comment='since when it counts'),
    sa.Column('ended_at', sa.BigInteger(), nullable=True, comment='when each row had its result, or it was stopped'),
    sa.Column('stopped_name', sa.String(length=200), nullable=True, comment='who stopped it, or withdrew it before it began'),
    sa.Column('held_by', sa.String(length=40), nullable=True, comment='the process that works at it'),
    sa.Column('held_until_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("confirmed_side = 'confirming'", name=op.f('ck_job_only_who_takes_no_part_confirms')),
    sa.CheckConstraint('(confirmed_by is null) = (confirmed_side is null)', name=op.f('ck_job_confirmed_on_a_side')),
    sa.CheckConstraint('begun_at is null or not two_persons or confirmed_by is not null', name=op.f('ck_job_begins_with_two')),
    sa.CheckConstraint('confirmed_by is null or confirmed_by <> proposed_by', name=op.f('ck_job_two_people')),
    sa.CheckConstraint('ended_at is null or begun_at is not null or stopped_name is not null', name=op.f('ck_job_ends_or_is_stopped')),
    sa.ForeignKeyConstraint(['id', 'confirmed_by', 'confirmed_side'], ['matter_person.matter', 'matter_person.person', 'matter_person.side'], name=op.f('fk_job_id_confirmed_by_confirmed_side')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_job'))
    )
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.create_index('ix_job_going_on', ['id'], unique=False, sqlite_where=sa.text('begun_at is not null and ended_at is null'), postgresql_where=sa.text('begun_at is not null and ended_at is null'))

    op.create_table('job_row',
    sa.Column('job_id', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('subject', sa.String(length=200), nullable=False, comment='what it is about, for people'),
    sa.Column('request_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('result', sa.String(length=20), nullable=True, comment='null until it was its turn'),
    sa.Column('why', sa.Text(), nullable=True, comment='why it was not done'),
    sa.Column('at', sa.BigInteger(), nullable=True),
    sa.Column('answer_sealed', sa.LargeBinary(), nullable=True, comment='the file that it made'),
    sa.CheckConstraint("(why is null) = (result is null or result = 'done')", name=op.f('ck_job_row_refusals_have_a_reason')),
    sa.CheckConstraint("result in ('done','not_applicable','failed')", name=op.f('ck_job_row_known_result')),
    sa.CheckConstraint('(result is null) = (at is null)', name=op.f('ck_job_row_results_have_an_instant')),
    sa.ForeignKeyConstraint(['job_id'], ['job.id'], name=op.f('fk_job_row_job_id')),
    sa.PrimaryKeyConstraint('job_id', 'number', name=op.f('pk_job_row'))
    )


def downgrade() -> None:
    op.drop_table('job_row')
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_index('ix_job_going_on', sqlite_where=sa.text('begun_at is not null and ended_at is null'), postgresql_where=sa.text('begun_at is not null and ended_at is null'))

    op.drop_table('job')
