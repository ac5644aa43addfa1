"""Alembic's scripts. Users never call alembic: ``gateway migrate`` does (``gateway.foundation.store.schema``)."""
