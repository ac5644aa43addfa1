"""What the foundation keeps, how long and why, and this room itself."""

from __future__ import annotations

from sqlalchemy import func, select

from gateway.foundation.access import tables as access
from gateway.foundation.delivery import tables as delivery
from gateway.foundation.delivery.tables import (
    attempt,
    callback_nonce,
    event,
    operation,
    resolution,
    schedule_run,
    unreadable_callback,
    webhook_attempt,
    webhook_delivery,
)
from gateway.foundation.drift.tables import contract_drift
from gateway.foundation.evidence import tables as evidence
from gateway.foundation.handovers.tables import handover
from gateway.foundation.rotation.tables import key_node, key_sweep, key_version
from gateway.foundation.store.base import constant
from gateway.foundation.store.tables import idempotency
from gateway.foundation.terms import Matter, Term
from gateway.rooms.retention.tables import archive_part, retention_mark
from gateway.words.saying import say

THREE_YEARS, TWO_YEARS, SIX_MONTHS = 1096, 731, 190
_QUEUED = webhook_delivery.c.state == constant("queued")
_STILL_TOLD = select(func.min(webhook_delivery.c.event_seq)).where(_QUEUED).scalar_subquery()

TERMS = (
    Term(
        what="events",
        tables=(event,),
        why=say("retention.why_events"),
        days=TWO_YEARS,
        age=event.c.at,
        order=(event.c.seq,),
        subject=event.c.subject,
        stays=event.c.seq >= func.coalesce(_STILL_TOLD, event.c.seq + 1),
    ),
    Term(
        what="deliveries",
        tables=(webhook_delivery, webhook_attempt),
        why=say("retention.why_logs"),
        days=SIX_MONTHS,
        age=webhook_delivery.c.due_at,
        order=(webhook_delivery.c.event_id, webhook_delivery.c.endpoint_id),
        subject=webhook_delivery.c.subject,
        stays=_QUEUED,
    ),
    Term(
        what="attempts",
        tables=(attempt,),
        why=say("retention.why_logs"),
        days=TWO_YEARS,
        age=attempt.c.ended_at,
        order=(attempt.c.operation_id, attempt.c.number),
        subject=attempt.c.operation_id,
    ),
    Term(
        what="schedule runs",
        tables=(schedule_run,),
        why=say("retention.why_logs"),
        days=SIX_MONTHS,
        age=schedule_run.c.slot_at,
        order=(schedule_run.c.slot_at, schedule_run.c.name),
        stays=schedule_run.c.done_at.is_(None),
    ),
    Term(
        what="nonces",
        tables=(callback_nonce,),
        why=say("retention.why_logs"),
        days=SIX_MONTHS,
        age=callback_nonce.c.received_at,
        order=(callback_nonce.c.received_at, callback_nonce.c.channel, callback_nonce.c.nonce),
    ),
    Term(
        what="unreadable callbacks",
        tables=(unreadable_callback,),
        why=say("retention.why_logs"),
        days=TWO_YEARS,
        age=unreadable_callback.c.received_at,
        order=(unreadable_callback.c.exchange_id,),
        subject=unreadable_callback.c.subject,
    ),
    Term(
        what="handovers",
        tables=(handover,),
        why=say("retention.why_handovers"),
        days=THREE_YEARS,
        age=handover.c.at,
        order=(handover.c.id,),
        subject=handover.c.subject,
    ),
    Term(
        what="refused callbacks",
        tables=(delivery.refused_callback, delivery.refused_tally),
        why=say("retention.why_refused"),
    ),
    Term(what="idempotency keys", tables=(idempotency,), why=say("retention.why_idempotency")),
    Term(what="operations", tables=(operation, resolution), why=say("retention.why_files")),
    Term(
        what="exchanges",
        tables=(
            evidence.exchange,
            evidence.exchange_body,
            evidence.exchange_shown,
            evidence.exchange_dictionary,
            evidence.chain_head,
        ),
        why=say("retention.why_evidence"),
    ),
    Term(
        what="people and keys",
        tables=(
            access.authority,
            access.client,
            access.client_authority,
            access.client_rate,
            access.operator,
            access.access_key,
            access.matter_person,
            access.participation,
            access.operator_act,
            access.operator_authority,
            access.operator_session,
            access.kept_upload,
            access.console_view,
            access.in_hand,
            key_version,
            key_node,
            key_sweep,
        ),
        why=say("retention.why_people"),
    ),
    Term(
        what="set-up",
        tables=(
            delivery.channel_condition,
            delivery.webhook_endpoint,
            delivery.access_token,
            contract_drift,
        ),
        why=say("retention.why_setup"),
    ),
    Term(what="archive", tables=(archive_part, retention_mark), why=say("retention.why_archive")),
)

MATTERS = (
    Matter(
        table=operation,
        of=(operation.c.subject, operation.c.rerun_of),
        open=operation.c.state.not_in([constant("done"), constant("rejected")]),
    ),
    Matter(
        table=resolution,
        of=(resolution.c.operation_id,),
        open=~resolution.c.applied & resolution.c.withdrawn_at.is_(None),
    ),
)
