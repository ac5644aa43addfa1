"""What must stand of disclosures, by what targets were sent, said and showed. Pure but for reading the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.foundation.books import Amiss, Books, Said
from gateway.foundation.crypto.envelope import Envelope
from gateway.ports.credit import DisclosureRecord
from gateway.rooms.disclosures import records
from gateway.rooms.disclosures.questions import REQUESTS
from gateway.rooms.disclosures.records import Disclosure
from gateway.rooms.disclosures.states import LIFE, SHOWN, Status
from gateway.rooms.disclosures.tables import disclosure
from gateway.words.saying import say

_EFFECTS = tuple(f"credit.{effect}" for effect in REQUESTS)


@dataclass(frozen=True, slots=True)
class Published:
    """A disclosure and the record that it says was sent."""

    disclosure: Disclosure
    sent: DisclosureRecord | None


def _page(conn: Connection, envelope: Envelope, after: str, most: int) -> Sequence[Published]:
    return [
        Published(one, None if one.record_sealed is None else one.sent(envelope))
        for one in records.after(conn, after, most)
    ]


def must(one: Published, said: Said) -> Iterator[Amiss]:
    """What is amiss with a disclosure."""
    known, status = one.disclosure, one.disclosure.status
    if status not in LIFE.led([event.type for event in said.events]):
        yield Amiss(say("books.state", state=status.value))
    verdicts = [each.proven["state"] for each in said.of(*_EFFECTS, "credit.verdict") if each.proven is not None]
    pages = [each.proven for each in said.of("credit.read_back", "credit.look") if each.proven is not None]
    refused = any(each.refused for each in said.of(*_EFFECTS))
    spoken = {
        Status.SUBMITTED: bool(verdicts),
        Status.ACCEPTED: "accepted" in verdicts,
        Status.REJECTED: refused or "rejected" in verdicts,
        Status.WITHDRAWN: bool(pages) or not said.of(*_EFFECTS),
        Status.REPAIRED: bool(pages),
        Status.SHIELDED: bool(pages),
        Status.ENDED: bool(pages),
    }
    if status in SHOWN:
        shown = [page["entry"] for page in pages if page["entry"] is not None]
        spoken[status] = any(entry["state"] == "published" and entry["url"] == known.url for entry in shown)
    if not spoken.get(status, True):
        yield Amiss(say("books.nobody_said", state=status.value), unproven=True)
    sent = [each.asked["record"] for each in said.of("credit.submit", "credit.correct") if each.state == "done"]
    if sent and one.sent is not None and one.sent not in map(DisclosureRecord.model_validate, sent):
        yield Amiss(say("books.other_record"))


BOOKS = (
    Books(
        "disclosures",
        _page,
        lambda one: one.disclosure.id,
        lambda one: (one.disclosure.id,),
        must,
        disclosure.c.id,
        "dsc",
    ),
)
