"""How old the credentials of a channel are, and how long they last: read from the files that its settings name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from gateway.settings import ChannelSettings

EXPIRES_SOON: Final = timedelta(days=30)
"""A certificate that ends within this time is to be renewed."""
_CERTIFICATES: Final = ("client_cert", "listen_cert")


@dataclass(frozen=True)
class Credential:
    """One secret or certificate by its key in the settings. ``changed_at``: of its file, None for the environment.

    ``ends_at``: of a certificate. ``wrong``: why the file cannot be read.
    """

    name: str
    changed_at: datetime | None = None
    ends_at: datetime | None = None
    wrong: str | None = None

    def ends_soon(self, now: datetime) -> bool:
        """Whether it has ended, or ends within the month."""
        return self.ends_at is not None and self.ends_at - now < EXPIRES_SOON


def ends_at(file: Path) -> datetime:
    """When a certificate ends. Raises OSError, and ValueError for what is no certificate in PEM."""
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc


def credentials(channel: ChannelSettings) -> list[Credential]:
    """Those that a channel's block names, in the order of their keys. Blocking: it reads files."""
    return [one for name, value in sorted(channel.rest.items()) if (one := _credential(name, value)) is not None]


def _credential(name: str, value: Any) -> Credential | None:
    if not isinstance(value, str):
        return None
    if name in _CERTIFICATES:
        file, ends = Path(value), True
    elif value.startswith("file:"):
        file, ends = Path(value.removeprefix("file:")), False
    elif value.startswith("env:"):
        return Credential(name)
    else:
        return None
    try:
        changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        return Credential(name, changed, ends_at(file) if ends else None)
    except (OSError, ValueError) as error:
        return Credential(name, wrong=str(error))
