"""How commands speak: one value, shown as text or as one JSON object; errors with their cure; exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.terminal.listing import Listing
from gateway.words.clock import from_micros, rfc3339
from gateway.words.errors import ExchangeError, GatewayError, InvalidProblem, Problem, SettingsError, UnavailableProblem
from gateway.words.saying import Language, Sentence, Word, head_in, of_terminal, said_of, say, worded

if TYPE_CHECKING:  # every command starts here: what only some need is loaded where they use it
    from rich.console import Console
    from sqlalchemy import Connection

    from gateway.app import App
    from gateway.foundation.store import Store
    from gateway.settings import Settings

T = TypeVar("T")


class Exit(IntEnum):
    """Exit codes, the same for every command; usage errors are 2, as everywhere."""

    __doc__: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        """An exit code with its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.__doc__ = meaning
        return member

    OK = 0, "done"
    FOUND = 1, "looked at, and found wanting"
    USAGE = 2, "command line not understood"
    SETTINGS = 3, "settings are wrong"
    REFUSED = 4, "refused: no such record, or not in its present state"
    LOCKED = 5, "another process works on the database"
    UNAVAILABLE = 6, "database or external system not available"
    FELL = 7, "stopped by itself: it had lost its node's name, its clock or its schema"
    CUT = 8, "told to stop, and cut off after twice the grace"


EXIT_CODES = tuple(Exit)

WIDE: ContextVar[bool] = ContextVar("wide", default=False)
"""Whether tables are as wide as what stands in them; said with ``--wide``, for this run."""
_JSON = "gateway.json"


def _remember(ctx: typer.Context, wanted: bool) -> bool:
    if wanted:
        ctx.meta[_JSON] = True  # shared by the contexts of a run: errors are told in the same way
    return wanted


Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.", callback=_remember)]


def _nothing(_: App, __: str | None) -> Any:
    raise LookupError("nobody has said what answers requests here")


@dataclass
class Session:
    """One run of the command line: its settings, loaded when the first command asks.

    ``answered_by``: what answers requests to a gateway that is opened here, of one room or of all.
    """

    file: Path | None = None
    answered_by: Callable[[App, str | None], Any] = field(default=_nothing, repr=False)
    _settings: Settings | None = field(default=None, repr=False)

    @property
    def settings(self) -> Settings:
        """The settings. Raises SettingsError."""
        if self._settings is None:
            from gateway import logs
            from gateway.settings import LogSettings, load

            self._settings = load(self.file)
            logs.configure(LogSettings(format="console", level="warning"))
        return self._settings

    @contextlib.contextmanager
    def store(self, *, exclusive: bool) -> Iterator[Store]:
        """The database's store; ``exclusive`` to change things. Raises SettingsError, LockedError."""
        from gateway.foundation.store import Store

        self.read(lambda _: None)
        store = Store.open(self.settings.store.location(), exclusive=exclusive)
        try:
            yield store
        finally:
            store.close()

    def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on the database, also while a gateway works on it. SettingsError if its schema is not ours."""
        from sqlalchemy.exc import DBAPIError, OperationalError

        from gateway.foundation.store import schema
        from gateway.foundation.store.engine import is_unreachable, open_engine, sqlite_path
        from gateway.foundation.store.silence import watched

        url = self.settings.store.location()
        if (path := sqlite_path(url)) is not None and not path.exists():
            raise SettingsError("store.url", say("store.no_database", path=path))
        engine = open_engine(url, read_only=True)
        try:
            with watched(engine, url):
                schema.require_current(engine)
                with engine.begin() as conn:
                    return query(conn)
        except DBAPIError as error:
            if not isinstance(error, OperationalError) and not is_unreachable(error):
                raise
            reason = str(error.orig).strip()
            raise UnavailableProblem(say("terminal.database", reason=reason)) from error
        finally:
            engine.dispose()

    @property
    def current(self) -> Settings:
        """The settings of a database whose schema is ours, for commands that open the gateway. Raises SettingsError."""
        self.read(lambda _: None)
        return self.settings

    @contextlib.contextmanager
    def changing(self) -> Iterator[Settings]:
        """``alone``, with a database whose schema is ours, for commands that open the gateway to change something."""
        with self.alone() as settings:
            self.read(lambda _: None)
            yield settings

    @contextlib.contextmanager
    def alone(self) -> Iterator[Settings]:
        """Settings, while nobody else works on a SQLite database. Raises LockedError if somebody does."""
        from gateway.foundation.store.engine import sqlite_path
        from gateway.foundation.store.lock import DatabaseLock

        path = sqlite_path(self.settings.store.location())
        with DatabaseLock.take(path) if path is not None else contextlib.nullcontext():
            yield self.settings


def session(ctx: typer.Context) -> Session:
    """The session of a command."""
    found = ctx.find_object(Session)
    assert found is not None
    return found


# --- words ---------------------------------------------------------------------------------------------------------


def spoken() -> Language:
    """The language of this terminal."""
    return of_terminal(os.environ)


def in_words(said: Any) -> Any:
    """A sentence or a word of ours in the language of this terminal, also yes and no; anything else as it is."""
    if isinstance(said, bool):
        said = say("terminal.yes" if said else "terminal.no")
    return worded(said, spoken()) if isinstance(said, (Sentence, Word)) else said


# --- results --------------------------------------------------------------------------------------------------------


def parse_day(text: str, field: str) -> date:
    """A day as people write it. Raises InvalidProblem."""
    from gateway.words.days import read_day

    try:
        return read_day(text)
    except ValueError as problem:
        raise InvalidProblem(said_of(problem), field=field) from None


def show(value: Mapping[str, Any], as_json: bool, *human: Any) -> None:
    """A command's result: one JSON object for programs, or whatever is given for people (texts, tables)."""
    if as_json:
        typer.echo(json.dumps(value, ensure_ascii=False, default=lambda one: str(in_words(one))))
        return
    tell(*human)


def tell(*human: Any) -> None:
    """What people are told on stdout: sentences, and tables, which are lines with tabs where no terminal is."""
    for one in human:
        if isinstance(one, Listing) and not sys.stdout.isatty():
            typer.echo("".join(f"{line}\n" for line in one.lines()), nl=False)
        else:
            console().print(in_words(one), markup=False, highlight=False)


def moment(micros: int | None) -> str | None:
    """Microseconds as RFC 3339 in +08:00."""
    return None if micros is None else rfc3339(from_micros(micros))


def table(
    columns: Sequence[Sentence | str], rows: Iterable[Sequence[Any]], title: Sentence | str | None = None
) -> Listing:
    """A table for people. Columns are given by their names; names and sentences are worded."""
    return _listing(columns, rows, title, headed=True)


def facts(known: Mapping[Any, Any], title: Sentence | str | None = None) -> Listing:
    """A record for people: what is known of it by name, a line each; what is None is left out."""
    return _listing(["", ""], ((head(name), value) for name, value in known.items() if value is not None), title)


def _listing(
    columns: Sequence[Sentence | str], rows: Iterable[Sequence[Any]], title: Sentence | str | None, headed: bool = False
) -> Listing:
    return Listing(
        [head(one) for one in columns],
        [["" if value is None else str(in_words(value)) for value in row] for row in rows],
        in_words(title),
        in_words(say("terminal.zone")),
        headed=headed,
        wide=WIDE.get(),
    )


def head(name: Sentence | str) -> str:
    """The name of a column or of a fact in the language of this terminal."""
    return worded(name, spoken()) if isinstance(name, Sentence) else head_in(name, spoken())


def console() -> Console:
    """Results, wide enough that nothing is broken where no terminal says how wide it is."""
    from rich.console import Console

    asked = 10_000 if WIDE.get() else None
    return Console(file=sys.stdout, width=asked if sys.stdout.isatty() else 240, highlight=False)


def progress() -> Console:
    """Where a command says what it is doing."""
    from rich.console import Console

    return Console(file=sys.stderr, width=None if sys.stderr.isatty() else 240, highlight=False)


# --- errors ---------------------------------------------------------------------------------------------------------


def report(ctx: typer.Context, error: GatewayError) -> Exit:
    """Say what went wrong and its cure on stderr; the exit code for it."""
    from gateway.foundation.store.lock import LockedError

    language = spoken()
    told: dict[str, Any] = {"error": type(error).__name__, "detail": in_words(said_of(error))}
    code = Exit.REFUSED
    match error:
        case SettingsError():
            told |= {"key": error.key, "detail": error.reason_in(language), "cure": error.cure_in(language)}
            code = Exit.SETTINGS
        case LockedError():
            said = say("terminal.locked", pid=error.pid or "?", database=error.database)
            told |= {"detail": in_words(said), "pid": error.pid, "cure": said.cure_in(language)}
            code = Exit.LOCKED
        case Problem():
            told |= {"detail": error.detail_in(language), "cure": error.cure_in(language)}
            told |= {"field": error.field, "type": error.type}
            code = Exit.UNAVAILABLE if isinstance(error, UnavailableProblem) else Exit.REFUSED
        case ExchangeError():
            code = Exit.UNAVAILABLE
    if ctx.meta.get(_JSON):
        known = {name: value for name, value in told.items() if value is not None}
        typer.echo(json.dumps(known, ensure_ascii=False), err=True)
        return code
    where = f"{told['key']}: " if told.get("key") else ""
    lines = [say("terminal.error", error=f"{where}{told['detail']}")]
    lines += [say("terminal.cure", cure=told["cure"])] if told.get("cure") else []
    for one in lines:  # what is to be copied from it is not broken
        progress().print(in_words(one), markup=False, soft_wrap=True)
    return code
