"""The evidence's rows: exchanges, their exact bytes, each chain's head. Columns come as they are, never coerced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.evidence.chain import FIELDS
from gateway.foundation.evidence.tables import chain_head, exchange, exchange_body
from gateway.foundation.store.rows import reader
from gateway.words.errors import NotFoundProblem

_PAGE: Final = 500
_BY_ID = select(exchange).where(exchange.c.id == bindparam("one"))
_WITH_BODY = select(exchange, exchange_body.c.exchange_id.label("body_of"), exchange_body.c.exact_sealed).outerjoin(
    exchange_body, exchange_body.c.exchange_id == exchange.c.id
)
_ONE_WITH_BODY = _WITH_BODY.where(exchange.c.id == bindparam("one"))
_CHAIN = (
    _WITH_BODY.where(exchange.c.node == bindparam("of"), exchange.c.seq > bindparam("after"))
    .order_by(exchange.c.seq)
    .limit(bindparam("most"))
)
_HEAD = select(chain_head).where(chain_head.c.node == bindparam("of"))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and answer on the wire, as it may be shown. Instants in microseconds."""

    id: str
    node: str
    seq: int
    channel: str
    direction: str
    action: str
    operation_id: str | None
    subject: str | None
    authority: str | None
    method: str
    url: str
    request: str
    response: str
    status: int | None
    outcome: str
    started_at: int
    ended_at: int
    body_mac: bytes
    chain: bytes

    @property
    def chained(self) -> dict[str, Any]:
        """What its chain value covers, beside the MAC of its exact bytes."""
        return {name: getattr(self, name) for name in FIELDS}


@dataclass(frozen=True, slots=True)
class Kept:
    """An exchange with what is left of its exact bytes. ``body_there``: the row of the bytes is there."""

    exchange: Exchange
    body_there: bool
    exact_sealed: Any

    @property
    def shredded(self) -> bool:
        """Whether retention has taken the exact bytes."""
        return self.exact_sealed is None

    def container(self, envelope: Envelope) -> bytes:
        """The exact bytes, packed. Raises EnvelopeError."""
        return envelope.open(bytes(self.exact_sealed), _exact_of(self.exchange.id))


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How far a node's chain has come; ``signed_line``: the SM3 of the last line in its file of signed heads."""

    node: str
    seq: int
    chain: bytes
    signed_line: bytes | None


@dataclass(frozen=True, slots=True)
class Body:
    """When an exchange ended, and whether its exact bytes are still there."""

    exchange_id: str
    ended_at: int
    kept: bool


_exchange = reader(Exchange)
_head = reader(ChainHead)
_body = reader(Body)


def sealed_exact(envelope: Envelope, exchange_id: str, container: bytes) -> bytes:
    """Exact bytes as they are kept."""
    return envelope.seal(container, _exact_of(exchange_id))


def _exact_of(exchange_id: str) -> str:
    return f"exchange_body.exact|{exchange_id}"


def held(conn: Connection, exchange_id: str) -> Exchange:
    """One exchange. Raises NotFoundProblem."""
    row = conn.execute(_BY_ID, {"one": exchange_id}).mappings().first()
    if row is None:
        raise NotFoundProblem("no such exchange")
    return _exchange(row)


def kept(conn: Connection, exchange_id: str) -> Kept:
    """One exchange with its exact bytes. Raises NotFoundProblem."""
    row = conn.execute(_ONE_WITH_BODY, {"one": exchange_id}).mappings().first()
    if row is None:
        raise NotFoundProblem(f"no exchange {exchange_id}")
    return Kept(_exchange(row), row["body_of"] is not None, row["exact_sealed"])


def of_operation(conn: Connection, operation_id: str) -> list[Exchange]:
    """What crossed the wire for an operation, in the order of time."""
    query = select(exchange).where(exchange.c.operation_id == operation_id)
    return [_exchange(row) for row in conn.execute(query.order_by(exchange.c.started_at, exchange.c.id)).mappings()]


def nodes(conn: Connection) -> set[str]:
    """Every node that has a chain, or should have one."""
    chains = conn.execute(select(chain_head.c.node)).scalars()
    return {*chains, *conn.execute(select(exchange.c.node).distinct()).scalars()}


def chain_of(conn: Connection, node: str, *, after: int, most: int) -> list[Kept]:
    """Records of a node's chain after a number, with their exact bytes. TypeError, ValueError for what is no record."""
    rows = conn.execute(_CHAIN, {"of": node, "after": after, "most": most}).mappings()
    return [Kept(_exchange(row), row["body_of"] is not None, row["exact_sealed"]) for row in rows]


def head_of(conn: Connection, node: str) -> ChainHead | None:
    """The head of a node's chain."""
    row = conn.execute(_HEAD, {"of": node}).mappings().first()
    return None if row is None else _head(row)


def bodies(conn: Connection, after: str) -> list[Body]:
    """Some exchanges after an id, in the order of ids."""
    query = (
        select(
            exchange_body.c.exchange_id, exchange.c.ended_at, exchange_body.c.exact_sealed.is_not(None).label("kept")
        )
        .join(exchange, exchange.c.id == exchange_body.c.exchange_id)
        .where(exchange_body.c.exchange_id > after)
        .order_by(exchange_body.c.exchange_id)
        .limit(_PAGE)
    )
    return [_body(row) for row in conn.execute(query).mappings()]


def shred(conn: Connection, exchange_ids: Sequence[str], now: int) -> int:
    """Take the exact bytes of these exchanges away; how many had some."""
    statement = (
        update(exchange_body)
        .where(exchange_body.c.exchange_id.in_(exchange_ids), exchange_body.c.exact_sealed.is_not(None))
        .values(exact_sealed=None, shredded_at=now)
    )
    return conn.execute(statement).rowcount
