"""The store: one writer with shared commits, readers beside it, the same tables on SQLite and PostgreSQL."""

from gateway.foundation.store.lock import DatabaseLock
from gateway.foundation.store.store import Store, database_clock, database_now
from gateway.foundation.store.writer import CommitUnknownProblem, Unit

__all__ = ["CommitUnknownProblem", "DatabaseLock", "Store", "Unit", "database_clock", "database_now"]
