"""What ``gateway doctor`` sees of webhook endpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.delivery import webhook_records
from gateway.foundation.findings import Finding
from gateway.settings import Settings
from gateway.words.clock import day_of, from_micros
from gateway.words.saying import say


def look(settings: Settings, read: Callable[[Callable[[Connection], Any]], Any]) -> Iterator[Finding]:
    """Endpoints that take nothing: events wait for them, and what is as old stays in the database for their sake."""
    for one in read(webhook_records.waiting):
        if one.removed:
            continue
        since, endpoint = day_of(from_micros(one.endpoint.disabled_at)), one.endpoint.id
        told = {"number": one.number, "since": since, "days": settings.webhooks.wait_days, "endpoint": endpoint}
        yield Finding(f"webhooks {one.endpoint.authority}", "warn", say("webhooks.waits", **told))
