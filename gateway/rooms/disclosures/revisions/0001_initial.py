"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "disclosures_0001"
down_revision = None
branch_labels = ("disclosures",)
depends_on = ('decisions_0001',)


def upgrade() -> None:
    op.create_table('disclosing_organ',
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('valid_from_on', sa.Date(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('code', sa.String(length=18), nullable=False, comment='unified social credit code of the organ'),
    sa.Column('source_name', sa.String(length=200), nullable=False, comment='数据来源单位'),
    sa.Column('source_code', sa.String(length=18), nullable=False),
    sa.PrimaryKeyConstraint('authority', 'valid_from_on', name=op.f('pk_disclosing_organ'))
    )
    op.create_table('confirmed_text',
    sa.Column('decision_id', sa.String(length=40), nullable=False),
    sa.Column('of_digest', sa.String(length=64), nullable=False, comment='SM3 of the original full text'),
    sa.Column('text_sealed', sa.LargeBinary(), nullable=False, comment='as a person confirmed it for the public'),
    sa.Column('seen', sa.String(length=64), nullable=False, comment='digest of the preview that was confirmed'),
    sa.Column('confirmed_by', sa.String(length=200), nullable=False),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_confirmed_text_decision_id')),
    sa.PrimaryKeyConstraint('decision_id', 'of_digest', name=op.f('pk_confirmed_text'))
    )
    op.create_table('credit_repair',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('decision_id', sa.String(length=40), nullable=False),
    sa.Column('decision_number', sa.String(length=128), nullable=False),
    sa.Column('status', sa.String(length=10), nullable=False),
    sa.Column('received_on', sa.Date(), nullable=False),
    sa.Column('forwarded_by', sa.Text(), nullable=False),
    sa.Column('corrected', sa.Text(), nullable=True, comment='proof that the breach is corrected'),
    sa.Column('commitment', sa.Text(), nullable=True, comment='信用承诺'),
    sa.Column('performed', sa.Text(), nullable=True, comment='proof of performance, where the money did not come here'),
    sa.Column('answer_by_on', sa.Date(), nullable=False),
    sa.Column('answer_by_provisional', sa.Boolean(), server_default=sa.text('(false)'), nullable=False),
    sa.Column('answer_citation', sa.Text(), nullable=False),
    sa.Column('grants', sa.Boolean(), nullable=True, comment='the answer that was proposed'),
    sa.Column('number', sa.String(length=128), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('end_by_on', sa.Date(), nullable=True, comment='the last day for every target to end it'),
    sa.Column('late_at', sa.BigInteger(), nullable=True, comment='when the alarm about an answer or an end was raised'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("status in ('RECEIVED','PROPOSED','GRANTED','REFUSED','DONE')", name=op.f('ck_credit_repair_known_status')),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_credit_repair_decision_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_repair'))
    )
    with op.batch_alter_table('credit_repair', schema=None) as batch_op:
        batch_op.create_index('ix_credit_repair_authority', ['authority', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_credit_repair_decision_id'), ['decision_id'], unique=False)
        batch_op.create_index('ix_credit_repair_status', ['status', 'id'], unique=False)
        batch_op.create_index('uq_credit_repair_open', ['decision_id'], unique=True, sqlite_where=sa.text("status in ('RECEIVED','PROPOSED','GRANTED')"), postgresql_where=sa.text("status in ('RECEIVED','PROPOSED','GRANTED')"))

    op.create_table('disclosure',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('decision_id', sa.String(length=40), nullable=False),
    sa.Column('decision_number', sa.String(length=128), nullable=False),
    sa.Column('decision_version', sa.Integer(), nullable=False, comment='version of the facts that was sent'),
    sa.Column('target', sa.String(length=60), nullable=False, comment='the channel'),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('record_sealed', sa.LargeBinary(), nullable=True, comment='as sent; null where nothing may be published'),
    sa.Column('pending_sealed', sa.LargeBinary(), nullable=True, comment='the correction under way'),
    sa.Column('former_sealed', sa.LargeBinary(), nullable=True, comment='as shown before the last correction'),
    sa.Column('pending_version', sa.Integer(), nullable=True),
    sa.Column('citation', sa.Text(), nullable=False, comment='the rule behind period or refusal'),
    sa.Column('override_reason', sa.Text(), nullable=True),
    sa.Column('basis_ground', sa.String(length=20), nullable=True, comment='upon what the publication relies: social_impact, special_statute, local_rule'),
    sa.Column('basis_citation', sa.Text(), nullable=True),
    sa.Column('judged_under', sa.String(length=16), nullable=True, comment='digest of the rules by which it was judged last'),
    sa.Column('submit_by_on', sa.Date(), nullable=True),
    sa.Column('submit_by_provisional', sa.Boolean(), server_default=sa.text('(false)'), nullable=False),
    sa.Column('submit_citation', sa.Text(), nullable=True),
    sa.Column('pass_on_by_on', sa.Date(), nullable=True, comment='last day to hand it to the authority that shows it'),
    sa.Column('publish_until_on', sa.Date(), nullable=True),
    sa.Column('repair_from_on', sa.Date(), nullable=True),
    sa.Column('effect', sa.String(length=10), nullable=True, comment='what is under way at the target'),
    sa.Column('awaiting', sa.String(length=10), nullable=True, comment='of that effect: answer, verdict, page'),
    sa.Column('effect_operation', sa.String(length=40), nullable=True),
    sa.Column('effect_reference', sa.String(length=64), nullable=True),
    sa.Column('withdraw_wanted_at', sa.BigInteger(), nullable=True, comment='a withdrawal is owed since'),
    sa.Column('withdraw_reason_on', sa.Date(), nullable=True, comment='the day from which the term to withdraw runs'),
    sa.Column('withdraw_by_on', sa.Date(), nullable=True),
    sa.Column('withdraw_by_provisional', sa.Boolean(), server_default=sa.text('(false)'), nullable=False),
    sa.Column('withdraw_reason', sa.Text(), nullable=True),
    sa.Column('repair_number', sa.String(length=128), nullable=True),
    sa.Column('objection_at', sa.BigInteger(), nullable=True, comment='objected to since'),
    sa.Column('objection_reason', sa.Text(), nullable=True),
    sa.Column('objection_marked_at', sa.BigInteger(), nullable=True, comment='the target shows the mark since; null: it shows none'),
    sa.Column('appeal_at', sa.BigInteger(), nullable=True, comment='under appeal since, where the target is to show that'),
    sa.Column('appeal_marked_at', sa.BigInteger(), nullable=True, comment='the target shows that since; null: it does not'),
    sa.Column('shield_reason', sa.Text(), nullable=True, comment='the ruling for which it is shielded, or shown again'),
    sa.Column('look_on', sa.Date(), nullable=True, comment='on which day it is looked at next, as the public sees it; null: on none'),
    sa.Column('looked_at', sa.BigInteger(), nullable=True, comment="when the public's view was last read"),
    sa.Column('end_held_at', sa.BigInteger(), nullable=True, comment='its period is over and it is not ended, for duties are not performed'),
    sa.Column('end_reason', sa.Text(), nullable=True, comment="a person's word that it ends nevertheless"),
    sa.Column('end_late_at', sa.BigInteger(), nullable=True, comment='when the alarm about an end that does not come was raised'),
    sa.Column('receipt', sa.String(length=64), nullable=True),
    sa.Column('field_errors', sa.JSON(), nullable=False, comment='field, code, message as the target gave them'),
    sa.Column('reason', sa.Text(), nullable=True, comment='why not publishable, refused, or different from what was sent'),
    sa.Column('url', sa.Text(), nullable=True, comment='where the public reads it'),
    sa.Column('published_on', sa.Date(), nullable=True),
    sa.Column('in_doubt_since_at', sa.BigInteger(), nullable=True),
    sa.Column('doubt_reason', sa.Text(), nullable=True),
    sa.Column('late_at', sa.BigInteger(), nullable=True, comment='when the alarm about a missed submission was raised'),
    sa.Column('withdraw_late_at', sa.BigInteger(), nullable=True),
    sa.Column('pass_on_late_at', sa.BigInteger(), nullable=True),
    sa.Column('foreseen_late_at', sa.BigInteger(), nullable=True, comment='when it was told that its last day cannot be kept'),
    sa.Column('due_soon_days', sa.Integer(), nullable=True, comment='working days before the last day to publish, of which was told last'),
    sa.Column('withdraw_due_soon_days', sa.Integer(), nullable=True, comment='the same of the last day to withdraw'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("awaiting in ('answer','verdict','page')", name=op.f('ck_disclosure_known_awaiting')),
    sa.CheckConstraint("basis_ground in ('social_impact','special_statute','local_rule')", name=op.f('ck_disclosure_known_ground')),
    sa.CheckConstraint("effect in ('submit','correct','withdraw','repair','end','object','settle','appeal','decide','shield','unshield')", name=op.f('ck_disclosure_known_effect')),
    sa.CheckConstraint("status = 'NOT_PUBLISHABLE' or record_sealed is not null", name=op.f('ck_disclosure_published_has_a_record')),
    sa.CheckConstraint("status = 'NOT_PUBLISHABLE' or submit_by_on is not null", name=op.f('ck_disclosure_published_has_a_deadline')),
    sa.CheckConstraint("status in ('NOT_PUBLISHABLE','DRAFT','PLANNED','SUBMITTED','ACCEPTED','PUBLISHED','CORRECTED','SHIELDED','REJECTED','WITHDRAWN','REPAIRED','ENDED')", name=op.f('ck_disclosure_known_status')),
    sa.CheckConstraint('(effect is null) = (awaiting is null)', name=op.f('ck_disclosure_effect_awaits')),
    sa.ForeignKeyConstraint(['decision_id'], ['decision.id'], name=op.f('fk_disclosure_decision_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_disclosure'))
    )
    with op.batch_alter_table('disclosure', schema=None) as batch_op:
        batch_op.create_index('ix_disclosure_authority', ['authority', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_disclosure_decision_id'), ['decision_id'], unique=False)
        batch_op.create_index('ix_disclosure_doubt', ['authority', 'id'], unique=False, sqlite_where=sa.text('in_doubt_since_at is not null'), postgresql_where=sa.text('in_doubt_since_at is not null'))
        batch_op.create_index('ix_disclosure_held', ['authority', 'id'], unique=False, sqlite_where=sa.text('end_held_at is not null and end_reason is null'), postgresql_where=sa.text('end_held_at is not null and end_reason is null'))
        batch_op.create_index('ix_disclosure_judged', ['judged_under'], unique=False, sqlite_where=sa.text("status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN','REPAIRED','ENDED')"), postgresql_where=sa.text("status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN','REPAIRED','ENDED')"))
        batch_op.create_index('ix_disclosure_look', ['look_on'], unique=False, sqlite_where=sa.text('look_on is not null'), postgresql_where=sa.text('look_on is not null'))
        batch_op.create_index('ix_disclosure_mark', ['id'], unique=False, sqlite_where=sa.text('(objection_at is null) <> (objection_marked_at is null) or (appeal_at is null) <> (appeal_marked_at is null)'), postgresql_where=sa.text('(objection_at is null) <> (objection_marked_at is null) or (appeal_at is null) <> (appeal_marked_at is null)'))
        batch_op.create_index('ix_disclosure_objected', ['authority', 'id'], unique=False, sqlite_where=sa.text('objection_at is not null'), postgresql_where=sa.text('objection_at is not null'))
        batch_op.create_index('ix_disclosure_passed_on', ['pass_on_by_on', 'authority'], unique=False, sqlite_where=sa.text("pass_on_by_on is not null and status not in ('NOT_PUBLISHABLE','DRAFT','SUBMITTED','ACCEPTED','PUBLISHED','CORRECTED','SHIELDED','REJECTED','WITHDRAWN','REPAIRED','ENDED')"), postgresql_where=sa.text("pass_on_by_on is not null and status not in ('NOT_PUBLISHABLE','DRAFT','SUBMITTED','ACCEPTED','PUBLISHED','CORRECTED','SHIELDED','REJECTED','WITHDRAWN','REPAIRED','ENDED')"))
        batch_op.create_index('ix_disclosure_provisional', ['id'], unique=False, sqlite_where=sa.text("(status in ('DRAFT','PLANNED','SUBMITTED','ACCEPTED') and submit_by_provisional) or (withdraw_wanted_at is not null and status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN') and withdraw_by_provisional)"), postgresql_where=sa.text("(status in ('DRAFT','PLANNED','SUBMITTED','ACCEPTED') and submit_by_provisional) or (withdraw_wanted_at is not null and status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN') and withdraw_by_provisional)"))
        batch_op.create_index('ix_disclosure_reference', ['target', 'effect_reference'], unique=False)
        batch_op.create_index('ix_disclosure_status', ['status', 'authority', 'id'], unique=False)
        batch_op.create_index('ix_disclosure_unpublished', ['submit_by_on', 'authority'], unique=False, sqlite_where=sa.text("status not in ('NOT_PUBLISHABLE','PUBLISHED','CORRECTED','SHIELDED','WITHDRAWN','REPAIRED','ENDED') and withdraw_wanted_at is null"), postgresql_where=sa.text("status not in ('NOT_PUBLISHABLE','PUBLISHED','CORRECTED','SHIELDED','WITHDRAWN','REPAIRED','ENDED') and withdraw_wanted_at is null"))
        batch_op.create_index('ix_disclosure_withdrawal', ['withdraw_by_on', 'authority'], unique=False, sqlite_where=sa.text("withdraw_wanted_at is not null and status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN')"), postgresql_where=sa.text("withdraw_wanted_at is not null and status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN')"))
        batch_op.create_index('uq_disclosure_live', ['decision_id', 'target'], unique=True, sqlite_where=sa.text("status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN')"), postgresql_where=sa.text("status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN')"))

    op.create_table('disclosure_finding',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('disclosure_id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('decision_number', sa.String(length=128), nullable=False),
    sa.Column('place', sa.String(length=60), nullable=False, comment='the channel whose page was read: the target, or a copy'),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('fields', sa.JSON(), nullable=False, comment='the fields that differ, by their Chinese names'),
    sa.Column('status', sa.String(length=10), nullable=False),
    sa.Column('url', sa.Text(), nullable=True),
    sa.Column('seen_at', sa.BigInteger(), nullable=False, comment='when it was last seen so'),
    sa.Column('closed_by', sa.String(length=100), nullable=True, comment='who said what came of it; null where a later look did'),
    sa.Column('explanation', sa.Text(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("kind in ('missing','stale','altered','still_there','unperformed','by_hand')", name=op.f('ck_disclosure_finding_known_finding')),
    sa.CheckConstraint("status in ('OPEN','MENDED','SETTLED')", name=op.f('ck_disclosure_finding_known_status')),
    sa.ForeignKeyConstraint(['disclosure_id'], ['disclosure.id'], name=op.f('fk_disclosure_finding_disclosure_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_disclosure_finding'))
    )
    with op.batch_alter_table('disclosure_finding', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_disclosure_finding_disclosure_id'), ['disclosure_id'], unique=False)
        batch_op.create_index('ix_disclosure_finding_status', ['status', 'id'], unique=False)
        batch_op.create_index('uq_disclosure_finding_open', ['disclosure_id', 'place', 'kind'], unique=True, sqlite_where=sa.text("status = 'OPEN'"), postgresql_where=sa.text("status = 'OPEN'"))


def downgrade() -> None:
    with op.batch_alter_table('disclosure_finding', schema=None) as batch_op:
        batch_op.drop_index('uq_disclosure_finding_open', sqlite_where=sa.text("status = 'OPEN'"), postgresql_where=sa.text("status = 'OPEN'"))
        batch_op.drop_index('ix_disclosure_finding_status')
        batch_op.drop_index(batch_op.f('ix_disclosure_finding_disclosure_id'))

    op.drop_table('disclosure_finding')
    with op.batch_alter_table('disclosure', schema=None) as batch_op:
        batch_op.drop_index('uq_disclosure_live', sqlite_where=sa.text("status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN')"), postgresql_where=sa.text("status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN')"))
        batch_op.drop_index('ix_disclosure_withdrawal', sqlite_where=sa.text("withdraw_wanted_at is not null and status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN')"), postgresql_where=sa.text("withdraw_wanted_at is not null and status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN')"))
        batch_op.drop_index('ix_disclosure_unpublished', sqlite_where=sa.text("status not in ('NOT_PUBLISHABLE','PUBLISHED','CORRECTED','SHIELDED','WITHDRAWN','REPAIRED','ENDED') and withdraw_wanted_at is null"), postgresql_where=sa.text("status not in ('NOT_PUBLISHABLE','PUBLISHED','CORRECTED','SHIELDED','WITHDRAWN','REPAIRED','ENDED') and withdraw_wanted_at is null"))
        batch_op.drop_index('ix_disclosure_status')
        batch_op.drop_index('ix_disclosure_reference')
        batch_op.drop_index('ix_disclosure_provisional', sqlite_where=sa.text("(status in ('DRAFT','PLANNED','SUBMITTED','ACCEPTED') and submit_by_provisional) or (withdraw_wanted_at is not null and status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN') and withdraw_by_provisional)"), postgresql_where=sa.text("(status in ('DRAFT','PLANNED','SUBMITTED','ACCEPTED') and submit_by_provisional) or (withdraw_wanted_at is not null and status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN') and withdraw_by_provisional)"))
        batch_op.drop_index('ix_disclosure_passed_on', sqlite_where=sa.text("pass_on_by_on is not null and status not in ('NOT_PUBLISHABLE','DRAFT','SUBMITTED','ACCEPTED','PUBLISHED','CORRECTED','SHIELDED','REJECTED','WITHDRAWN','REPAIRED','ENDED')"), postgresql_where=sa.text("pass_on_by_on is not null and status not in ('NOT_PUBLISHABLE','DRAFT','SUBMITTED','ACCEPTED','PUBLISHED','CORRECTED','SHIELDED','REJECTED','WITHDRAWN','REPAIRED','ENDED')"))
        batch_op.drop_index('ix_disclosure_objected', sqlite_where=sa.text('objection_at is not null'), postgresql_where=sa.text('objection_at is not null'))
        batch_op.drop_index('ix_disclosure_mark', sqlite_where=sa.text('(objection_at is null) <> (objection_marked_at is null) or (appeal_at is null) <> (appeal_marked_at is null)'), postgresql_where=sa.text('(objection_at is null) <> (objection_marked_at is null) or (appeal_at is null) <> (appeal_marked_at is null)'))
        batch_op.drop_index('ix_disclosure_look', sqlite_where=sa.text('look_on is not null'), postgresql_where=sa.text('look_on is not null'))
        batch_op.drop_index('ix_disclosure_judged', sqlite_where=sa.text("status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN','REPAIRED','ENDED')"), postgresql_where=sa.text("status not in ('NOT_PUBLISHABLE','REJECTED','WITHDRAWN','REPAIRED','ENDED')"))
        batch_op.drop_index('ix_disclosure_held', sqlite_where=sa.text('end_held_at is not null and end_reason is null'), postgresql_where=sa.text('end_held_at is not null and end_reason is null'))
        batch_op.drop_index('ix_disclosure_doubt', sqlite_where=sa.text('in_doubt_since_at is not null'), postgresql_where=sa.text('in_doubt_since_at is not null'))
        batch_op.drop_index(batch_op.f('ix_disclosure_decision_id'))
        batch_op.drop_index('ix_disclosure_authority')

    op.drop_table('disclosure')
    with op.batch_alter_table('credit_repair', schema=None) as batch_op:
        batch_op.drop_index('uq_credit_repair_open', sqlite_where=sa.text("status in ('RECEIVED','PROPOSED','GRANTED')"), postgresql_where=sa.text("status in ('RECEIVED','PROPOSED','GRANTED')"))
        batch_op.drop_index('ix_credit_repair_status')
        batch_op.drop_index(batch_op.f('ix_credit_repair_decision_id'))
        batch_op.drop_index('ix_credit_repair_authority')

    op.drop_table('credit_repair')
    op.drop_table('confirmed_text')
    op.drop_table('disclosing_organ')
