"""What a PostgreSQL server must give for our promises to hold; looked at by ``gateway doctor`` and before a start.

A transaction that was acknowledged is on the disk (``fsync``, ``synchronous_commit``). A session is ours from its
beginning to its end: names, turns and timeouts live in sessions, which a pooler of transactions gives to others. There
is room for the sessions of one more node, and the server is near enough for the statements of a payment.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.foundation.store.engine import SESSION, open_engine
from gateway.words.errors import SettingsError
from gateway.words.saying import Sentence, say

NODE_SESSIONS = 16
"""At most, of one node: one that writes, four that read, two for shared rows, one for its name, seven of the jobs, one
that asks whether the server speaks."""
LATENCY = 0.005
"""Seconds for one statement there and back, the quickest of some."""
_TRIES = 50
"""At most: a near server on a machine that has much to do is quick now and then, a far one never."""
_POOLERS_SAY = ("unsupported startup parameter", "statement pooling mode")
"""PgBouncer, of our options, and of transactions where it gives a session away after each statement."""
_ROOM = """
select least(
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - (select count(*) from pg_stat_activity where backend_type = 'client backend'),
    (select case when rolconnlimit < 0 then 2147483647 else rolconnlimit end from pg_roles where rolname = current_user)
)
"""


def broken(url: str) -> list[Sentence]:
    """What this server does not give, in words; nothing where all is well. Raises the driver's error if it is away."""
    engine = open_engine(url, connections=2)
    try:
        with engine.connect() as one, engine.connect() as other:
            found = [say("promises.forgets", name=name) for name in _forgetful(one)]
            if _pid(one) == _pid(other) or _shown(one, "lock_timeout") != SESSION["lock_timeout"]:
                found.append(say("promises.pooled"))
            if (room := int(one.exec_driver_sql(_ROOM).scalar_one())) < NODE_SESSIONS:
                found.append(say("promises.connections", room=room, wanted=NODE_SESSIONS))
            if (took := _latency(one)) > LATENCY:
                found.append(say("promises.far", milliseconds=round(took * 1000, 1)))
            return found
    except DBAPIError as error:
        if any(words in str(error.orig) for words in _POOLERS_SAY):
            return [say("promises.pooled")]
        raise
    finally:
        engine.dispose()


def require(url: str) -> None:
    """Refuse a server that breaks a promise: SettingsError with the first one."""
    for one in broken(url)[:1]:
        raise SettingsError("store.url", one)


def _forgetful(conn: Connection) -> list[str]:
    return [name for name in ("fsync", "synchronous_commit") if _shown(conn, name) == "off"]


def _shown(conn: Connection, name: str) -> str:
    shown = str(conn.exec_driver_sql(f"show {name}").scalar_one())
    conn.rollback()
    return shown


def _pid(conn: Connection) -> int:
    """Which process of the server works for this session now, in a transaction of its own."""
    pid = int(conn.exec_driver_sql("select pg_backend_pid()").scalar_one())
    conn.rollback()
    return pid


def _latency(conn: Connection) -> float:
    quickest = float("inf")
    for _ in range(_TRIES):
        began = time.perf_counter()
        conn.exec_driver_sql("select 1").scalar_one()
        quickest = min(quickest, time.perf_counter() - began)
        if quickest <= LATENCY:
            break
    return quickest
