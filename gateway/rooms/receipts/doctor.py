"""What ``gateway doctor`` says of receipts: whether the roots of their signers can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection

from gateway.foundation.crypto.certificates import load_roots
from gateway.foundation.findings import Finding, stops
from gateway.settings import Settings
from gateway.words.errors import SettingsError


def roots_of(settings: Settings) -> tuple[bytes, ...]:
    """Whom receipts are believed. Raises SettingsError."""
    return load_roots(settings.trust.receipt_roots, "trust.receipt_roots")


def look(settings: Settings, _read: Callable[[Callable[[Connection], Any]], Any]) -> Iterator[Finding]:
    """Files that would stop a start."""
    try:
        roots_of(settings)
    except SettingsError as error:
        yield stops(error)
