"""Bulk retries: the SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, insert, select, update

from gateway.foundation.delivery.operation_records import OperationRecord
from gateway.foundation.store.rows import columns, reader
from gateway.rooms.operations.tables import bulk_retry, bulk_retry_item
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

Standing = Literal["proposed", "going_on", "done", "withdrawn"]
Result = Literal["sent_on", "not_applicable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRetry:
    """Parked work chosen to be sent on together. ``channel`` to ``until_at``: by what it was chosen, None for any.

    Instants in microseconds; people by their ids, with the names that they had.
    """

    id: str
    channel: str | None
    action: str | None
    parked_for: str | None
    since_at: int | None
    until_at: int | None
    authorities: list[str]
    reason: str
    number: int
    two_persons: bool
    proposed_by: str
    proposed_name: str
    proposed_at: int
    confirmed_by: str | None = None
    confirmed_name: str | None = None
    confirmed_side: str | None = None
    begun_at: int | None = None
    ended_at: int | None = None
    withdrawn_at: int | None = None

    @property
    def standing(self) -> Standing:
        """Where it stands, as its dates say."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        if self.begun_at is None:
            return "proposed"
        return "going_on" if self.ended_at is None else "done"


@dataclass(frozen=True, slots=True)
class Item:
    """One operation of a bulk retry. ``attempt``: its own when it was chosen. ``result``: None until its turn."""

    bulk_id: str
    operation_id: str
    attempt: int
    result: Result | None
    why: str | None


_bulk, _item = reader(BulkRetry), reader(Item)
_BY_ID = select(bulk_retry).where(bulk_retry.c.id == bindparam("of"))
_ITEMS = select(bulk_retry_item).where(bulk_retry_item.c.bulk_id == bindparam("of"))
_ITEMS_IN_ORDER = _ITEMS.order_by(bulk_retry_item.c.operation_id)
_LEFT = _ITEMS_IN_ORDER.where(bulk_retry_item.c.result.is_(None)).limit(bindparam("most")).with_for_update()
_OPEN = update(bulk_retry).where(
    bulk_retry.c.id == bindparam("of"), bulk_retry.c.begun_at.is_(None), bulk_retry.c.withdrawn_at.is_(None)
)
_END = update(bulk_retry).where(bulk_retry.c.id == bindparam("of"), bulk_retry.c.ended_at.is_(None))
_TELL = update(bulk_retry_item).where(
    bulk_retry_item.c.bulk_id == bindparam("of"), bulk_retry_item.c.operation_id == bindparam("op")
)
_GOING_ON = select(bulk_retry.c.id).where(bulk_retry.c.begun_at.is_not(None), bulk_retry.c.ended_at.is_(None))
_RESULTS = (
    select(bulk_retry_item.c.result, func.count().label("number"))
    .where(bulk_retry_item.c.bulk_id == bindparam("of"))
    .group_by(bulk_retry_item.c.result)
)


def add(conn: Connection, new: BulkRetry, operations: Iterable[OperationRecord]) -> None:
    """Write a bulk retry with the operations that it is about: these and no others, whatever is parked later."""
    conn.execute(insert(bulk_retry), columns(new))
    items = [{"bulk_id": new.id, "operation_id": one.id, "attempt": one.attempt} for one in operations]
    conn.execute(insert(bulk_retry_item), items)


def held(conn: Connection, bulk_id: str) -> BulkRetry:
    """One bulk retry. Raises NotFoundProblem."""
    row = conn.execute(_BY_ID, {"of": bulk_id}).mappings().first()
    if row is None:
        raise NotFoundProblem(say("operations.bulk_no_record"))
    return _bulk(row)


def find(conn: Connection, before: str | None, limit: int) -> list[BulkRetry]:
    """Bulk retries, newest first."""
    query = select(bulk_retry).order_by(bulk_retry.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(bulk_retry.c.id < before)
    return [_bulk(row) for row in conn.execute(query).mappings()]


def change(conn: Connection, bulk_id: str, **values: Any) -> bool:
    """Begin or withdraw what waits for its word; False when it does not wait any more."""
    return conn.execute(_OPEN, {"of": bulk_id, **values}).rowcount == 1


def end(conn: Connection, bulk_id: str, now: int) -> None:
    """Each of its operations has its result."""
    conn.execute(_END, {"of": bulk_id, "ended_at": now})


def going_on(conn: Connection) -> Sequence[str]:
    """Those that have begun and not ended."""
    return conn.execute(_GOING_ON).scalars().all()


def left(conn: Connection, bulk_id: str, most: int) -> list[Item]:
    """The next of its operations whose turn has not come; nobody else takes them in this transaction."""
    return [_item(row) for row in conn.execute(_LEFT, {"of": bulk_id, "most": most}).mappings()]


def tell(conn: Connection, item: Item, result: Result, why: str | None) -> None:
    """What became of one of its operations."""
    conn.execute(_TELL, {"of": item.bulk_id, "op": item.operation_id, "result": result, "why": why})


def items(conn: Connection, bulk_id: str, after: str | None, limit: int) -> list[Item]:
    """Its operations, the oldest first. ``after``: an operation's id."""
    query = _ITEMS_IN_ORDER.limit(limit)
    if after is not None:
        query = query.where(bulk_retry_item.c.operation_id > after)
    return [_item(row) for row in conn.execute(query, {"of": bulk_id}).mappings()]


def all_items(conn: Connection, bulk_id: str) -> list[Item]:
    """All of its operations, the oldest first."""
    return [_item(row) for row in conn.execute(_ITEMS_IN_ORDER, {"of": bulk_id}).mappings()]


def results(conn: Connection, bulk_id: str) -> dict[Result | None, int]:
    """How many of its operations came to which result."""
    return {row.result: row.number for row in conn.execute(_RESULTS, {"of": bulk_id})}
