"""``gateway init``: a folder for an installation, with settings, database and keys that only its owner reads."""

from __future__ import annotations

import os
import secrets
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from gateway.foundation.crypto.rings import keys_of_installation
from gateway.foundation.store import schema
from gateway.settings import load
from gateway.terminal.output import Json, in_words, progress, show
from gateway.words.errors import ConflictProblem
from gateway.words.saying import say

SETTINGS, EXAMPLE, BACKUP_KEY = "gateway.toml", "gateway.example.toml", "secrets/backup.key"
FOLDERS = ("data", "evidence-heads", "backups", "secrets")
SQLITE = "sqlite:///data/gateway.sqlite"
FACES = {"api": 8080, "console": 8081, "payer": 8082, "callbacks": 8083, "health": 8084}
"""A port for each face, as the files in ``packaging/`` have them: a proxy stands in front of them."""


def init(
    folder: Annotated[Path, typer.Argument(help="An empty folder, or one that is not there yet.")],
    public_url: Annotated[str, typer.Option(help="How parties reach the payer's page.")] = "http://127.0.0.1:8082",
    database: Annotated[
        str, typer.Option(help='SQLite in the folder, or PostgreSQL: "env:DATABASE_URL", "postgresql://…".')
    ] = SQLITE,
    as_json: Json = False,
) -> None:
    """Make a place for a gateway: settings, folders, keys of its own, and a SQLite database. Overwrites nothing."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictProblem(say("starting.folder_used", folder=folder))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in FOLDERS:
        (folder / name).mkdir(mode=0o700)
    _write(folder / BACKUP_KEY, secrets.token_hex(32) + "\n")
    _write(folder / EXAMPLE, example())
    _write(folder / SETTINGS, settings_text(public_url, database))
    settings, made = load(folder / SETTINGS), database == SQLITE
    keys_of_installation(settings.keys, None)
    if made:
        with progress().status(in_words(say("store.migrating"))):
            schema.migrate(settings.store.location())
    steps = next_steps(folder, made)
    show(
        {"folder": str(folder), "settings": str(folder / SETTINGS), "database": made, "next": steps},
        as_json,
        say("starting.place_made", folder=folder),
        say("starting.keep_apart", key=folder / BACKUP_KEY, keys=folder / "keys"),
        "",
        say("starting.next"),
        *(f"  {step}" for step in steps),
    )


def settings_text(public_url: str, database: str) -> str:
    """``gateway.toml`` of a new place. Channels and routes are added from the example beside it."""
    listens = "\n".join(f'{face} = "127.0.0.1:{port}"' for face, port in FACES.items())
    return f"""\
# Settings of this installation. {EXAMPLE} beside it explains every block; relative paths start at this folder.
# Add your channels and routes at the end, as the example has them, then look with `gateway doctor`.

public_url = "{public_url}"

[store]
url = "{database}"

[server]
{listens}

[keys]
directory = "keys"

[evidence]
heads = "evidence-heads"

[backup]
folder = "backups"
key = "file:{BACKUP_KEY}"
"""


def example() -> str:
    """The example of all settings, from the installed package or from the tree."""
    inside = files("gateway") / EXAMPLE
    return (inside if inside.is_file() else Path(__file__).parents[2] / EXAMPLE).read_text(encoding="utf-8")


def next_steps(folder: Path, made: bool) -> list[str]:
    """The commands that come next, as they are typed."""
    steps = [f"export GATEWAY_SETTINGS={shlex.quote(str(folder.absolute() / SETTINGS))}"]
    steps += [] if made else ["gateway migrate"]
    return [
        *steps,
        "gateway authorities create CODE 机关名称 USCC --unit-code 执收单位编码",
        "gateway keys client 办案系统 --authority CODE",
        "gateway keys issue 办案系统",
        "gateway operators create LOGIN 姓名 --role supervisor",
        "gateway doctor",
        "gateway serve",
    ]


def _write(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
