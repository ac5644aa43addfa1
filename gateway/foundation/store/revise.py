"""Write a revision from what the tables say: for developers, ``python -m gateway.foundation.store.revise``.

Without arguments it rewrites the single initial revision (while there has been no release); with a message it adds one
that leads from the last revision to the present definitions.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from gateway.foundation.store import schema
from gateway.foundation.store.engine import open_engine

VERSIONS = schema.SCRIPTS / "versions"
INITIAL = "0001"


def revise(message: str | None = None) -> Path:
    """Write the revision; returns its path."""
    known = sorted(VERSIONS.glob("*.py"))
    if message is None:
        if len(known) > 1:
            raise SystemExit("there is more than the initial revision: give a message to add another")
        for file in known:
            file.unlink()
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/empty.db")
        config = schema.alembic_config()
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        if message is not None:
            schema.upgrade(engine)
        with engine.begin() as conn:
            config.attributes["connection"] = conn
            script = command.revision(
                config,
                message=message or "initial",
                autogenerate=True,
                rev_id=INITIAL if message is None else f"{len(known) + 1:04}",
            )
        engine.dispose()
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)


if __name__ == "__main__":
    print(revise(" ".join(sys.argv[1:]) or None))
