"""Sealed values of a database, as far as it must be known whether there are any."""

from __future__ import annotations

from sqlalchemy import Connection, select

from gateway.foundation.store.all_tables import all_tables


def sample(conn: Connection) -> bytes | None:
    """Some value that the keys of this installation have sealed; None where nothing is sealed yet."""
    for table in all_tables().sorted_tables:
        for column in table.c:
            if column.name.endswith("_sealed") and not column.nullable:
                found = conn.execute(select(column).limit(1)).scalar()
                if found is not None:
                    return bytes(found)
    return None
