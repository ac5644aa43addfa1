"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "bulletin_0001"
down_revision = None
branch_labels = ("bulletin",)
depends_on = None


def upgrade() -> None:
    op.create_table('bulletin_effect',
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('reference', sa.String(length=64), nullable=False, comment='ours; what has it was carried out'),
    sa.Column('content', sa.String(length=64), nullable=False, comment='digest of what was asked for'),
    sa.Column('done_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('channel', 'reference', name=op.f('pk_bulletin_effect'))
    )
    op.create_table('bulletin_entry',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('organ_code', sa.String(length=18), nullable=False),
    sa.Column('decision_number', sa.String(length=128), nullable=False),
    sa.Column('number_key', sa.String(length=128), nullable=False, comment='words.spelling.number_key of it'),
    sa.Column('party_name', sa.String(length=200), nullable=True, comment='as published; null once gone, with all that the public read'),
    sa.Column('name_key', sa.String(length=200), nullable=True, comment='words.spelling.name_key of it'),
    sa.Column('party_code', sa.String(length=40), nullable=True),
    sa.Column('shown', sa.JSON(none_as_null=True), nullable=True, comment='what the page says; null once gone'),
    sa.Column('published_on', sa.Date(), nullable=False),
    sa.Column('publish_until_on', sa.Date(), nullable=False, comment='the last day on which it is shown'),
    sa.Column('objection', sa.Boolean(), server_default=sa.text('(false)'), nullable=False, comment='shown, marked as objected to'),
    sa.Column('under_appeal', sa.Boolean(), server_default=sa.text('(false)'), nullable=False, comment='shown, marked so'),
    sa.Column('shielded', sa.Boolean(), server_default=sa.text('(false)'), nullable=False, comment='not shown for the time being'),
    sa.Column('gone', sa.String(length=12), nullable=True),
    sa.Column('gone_on', sa.Date(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True, comment='why it was taken back, which the public reads (行政处罚法 art. 48)'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("gone in ('withdrawn','repaired','ended')", name=op.f('ck_bulletin_entry_known_end')),
    sa.CheckConstraint('(gone is null) = (gone_on is null)', name=op.f('ck_bulletin_entry_gone_on_a_day')),
    sa.CheckConstraint('(gone is null) = (shown is not null)', name=op.f('ck_bulletin_entry_gone_is_empty')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bulletin_entry'))
    )
    with op.batch_alter_table('bulletin_entry', schema=None) as batch_op:
        batch_op.create_index('ix_bulletin_entry_ending', ['publish_until_on'], unique=False, sqlite_where=sa.text('gone is null'), postgresql_where=sa.text('gone is null'))
        batch_op.create_index('ix_bulletin_entry_newest', ['published_on', 'id'], unique=False)
        batch_op.create_index('uq_bulletin_entry_live', ['channel', 'organ_code', 'decision_number', 'party_name'], unique=True, sqlite_where=sa.text('gone is null'), postgresql_where=sa.text('gone is null'))


def downgrade() -> None:
    with op.batch_alter_table('bulletin_entry', schema=None) as batch_op:
        batch_op.drop_index('uq_bulletin_entry_live', sqlite_where=sa.text('gone is null'), postgresql_where=sa.text('gone is null'))
        batch_op.drop_index('ix_bulletin_entry_newest')
        batch_op.drop_index('ix_bulletin_entry_ending', sqlite_where=sa.text('gone is null'), postgresql_where=sa.text('gone is null'))

    op.drop_table('bulletin_entry')
    op.drop_table('bulletin_effect')
