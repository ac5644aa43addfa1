"""Payments by the hundred thousand: one is taken through its whole life by the gateway, and its rows are copied.

Each copy has ids, a code and a number of its own, as long as the model's; ``Span`` spreads copies over days.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sides import Gateway, numbers

from gateway.demo import story
from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.evidence.records import OURS
from gateway.words.spelling import number_key
from simulators.testing import Simulation

STEP, SLOT, LONG = 100_000, 128, 6_000
WORK = "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :last)"
DAY = "(:day + (n.i - :base) * :days / :count)"
"""How many days after the model's its copy ``n.i`` is."""
DAY_BEGINS = "(n.i = :base OR (n.i - :base) * :days / :count > (n.i - :base - 1) * :days / :count)"
CODE = "99010225309"
ID = re.compile(r"[a-z]+_[0-9a-f]{32}")
LEFT_OUT = {"alembic_version", "sqlite_sequence", "schedule_run", "channel_day"}
DAILY = {"statement": "stm", "reconciliation_run": "rec"}
"""Tables that have one row a day, with the prefix of its id; what the evidence notes of it is one a day as well."""


@dataclass(frozen=True)
class Span:
    """``count`` copies from number ``base`` on, spread over ``days`` that begin ``day`` days after the model's."""

    count: int
    base: int = 1
    day: int = 0
    days: int = 0


class CaseSystem:
    """Receives webhooks, and takes a payment through its whole life."""

    def __init__(self, gateway: Gateway, simulators: Simulation) -> None:
        self.gateway, self.simulators = gateway, simulators
        self.received = 0

    async def begin(self) -> None:
        """Listen, and say so to the gateway; let the platform call back."""
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        body = {"authority": story.AUTHORITY, "url": f"http://127.0.0.1:{port}/"}
        headers = {"Idempotency-Key": "bench-endpoint"}
        await self.gateway.ask(self.gateway.request("POST", "/v1/webhook-endpoints", body, **headers))
        url = f"http://127.0.0.1:{self.gateway.port}/callbacks/nontax"
        await asyncio.to_thread(self.simulators.callbacks_to, "nontax", url)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: *(\d+)", head.lower())
                await reader.readexactly(int(length[1]) if length else 0)
                self.received += 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def live(self, count: int) -> list[dict[str, Any]]:
        """So many payments: issued, paid, receipted, and told of."""
        wanted, before = numbers(count), self.received
        issued = await self.gateway.ask(*await self.gateway.prepare(wanted))
        for one in issued:
            await self.simulators.aask("POST", "/nontax/pay", {"code": one["code"]})
        for one in issued:
            while (await self.gateway.ask(self._payment(one)))[0]["status"] != "PAID":
                await asyncio.sleep(0.05)
            headers = {"Idempotency-Key": f"bench-receipt-{one['id']}"}
            path = f"/v1/payments/{one['id']}/receipt"
            await self.gateway.ask(self.gateway.request("POST", path, {}, **headers), expected=(200, 201, 202))
        last = -1
        while self.received - before < count or self.received != last:  # until no more of them come
            last = self.received
            await asyncio.sleep(1)
        return issued

    def _payment(self, payment: dict[str, Any]) -> bytes:
        return self.gateway.request("GET", f"/v1/payments/{payment['id']}")


class Copier:
    """Copies the rows that one payment's life added, as often as wanted."""

    def __init__(self, path: Path) -> None:
        self.books = sqlite3.connect(path)
        self.books.row_factory = sqlite3.Row
        self.tables = [
            name
            for (name,) in self.books.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in LEFT_OUT
        ]

    def counts(self) -> dict[str, int]:
        """The last row of each table."""
        return {
            table: self.books.execute(f"SELECT coalesce(max(rowid), 0) FROM {table}").fetchone()[0]
            for table in self.tables
        }

    def learn(self, since: dict[str, int], payment: dict[str, Any]) -> None:
        """Remember the rows that were added ``since`` as those of one payment."""
        rows = [
            (table, dict(row))
            for table in self.tables
            for row in self.books.execute(f"SELECT * FROM {table} WHERE rowid > {since[table]} ORDER BY rowid")
        ]
        self._first_event = min([row["seq"] for table, row in rows if table == "event"], default=0)
        self._notes = {row["id"] for table, row in rows if table == "exchange" and row["channel"] == OURS}
        words = self._words(rows, payment)
        self.statements = [self._statement(table, row, words, place) for place, (table, row) in enumerate(rows)]

    def fill(self, span: Span) -> None:
        """Add copies of the payment that was learnt."""
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000", "locking_mode=EXCLUSIVE"):
            self.books.execute(f"PRAGMA {pragma}")
        end = span.base + span.count
        for first in range(span.base, end, STEP):
            last = min(first + STEP, end)
            for statement, values in self.statements:
                self.books.execute(statement, {**values, **vars(span), "first": first, "last": last})
            self.books.commit()
            if sys.stderr.isatty():
                print(f"\r{last - span.base:>10,} payments", end="", file=sys.stderr, flush=True)

    def _words(self, rows: list[tuple[str, dict[str, Any]]], payment: dict[str, Any]) -> dict[str, str]:
        """The payment's own words, each with the SQL of the ``i``-th copy's: as long, and as far apart in time."""
        ids, references = set(), set()
        for _, row in rows:
            ids |= {one for value in row.values() if isinstance(value, str) for one in ID.findall(value)}
            references |= {row[name] for name in ("reference", "nonce", "bank_serial", "key") if row.get(name)}
        ids -= {row["endpoint_id"] for _, row in rows if "endpoint_id" in row}
        ids -= {row["client_id"] for _, row in rows if "client_id" in row}
        words = {payment["code"]: f"'{CODE}' || printf('%09d', n.i)"}
        words[payment["decision_number"]] = "'批量〔2025〕第' || n.i || '号'"
        words[number_key(payment["decision_number"])] = "'批量(2025)第' || n.i || '号'"
        self.places = {one: place for place, one in enumerate(sorted(ids))}
        assert len(self.places) <= SLOT, "a payment has more ids than there is room for"
        for one, place in self.places.items():
            prefix, _, digits = one.partition("_")
            number = DAY if prefix in DAILY.values() else "n.i"
            at = f"{int(digits[:12], 16)} + {DAY} * 86400000"
            words[one] = f"'{prefix}_' || printf('%012x%020x', {at}, {number} * {SLOT} + {place})"
        for place, one in enumerate(sorted(references - set(words))):
            words[one] = f"printf('B%02d%0{max(len(one) - 3, 10)}d', {place}, n.i)"
        return words

    def _statement(
        self, table: str, row: dict[str, Any], words: dict[str, str], place: int
    ) -> tuple[str, dict[str, Any]]:
        """The SQL that copies a row, and the values that stay; ``place``: its own among the rows of a life."""
        columns = {name: self._column(table, name, value, words) for name, value in row.items()}
        for index in self._unique(table):
            if not any("n.i" in columns[name] or row[name] is None for name in index):
                value = row[index[-1]]
                size = len(value) if isinstance(value, (str, bytes)) else 0
                columns[index[-1]] = (
                    f"printf('%0{size}d', (n.i + 1000) * 1000 + {place})"
                    if isinstance(value, str)
                    else f"randomblob({size})"
                )
        values: dict[str, Any] = {}
        for name, text in columns.items():
            if f":{name}" in text:
                value = row[name]
                values[name] = value[:200] if isinstance(value, (str, bytes)) and len(value) > LONG else value
        into = f"INSERT INTO {table} ({', '.join(f'{chr(34)}{name}{chr(34)}' for name in columns)})"
        daily = table in DAILY or {row.get("id"), row.get("exchange_id")} & self._notes
        only = f" WHERE {DAY_BEGINS}" if daily else ""
        return f"{into} {WORK} SELECT {', '.join(columns.values())} FROM n{only}", values

    def _column(self, table: str, name: str, value: Any, words: dict[str, str]) -> str:
        """The SQL of one column of a copy."""
        text = f":{name}"
        if name == "id" and isinstance(value, int):
            return "NULL"  # the database counts them
        if name == "node" and table == "exchange":
            return "'copied'"
        if (table, name) == ("statement_line", "line"):
            return f"n.i * {SLOT} + {value}"
        if name == "event_seq" or (table, name) == ("event", "seq"):
            return f"n.i * {SLOT} + {value - self._first_event}"
        if name == "seq":
            return f"n.i * {SLOT} + {value % SLOT}"
        if isinstance(value, int) and (name == "at" or name.endswith("_at")):
            return f"{text} + {DAY} * 86400000000"
        if isinstance(value, str) and name.endswith("_on"):
            return f"date({text}, printf('%+d days', {DAY}))"
        if isinstance(value, str):
            if value in words:
                return words[value]
            for word, sql in words.items():
                if word in value:
                    text = f"replace({text}, '{word}', {sql})"
        return text

    def _unique(self, table: str) -> list[list[str]]:
        """The columns of each index that lets no two rows be the same."""
        indexes = [row["name"] for row in self.books.execute(f"PRAGMA index_list({table})") if row["unique"]]
        return [[row["name"] for row in self.books.execute(f"PRAGMA index_info({name})")] for name in indexes]

    def make_readable(self, envelope: Envelope, model: str, wanted: Iterable[int]) -> list[str]:
        """Ids of copies of the payment ``model`` that can be read: sealed anew for themselves, payers taken away."""
        ids = [
            self.books.execute("SELECT id FROM payment WHERE code = ?", (f"{CODE}{number:09}",)).fetchone()[0]
            for number in wanted
        ]
        for what in ("token", "bill"):
            (sealed,) = self.books.execute(f"SELECT {what}_sealed FROM payment WHERE id = ?", (model,)).fetchone()
            plain = envelope.open(sealed, f"payment|{what}|{model}")
            changes = [(envelope.seal(plain, f"payment|{what}|{one}"), one) for one in ids]
            self.books.executemany(f"UPDATE payment SET {what}_sealed = ? WHERE id = ?", changes)
        self.books.executemany(
            "UPDATE collection SET payer_sealed = NULL WHERE payment_id = ?", [(one,) for one in ids]
        )
        self.books.commit()
        return ids

    def close(self) -> None:
        """Leave the file as the gateway keeps it."""
        self.books.execute("PRAGMA locking_mode=NORMAL")
        self.books.execute("PRAGMA journal_mode=WAL")
        self.books.close()
