"""What officers are told of: events of other rooms, as occasions with a word each. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gateway.foundation.delivery import Event

PARKED = "parked"

OCCASIONS: Mapping[str, str] = {
    "payment.due_soon": "payment_due_soon",
    "payment.overdue": "payment_overdue",
    "payment.paid": "payment_paid",
    "disclosure.due_soon": "disclosure_due_soon",
    "disclosure.late": "disclosure_late",
    "disclosure.withdrawal_late": "disclosure_late",
    "sealed_document.refused": "seal_refused",
    "break.opened": "break_opened",
    PARKED: "operation_parked",
}
"""Occasions, as the settings name them, and the template of each. ``parked``: work that waits for a person."""

DEFAULT = tuple(occasion for occasion in OCCASIONS if occasion != "payment.paid")
"""What is told where the settings say nothing: what somebody has to do. That all is well is told on request."""

DIGEST = "digest"

_DAYS = ("due", "due_on", "last_day", "days_left", "working_days")
"""What events that come round say of their day; another day is another occasion."""

ENDS: Mapping[str, tuple[str, ...]] = {
    "payment.paid": ("payment.due_soon", "payment.overdue"),
    "payment.cancelled": ("payment.due_soon", "payment.overdue"),
    "payment.due_date": ("payment.due_soon", "payment.overdue"),
    "disclosure.deadline": ("disclosure.due_soon", "disclosure.late"),
    "disclosure.withdrawn": ("disclosure.due_soon", "disclosure.withdrawal_late"),
    "disclosure.submitted": ("disclosure.due_soon", "disclosure.late"),
    "disclosure.published": ("disclosure.due_soon", "disclosure.late"),
    "break.closed": ("break.opened",),
}
"""Events after which there is nothing to tell any more of what went before: it is settled, or has another day."""


def occasion_of(event: str) -> str | None:
    """The occasion that an event is; None where officers are never told. Notices tell of no notices."""
    family, _, word = event.partition(".")
    if family == "notice":
        return None
    return PARKED if word == PARKED else event if event in OCCASIONS else None


def heard(emitted: Collection[str]) -> tuple[str, ...]:
    """Those events, of all that rooms emit, that are an occasion."""
    return tuple(sorted(event for event in emitted if occasion_of(event) is not None))


def ending(emitted: Collection[str]) -> tuple[str, ...]:
    """Those events, of all that rooms emit, after which something need not be told any more."""
    return tuple(sorted(event for event in ENDS if event in emitted))


def key_of(event: Event) -> str:
    """What makes two events one occasion: type, subject, the last day that it is about, and how near that is."""
    told = (event.data[name] for name in _DAYS if event.data.get(name) is not None)
    return "|".join((event.type, event.subject, *map(str, told)))[:200]
