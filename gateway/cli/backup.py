"""``gateway backup`` and ``gateway restore``: a checked copy of the database, the way back, and its rehearsal."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from gateway.cli import doctor
from gateway.foundation import backups
from gateway.foundation.crypto.envelope import Algorithm
from gateway.foundation.evidence import verify
from gateway.foundation.findings import Finding
from gateway.rooms.evidence.verifying import evidence_of
from gateway.settings import Settings, StoreSettings, read_secret
from gateway.terminal.output import Exit, Json, Session, in_words, progress, session, show, table
from gateway.words.clock import rfc3339
from gateway.words.errors import NotFoundProblem, SettingsError
from gateway.words.saying import say

app = typer.Typer(help="Back the database up while it is in use, list backups, rehearse one.")

LOOKS = (doctor.of_rooms, doctor.keys, doctor.database, doctor.work)
"""What can be said of a restored database without its surroundings."""


@app.callback(invoke_without_command=True)
def backup(
    ctx: typer.Context,
    keep_daily: Annotated[int | None, typer.Option(min=1, help="Remove others but the newest of so many days.")] = None,
    keep_monthly: Annotated[int, typer.Option(min=0, help="With --keep-daily: and the newest of so many months.")] = 12,
    as_json: Json = False,
) -> None:
    """Write the database and the signed heads into one encrypted file, and read it back. Nobody waits for it."""
    if ctx.invoked_subcommand is not None:
        return
    settings = session(ctx).settings
    session(ctx).read(lambda _: None)
    folder, key = settings.backup.folder, _key(settings)
    algorithm = Algorithm.SM4_GCM if settings.keys.cipher == "sm4-gcm" else Algorithm.AES_256_GCM
    with _bars() as step:
        url, heads = settings.store.location(), settings.evidence.heads
        path = backups.make(url, heads, folder, key, datetime.now(UTC), algorithm, step)
        made = backups.look(path, key)
    gone: list[Path] = []
    if keep_daily is not None:
        there = {backups.made_at(one): one for one in backups.backups(folder)}
        old = backups.superfluous(there, daily=keep_daily, monthly=keep_monthly)
        gone = [there[one] for one in sorted(old)]
        for one in gone:
            one.unlink()
    size = path.stat().st_size
    show(
        {"path": str(path), "rows": made.rows, "tables": made.tables, "bytes": size, "removed": list(map(str, gone))},
        as_json,
        say("backup.made", path=path, rows=made.rows, tables=len(made.tables), size=size / 1e6),
        *([say("backup.removed", number=len(gone))] if gone else []),
    )


@app.command("list")
def list_backups(ctx: typer.Context, as_json: Json = False) -> None:
    """The backups that are there, the newest first."""
    found = [
        {"path": str(one), "made_at": rfc3339(backups.made_at(one)), "bytes": one.stat().st_size}
        for one in backups.backups(session(ctx).settings.backup.folder)
    ]
    show({"backups": found}, as_json, table(["path", "made_at", "bytes"], (tuple(one.values()) for one in found)))


@app.command("rehearse")
def rehearse(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A backup; the newest unless one is named.")] = None,
    place: Annotated[Path | None, typer.Option("--in", help="Where there is room for the database.")] = None,
    as_json: Json = False,
) -> None:
    """Restore a backup into an empty place, look at it with doctor, verify its evidence. Exit code 1 if it fails."""
    settings = session(ctx).settings
    chosen = file or next(iter(backups.backups(settings.backup.folder)), None)
    if chosen is None:
        raise NotFoundProblem(say("backup.none", folder=settings.backup.folder))
    with tempfile.TemporaryDirectory(dir=place, prefix="gateway-rehearsal-") as folder:
        url, heads = f"sqlite:///{folder}/gateway.sqlite", Path(folder) / "heads"
        with _bars() as step:
            restored = backups.restore(chosen, _key(settings), url, heads, step)
        blocks = {
            "store": StoreSettings(url=url),
            "evidence": settings.evidence.model_copy(update={"heads": heads}),
        }
        findings = _looked(Session(_settings=settings.model_copy(update=blocks)))
    ok = not any(one.state == "fail" for one in findings)
    said = "backup.rehearsed" if ok else "backup.not_rehearsed"
    show(
        {"ok": ok, "path": str(chosen), "rows": restored.rows, "findings": [doctor.told(one) for one in findings]},
        as_json,
        doctor.shown(findings),
        "",
        say(said, path=chosen, made_at=restored.made_at, rows=restored.rows),
    )
    if not ok:
        raise typer.Exit(Exit.FOUND)


def _looked(ours: Session) -> list[Finding]:
    return doctor.looked(doctor.Asking(ours), (*LOOKS, evidence))


def evidence(ours: Session) -> Iterator[Finding]:
    """Every exchange is what was kept, and every signed head is reached."""
    with progress().status(in_words(say("evidence.verifying"))):
        verifier = evidence_of(ours).verifier()
        found = ours.read(lambda conn: verify(conn, verifier))
    if found.first_problem is not None:
        yield Finding("evidence", "fail", say("backup.evidence_bad", problem=found.first_problem))
    else:
        said = say("backup.evidence_ok", exchanges=found.exchanges, heads=found.heads_checked)
        yield Finding("evidence", "ok", said)


def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `gateway backup` has made.")],
    as_json: Json = False,
) -> None:
    """Make the database of these settings out of a backup. It must not be there yet, or be empty on PostgreSQL."""
    with session(ctx).alone() as settings:
        heads = settings.evidence.heads
        aside: Path | None = None
        if any(heads.glob("*.jsonl")):
            aside = heads.with_name(f"{heads.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
            heads.rename(aside)
        try:
            with _bars() as step:
                restored = backups.restore(file, _key(settings), settings.store.location(), heads, step)
        except BaseException:
            if aside is not None:
                aside.rename(heads)
            raise
    show(
        {"rows": restored.rows, "made_at": restored.made_at, "heads_before": None if aside is None else str(aside)},
        as_json,
        say("backup.restored", rows=restored.rows, made_at=restored.made_at),
        *([say("backup.heads_aside", path=aside)] if aside is not None else []),
        say("backup.after"),
    )


def _key(settings: Settings) -> bytes:
    if settings.backup.key is None:
        raise SettingsError("backup.key", say("backup.no_key"))
    try:
        key = bytes.fromhex(read_secret(settings.backup.key, "backup.key").get_secret_value())
    except ValueError:
        key = b""
    if len(key) != backups.KEY_BYTES:
        raise SettingsError("backup.key", say("backup.bad_key"))
    return key


@contextmanager
def _bars() -> Iterator[Callable[[str, str, int, int], None]]:
    """A bar for each table that is worked on."""
    bars: dict[tuple[str, str], TaskID] = {}
    with Progress(console=progress(), transient=True) as shown:

        def step(what: str, name: str, done: int, total: int) -> None:
            key = (what, name)
            if key not in bars:
                bars[key] = shown.add_task(f"{what} {name}", total=total)
            shown.update(bars[key], completed=done, visible=done < total)

        yield step
