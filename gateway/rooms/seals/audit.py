"""What must stand of sealed documents, by what seal services were asked and answered. Pure but for reading the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from gateway.foundation.books import Amiss, Books, Said
from gateway.foundation.crypto.envelope import Envelope
from gateway.ports.seal import SealJob
from gateway.rooms.seals import records
from gateway.rooms.seals.judging import Judgement
from gateway.rooms.seals.records import SignedDocument
from gateway.rooms.seals.states import LIFE, Status
from gateway.rooms.seals.tables import sealed_document
from gateway.words.saying import say


def _page(conn: Connection, envelope: Envelope, after: str, most: int) -> Sequence[SignedDocument]:  # noqa: ARG001
    return records.after(conn, after, most)


def must(one: SignedDocument, said: Said) -> Iterator[Amiss]:
    """What is amiss with a sealed document."""
    if one.status not in LIFE.led([event.type for event in said.events]):
        yield Amiss(say("books.state", state=one.status.value))
    asked = {(each.asked["digest"], each.asked["seal_id"]) for each in said.of("seal.apply")}
    if asked - {(one.digest.hex(), one.seal_id)}:
        yield Amiss(say("books.other_digest"))
    if one.status in (Status.SEALED, Status.VOIDED):
        given = _signatures(said)
        if not given:
            yield Amiss(say("books.nobody_said", state=one.status.value), unproven=True)
        elif one.signature not in given:
            yield Amiss(say("books.other_answer"))
    if one.status is Status.VOIDED and all(each.proven is None for each in said.of("seal.void")):
        yield Amiss(say("books.nobody_said", state=one.status.value), unproven=True)


def _signatures(said: Said) -> set[bytes]:
    """The signatures that the service gave, at once or when it was asked."""
    models: dict[str, type[SealJob] | type[Judgement]] = {"seal.apply": SealJob, "seal.judge": Judgement}
    answers = [
        models[each.action].model_validate_json(json.dumps(each.proven))
        for each in said.of(*models)
        if each.proven is not None
    ]
    return {each.signature for each in answers if each.signature is not None}


BOOKS = (Books("seals", _page, lambda one: one.id, lambda one: (one.id,), must, sealed_document.c.id, "sdc"),)
