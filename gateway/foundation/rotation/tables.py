"""Keys by name and number, which nodes have them, and how far the work of moving rows to a new one has come.

Instants are of the database's clock, which all nodes share. A key of which nothing stands here is the first of its name
and has always been used.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Integer, String, Table, Text

from gateway.foundation.store.base import metadata

key_version = Table(
    "key_version",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("made_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, comment="since when it is the current one; the highest number in use is"),
    Column("settled_at", BigInteger, comment="since when every node uses it"),
    Column("retired_at", BigInteger, comment="since when nothing here needs it"),
    Column("destroyed_at", BigInteger),
    Column("made_by", String(80), nullable=False),
    CheckConstraint("number between 1 and 9999", name="has_a_number"),
    CheckConstraint("settled_at is null or used_at is not null", name="settled_is_used"),
    CheckConstraint("destroyed_at is null or retired_at is not null", name="destroyed_is_retired"),
)

key_node = Table(
    "key_node",
    metadata,
    Column("node", String(40), primary_key=True),
    Column("beat_at", BigInteger, nullable=False),
    Column("works", Boolean, nullable=False, comment="it moves rows; a command's process does not"),
    Column("holds", Text, nullable=False, comment="JSON: the numbers that it has, by name"),
    Column("uses", Text, nullable=False, comment="JSON: the number that it uses, by name"),
)

key_sweep = Table(
    "key_sweep",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, comment="the key that rows are moved to"),
    Column("place", String(80), primary_key=True, comment="the table, and for an index its column"),
    Column("cursor", Text, comment="JSON: the primary key of the last row that was looked at in this pass"),
    Column("began_at", BigInteger, nullable=False, comment="when this pass began"),
    Column("ended_at", BigInteger, comment="when it had looked at every row"),
    Column("found", BigInteger, nullable=False, comment="rows moved in this pass"),
    Column("moved", BigInteger, nullable=False, comment="rows moved in all passes"),
    Column("total", BigInteger, nullable=False, comment="rows that were to be moved when the first pass began"),
)
