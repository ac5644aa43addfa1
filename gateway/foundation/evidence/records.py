"""The evidence's rows: exchanges, their exact bytes, each chain's head. Columns come as they are, never coerced."""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, exists, func, insert, select, update

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.evidence.chain import ANSWERED, FIELDS
from gateway.foundation.evidence.compression import Dictionary, compressed, expanded
from gateway.foundation.evidence.redaction import Redacted
from gateway.foundation.evidence.tables import (
    chain_head,
    exchange,
    exchange_body,
    exchange_dictionary,
    exchange_shown,
)
from gateway.foundation.store.rows import reader
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

OURS: Final = "(evidence)"
"""Instead of a channel: what the evidence says of itself. No channel of the settings can have such a name."""
SHRED: Final = "shred"
"""What a record of a shredding is called."""
_PAGE: Final = 200
_STAMP: Final = 12
"""So many digits of an id are its milliseconds."""
_OVERLAP: Final = 2 * 24 * 3600 * 1000
_WITH_BODY = (
    select(
        exchange,
        exchange_body.c.exchange_id.label("body_of"),
        exchange_body.c.exact_sealed,
        exchange_body.c.shredded_by,
        exchange_shown.c.copy.label("shown_copy"),
    )
    .outerjoin(exchange_body, exchange_body.c.exchange_id == exchange.c.id)
    .outerjoin(exchange_shown, exchange_shown.c.exchange_id == exchange.c.id)
)
_ONE_WITH_BODY = _WITH_BODY.where(exchange.c.id == bindparam("one"))
_CHAIN = (
    _WITH_BODY.where(exchange.c.node == bindparam("of"), exchange.c.seq > bindparam("after"))
    .order_by(exchange.c.seq)
    .limit(bindparam("most"))
)
_OF_OPERATION = _WITH_BODY.where(exchange.c.operation_id == bindparam("of")).order_by(
    exchange.c.started_at, exchange.c.id
)
_DICTIONARY = select(exchange_dictionary.c.content).where(exchange_dictionary.c.id == bindparam("one"))
_INSERT_DICTIONARY = insert(exchange_dictionary)
_INSERT_SHOWN = insert(exchange_shown)
_DICTIONARIES = select(exchange_dictionary).order_by(exchange_dictionary.c.made_at)
_HEAD = select(chain_head).where(chain_head.c.node == bindparam("of"))


@dataclass(frozen=True, slots=True)
class Link:
    """One record of a chain: everything of an exchange but what it said. Instants in microseconds."""

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
    status: int | None
    outcome: str
    started_at: int
    ended_at: int
    told: bytes | None
    body_mac: bytes
    chain: bytes

    @property
    def chained(self) -> dict[str, Any]:
        """What its chain value covers, beside the MAC of its exact bytes."""
        return {name: getattr(self, name) for name in FIELDS}


@dataclass(frozen=True, slots=True)
class Exchange(Link):
    """One request and answer on the wire, as it may be shown."""

    url: str
    request: str
    response: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A record with what is left of its exact bytes. ``body_there``: the row of the bytes is there.

    ``shredded_by``: the record that says that they were shredded; ``shown``: the readable copy that was made before.
    """

    link: Link
    body_there: bool
    exact_sealed: Any
    shredded_by: str | None
    shown: Redacted | None

    @property
    def shredded(self) -> bool:
        """Whether the exact bytes are gone."""
        return self.exact_sealed is None

    def container(self, envelope: Envelope, dictionaries: Dictionaries) -> bytes:
        """The exact bytes, packed. Raises EnvelopeError, or ValueError if they do not expand."""
        return expanded(envelope.open(bytes(self.exact_sealed), _exact_of(self.link.id)), dictionaries.content)

    def showing(self, shown: Redacted) -> Exchange:
        """The exchange with its readable copy."""
        known = {one.name: getattr(self.link, one.name) for one in fields(Link)}
        return Exchange(**known, url=shown.url, request=shown.request, response=shown.response)


class Dictionaries:
    """What exact bytes were compressed with, read once for a connection."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._known: dict[bytes, bytes] = {}

    def content(self, name: bytes) -> bytes:
        """One dictionary's content. Raises ValueError if it is not there."""
        if name not in self._known:
            found = self._conn.execute(_DICTIONARY, {"one": name.hex()}).scalar()
            if found is None:
                raise ValueError("its dictionary is gone")
            self._known[name] = bytes(found)
        return self._known[name]


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How far a node's chain has come; ``signed_line``: the SM3 of the last line in its file of signed heads."""

    node: str
    seq: int
    chain: bytes
    signed_line: bytes | None


@dataclass(frozen=True, slots=True)
class Body:
    """When an exchange ended, and whether exact bytes are still there that retention may take."""

    exchange_id: str
    ended_at: int
    kept: bool


_link = reader(Link)
_head = reader(ChainHead)
_body = reader(Body)


def sealed_exact(envelope: Envelope, exchange_id: str, container: bytes) -> bytes:
    """Exact bytes as they are kept. The container is compressed already."""
    return envelope.seal(container, _exact_of(exchange_id), pack=False)


def _exact_of(exchange_id: str) -> str:
    return f"exchange_body.exact|{exchange_id}"


def kept(conn: Connection, exchange_id: str) -> Kept:
    """One exchange with its exact bytes. Raises NotFoundProblem."""
    row = conn.execute(_ONE_WITH_BODY, {"one": exchange_id}).mappings().first()
    if row is None:
        raise NotFoundProblem(say("evidence.none"))
    return _kept(row, Dictionaries(conn))


def of_operation(conn: Connection, operation_id: str) -> list[Kept]:
    """What crossed the wire for an operation, in the order of time."""
    found = Dictionaries(conn)
    return [_kept(row, found) for row in conn.execute(_OF_OPERATION, {"of": operation_id}).mappings()]


def callbacks_about(conn: Connection, subjects: Collection[str]) -> list[Link]:
    """Callbacks that were taken and are about one of these, in the order of time."""
    query = select(exchange).where(
        exchange.c.subject.in_(list(subjects)),
        exchange.c.direction == "in",
        exchange.c.action == "callback",
        exchange.c.outcome == ANSWERED,
    )
    return [_link(row) for row in conn.execute(query.order_by(exchange.c.started_at, exchange.c.id)).mappings()]


def called_back(conn: Connection, key: ColumnElement[str], after: str, most: int) -> Sequence[str]:
    """What callbacks that were taken are about by its own words, and no row has as ``key``; after one, in order."""
    query = select(exchange.c.subject).where(
        exchange.c.direction == "in",
        exchange.c.action == "callback",
        exchange.c.outcome == ANSWERED,
        exchange.c.subject.contains(":"),
        exchange.c.subject > after,
        ~exists(select(key).where(key == exchange.c.subject)),
    )
    return conn.execute(query.distinct().order_by(exchange.c.subject).limit(most)).scalars().all()


def notes_about(conn: Connection, subjects: Collection[str]) -> list[Kept]:
    """What the evidence says of itself about one of these, in the order of ids."""
    query = _WITH_BODY.where(exchange.c.subject.in_(list(subjects)), exchange.c.channel == OURS)
    found = Dictionaries(conn)
    return [_kept(row, found) for row in conn.execute(query.order_by(exchange.c.id)).mappings()]


def links_of_operations(conn: Connection, operation_ids: Collection[str]) -> list[Link]:
    """The records of what crossed the wire for these operations."""
    query = select(exchange).where(exchange.c.operation_id.in_(list(operation_ids)))
    return [_link(row) for row in conn.execute(query.order_by(exchange.c.id)).mappings()]


def of_attempts(conn: Connection, after: str, most: int) -> list[Link]:
    """Records that say what an attempt came to, after an id, in the order of ids."""
    query = select(exchange).where(exchange.c.id > after, exchange.c.told.is_not(None)).order_by(exchange.c.id)
    return [_link(row) for row in conn.execute(query.limit(most)).mappings()]


def nodes(conn: Connection) -> set[str]:
    """Every node that has a chain, or should have one."""
    chains = conn.execute(select(chain_head.c.node)).scalars()
    return {*chains, *conn.execute(select(exchange.c.node).distinct()).scalars()}


def counts(conn: Connection) -> dict[str, int]:
    """Every node that has a chain, or should have one, and how far its head says that it has come."""
    heads = {row.node: int(row.seq) for row in conn.execute(select(chain_head.c.node, chain_head.c.seq))}
    return {node: heads.get(node, 0) for node in nodes(conn)}


def chain_of(conn: Connection, node: str, *, after: int, most: int) -> list[Kept]:
    """Records of a node's chain after a number, with their exact bytes. TypeError, ValueError for what is no record."""
    rows = conn.execute(_CHAIN, {"of": node, "after": after, "most": most}).mappings()
    found = Dictionaries(conn)
    return [_kept(row, found) for row in rows]


def chains(conn: Connection, node: str, first: int, last: int) -> dict[int, bytes]:
    """The chain values of a node's records with these numbers, both included."""
    query = select(exchange.c.seq, exchange.c.chain).where(exchange.c.node == node, exchange.c.seq.between(first, last))
    return {seq: bytes(chain) for seq, chain in conn.execute(query)}


def head_of(conn: Connection, node: str) -> ChainHead | None:
    """The head of a node's chain."""
    row = conn.execute(_HEAD, {"of": node}).mappings().first()
    return None if row is None else _head(row)


def where_shredding_stands(conn: Connection) -> str:
    """What a night need not look before: two days before the last exchange that was shredded.

    Ids grow with time, those of several nodes by clocks of their own. What is older and still there stays for good.
    """
    last = conn.execute(select(func.max(exchange_shown.c.exchange_id))).scalar()
    if last is None:
        return ""
    prefix, _, digits = last.rpartition("_")
    return f"{prefix}_{max(int(digits[:_STAMP], 16) - _OVERLAP, 0):0{_STAMP}x}"


def bodies(conn: Connection, after: str) -> list[Body]:
    """Some exchanges after an id, in the order of ids. What says that bytes were shredded is never shredded itself."""
    there = exchange_body.c.exact_sealed.is_not(None) & (exchange.c.channel != OURS)
    query = (
        select(exchange_body.c.exchange_id, exchange.c.ended_at, there.label("kept"))
        .join(exchange, exchange.c.id == exchange_body.c.exchange_id)
        .where(exchange_body.c.exchange_id > after)
        .order_by(exchange_body.c.exchange_id)
        .limit(_PAGE)
    )
    return [_body(row) for row in conn.execute(query).mappings()]


def unshredded(conn: Connection, exchange_ids: Collection[str]) -> list[str]:
    """Those of these exchanges whose exact bytes are there, in order."""
    there = select(exchange_body.c.exchange_id).where(
        exchange_body.c.exchange_id.in_(list(exchange_ids)), exchange_body.c.exact_sealed.is_not(None)
    )
    return list(conn.execute(there.order_by(exchange_body.c.exchange_id)).scalars())


def shred(conn: Connection, copies: Mapping[str, Redacted], record: str) -> None:
    """Take the exact bytes of these exchanges away, and keep these readable copies instead. ``record`` says so."""
    known = dictionaries(conn)
    kinds = select(exchange.c.id, exchange.c.channel, exchange.c.direction, exchange.c.action)
    shown = [
        {"exchange_id": one, "copy": compressed(packed_copy(copies[one]), known.get((channel, direction, action)))}
        for one, channel, direction, action in conn.execute(kinds.where(exchange.c.id.in_(list(copies)))).all()
    ]
    conn.execute(_INSERT_SHOWN, shown)
    gone = exchange_body.c.exchange_id.in_(list(copies))
    conn.execute(update(exchange_body).where(gone).values(exact_sealed=None, shredded_by=record))


def shredded_by(conn: Connection, exchange_ids: Collection[str]) -> dict[str, str | None]:
    """The record that each of these exchanges names as that of its shredding."""
    query = select(exchange_body.c.exchange_id, exchange_body.c.shredded_by)
    found = conn.execute(query.where(exchange_body.c.exchange_id.in_(list(exchange_ids))))
    return {row.exchange_id: row.shredded_by for row in found}


def digest(shown: Redacted) -> str:
    """What the record of a shredding says of a readable copy; hex."""
    return sm3(packed_copy(shown)).hex()


def packed_copy(shown: Redacted) -> bytes:
    """The three texts of a readable copy, each behind its length."""
    parts = (part.encode("utf-8", "surrogatepass") for part in (shown.url, shown.request, shown.response))
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def dictionaries(conn: Connection) -> dict[tuple[str, str, str], Dictionary]:
    """The dictionary of each channel, direction and action; the newest, where several nodes have made one."""
    return {
        (row.channel, row.direction, row.action): Dictionary(bytes.fromhex(row.id), bytes(row.content))
        for row in conn.execute(_DICTIONARIES)
    }


def keep_dictionary(conn: Connection, key: tuple[str, str, str], made: Dictionary, now: int) -> None:
    """Keep a dictionary, unless it is there."""
    if conn.execute(_DICTIONARY, {"one": made.id.hex()}).first() is None:
        channel, direction, action = key
        values = {"id": made.id.hex(), "channel": channel, "direction": direction, "action": action}
        conn.execute(_INSERT_DICTIONARY, values | {"content": made.content, "made_at": now})


def _copy(kept: bytes, dictionaries: Dictionaries) -> Redacted:
    """A readable copy. One that is none any more is shown as such, and is not the one that was made."""
    try:
        content, parts = expanded(kept, dictionaries.content), list[str]()
        while content:
            (length,) = struct.unpack_from(">I", content)
            parts.append(content[4 : 4 + length].decode("utf-8", "surrogatepass"))
            content = content[4 + length :]
        return Redacted(*parts)
    except (ValueError, TypeError, struct.error):
        return Redacted("", "<no readable copy any more>", "")


def _kept(row: RowMapping, dictionaries: Dictionaries) -> Kept:
    shown = None if row["shown_copy"] is None else _copy(bytes(row["shown_copy"]), dictionaries)
    return Kept(_link(row), row["body_of"] is not None, row["exact_sealed"], row["shredded_by"], shown)
