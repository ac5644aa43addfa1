"""Reading what is kept: exact bytes opened and compared with their MAC, and readable copies made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.foundation.crypto.envelope import Envelope, EnvelopeError
from gateway.foundation.crypto.keys import KeyProvider
from gateway.foundation.evidence import records
from gateway.foundation.evidence.chain import Exact, fits, key_of, unpack
from gateway.foundation.evidence.records import Dictionaries, Exchange, Kept
from gateway.foundation.evidence.redaction import Redacted, redact
from gateway.words.errors import GatewayError

log = structlog.get_logger(__name__)

_UNREADABLE: Final = "(not readable: the exact bytes are not those that were kept; gateway evidence verify)"


class EvidenceError(GatewayError):
    """The exact bytes of an exchange are not those that were kept, or do not open."""


class Reading:
    """Opens what was sealed."""

    def __init__(self, keys: KeyProvider, envelope: Envelope) -> None:
        self._keys, self._envelope = keys, envelope

    def readable(self, kept: Kept, dictionaries: Dictionaries) -> Exchange:
        """As it may be shown; words to that effect where the exact bytes can no longer be read."""
        try:
            return shown(kept, None if kept.shredded else self.exact(kept, dictionaries))
        except EvidenceError:
            return kept.showing(Redacted("", _UNREADABLE, _UNREADABLE))

    def exact(self, kept: Kept, dictionaries: Dictionaries) -> Exact:
        """The exact bytes of an exchange. Raises EvidenceError if they are not those that were kept."""
        try:
            container = kept.container(self._envelope, dictionaries)
            if fits(key_of(self._keys, kept.link.id, kept.link.body_mac), container, kept.link.body_mac):
                return unpack(container)
        except (EnvelopeError, ValueError) as error:
            raise EvidenceError(f"the exact bytes of {kept.link.id} do not open: {error}") from error
        raise EvidenceError(f"the exact bytes of {kept.link.id} were altered")

    def copies(self, conn: Connection, exchange_ids: Sequence[str]) -> dict[str, Redacted]:
        """The readable copies of exchanges that are to be shredded."""
        dictionaries, copies = Dictionaries(conn), dict[str, Redacted]()
        for exchange_id in exchange_ids:
            kept = records.kept(conn, exchange_id)
            try:
                copies[exchange_id] = redact(self.exact(kept, dictionaries))
            except EvidenceError as error:
                log.error("exact bytes are not shredded, for they prove a change", reason=str(error))
        return copies


def shown(kept: Kept, exact: Exact | None) -> Exchange:
    """An exchange with its readable copy, from wherever that is."""
    if exact is not None:
        return kept.showing(redact(exact))
    return kept.showing(kept.shown or Redacted("", _UNREADABLE, _UNREADABLE))
