"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "foundation_0001"
down_revision = None
branch_labels = ("foundation",)
depends_on = None


def upgrade() -> None:
    op.create_table('access_token',
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('account', sa.LargeBinary(), nullable=False, comment='blind index of the address and credentials it was for'),
    sa.Column('token_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('renew_at', sa.BigInteger(), nullable=True, comment='when a new one is fetched'),
    sa.Column('until_at', sa.BigInteger(), nullable=True),
    sa.Column('lease', sa.Integer(), nullable=False, comment='the fence: only the newest taker may keep one'),
    sa.Column('lease_until_at', sa.BigInteger(), nullable=True, comment="by the database's clock; null while nobody fetches"),
    sa.CheckConstraint('(token_sealed is null) = (until_at is null)', name=op.f('ck_access_token_token_has_an_end')),
    sa.PrimaryKeyConstraint('channel', name=op.f('pk_access_token'))
    )
    op.create_table('authority',
    sa.Column('code', sa.String(length=40), nullable=False, comment='its identifier everywhere: the tenant'),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('uscc', sa.String(length=18), nullable=False),
    sa.Column('unit_code', sa.String(length=40), nullable=True, comment='its code as a collecting unit 执收单位'),
    sa.Column('telephone', sa.String(length=40), nullable=True, comment='shown to parties'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_authority')),
    sa.UniqueConstraint('uscc', name=op.f('uq_authority_uscc'))
    )
    op.create_table('callback_nonce',
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('nonce', sa.String(length=80), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('channel', 'nonce', name=op.f('pk_callback_nonce'))
    )
    with op.batch_alter_table('callback_nonce', schema=None) as batch_op:
        batch_op.create_index('ix_callback_nonce_received', ['received_at', 'channel', 'nonce'], unique=False)

    op.create_table('chain_head',
    sa.Column('node', sa.String(length=40), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('chain', sa.LargeBinary(), nullable=False),
    sa.Column('signed_line', sa.LargeBinary(), nullable=True, comment='SM3 of the last line this node wrote to its file of signed heads'),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('node', name=op.f('pk_chain_head'))
    )
    op.create_table('channel_condition',
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('stopped', sa.Boolean(), server_default=sa.text('(false)'), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
    sa.Column('open_until_at', sa.BigInteger(), nullable=True, comment='circuit: nothing leaves before'),
    sa.Column('probe_until_at', sa.BigInteger(), nullable=True, comment='circuit: one probe is out until then'),
    sa.Column('next_slot_at', sa.BigInteger(), nullable=True, comment="rate: theoretical arrival time (GCRA), by the database's clock"),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('channel', name=op.f('pk_channel_condition'))
    )
    op.create_table('client',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True, comment='from then on all its keys are refused'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_client')),
    sa.UniqueConstraint('name', name=op.f('uq_client_name'))
    )
    op.create_table('client_rate',
    sa.Column('client', sa.String(length=40), nullable=False, comment="a client's id, or an operator's"),
    sa.Column('minute', sa.BigInteger(), nullable=False, comment="since 1970, by the database's clock"),
    sa.Column('taken', sa.Integer(), nullable=False, comment='by all nodes in that minute, what was refused too'),
    sa.PrimaryKeyConstraint('client', name=op.f('pk_client_rate'))
    )
    op.create_table('contract_drift',
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('action', sa.String(length=60), nullable=False, comment='whose answer, or which callback'),
    sa.Column('element', sa.String(length=200), nullable=False, comment='its path, never its value'),
    sa.Column('first_seen_at', sa.BigInteger(), nullable=False),
    sa.Column('last_seen_at', sa.BigInteger(), nullable=False),
    sa.Column('seen', sa.Integer(), nullable=False, comment='how often'),
    sa.PrimaryKeyConstraint('channel', 'action', 'element', name=op.f('pk_contract_drift'))
    )
    op.create_table('event',
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('type', sa.String(length=60), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('subject', sa.String(length=40), nullable=False),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('txid', sa.BigInteger(), server_default=sa.text('0'), nullable=False, comment='PostgreSQL: the writing transaction, by which readers know that nothing earlier is still to come'),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_event')),
    sa.UniqueConstraint('id', name=op.f('uq_event_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.create_index('ix_event_authority', ['authority', 'txid', 'seq'], unique=False)
        batch_op.create_index('ix_event_subject', ['subject', 'txid', 'seq'], unique=False)

    op.create_table('exchange',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('node', sa.String(length=40), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False, comment='from 1 without gaps, per node'),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('direction', sa.String(length=3), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('operation_id', sa.String(length=40), nullable=True),
    sa.Column('subject', sa.Text(), nullable=True),
    sa.Column('authority', sa.String(length=40), nullable=True),
    sa.Column('method', sa.Text(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=False, comment="answered, or the name of the transport's error"),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=False),
    sa.Column('told', sa.LargeBinary(), nullable=True, comment='HMAC-SM3 of what its attempt came to; null where it belongs to no attempt'),
    sa.Column('body_mac', sa.LargeBinary(), nullable=False, comment='HMAC-SM3 of the exact bytes'),
    sa.Column('chain', sa.LargeBinary(), nullable=False, comment='HMAC-SM3 of the previous chain value and this row'),
    sa.CheckConstraint("direction in ('in','out')", name=op.f('ck_exchange_known_direction')),
    sa.CheckConstraint('seq >= 1', name=op.f('ck_exchange_seq_from_one')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_exchange')),
    sa.UniqueConstraint('node', 'seq', name=op.f('uq_exchange_node_seq'))
    )
    with op.batch_alter_table('exchange', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_exchange_operation_id'), ['operation_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_exchange_subject'), ['subject'], unique=False)

    op.create_table('exchange_dictionary',
    sa.Column('id', sa.String(length=16), nullable=False, comment='hex; exact bytes that were compressed with it name it'),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('direction', sa.String(length=3), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False, comment='a redacted exchange; kept for ever'),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_exchange_dictionary'))
    )
    op.create_table('handover',
    sa.Column('id', sa.String(length=40), nullable=False, comment="that of an operation has the operation's number: one each"),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('way', sa.String(length=10), nullable=False),
    sa.Column('recipient', sa.String(length=200), nullable=False, comment='a channel, or the organ or person who got it'),
    sa.Column('system', sa.String(length=120), nullable=True, comment='by which adapter the channel is spoken to'),
    sa.Column('kinds', sa.JSON(), nullable=False),
    sa.Column('subject', sa.String(length=200), nullable=True, comment='the record or the case; null for a question about nobody known yet'),
    sa.Column('authority', sa.String(length=40), nullable=True),
    sa.Column('basis', sa.Text(), nullable=False),
    sa.Column('operation_id', sa.String(length=40), nullable=True),
    sa.Column('by', sa.String(length=200), nullable=True, comment='the operator or the case system that had it handed over, if one did'),
    sa.CheckConstraint("way in ('channel','bundle','exact')", name=op.f('ck_handover_known_way')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_handover')),
    comment='each handing over of personal data to others; none of the data is in it'
    )
    with op.batch_alter_table('handover', schema=None) as batch_op:
        batch_op.create_index('ix_handover_subject', ['subject', 'id'], unique=False)

    op.create_table('idempotency',
    sa.Column('client_id', sa.String(length=40), nullable=False),
    sa.Column('path', sa.String(length=200), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=False),
    sa.Column('body_sealed', sa.LargeBinary(), nullable=False, comment='SM3 of the request body, sealed'),
    sa.Column('subject', sa.String(length=120), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True, comment='first status answered; null while the first request runs'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('client_id', 'path', 'key', name=op.f('pk_idempotency'))
    )
    op.create_table('key_node',
    sa.Column('node', sa.String(length=40), nullable=False),
    sa.Column('beat_at', sa.BigInteger(), nullable=False),
    sa.Column('works', sa.Boolean(), nullable=False, comment="it moves rows; a command's process does not"),
    sa.Column('holds', sa.Text(), nullable=False, comment='JSON: the numbers that it has, by name'),
    sa.Column('uses', sa.Text(), nullable=False, comment='JSON: the number that it uses, by name'),
    sa.PrimaryKeyConstraint('node', name=op.f('pk_key_node'))
    )
    op.create_table('key_sweep',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False, comment='the key that rows are moved to'),
    sa.Column('place', sa.String(length=80), nullable=False, comment='the table, and for an index its column'),
    sa.Column('cursor', sa.Text(), nullable=True, comment='JSON: the primary key of the last row that was looked at in this pass'),
    sa.Column('began_at', sa.BigInteger(), nullable=False, comment='when this pass began'),
    sa.Column('ended_at', sa.BigInteger(), nullable=True, comment='when it had looked at every row'),
    sa.Column('found', sa.BigInteger(), nullable=False, comment='rows moved in this pass'),
    sa.Column('moved', sa.BigInteger(), nullable=False, comment='rows moved in all passes'),
    sa.Column('total', sa.BigInteger(), nullable=False, comment='rows that were to be moved when the first pass began'),
    sa.PrimaryKeyConstraint('name', 'number', 'place', name=op.f('pk_key_sweep'))
    )
    op.create_table('key_version',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.BigInteger(), nullable=True, comment='since when it is the current one; the highest number in use is'),
    sa.Column('settled_at', sa.BigInteger(), nullable=True, comment='since when every node uses it'),
    sa.Column('retired_at', sa.BigInteger(), nullable=True, comment='since when nothing here needs it'),
    sa.Column('destroyed_at', sa.BigInteger(), nullable=True),
    sa.Column('made_by', sa.String(length=80), nullable=False),
    sa.CheckConstraint('destroyed_at is null or retired_at is not null', name=op.f('ck_key_version_destroyed_is_retired')),
    sa.CheckConstraint('number between 1 and 9999', name=op.f('ck_key_version_has_a_number')),
    sa.CheckConstraint('settled_at is null or used_at is not null', name=op.f('ck_key_version_settled_is_used')),
    sa.PrimaryKeyConstraint('name', 'number', name=op.f('pk_key_version'))
    )
    op.create_table('matter_person',
    sa.Column('matter', sa.String(length=80), nullable=False, comment='what is proposed: a refund, a way out, a month'),
    sa.Column('person', sa.String(length=40), nullable=False, comment='an operator, or a case system for an officer'),
    sa.Column('side', sa.String(length=12), nullable=False),
    sa.Column('operator', sa.Boolean(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('officer', sa.String(length=200), nullable=True, comment='for whom a case system speaks'),
    sa.CheckConstraint("side <> 'confirming' or operator", name=op.f('ck_matter_person_a_key_is_no_person')),
    sa.CheckConstraint("side in ('taking_part','confirming')", name=op.f('ck_matter_person_known_side')),
    sa.PrimaryKeyConstraint('matter', 'person', name=op.f('pk_matter_person')),
    sa.UniqueConstraint('matter', 'person', 'side', name=op.f('uq_matter_person_matter_person_side')),
    comment='on which side a person is in a matter, once and for all'
    )
    op.create_table('operator',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('login', sa.String(length=60), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('role', sa.String(length=15), nullable=False),
    sa.Column('password', sa.LargeBinary(), nullable=False, comment='argon2id: parameters, salt and hash'),
    sa.Column('password_once', sa.Boolean(), server_default=sa.text('(false)'), nullable=False, comment='to be changed at once'),
    sa.Column('failures', sa.Integer(), server_default='0', nullable=False, comment='wrong passwords in a row'),
    sa.Column('locked_until_at', sa.BigInteger(), nullable=True),
    sa.Column('factor_sealed', sa.LargeBinary(), nullable=True, comment='secret of the one-time codes 动态口令; null without'),
    sa.Column('factor_step', sa.BigInteger(), nullable=True, comment='the time step of the last code: each is taken once'),
    sa.Column('disabled_at', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("role in ('viewer','operator','supervisor','auditor','administrator')", name=op.f('ck_operator_known_role')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operator')),
    sa.UniqueConstraint('login', name=op.f('uq_operator_login'))
    )
    op.create_table('operator_act',
    sa.Column('id', sa.String(length=40), nullable=False, comment='its evidence, written before the act'),
    sa.Column('operator_id', sa.String(length=80), nullable=False),
    sa.Column('operator', sa.String(length=200), nullable=False, comment='the name as it was'),
    sa.Column('role', sa.String(length=20), nullable=False),
    sa.Column('kind', sa.String(length=4), nullable=False),
    sa.Column('action', sa.String(length=200), nullable=False),
    sa.Column('subject', sa.String(length=200), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True, comment='as in HTTP; null while it is not over, or was cut'),
    sa.CheckConstraint("kind in ('act','read')", name=op.f('ck_operator_act_known_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operator_act')),
    comment='what people did, and at whom they looked unmasked; the chain has the same'
    )
    with op.batch_alter_table('operator_act', schema=None) as batch_op:
        batch_op.create_index('ix_operator_act_operator', ['operator_id', 'id'], unique=False)
        batch_op.create_index('ix_operator_act_subject', ['subject', 'id'], unique=False)

    op.create_table('refused_callback',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('source', sa.String(length=60), nullable=False, comment='the address that it came from'),
    sa.Column('reason', sa.Text(), nullable=False, comment='why it is not authentic'),
    sa.Column('digest', sa.LargeBinary(), nullable=False, comment='SM3 of all of it'),
    sa.Column('length', sa.BigInteger(), nullable=False),
    sa.Column('beginning_sealed', sa.LargeBinary(), nullable=False, comment='its first 4 KiB'),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refused_callback')),
    comment='what came without being authentic; outside the evidence, and never more than a bound'
    )
    with op.batch_alter_table('refused_callback', schema=None) as batch_op:
        batch_op.create_index('ix_refused_callback_received', ['received_at'], unique=False)

    op.create_table('refused_tally',
    sa.Column('on', sa.Date(), nullable=False),
    sa.Column('source', sa.String(length=60), nullable=False, comment='an address; * for all of them'),
    sa.Column('seen', sa.BigInteger(), nullable=False),
    sa.Column('kept', sa.Integer(), nullable=False, comment='by which all nodes keep to one bound'),
    sa.PrimaryKeyConstraint('on', 'source', name=op.f('pk_refused_tally'))
    )
    op.create_table('resolution',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('operation_id', sa.String(length=40), nullable=False),
    sa.Column('two_persons', sa.Boolean(), nullable=False),
    sa.Column('happened', sa.Boolean(), nullable=False),
    sa.Column('answer_sealed', sa.LargeBinary(), nullable=True, comment="what the other side's answer would have been, typed in"),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('proposed_by', sa.String(length=40), nullable=False),
    sa.Column('proposed_at', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_by', sa.String(length=40), nullable=True),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
    sa.Column('withdrawn_at', sa.BigInteger(), nullable=True),
    sa.Column('applied', sa.Boolean(), server_default=sa.text('(false)'), nullable=False),
    sa.Column('applied_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint('(confirmed_by is null) = (confirmed_at is null)', name=op.f('ck_resolution_confirmed_whole')),
    sa.CheckConstraint('applied = (applied_at is not null)', name=op.f('ck_resolution_applied_whole')),
    sa.CheckConstraint('confirmed_by <> proposed_by', name=op.f('ck_resolution_second_person')),
    sa.CheckConstraint('not (applied and two_persons) or confirmed_by is not null', name=op.f('ck_resolution_applied_needs_confirmation')),
    sa.CheckConstraint('not (applied and withdrawn_at is not null)', name=op.f('ck_resolution_applied_or_withdrawn')),
    sa.CheckConstraint('not happened or answer_sealed is not null', name=op.f('ck_resolution_happened_has_an_answer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_resolution')),
    sa.UniqueConstraint('id', 'operation_id', 'two_persons', 'applied', name='uq_resolution_applied')
    )
    with op.batch_alter_table('resolution', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_resolution_operation_id'), ['operation_id'], unique=False)
        batch_op.create_index('uq_resolution_open', ['operation_id'], unique=True, sqlite_where=sa.text('withdrawn_at is null'), postgresql_where=sa.text('withdrawn_at is null'))

    op.create_table('schedule_run',
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('slot_at', sa.BigInteger(), nullable=False),
    sa.Column('node', sa.String(length=40), nullable=False),
    sa.Column('ran_at', sa.BigInteger(), nullable=False),
    sa.Column('done_at', sa.BigInteger(), nullable=True, comment='null while it is under way, and when it failed or died under way'),
    sa.PrimaryKeyConstraint('name', 'slot_at', name=op.f('pk_schedule_run'))
    )
    with op.batch_alter_table('schedule_run', schema=None) as batch_op:
        batch_op.create_index('ix_schedule_run_slot', ['slot_at', 'name'], unique=False)
        batch_op.create_index('ix_schedule_run_unfinished', ['slot_at'], unique=False, sqlite_where=sa.text('done_at is null'), postgresql_where=sa.text('done_at is null'))

    op.create_table('unreadable_callback',
    sa.Column('exchange_id', sa.String(length=40), nullable=False, comment='its evidence, the first time that it came'),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=True, comment='null: it could not be told whom it is about'),
    sa.Column('subject', sa.String(length=40), nullable=True, comment='the record that was asked about because of it'),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('exchange_id', name=op.f('pk_unreadable_callback')),
    sa.UniqueConstraint('channel', 'digest', name=op.f('uq_unreadable_callback_channel_digest'))
    )
    with op.batch_alter_table('unreadable_callback', schema=None) as batch_op:
        batch_op.create_index('ix_unreadable_callback_received', ['channel', 'received_at'], unique=False)

    op.create_table('webhook_attempt',
    sa.Column('endpoint_id', sa.String(length=40), nullable=False),
    sa.Column('event_id', sa.String(length=40), nullable=False),
    sa.Column('taken', sa.Integer(), nullable=False),
    sa.Column('node', sa.String(length=40), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('endpoint_id', 'event_id', 'taken', name=op.f('pk_webhook_attempt')),
    info={'by_month': ('event_id', 'evt')},
    postgresql_partition_by='RANGE (event_id)'
    )
    op.create_table('webhook_endpoint',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('client_id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('secret_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('old_secret_sealed', sa.LargeBinary(), nullable=True, comment='signs too until its time has come'),
    sa.Column('old_secret_until_at', sa.BigInteger(), nullable=True),
    sa.Column('types', sa.JSON(), nullable=False, comment='event types, empty for all'),
    sa.Column('ordered', sa.Boolean(), server_default=sa.text('(false)'), nullable=False, comment='events of a record one after another'),
    sa.Column('failing_since_at', sa.BigInteger(), nullable=True, comment='nothing was delivered since'),
    sa.Column('disabled_at', sa.BigInteger(), nullable=True),
    sa.Column('disabled_reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_endpoint'))
    )
    with op.batch_alter_table('webhook_endpoint', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_endpoint_authority', ['authority'], unique=False)

    op.create_table('access_key',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('client_id', sa.String(length=40), nullable=True),
    sa.Column('operator_id', sa.String(length=40), nullable=True),
    sa.Column('label', sa.String(length=200), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False, comment='SM3 of the secret half, which is shown once'),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('test', sa.Boolean(), server_default=sa.text('(false)'), nullable=False, comment='of sandboxes only'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True),
    sa.Column('last_used_at', sa.BigInteger(), nullable=True, comment='to the minute'),
    sa.CheckConstraint('(client_id is null) <> (operator_id is null)', name=op.f('ck_access_key_one_owner')),
    sa.ForeignKeyConstraint(['client_id'], ['client.id'], name=op.f('fk_access_key_client_id')),
    sa.ForeignKeyConstraint(['operator_id'], ['operator.id'], name=op.f('fk_access_key_operator_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_access_key'))
    )
    with op.batch_alter_table('access_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_access_key_client_id'), ['client_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_access_key_operator_id'), ['operator_id'], unique=False)

    op.create_table('client_authority',
    sa.Column('client_id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['authority'], ['authority.code'], name=op.f('fk_client_authority_authority')),
    sa.ForeignKeyConstraint(['client_id'], ['client.id'], name=op.f('fk_client_authority_client_id')),
    sa.PrimaryKeyConstraint('client_id', 'authority', name=op.f('pk_client_authority'))
    )
    op.create_table('console_view',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('operator_id', sa.String(length=40), nullable=False),
    sa.Column('screen', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('query', sa.Text(), nullable=False, comment='what stands in the address of the list'),
    sa.ForeignKeyConstraint(['operator_id'], ['operator.id'], name=op.f('fk_console_view_operator_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_console_view')),
    sa.UniqueConstraint('operator_id', 'screen', 'name', name=op.f('uq_console_view_operator_id_screen_name')),
    comment='filters of lists that people have given a name'
    )
    op.create_table('exchange_body',
    sa.Column('exchange_id', sa.String(length=40), nullable=False),
    sa.Column('exact_sealed', sa.LargeBinary(), nullable=True, comment='null once retention has shredded it'),
    sa.Column('shredded_by', sa.String(length=40), nullable=True, comment='the record in the chain that says so'),
    sa.CheckConstraint('(exact_sealed is null) = (shredded_by is not null)', name=op.f('ck_exchange_body_kept_or_shredded')),
    sa.ForeignKeyConstraint(['exchange_id'], ['exchange.id'], name=op.f('fk_exchange_body_exchange_id')),
    sa.PrimaryKeyConstraint('exchange_id', name=op.f('pk_exchange_body')),
    info={'by_month': ('exchange_id', 'xch')},
    postgresql_partition_by='RANGE (exchange_id)'
    )
    op.create_table('exchange_shown',
    sa.Column('exchange_id', sa.String(length=40), nullable=False),
    sa.Column('copy', sa.LargeBinary(), nullable=False, comment='url, request and response, compressed as exact bytes are'),
    sa.ForeignKeyConstraint(['exchange_id'], ['exchange.id'], name=op.f('fk_exchange_shown_exchange_id')),
    sa.PrimaryKeyConstraint('exchange_id', name=op.f('pk_exchange_shown')),
    info={'by_month': ('exchange_id', 'xch')},
    postgresql_partition_by='RANGE (exchange_id)'
    )
    op.create_table('in_hand',
    sa.Column('subject', sa.String(length=40), nullable=False, comment='a record: an operation, an exception, a publication'),
    sa.Column('operator_id', sa.String(length=40), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['operator_id'], ['operator.id'], name=op.f('fk_in_hand_operator_id')),
    sa.PrimaryKeyConstraint('subject', name=op.f('pk_in_hand')),
    comment='what people have taken on, or were handed'
    )
    with op.batch_alter_table('in_hand', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_in_hand_operator_id'), ['operator_id'], unique=False)

    op.create_table('kept_upload',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('operator_id', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('content_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['operator_id'], ['operator.id'], name=op.f('fk_kept_upload_operator_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_kept_upload')),
    comment='files that somebody looks at before they count; forgotten when they are taken, or after a day'
    )
    with op.batch_alter_table('kept_upload', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_kept_upload_at'), ['at'], unique=False)

    op.create_table('operation',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('action', sa.String(length=40), nullable=False),
    sa.Column('channel', sa.String(length=60), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.Column('subject', sa.String(length=40), nullable=False, comment='the record this is for'),
    sa.Column('reference', sa.String(length=64), nullable=True, comment='ours, by which the other side is asked; null for plain questions'),
    sa.Column('effectful', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('request_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('answer_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('attempt', sa.Integer(), server_default='0', nullable=False, comment='the fence: only the newest may finish'),
    sa.Column('node', sa.String(length=40), nullable=True, comment='who holds the lease'),
    sa.Column('lease_until_at', sa.BigInteger(), nullable=True),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.Column('wanted_by_on', sa.Date(), nullable=True, comment='the last day of the law for it; what has one is sent by it'),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False, comment='failures in a row, for the delay'),
    sa.Column('sent_at', sa.BigInteger(), nullable=True, comment='when the last effectful call began'),
    sa.Column('doubt_since_at', sa.BigInteger(), nullable=True),
    sa.Column('pending_since_at', sa.BigInteger(), nullable=True, comment='when the other side took it without being ready'),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('code', sa.String(length=40), nullable=True),
    sa.Column('rerun_of', sa.String(length=40), nullable=True),
    sa.Column('two_persons', sa.Boolean(), server_default=sa.text('(false)'), nullable=False, comment='people decide about it in pairs'),
    sa.Column('resolution_id', sa.String(length=40), nullable=True, comment='the decision of people that ended it'),
    sa.Column('resolution_applied', sa.Boolean(), nullable=True, comment='always true beside a resolution: only an applied one may end it'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("(state = 'sending') = (lease_until_at is not null)", name=op.f('ck_operation_sending_has_a_lease')),
    sa.CheckConstraint("doubt_since_at is null or state not in ('done','rejected') or resolution_id is not null", name=op.f('ck_operation_doubt_ends_by_an_answer_or_by_people')),
    sa.CheckConstraint("resolution_id is null or state in ('done','rejected')", name=op.f('ck_operation_resolution_ends_it')),
    sa.CheckConstraint("state <> 'pending' or pending_since_at is not null", name=op.f('ck_operation_pending_has_a_date')),
    sa.CheckConstraint("state in ('queued','sending','done','rejected','uncertain','pending','parked')", name=op.f('ck_operation_known_state')),
    sa.CheckConstraint('(resolution_id is null) = (resolution_applied is null)', name=op.f('ck_operation_resolution_is_whole')),
    sa.CheckConstraint('not effectful or reference is not null', name=op.f('ck_operation_effect_has_a_reference')),
    sa.CheckConstraint('resolution_applied is null or resolution_applied', name=op.f('ck_operation_resolution_was_applied')),
    sa.ForeignKeyConstraint(['rerun_of'], ['operation.id'], name=op.f('fk_operation_rerun_of')),
    sa.ForeignKeyConstraint(['resolution_id', 'id', 'two_persons', 'resolution_applied'], ['resolution.id', 'resolution.operation_id', 'resolution.two_persons', 'resolution.applied'], name='fk_operation_resolution'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operation')),
    sa.UniqueConstraint('channel', 'reference', name=op.f('uq_operation_channel_reference'))
    )
    with op.batch_alter_table('operation', schema=None) as batch_op:
        batch_op.create_index('ix_operation_doubted', ['reference'], unique=False, sqlite_where=sa.text("state in ('parked','uncertain','pending')"), postgresql_where=sa.text("state in ('parked','uncertain','pending')"))
        batch_op.create_index('ix_operation_due', ['channel', 'due_at'], unique=False, sqlite_where=sa.text("state in ('queued','uncertain','pending')"), postgresql_where=sa.text("state in ('queued','uncertain','pending')"))
        batch_op.create_index('ix_operation_for_people', ['state', 'id', 'authority', 'channel'], unique=False, sqlite_where=sa.text("state in ('parked','uncertain','pending')"), postgresql_where=sa.text("state in ('parked','uncertain','pending')"))
        batch_op.create_index('ix_operation_lease', ['channel', 'lease_until_at'], unique=False, sqlite_where=sa.text("state = 'sending'"), postgresql_where=sa.text("state = 'sending'"))
        batch_op.create_index('ix_operation_parked_for', ['code', 'state', 'id', 'authority', 'channel'], unique=False, sqlite_where=sa.text("state in ('parked','uncertain','pending')"), postgresql_where=sa.text("state in ('parked','uncertain','pending')"))
        batch_op.create_index('ix_operation_rerun', ['rerun_of'], unique=False)
        batch_op.create_index('ix_operation_subject', ['subject'], unique=False)
        batch_op.create_index('ix_operation_unfinished', ['state', 'channel'], unique=False, sqlite_where=sa.text("state in ('queued','sending','uncertain','pending','parked')"), postgresql_where=sa.text("state in ('queued','sending','uncertain','pending','parked')"))

    op.create_table('operator_authority',
    sa.Column('operator_id', sa.String(length=40), nullable=False),
    sa.Column('authority', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['authority'], ['authority.code'], name=op.f('fk_operator_authority_authority')),
    sa.ForeignKeyConstraint(['operator_id'], ['operator.id'], name=op.f('fk_operator_authority_operator_id')),
    sa.PrimaryKeyConstraint('operator_id', 'authority', name=op.f('pk_operator_authority')),
    comment='whose records an operator sees; who has no row sees those of all'
    )
    op.create_table('operator_session',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('operator_id', sa.String(length=40), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False, comment='SM3 of the secret in the cookie'),
    sa.Column('source', sa.String(length=60), nullable=False, comment='from which address it began'),
    sa.Column('began_at', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.BigInteger(), nullable=False, comment='to the minute'),
    sa.Column('proved_at', sa.BigInteger(), nullable=False, comment='when the person last proved who it is'),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['operator_id'], ['operator.id'], name=op.f('fk_operator_session_operator_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operator_session')),
    comment='where people are signed in at the console'
    )
    with op.batch_alter_table('operator_session', schema=None) as batch_op:
        batch_op.create_index('ix_operator_session_operator', ['operator_id', 'began_at'], unique=False)

    op.create_table('participation',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('matter', sa.String(length=80), nullable=False),
    sa.Column('person', sa.String(length=40), nullable=False),
    sa.Column('side', sa.String(length=12), nullable=False),
    sa.Column('part', sa.String(length=12), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('seen', sa.Text(), nullable=True, comment='the token of what was seen by who confirmed'),
    sa.CheckConstraint("(part = 'confirmed') = (seen is not null)", name=op.f('ck_participation_what_is_confirmed_was_seen')),
    sa.CheckConstraint("(part = 'confirmed') = (side = 'confirming')", name=op.f('ck_participation_who_confirms_takes_no_part')),
    sa.CheckConstraint("part in ('proposed','named','added','changed','confirmed')", name=op.f('ck_participation_known_part')),
    sa.ForeignKeyConstraint(['matter', 'person', 'side'], ['matter_person.matter', 'matter_person.person', 'matter_person.side'], name=op.f('fk_participation_matter_person_side')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_participation')),
    comment='everything that people did in matters that need two; never changed'
    )
    with op.batch_alter_table('participation', schema=None) as batch_op:
        batch_op.create_index('ix_participation_matter', ['matter'], unique=False)

    op.create_table('webhook_delivery',
    sa.Column('event_id', sa.String(length=40), nullable=False),
    sa.Column('endpoint_id', sa.String(length=40), nullable=False),
    sa.Column('event_seq', sa.BigInteger(), nullable=False),
    sa.Column('subject', sa.String(length=40), nullable=False, comment="the event's record, for its order"),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('taken', sa.Integer(), server_default='0', nullable=False, comment='the fence: only the newest taker may close'),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.Column('last_status', sa.Integer(), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('delivered_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("state in ('queued','delivered','failed')", name=op.f('ck_webhook_delivery_known_state')),
    sa.ForeignKeyConstraint(['endpoint_id'], ['webhook_endpoint.id'], name=op.f('fk_webhook_delivery_endpoint_id')),
    sa.PrimaryKeyConstraint('event_id', 'endpoint_id', name=op.f('pk_webhook_delivery')),
    info={'by_month': ('event_id', 'evt')},
    postgresql_partition_by='RANGE (event_id)'
    )
    with op.batch_alter_table('webhook_delivery', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_delivery_due', ['due_at'], unique=False, sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"))
        batch_op.create_index('ix_webhook_delivery_endpoint', ['endpoint_id', 'event_seq'], unique=False)
        batch_op.create_index('ix_webhook_delivery_failed', ['endpoint_id'], unique=False, sqlite_where=sa.text("state = 'failed'"), postgresql_where=sa.text("state = 'failed'"))
        batch_op.create_index('ix_webhook_delivery_order', ['endpoint_id', 'subject', 'event_seq'], unique=False, sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"))

    op.create_table('attempt',
    sa.Column('operation_id', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False, comment='call or find'),
    sa.Column('node', sa.String(length=40), nullable=False),
    sa.Column('outcome', sa.String(length=20), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('exchanges', sa.JSON(), nullable=False, comment='ids of the exchanges this attempt made'),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['operation_id'], ['operation.id'], name=op.f('fk_attempt_operation_id')),
    sa.PrimaryKeyConstraint('operation_id', 'number', name=op.f('pk_attempt')),
    info={'by_month': ('operation_id', 'opn')},
    postgresql_partition_by='RANGE (operation_id)'
    )


def downgrade() -> None:
    op.drop_table('attempt')
    with op.batch_alter_table('webhook_delivery', schema=None) as batch_op:
        batch_op.drop_index('ix_webhook_delivery_order', sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"))
        batch_op.drop_index('ix_webhook_delivery_failed', sqlite_where=sa.text("state = 'failed'"), postgresql_where=sa.text("state = 'failed'"))
        batch_op.drop_index('ix_webhook_delivery_endpoint')
        batch_op.drop_index('ix_webhook_delivery_due', sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'"))

    op.drop_table('webhook_delivery')
    with op.batch_alter_table('participation', schema=None) as batch_op:
        batch_op.drop_index('ix_participation_matter')

    op.drop_table('participation')
    with op.batch_alter_table('operator_session', schema=None) as batch_op:
        batch_op.drop_index('ix_operator_session_operator')

    op.drop_table('operator_session')
    op.drop_table('operator_authority')
    with op.batch_alter_table('operation', schema=None) as batch_op:
        batch_op.drop_index('ix_operation_unfinished', sqlite_where=sa.text("state in ('queued','sending','uncertain','pending','parked')"), postgresql_where=sa.text("state in ('queued','sending','uncertain','pending','parked')"))
        batch_op.drop_index('ix_operation_subject')
        batch_op.drop_index('ix_operation_rerun')
        batch_op.drop_index('ix_operation_parked_for', sqlite_where=sa.text("state in ('parked','uncertain','pending')"), postgresql_where=sa.text("state in ('parked','uncertain','pending')"))
        batch_op.drop_index('ix_operation_lease', sqlite_where=sa.text("state = 'sending'"), postgresql_where=sa.text("state = 'sending'"))
        batch_op.drop_index('ix_operation_for_people', sqlite_where=sa.text("state in ('parked','uncertain','pending')"), postgresql_where=sa.text("state in ('parked','uncertain','pending')"))
        batch_op.drop_index('ix_operation_due', sqlite_where=sa.text("state in ('queued','uncertain','pending')"), postgresql_where=sa.text("state in ('queued','uncertain','pending')"))
        batch_op.drop_index('ix_operation_doubted', sqlite_where=sa.text("state in ('parked','uncertain','pending')"), postgresql_where=sa.text("state in ('parked','uncertain','pending')"))

    op.drop_table('operation')
    with op.batch_alter_table('kept_upload', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_kept_upload_at'))

    op.drop_table('kept_upload')
    with op.batch_alter_table('in_hand', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_in_hand_operator_id'))

    op.drop_table('in_hand')
    op.drop_table('exchange_shown')
    op.drop_table('exchange_body')
    op.drop_table('console_view')
    op.drop_table('client_authority')
    with op.batch_alter_table('access_key', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_access_key_operator_id'))
        batch_op.drop_index(batch_op.f('ix_access_key_client_id'))

    op.drop_table('access_key')
    with op.batch_alter_table('webhook_endpoint', schema=None) as batch_op:
        batch_op.drop_index('ix_webhook_endpoint_authority')

    op.drop_table('webhook_endpoint')
    op.drop_table('webhook_attempt')
    with op.batch_alter_table('unreadable_callback', schema=None) as batch_op:
        batch_op.drop_index('ix_unreadable_callback_received')

    op.drop_table('unreadable_callback')
    with op.batch_alter_table('schedule_run', schema=None) as batch_op:
        batch_op.drop_index('ix_schedule_run_unfinished', sqlite_where=sa.text('done_at is null'), postgresql_where=sa.text('done_at is null'))
        batch_op.drop_index('ix_schedule_run_slot')

    op.drop_table('schedule_run')
    with op.batch_alter_table('resolution', schema=None) as batch_op:
        batch_op.drop_index('uq_resolution_open', sqlite_where=sa.text('withdrawn_at is null'), postgresql_where=sa.text('withdrawn_at is null'))
        batch_op.drop_index(batch_op.f('ix_resolution_operation_id'))

    op.drop_table('resolution')
    op.drop_table('refused_tally')
    with op.batch_alter_table('refused_callback', schema=None) as batch_op:
        batch_op.drop_index('ix_refused_callback_received')

    op.drop_table('refused_callback')
    with op.batch_alter_table('operator_act', schema=None) as batch_op:
        batch_op.drop_index('ix_operator_act_subject')
        batch_op.drop_index('ix_operator_act_operator')

    op.drop_table('operator_act')
    op.drop_table('operator')
    op.drop_table('matter_person')
    op.drop_table('key_version')
    op.drop_table('key_sweep')
    op.drop_table('key_node')
    op.drop_table('idempotency')
    with op.batch_alter_table('handover', schema=None) as batch_op:
        batch_op.drop_index('ix_handover_subject')

    op.drop_table('handover')
    op.drop_table('exchange_dictionary')
    with op.batch_alter_table('exchange', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_exchange_subject'))
        batch_op.drop_index(batch_op.f('ix_exchange_operation_id'))

    op.drop_table('exchange')
    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.drop_index('ix_event_subject')
        batch_op.drop_index('ix_event_authority')

    op.drop_table('event')
    op.drop_table('contract_drift')
    op.drop_table('client_rate')
    op.drop_table('client')
    op.drop_table('channel_condition')
    op.drop_table('chain_head')
    with op.batch_alter_table('callback_nonce', schema=None) as batch_op:
        batch_op.drop_index('ix_callback_nonce_received')

    op.drop_table('callback_nonce')
    op.drop_table('authority')
    op.drop_table('access_token')
