"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "seals_0001"
down_revision = None
branch_labels = ("seals",)
depends_on = ('decisions_0001',)


def upgrade() -> None:
    op.create_table('seal_grant',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('seal_id', sa.String(length=32), nullable=False),
    sa.Column('officer_index', sa.LargeBinary(), nullable=False, comment='blind index of the certificate number 执法证号'),
    sa.Column('officer_sealed', sa.LargeBinary(), nullable=False, comment='the certificate number'),
    sa.Column('first_on', sa.Date(), nullable=False),
    sa.Column('last_on', sa.Date(), nullable=False, comment='the last day on which it may be used'),
    sa.Column('granted_name', sa.String(length=80), nullable=False),
    sa.Column('granted_at', sa.BigInteger(), nullable=False),
    sa.Column('ended_name', sa.String(length=80), nullable=True),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True, comment='why it was ended'),
    sa.CheckConstraint('last_on >= first_on', name=op.f('ck_seal_grant_in_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_seal_grant'))
    )
    with op.batch_alter_table('seal_grant', schema=None) as batch_op:
        batch_op.create_index('ix_seal_grant_seal', ['authority', 'seal_id', 'officer_index'], unique=False)

    op.create_table('seal_stop',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('seal_id', sa.String(length=32), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('stopped_by', sa.String(length=40), nullable=False),
    sa.Column('stopped_name', sa.String(length=80), nullable=False),
    sa.Column('stopped_at', sa.BigInteger(), nullable=False, comment='seals made until then are not used any more'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_seal_stop'))
    )
    with op.batch_alter_table('seal_stop', schema=None) as batch_op:
        batch_op.create_index('ix_seal_stop_seal', ['authority', 'seal_id', 'stopped_at'], unique=False)

    op.create_table('sealed_document',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('decision_id', sa.String(length=40), nullable=True),
    sa.Column('decision_number', sa.String(length=128), nullable=True),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('approval', sa.String(length=200), nullable=False, comment='用印审批 as text: what the service is told'),
    sa.Column('approval_record', sa.JSON(), nullable=True, comment='the same in its parts, where it was given so'),
    sa.Column('seal_id', sa.String(length=32), nullable=False),
    sa.Column('seal_name', sa.String(length=200), nullable=False),
    sa.Column('placements', sa.JSON(), nullable=False, comment='page, x, y, width, height in millimetres'),
    sa.Column('shares', sa.JSON(), nullable=False, comment='the same, of a seal across pages: what each page is read back with'),
    sa.Column('property_info', sa.String(length=200), nullable=False),
    sa.Column('picture_digest', sa.LargeBinary(), nullable=False, comment='SM3 of the picture that was drawn'),
    sa.Column('source_digest', sa.LargeBinary(), nullable=False, comment='SM3 of the file as it was given to us'),
    sa.Column('digest', sa.LargeBinary(), nullable=False, comment='SM3 of what the signature covers'),
    sa.Column('file_sealed', sa.LargeBinary(), nullable=False, comment='the prepared file: original, picture, room for it'),
    sa.Column('gap_start', sa.Integer(), nullable=False),
    sa.Column('gap_end', sa.Integer(), nullable=False),
    sa.Column('reference', sa.String(length=64), nullable=False),
    sa.Column('operation', sa.String(length=40), nullable=False, comment='the latest operation about it'),
    sa.Column('asked_by', sa.String(length=80), nullable=True, comment="who asked for it: a client's or an operator's name"),
    sa.Column('grant_id', sa.String(length=40), nullable=True, comment='the grant under which the seal was used'),
    sa.Column('layer', sa.LargeBinary(), nullable=True, comment='what stands behind the sealed file: a signature for ordinary readers'),
    sa.Column('job_id', sa.String(length=64), nullable=True),
    sa.Column('signature', sa.LargeBinary(), nullable=True, comment='DER SES_Signature as it came'),
    sa.Column('report', sa.JSON(), nullable=True, comment='what our checks found'),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('in_doubt_since_at', sa.BigInteger(), nullable=True),
    sa.Column('doubt_reason', sa.Text(), nullable=True),
    sa.Column('sealed_at', sa.BigInteger(), nullable=True, comment='timeInfo of the signature'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("status in ('REQUESTED','SEALED','REFUSED','VOIDED')", name=op.f('ck_sealed_document_known_status')),
    sa.CheckConstraint("status not in ('SEALED','VOIDED') or (signature is not null and report is not null)", name=op.f('ck_sealed_document_sealed_is_verified')),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_sealed_document_decision_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sealed_document'))
    )
    with op.batch_alter_table('sealed_document', schema=None) as batch_op:
        batch_op.create_index('ix_sealed_document_authority', ['authority', 'id'], unique=False)
        batch_op.create_index('ix_sealed_document_decision', ['decision_id'], unique=False)
        batch_op.create_index('ix_sealed_document_file', ['authority', 'source_digest', 'seal_id', 'id'], unique=False)
        batch_op.create_index('uq_sealed_document_live', ['authority', 'source_digest', 'seal_id'], unique=True, sqlite_where=sa.text("status in ('REQUESTED','SEALED')"), postgresql_where=sa.text("status in ('REQUESTED','SEALED')"))
        batch_op.create_index('uq_sealed_document_reference', ['channel', 'reference'], unique=True)

    op.create_table('seal_voiding',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('document_id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('why', sa.String(length=200), nullable=False, comment='why the sealing is to be void: what the service is told'),
    sa.Column('signature_digest', sa.LargeBinary(), nullable=False, comment='SM3 of the SES_Signature that is void'),
    sa.Column('proposed_by', sa.String(length=40), nullable=False),
    sa.Column('proposed_name', sa.String(length=80), nullable=False),
    sa.Column('officer', sa.String(length=200), nullable=True, comment='for whom a case system spoke'),
    sa.Column('confirmed_by', sa.String(length=40), nullable=True),
    sa.Column('confirmed_name', sa.String(length=80), nullable=True),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
    sa.Column('operation', sa.String(length=40), nullable=True, comment='the latest operation about it'),
    sa.Column('job_id', sa.String(length=64), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True, comment='what the service said, or why it was taken back'),
    sa.Column('signed_record', sa.LargeBinary(), nullable=True, comment='what was done, as signed: canonical JSON'),
    sa.Column('record_signature', sa.LargeBinary(), nullable=True, comment='SM2 over it by the key seal-records'),
    sa.Column('voided_at', sa.BigInteger(), nullable=True),
    sa.Column('in_doubt_since_at', sa.BigInteger(), nullable=True),
    sa.Column('doubt_reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("status <> 'VOIDED' or (signed_record is not null and record_signature is not null)", name=op.f('ck_seal_voiding_signed')),
    sa.CheckConstraint("status not in ('CONFIRMED','VOIDED','REFUSED') or confirmed_by is not null", name=op.f('ck_seal_voiding_confirmed')),
    sa.CheckConstraint('confirmed_by is null or confirmed_by <> proposed_by', name=op.f('ck_seal_voiding_two_persons')),
    sa.ForeignKeyConstraint(['document_id'], ['sealed_document.id'], name=op.f('fk_seal_voiding_document_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_seal_voiding'))
    )
    with op.batch_alter_table('seal_voiding', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_seal_voiding_document_id'), ['document_id'], unique=False)
        batch_op.create_index('ix_seal_voiding_signature', ['signature_digest'], unique=False)
        batch_op.create_index('uq_seal_voiding_standing', ['document_id'], unique=True, sqlite_where=sa.text("status in ('PROPOSED','CONFIRMED','VOIDED')"), postgresql_where=sa.text("status in ('PROPOSED','CONFIRMED','VOIDED')"))


def downgrade() -> None:
    with op.batch_alter_table('seal_voiding', schema=None) as batch_op:
        batch_op.drop_index('uq_seal_voiding_standing', sqlite_where=sa.text("status in ('PROPOSED','CONFIRMED','VOIDED')"), postgresql_where=sa.text("status in ('PROPOSED','CONFIRMED','VOIDED')"))
        batch_op.drop_index('ix_seal_voiding_signature')
        batch_op.drop_index(batch_op.f('ix_seal_voiding_document_id'))

    op.drop_table('seal_voiding')
    with op.batch_alter_table('sealed_document', schema=None) as batch_op:
        batch_op.drop_index('uq_sealed_document_reference')
        batch_op.drop_index('uq_sealed_document_live', sqlite_where=sa.text("status in ('REQUESTED','SEALED')"), postgresql_where=sa.text("status in ('REQUESTED','SEALED')"))
        batch_op.drop_index('ix_sealed_document_file')
        batch_op.drop_index('ix_sealed_document_decision')
        batch_op.drop_index('ix_sealed_document_authority')

    op.drop_table('sealed_document')
    with op.batch_alter_table('seal_stop', schema=None) as batch_op:
        batch_op.drop_index('ix_seal_stop_seal')

    op.drop_table('seal_stop')
    with op.batch_alter_table('seal_grant', schema=None) as batch_op:
        batch_op.drop_index('ix_seal_grant_seal')

    op.drop_table('seal_grant')
