"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "retention_0001"
down_revision = None
branch_labels = ("retention",)
depends_on = None


def upgrade() -> None:
    op.create_table('archive_part',
    sa.Column('what', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False, comment='from 1, of this kind'),
    sa.Column('rows', sa.Integer(), nullable=False, comment='of all its files'),
    sa.Column('manifest', sa.String(length=64), nullable=False, comment='SM3 of the signed manifest; hex'),
    sa.Column('written_at', sa.BigInteger(), nullable=False),
    sa.Column('removed_at', sa.BigInteger(), nullable=True, comment='when its rows had left the database'),
    sa.Column('removed', sa.Integer(), nullable=True, comment='how many did: a row that had changed meanwhile stayed'),
    sa.PrimaryKeyConstraint('what', 'number', name=op.f('pk_archive_part'))
    )
    with op.batch_alter_table('archive_part', schema=None) as batch_op:
        batch_op.create_index('ix_archive_part_unfinished', ['what'], unique=False, sqlite_where=sa.text('removed_at is null'), postgresql_where=sa.text('removed_at is null'))

    op.create_table('retention_mark',
    sa.Column('what', sa.String(length=40), nullable=False),
    sa.Column('place', sa.JSON(), nullable=False, comment='the key up to which all rows were looked at'),
    sa.Column('moved_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('what', name=op.f('pk_retention_mark'))
    )


def downgrade() -> None:
    op.drop_table('retention_mark')
    with op.batch_alter_table('archive_part', schema=None) as batch_op:
        batch_op.drop_index('ix_archive_part_unfinished', sqlite_where=sa.text('removed_at is null'), postgresql_where=sa.text('removed_at is null'))

    op.drop_table('archive_part')
