"""Runs the revisions on the connection that ``gateway.foundation.store.schema`` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from gateway.foundation.store.schema import comparison_options

context.configure(connection=context.config.attributes["connection"], **comparison_options())
with context.begin_transaction():
    context.run_migrations()
