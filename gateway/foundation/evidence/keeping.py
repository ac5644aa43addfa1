"""Keeping evidence: each exchange a row of its node's chain, its exact bytes sealed beside it, the head signed outside.

Nothing is masked when an exchange is kept: the readable copy is made from the exact bytes when somebody reads, and once
more before retention shreds them. What is then left is proved by a record of the shredding, which holds the digest of
each copy and stands in the chain like any exchange.

Whoever holds the database and the MAC key could still rewrite a whole chain, so its head is signed regularly with
SM2 into a file outside the database (``heads``); ``verification`` compares all three.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Connection, bindparam, insert, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import EVIDENCE_KEY, HEAD_KEY, KeyProvider, numbered
from gateway.foundation.evidence import records
from gateway.foundation.evidence.chain import (
    ANSWERED,
    GENESIS,
    Exact,
    body_mac,
    chain_value,
    key_of,
    pack,
    record_key,
    told_mac,
)
from gateway.foundation.evidence.compression import compressed
from gateway.foundation.evidence.later import EAGER_BYTES, Later, Prepared
from gateway.foundation.evidence.proofs import Proof, proofs
from gateway.foundation.evidence.reading import Reading, shown
from gateway.foundation.evidence.records import OURS, Dictionaries, Exchange, Link
from gateway.foundation.evidence.redaction import Redacted, redact_text
from gateway.foundation.evidence.signing import HeadSigning
from gateway.foundation.evidence.tables import chain_head, exchange, exchange_body
from gateway.foundation.evidence.verification import Verifier
from gateway.foundation.store import Store
from gateway.foundation.store.inserting import insert_new
from gateway.foundation.store.writer import RunAgainError, at_commit
from gateway.ports.base import RawExchange
from gateway.words.clock import Clock, to_micros
from gateway.words.identifiers import new_id

log = structlog.get_logger(__name__)

SIGN_SECONDS: Final = 10.0

_SELECT_HEAD = select(chain_head.c.seq, chain_head.c.chain).where(chain_head.c.node == bindparam("of"))
_MOVE_HEAD = update(chain_head).where(chain_head.c.node == bindparam("of"), chain_head.c.seq == bindparam("was"))
_INSERT_EXCHANGE = insert(exchange)
_INSERT_BODY = insert(exchange_body)


@dataclass(frozen=True)
class OpenedExchange:
    """One exchange for an authorised reader. ``exact`` is None once retention has shredded it."""

    exchange: Exchange
    exact: Exact | None


class Batch(Sequence[Prepared | RawExchange]):
    """Exchanges of one task, in order, for whoever stores them with the outcome."""

    def __init__(self) -> None:
        self._items: list[Prepared | RawExchange] = []
        self.open = True

    def add(self, item: Prepared | RawExchange) -> None:
        """Take one more."""
        self._items.append(item)

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)


class Evidence:
    """The evidence of one node. ``record`` is a ``gateway.ports.Recorder``.

    ``heads`` is the directory of signed heads, outside the database. ``start`` begins signing what is new every
    ``sign_seconds``; ``second``: the folder elsewhere to which each signed line goes as well. ``close`` writes what is
    held, signs and stops.
    """

    def __init__(
        self,
        store: Store,
        keys: KeyProvider,
        envelope: Envelope,
        clock: Clock,
        *,
        node: str,
        heads: Path,
        sign_seconds: float = SIGN_SECONDS,
        second: Path | None = None,
    ) -> None:
        self.node, self.heads, self.second = node, heads, second
        self._store, self._keys, self.envelope, self._clock = store, keys, envelope, clock
        self._sign_seconds = sign_seconds
        self._reading = Reading(keys, envelope)
        self.signing = HeadSigning(store, keys, clock, node=node, heads=heads, second=second)
        self._collecting: ContextVar[Batch | None] = ContextVar("collecting", default=None)
        self._later = Later(store, clock, self.prepare, self.append)

    # --- taking exchanges

    @contextmanager
    def collecting(self) -> Iterator[Batch]:
        """Exchanges of this task inside the block go to the batch; whoever opened it appends them in a unit.

        An exchange that ends after the block, in a task begun inside it, is stored on its own. If the unit fails for
        good, ``record`` each of the batch, so that they are kept anyway.
        """
        batch = Batch()
        token = self._collecting.set(batch)
        try:
            yield batch
        finally:
            batch.open = False
            self._collecting.reset(token)

    def record(self, exchange: RawExchange | Prepared) -> None:
        """Take one finished exchange: into the task's batch, or stored soon in a unit of its own.

        Never blocks and never raises. While the database is away up to 10 000 are held and tried again.
        """
        item: RawExchange | Prepared = exchange
        small = isinstance(exchange, RawExchange) and (
            len(exchange.request_body) + len(exchange.response_body) <= EAGER_BYTES
        )
        if isinstance(exchange, RawExchange) and small:
            with suppress(Exception):  # whoever appends it will see the reason
                item = self.prepare(exchange)
        batch = self._collecting.get()
        if batch is not None and batch.open:
            batch.add(item)
        else:
            self._later.add(item)

    def prepare(self, raw: RawExchange) -> Prepared:
        """MAC, compress and seal an exchange. Touches no database; several threads may call it."""
        container = pack(raw)
        exchange_id = new_id("xch")
        number = self._keys.number(EVIDENCE_KEY)
        key = record_key(self._keys.secret(EVIDENCE_KEY, number), exchange_id)
        fields = {
            "id": exchange_id,
            "channel": raw.channel,
            "direction": raw.direction,
            "action": redact_text(raw.action)[:200],
            "method": redact_text(raw.method)[:40],
            "status": raw.status,
            "outcome": redact_text(raw.outcome, raw.sensitive)[:500],
            "started_at": raw.started_at,
            "ended_at": raw.ended_at,
        }
        small = compressed(container, self._later.dictionary(raw))
        sealed = records.sealed_exact(self.envelope, exchange_id, small)
        return Prepared(exchange_id, key, fields, sealed, numbered(body_mac(key, container), number))

    async def ready(self, items: Sequence[Prepared | RawExchange]) -> list[Prepared | RawExchange]:
        """The same with the large ones prepared in a thread, so that neither the loop nor the store's writer waits.

        What cannot be prepared stays as it is: whoever appends it will see the reason.
        """
        made = list(items)
        for place, item in enumerate(items):
            if not isinstance(item, Prepared):
                with suppress(Exception):
                    made[place] = await asyncio.to_thread(self.prepare, item)
        return made

    def append(
        self,
        conn: Connection,
        raw: RawExchange | Prepared,
        operation_id: str | None = None,
        subject: str | None = None,
        authority: str | None = None,
        told: tuple[str, bytes] | None = None,
    ) -> str:
        """Store one exchange at the end of this node's chain, in the caller's unit; returns its id.

        ``told``: what the attempt that made it came to: its label, and the answer as it was read, as JSON.

        Units that share a commit extend the chain together, at its end, reading the head from the database. They are
        run again where another process appended under this node's name in between.
        """
        ready = raw if isinstance(raw, Prepared) else self.prepare(raw)
        belongs: dict[str, Any] = {
            "operation_id": operation_id,
            "subject": subject,
            "authority": authority,
            "told": None,
        }
        if told is not None:
            belongs["told"] = told_mac(ready.key, *told)
        at_commit(conn, self._extend, (ready, belongs))
        return ready.id

    def note(self, conn: Connection, action: str, told: Mapping[str, str], subject: str) -> str:
        """Put a word of our own into the chain, such as the digest of what a record was made of; the record's id."""
        return self.append(conn, _said(action, told, to_micros(self._clock.now())), subject=subject)

    def notes(self, conn: Connection, subjects: Collection[str]) -> list[tuple[str, str, dict[str, str]]]:
        """Our own words about these: subject, action, what was told. Raises EvidenceError for one that was altered."""
        dictionaries = Dictionaries(conn)
        return [
            (
                kept.link.subject or "",
                kept.link.action,
                dict(json.loads(self._reading.exact(kept, dictionaries).request_body)),
            )
            for kept in records.notes_about(conn, subjects)
            if not kept.shredded
        ]

    def _extend(self, conn: Connection, new: Sequence[tuple[Prepared, Mapping[str, Any]]]) -> None:
        """Store exchanges at the end of this node's chain."""
        head = conn.execute(_SELECT_HEAD, {"of": self.node}).first()
        now = to_micros(self._clock.now())
        if head is None:
            insert_new(conn, chain_head, node=self.node, seq=0, chain=GENESIS, updated_at=now)
        was, chain = (head.seq, bytes(head.chain)) if head is not None else (0, GENESIS)
        rows: list[dict[str, Any]] = []
        for seq, (ready, belongs) in enumerate(new, start=was + 1):
            row = {**ready.fields, **belongs, "node": self.node, "seq": seq}
            chain = chain_value(ready.key, chain, row, ready.body_mac)
            rows.append({**row, "body_mac": ready.body_mac, "chain": chain})
        moved = conn.execute(
            _MOVE_HEAD, {"of": self.node, "was": was, "seq": was + len(rows), "chain": chain, "updated_at": now}
        )
        if moved.rowcount != 1:
            raise RunAgainError(f"another process writes evidence as node {self.node!r}; give each a name of its own")
        conn.execute(_INSERT_EXCHANGE, rows)
        conn.execute(_INSERT_BODY, [{"exchange_id": one.id, "exact_sealed": one.exact_sealed} for one, _ in new])

    # --- reading

    def open(self, conn: Connection, exchange_id: str) -> OpenedExchange:
        """One exchange with its exact bytes, for authorised reading. Raises NotFoundProblem.

        Raises EvidenceError if the bytes are not those that were kept.
        """
        kept = records.kept(conn, exchange_id)
        exact = None if kept.shredded else self._reading.exact(kept, Dictionaries(conn))
        return OpenedExchange(shown(kept, exact), exact)

    def told(self, link: Link, label: str, answer: bytes) -> bool:
        """Whether this is what the attempt came to that made an exchange, by the exchange's record."""
        return link.told == told_mac(key_of(self._keys, link.id, link.body_mac), label, answer)

    async def held(self, exchange_id: str) -> Exchange:
        """One exchange as it may be shown. Raises NotFoundProblem."""
        return await self._store.read(
            lambda conn: self._reading.readable(records.kept(conn, exchange_id), Dictionaries(conn))
        )

    def of_operation(self, conn: Connection, operation_id: str) -> list[Exchange]:
        """What crossed the wire for an operation as it may be shown, in the order of time."""
        dictionaries = Dictionaries(conn)
        return [self._reading.readable(kept, dictionaries) for kept in records.of_operation(conn, operation_id)]

    async def forget(self, before: int) -> int:
        """Retention: shred the exact bytes of every exchange that ended before an instant (microseconds); how many.

        Before that their readable copies are made and kept, and a record in the chain says which ones. In small units,
        so that nobody waits for it. Ids are made in the order of time: it begins where the last night came to, and
        stops at the first page of exchanges that are all younger. Bytes that are not those that were kept stay, so that
        a verification names them.
        """
        forgotten, after = 0, await self._store.read(records.where_shredding_stands)
        while page := await self._store.read(partial(records.bodies, after=after)):
            old = [one.exchange_id for one in page if one.ended_at < before and one.kept]
            if old:
                copies = await self._store.read(partial(self._reading.copies, exchange_ids=old))
                now = to_micros(self._clock.now())
                forgotten += await self._store.write_beside(partial(_shred, keeper=self, copies=copies, now=now))
            if all(one.ended_at >= before for one in page):
                break
            after = page[-1].exchange_id
        return forgotten

    def verifier(self, heads: Path | None = None) -> Verifier:
        """Checks every node's evidence; ``heads``: a copy of the folder of signed heads."""
        publics = self._keys.publics(HEAD_KEY)
        return Verifier(heads or self.heads, self._keys, publics, self.envelope, second=self.second)

    def proofs(self, conn: Connection, exchange_ids: Sequence[str], heads: Path | None = None) -> list[Proof]:
        """That each of these exchanges stands in its chain under a signed head: what a case's part is proved with.

        Raises UnprovenError for one that no head has signed yet; ``sign_head`` before this, where this node wrote it.
        """
        return proofs(conn, heads or self.heads, self._keys, exchange_ids)

    # --- signing and stopping

    async def sign_head(self) -> int:
        """Sign whatever this node appended since its last signed head; returns how many records that were."""
        return await self.signing.sign()

    async def start(self) -> None:
        """Sign what an earlier life left, then sign regularly. The signing key is made now if it is missing."""
        self._later.wake()
        self._later.know(await self._store.read(records.dictionaries))
        await self.signing.start(self._sign_seconds, self._later.wake)

    async def flush(self) -> None:
        """Wait until every exchange recorded so far is stored."""
        await self._later.flush()

    async def close(self) -> None:
        """Store what is held, sign the head, stop. What cannot be stored now is logged as lost."""
        await self.signing.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.flush(), 5)
        self._later.cut()
        await self.signing.try_to_sign()


def _shred(conn: Connection, keeper: Evidence, copies: Mapping[str, Redacted], now: int) -> int:
    gone = {one: copies[one] for one in records.unshredded(conn, copies)}
    if gone:
        said = {one: records.digest(copy) for one, copy in gone.items()}
        records.shred(conn, gone, keeper.append(conn, _said(records.SHRED, said, now)))
    return len(gone)


def _said(action: str, told: Mapping[str, str], now: int) -> RawExchange:
    """A record of what was done to the evidence itself."""
    return RawExchange(
        channel=OURS,
        direction="in",
        action=action,
        method="",
        url="",
        request_headers=(("content-type", "application/json"),),
        request_body=json.dumps(told).encode(),
        status=None,
        response_headers=(),
        response_body=b"",
        outcome=ANSWERED,
        started_at=now,
        ended_at=now,
    )
