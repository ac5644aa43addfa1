"""What a case system can ask, one function an operation, by the names of ``/openapi.json``.

A call is a value: nothing happens until a gateway sends it, and sending it again is safe, because it carries its key.
Keep the call (or its key) until it has been answered. What is not here is asked by ``Call`` itself.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from enforcement_gateway_client.models import (
    Ask,
    Decision,
    DecisionFacts,
    Disclosure,
    DryRun,
    Endpoint,
    Entity,
    Event,
    Page,
    Payment,
    PaymentSummary,
    Seal,
    SealedDocument,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request. ``reads``: what its answer is; ``bytes`` for a file. ``key``: its Idempotency-Key.

    A ``POST`` without a key is sent once and never repeated by itself.
    """

    method: str
    path: str
    reads: type[T]
    body: Ask | Mapping[str, Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has one effect."""
        return self.method != "POST" or self.key is not None

    def asking(self, **params: Any) -> Call[T]:
        """The same with further parameters; None leaves one out."""
        told = {**self.params, **params}
        return replace(self, params={name: value for name, value in told.items() if value is not None})

    def trying(self) -> Call[DryRun]:
        """The same as a dry run, where the gateway has one: what it would do, of which nothing is kept or sent."""
        return Call(self.method, self.path, DryRun, self.body, {**self.params, "dry_run": "true"}, self.key)


# --- decisions 行政处罚决定


def put_decision(authority: str, number: str, facts: DecisionFacts) -> Call[Decision]:
    """Record a decision, or its newer facts."""
    return Call("PUT", f"/v1/decisions/{_part(authority)}/{_part(number)}", Decision, facts)


def get_decision(authority: str, number: str) -> Call[Decision]:
    """The one view of a decision."""
    return Call("GET", f"/v1/decisions/{_part(authority)}/{_part(number)}", Decision)


def record_event(authority: str, number: str, kind: str, on: date, *, key: str, **more: Any) -> Call[Decision]:
    """Say what happened to a decision: ``served`` with its ``method``, ``appealed``, ``revoked``…"""
    body = {"kind": kind, "on": on.isoformat(), **more}
    return Call("POST", f"/v1/decisions/{_part(authority)}/{_part(number)}/events", Decision, body, key=key)


# --- payments 缴款


def request_payment(authority: str, decision_number: str, *, key: str, **more: Any) -> Call[Payment]:
    """Ask for a payment code 缴款码. ``more``: ``instalment``, ``line_group``, ``lines``, ``due_on``."""
    body = {"authority": authority, "decision_number": decision_number, **more}
    return Call("POST", "/v1/payments", Payment, body, key=key)


def get_payment(payment: str) -> Call[Payment]:
    """One payment with all that happened to it."""
    return Call("GET", f"/v1/payments/{_part(payment)}", Payment)


def list_payments(**narrow: Any) -> Call[Page[PaymentSummary]]:
    """Payments, newest first, narrowed by ``authority``, ``status``, ``code``, ``decision_number``, ``in_doubt``."""
    return Call("GET", "/v1/payments", Page[PaymentSummary]).asking(**narrow)


def cancel_payment(payment: str, reason: str, *, key: str) -> Call[Payment]:
    """Have an unpaid code made void."""
    return Call("POST", f"/v1/payments/{_part(payment)}/cancel", Payment, {"reason": reason}, key=key)


def get_payment_notice(payment: str, kind: str = "pdf") -> Call[bytes]:
    """The notice 缴款通知 as ``pdf`` or ``ofd``."""
    return Call("GET", f"/v1/payments/{_part(payment)}/notice.{_part(kind)}", bytes)


def get_payment_qr(payment: str) -> Call[bytes]:
    """The QR of the payer's page, SVG."""
    return Call("GET", f"/v1/payments/{_part(payment)}/qr.svg", bytes)


def get_receipt_file(payment: str) -> Call[bytes]:
    """The fiscal receipt 财政电子票据, once it is issued."""
    return Call("GET", f"/v1/payments/{_part(payment)}/receipt/file", bytes)


# --- disclosures 公示


def publish_decision(authority: str, decision_number: str, *, key: str, **more: Any) -> Call[list[Disclosure]]:
    """Publish a decision at its authority's targets. ``more``: ``targets``, ``draft``, ``bases``."""
    body = {"authority": authority, "decision_number": decision_number, **more}
    return Call("POST", "/v1/disclosures", list[Disclosure], body, key=key)


def get_disclosure(disclosure: str) -> Call[Disclosure]:
    """One decision at one target."""
    return Call("GET", f"/v1/disclosures/{_part(disclosure)}", Disclosure)


def list_disclosures(**narrow: Any) -> Call[Page[Disclosure]]:
    """Disclosures, newest first, narrowed by ``status``, ``target``, ``decision_number``, ``late``, ``in_doubt``."""
    return Call("GET", "/v1/disclosures", Page[Disclosure]).asking(**narrow)


def withdraw_disclosure(disclosure: str, reason: str, *, key: str) -> Call[Disclosure]:
    """Have it taken down."""
    return Call("POST", f"/v1/disclosures/{_part(disclosure)}/withdrawal", Disclosure, {"reason": reason}, key=key)


# --- entities 市场主体


def get_entity(uscc: str, authority: str, *, max_age_hours: int | None = None) -> Call[Entity]:
    """A registration record, asked on behalf of an authority."""
    return Call("GET", f"/v1/entities/{_part(uscc)}", Entity).asking(authority=authority, max_age_hours=max_age_hours)


# --- seals 电子印章


def list_seals(authority: str) -> Call[list[Seal]]:
    """The seals of an authority."""
    return Call("GET", "/v1/seals", list[Seal]).asking(authority=authority)


def seal_document(
    authority: str,
    seal: str,
    title: str,
    document: bytes,
    placements: Iterable[Mapping[str, Any]],
    *,
    key: str,
    **more: Any,
) -> Call[SealedDocument]:
    """Have a PDF or an OFD sealed. ``more``: ``decision_number``, ``approval``, ``officer``, ``across``…"""
    body = {
        "authority": authority,
        "seal_id": seal,
        "title": title,
        "document": base64.b64encode(document).decode("ascii"),
        "placements": [dict(one) for one in placements],
        **more,
    }
    return Call("POST", "/v1/sealed-documents", SealedDocument, body, key=key)


def get_sealed_document(document: str) -> Call[SealedDocument]:
    """How far a sealing is."""
    return Call("GET", f"/v1/sealed-documents/{_part(document)}", SealedDocument)


def get_sealed_file(document: str) -> Call[bytes]:
    """The sealed file, which the gateway has verified."""
    return Call("GET", f"/v1/sealed-documents/{_part(document)}/file", bytes)


# --- events and webhooks


def add_endpoint(authority: str, url: str, types: Iterable[str] = (), *, key: str) -> Call[Endpoint]:
    """Have events of these types (none: all) sent to an address of yours. The answer holds the secret."""
    body = {"authority": authority, "url": url, "types": list(types)}
    return Call("POST", "/v1/webhook-endpoints", Endpoint, body, key=key)


def list_endpoints() -> Call[list[Endpoint]]:
    """Where webhooks go."""
    return Call("GET", "/v1/webhook-endpoints", list[Endpoint])


def remove_endpoint(endpoint: str) -> Call[None]:
    """Send nothing there any more."""
    return Call("DELETE", f"/v1/webhook-endpoints/{_part(endpoint)}", _NOTHING)


def list_events(**narrow: Any) -> Call[Page[Event]]:
    """What happened, oldest first; ``cursor`` is where you stopped, ``subject`` one record."""
    return Call("GET", "/v1/events", Page[Event]).asking(**narrow)


_NOTHING: type[None] = type(None)


def _part(text: str) -> str:
    return quote(text, safe="")
