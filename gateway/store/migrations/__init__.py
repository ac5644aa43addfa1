"""Alembic's scripts. Users never call alembic: ``gateway migrate`` does, through ``gateway.store.schema``."""
