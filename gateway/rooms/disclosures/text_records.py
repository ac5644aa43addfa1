"""Full texts that a person has confirmed for the public, as records, and all SQL about them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.store.rows import reader
from gateway.rooms.disclosures.tables import confirmed_text
from gateway.words.masking import Public


@dataclass(frozen=True, slots=True)
class ConfirmedText:
    """What may be public of one original, told by its digest. ``seen``: of the preview that was confirmed."""

    decision_id: str
    of_digest: str
    text_sealed: bytes
    seen: str
    confirmed_by: str
    confirmed_at: int

    def text(self, envelope: Envelope) -> Public:
        """The text as it may be public."""
        return Public(envelope.open(self.text_sealed, _context(self.decision_id)).decode())


_confirmed = reader(ConfirmedText)
_OF = (confirmed_text.c.decision_id == bindparam("of"), confirmed_text.c.of_digest == bindparam("digest"))
_ONE = select(confirmed_text).where(*_OF)
_FORGET = delete(confirmed_text).where(*_OF)


def seal_text(envelope: Envelope, decision_id: str, text: Public) -> bytes:
    """A confirmed text as it is kept: sealed, since it is public only once it is published."""
    return envelope.seal(text.encode(), _context(decision_id))


def _context(decision_id: str) -> str:
    return f"disclosure|full text|{decision_id}"


def confirmed(conn: Connection, decision_id: str, of_digest: str) -> ConfirmedText | None:
    """What was confirmed last of this original."""
    row = conn.execute(_ONE, {"of": decision_id, "digest": of_digest}).mappings().first()
    return None if row is None else _confirmed(row)


def keep(conn: Connection, new: ConfirmedText) -> None:
    """Keep what was confirmed, in place of what was before; the events tell of both."""
    conn.execute(_FORGET, {"of": new.decision_id, "digest": new.of_digest})
    conn.execute(insert(confirmed_text), asdict(new))
