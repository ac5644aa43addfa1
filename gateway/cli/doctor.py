"""``gateway doctor``: looks at everything a gateway stands on, and names the cure for what is wrong."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import typer

from gateway.cli.calendar import provisional_dates, resting_said
from gateway.cli.channels import check_all
from gateway.cli.database import found, left_of
from gateway.cli.rehearsal import rehearse
from gateway.foundation import folders, rooms
from gateway.foundation.backups import backups, made_at
from gateway.foundation.channels import Checked, wire_settings
from gateway.foundation.credentials import EXPIRES_SOON, ends_at
from gateway.foundation.crypto import selftest
from gateway.foundation.crypto.rings import keys_of_installation, own_keys, token_of
from gateway.foundation.delivery import limits, operation_records, unreadable_records
from gateway.foundation.drift import records as drift_records
from gateway.foundation.drift.records import DRIFT_IS_NEWS
from gateway.foundation.findings import Finding, stops
from gateway.foundation.local_socket import answers, socket_of
from gateway.foundation.reckoning import calendars, law_of
from gateway.foundation.store import promises, schema, sealed
from gateway.foundation.store.engine import is_unreachable, sqlite_path
from gateway.foundation.store.lock import DatabaseLock, LockedError
from gateway.foundation.store.store import database_now
from gateway.settings import FACES, Settings
from gateway.terminal.output import Exit, Json, Session, in_words, progress, session, show, spoken, table
from gateway.words.calendar import NOTICE_IS_DUE
from gateway.words.clock import day_of, from_micros, to_micros
from gateway.words.errors import GatewayError, Problem, SettingsError, UnavailableProblem
from gateway.words.saying import Sentence, Word, said_of, say

T = TypeVar("T")

CLOCK_DRIFT = 2.0  # seconds between this machine and the database
DISK_LOW, DISK_EMPTY = 1 << 30, 100 << 20  # bytes
UNREADABLE_IS_NEWS = timedelta(days=7)
BACKUP_IS_OLD = timedelta(days=2)
_NAMED = 3


def doctor(ctx: typer.Context, as_json: Json = False) -> None:
    """Check settings, crypto, keys, database, clocks, disk, calendar, channels. Exit code 1 if something fails."""
    asking = Asking(session(ctx))
    findings = looked(asking, LOOKS)
    ok = not any(one.state == "fail" for one in findings)
    show(
        {"ok": ok, "findings": [told(one) for one in findings]},
        as_json,
        shown(findings),
        "",
        say("doctor.well" if ok else "doctor.see_to"),
    )
    if not ok:
        raise typer.Exit(Exit.FOUND if asking.away is None else Exit.UNAVAILABLE)


class _NoDatabaseError(Exception):
    """Somebody wants to read, and there is no database, or it has not answered before."""


class Asking(Session):
    """A session that asks the database until it does not answer once: each look would wait for it anew.

    ``away``: how it did not answer. Whatever reads after that is passed over.
    """

    def __init__(self, ours: Session) -> None:
        super().__init__(ours.file, ours.answered_by)
        self._ours = ours
        self.away: UnavailableProblem | None = None

    @property
    def settings(self) -> Settings:
        """Those of the session. Raises SettingsError."""
        return self._ours.settings

    def read(self, query: Callable[[Any], T]) -> T:
        """Run a query, as the session does."""
        return self.asked(lambda: self._ours.read(query))

    def asked(self, question: Callable[[], T]) -> T:
        """The answer of the database. Raises _NoDatabaseError where it gives none, or gave none before."""
        if self.away is None:
            try:
                return question()
            except UnavailableProblem as away:
                self.away = away
        raise _NoDatabaseError


def looked(ours: Asking, looks: Sequence[Callable[[Asking], Iterable[Finding]]]) -> list[Finding]:
    """What these looks find; one that cannot be had is a finding, and of settings that cannot be read the only one.

    A database that does not answer is one finding, where that is first heard.
    """
    findings: list[Finding] = []
    with progress().status(in_words(say("doctor.looking"))) as status:
        for look in looks:
            answered = ours.away is None
            status.update(in_words(say("doctor.looking_at", what=say(f"doctor.look_{look.__name__}"))))
            try:
                findings += (one for one in look(ours) if not _said_before(one, findings))
            except _NoDatabaseError:
                pass
            except Exception as error:
                if look is settings_load:
                    return [*findings, _failed("settings", error)]
                findings.append(_failed(look.__name__, error))
            if answered and ours.away is not None:
                findings.append(_failed("database", ours.away))
    return findings


def _said_before(one: Finding, findings: Iterable[Finding]) -> bool:
    """Whether an earlier look has told of this failure: a start on trial stops where single looks do."""
    return one.state == "fail" and any(one.detail in other.detail for other in findings if other.state == "fail")


def shown(findings: Iterable[Finding]) -> Any:
    """Findings as a table for people."""
    return table(
        ["", "", say("doctor.found"), say("doctor.cure")],
        ((say(f"doctor.{one.state}"), _named(one.name), one.said, one.cure_in(spoken())) for one in findings),
    )


def told(one: Finding) -> dict[str, str]:
    """A finding for programs: its name and state are those by which it is chosen, the rest is for people."""
    return {
        "name": str(one.name),
        "state": one.state,
        "detail": in_words(one.said),
        "cure": one.cure_in(spoken()),
    }


def _named(name: Sentence | str) -> Sentence | str:
    """What was looked at, its first word in the language of the terminal."""
    if not isinstance(name, str):
        return name
    first, _, rest = name.partition(" ")
    return str(in_words(say("doctor.name", what=Word(first), rest=rest))).strip()


def _failed(name: str, error: Exception) -> Finding:
    """A look that could not be had: in the error's words, or its kind as well where it is none of ours."""
    if isinstance(error, SettingsError):
        return Finding(name, "fail", say("doctor.setting", key=error.key, reason=error.said), error.cure_in(spoken()))
    if isinstance(error, Problem):
        return Finding(name, "fail", error.said, error.cure_in(spoken()))
    if isinstance(error, GatewayError):
        return Finding(name, "fail", said_of(error))
    return Finding(name, "fail", say("doctor.fault", kind=type(error).__name__, error=str(error)))


def crypto(_: Session) -> Iterator[Finding]:
    """Known-answer tests of every algorithm."""
    for check in selftest.run():
        cure = "" if check.ok else say("doctor.reinstall")
        yield Finding(f"crypto {check.name}", "ok" if check.ok else "fail", check.said, cure)


def settings_load(ours: Session) -> Iterator[Finding]:
    """The settings themselves."""
    loaded = ours.settings
    yield Finding("settings", "ok", say("doctor.settings", channels=len(loaded.channels), routes=len(loaded.routes)))


def keys(ours: Session) -> Iterator[Finding]:
    """The gateway's own keys are there, those that the database is sealed under, and nobody else's to read."""
    directory = ours.settings.keys.directory
    try:
        value = ours.read(sealed.sample)
    except (GatewayError, _NoDatabaseError):  # the look at the database says why
        value = None
    if ours.settings.keys.provider == "pkcs11":
        yield from _token(ours, value)
        return
    if value is None and not directory.exists():
        yield Finding("keys", "warn", say("doctor.keys_none", directory=directory))
        return
    if value is None:
        own_keys(ours.settings.keys)
    else:
        keys_of_installation(ours.settings.keys, value)
    yield Finding("keys", "ok", say("doctor.keys_in", directory=directory))


def _token(ours: Session, value: bytes | None) -> Iterator[Finding]:
    """The hardware module is there and holds what the database is sealed under, and what it cannot do itself."""
    block = ours.settings.keys
    token = token_of(block)
    ring = own_keys(block) if value is None else keys_of_installation(block, value)
    held = [(name, number) for name, numbers in ring.held().items() for number in numbers]
    files = sum(ring.where(*one) == "file" for one in held)
    if not held:
        yield Finding("keys", "warn", say("doctor.token_empty", token=token.label))
    elif files:
        yield Finding("keys", "warn", say("doctor.token_beside", token=token.label, number=files))
    else:
        yield Finding("keys", "ok", say("doctor.token_holds", token=token.label, number=len(held)))
    # PKCS #11 v2.40 has no mechanism of the SM algorithms; what takes their place is what must be known.
    yield Finding("keys SM4", "ok", say("doctor.token_sm4", cipher=block.cipher))
    yield Finding("keys SM3", "ok", say("doctor.token_sm3"))
    yield Finding("keys SM2", "ok", say("doctor.token_sm2", signatures=block.signatures))


def database(ours: Asking) -> Iterator[Finding]:
    """The database is there, its schema is ours, and who works on it."""
    url = ours.settings.store.location()
    path = sqlite_path(url)
    if not _there(ours):
        yield Finding("database", "fail", say("doctor.no_database", path=path))
        return
    if path is None:  # first of all: who may not have a session of ours at all is no database that is away
        state: Literal["warn", "fail"] = "warn" if ours.settings.store.may_forget else "fail"
        yield from (Finding("database", state, one) for one in ours.asked(partial(_broken, url)))
    ours.read(lambda _: None)
    yield Finding("database", "ok", say("doctor.schema", branches=sorted(schema.expected())))
    yield from (Finding("database", "warn", one) for one in left_of(found(url)))
    if path is not None:
        try:
            DatabaseLock.take(path).release()
            yield Finding("gateway", "ok", say("doctor.no_process"))
        except LockedError as error:
            yield Finding("gateway", "ok", say("doctor.process", pid=error.pid))


def _broken(url: str) -> list[Sentence]:
    """The promises that this server breaks. Raises UnavailableProblem if it is away."""
    try:
        return promises.broken(url)
    except Exception as error:
        if not is_unreachable(error):
            raise
        raise UnavailableProblem(say("terminal.database", reason=str(getattr(error, "orig", error)).strip())) from error


def _there(ours: Session) -> bool:
    path = sqlite_path(ours.settings.store.location())
    return path is None or path.exists()


def clocks(ours: Session) -> Iterator[Finding]:
    """Leases are judged by the database's clock, everything else by ours: they must agree."""
    if not _there(ours):
        return
    before = time.time()
    there = ours.read(database_now) / 1_000_000
    drift = max(before - there, there - time.time(), 0.0)
    good = drift <= CLOCK_DRIFT
    cure = "" if good else say("doctor.synchronise")
    yield Finding("clock", "ok" if good else "fail", say("doctor.drift", drift=drift), cure)


def work(ours: Session) -> Iterator[Finding]:
    """Nothing waits for a person."""
    if not _there(ours):
        return

    stopped, counts = ours.read(limits.stopped_channels), ours.read(operation_records.counts)
    for channel, reason in stopped.items():
        yield Finding(f"channel {channel}", "fail", say("doctor.stopped", reason=reason, channel=channel))
    parked = sum(number for (_, state), number in counts.items() if state == "parked")
    doubtful = sum(number for (_, state), number in counts.items() if state == "uncertain")
    if parked:
        cure = "gateway operations list --state parked"
        yield Finding("operations", "warn", say("doctor.parked", parked=parked, doubtful=doubtful), cure)
    else:
        yield Finding("operations", "ok", say("doctor.none_parked", doubtful=doubtful))


def drift(ours: Session) -> Iterator[Finding]:
    """What channels have begun to send that their contracts do not have."""
    if not _there(ours):
        return
    noted = ours.read(drift_records.all_of)
    lately = to_micros(datetime.now(UTC) - DRIFT_IS_NEWS)
    for channel in dict.fromkeys(one.channel for one in noted):
        of_it = [one for one in noted if one.channel == channel]
        news = [one for one in of_it if one.first_seen_at >= lately]
        if not news:
            yield Finding(
                say("doctor.contract_of", channel=channel), "ok", say("doctor.drift_old", elements=len(of_it))
            )
            continue
        said = [
            say(
                "doctor.drift_since", action=one.action, element=one.element, day=day_of(from_micros(one.first_seen_at))
            )
            for one in news[:_NAMED]
        ]
        if len(news) > _NAMED:
            said.append(say("doctor.drift_more", number=len(news) - _NAMED))
        yield Finding(
            say("doctor.contract_of", channel=channel),
            "warn",
            say("doctor.drift_new", said=said, channel=channel),
        )


def callbacks(ours: Session) -> Iterator[Finding]:
    """Messages of external systems that nobody could read."""
    if not _there(ours):
        return
    since = to_micros(datetime.now(UTC) - UNREADABLE_IS_NEWS)
    for channel in ours.settings.channels:
        if number := ours.read(partial(unreadable_records.number_since, channel=channel, since=since)):
            yield Finding(
                say("doctor.callbacks_of", channel=channel),
                "warn",
                say("doctor.unreadable", number=number, days=UNREADABLE_IS_NEWS.days, channel=channel),
            )


def of_rooms(ours: Session) -> Iterator[Finding]:
    """The rooms can be found, and what each of them looks at."""
    from gateway.cli import commands  # the frame, which loads this command

    found = rooms.found()
    commands()
    yield Finding("rooms", "ok", say("doctor.list", all=[room.name for room in found]))
    there = _there(ours)
    for room in found:
        if room.doctor is None:
            continue
        try:
            yield from room.place(room.doctor)(ours.settings, ours.read if there else _nothing_to_read)
        except _NoDatabaseError:  # said once, of the database
            continue
        except Exception as error:  # what one room cannot look at must not hide the others
            yield _failed(room.name, error)


def _nothing_to_read(_: Callable[[Any], Any]) -> Any:
    raise _NoDatabaseError


def disk(ours: Session) -> Iterator[Finding]:
    """Room for what must never be lost."""
    places = {"heads": ours.settings.evidence.heads, "keys": ours.settings.keys.directory}
    if (path := sqlite_path(ours.settings.store.location())) is not None:
        places["database"] = path.parent
    seen: dict[int, str] = {}
    for name, place in places.items():
        there = next(one for one in (place, *place.absolute().parents) if one.exists())
        device = os.stat(there).st_dev
        if device in seen:
            continue
        seen[device] = name
        free = shutil.disk_usage(there).free
        state: Literal["ok", "warn", "fail"] = "ok" if free >= DISK_LOW else "warn" if free >= DISK_EMPTY else "fail"
        cure = "" if state == "ok" else say("doctor.make_room", place=there)
        yield Finding(say(f"doctor.disk_{name}"), state, say("doctor.free", free=free / (1 << 30)), cure)


def written(ours: Session) -> Iterator[Finding]:
    """Each folder of the settings can be written."""
    block = ours.settings.backup
    places = [*folders.of_serve(ours.settings), *([("backup.folder", block.folder)] if block.key else [])]
    for key, place in places:
        if (why := folders.unusable(place)) is not None:
            yield Finding(key, "fail", why)


def backup(ours: Session) -> Iterator[Finding]:
    """Backups are made, where this gateway makes them."""
    block = ours.settings.backup
    if block.key is None:
        return
    made = backups(block.folder)
    if not made:
        yield Finding("backup", "warn", say("backup.none_yet", folder=block.folder))
        return
    newest = made_at(made[0])
    old = datetime.now(UTC) - newest > BACKUP_IS_OLD
    said = say("backup.old" if old else "backup.newest", made_at=newest)
    yield Finding("backup", "warn" if old else "ok", said)


def calendar(ours: Session) -> Iterator[Finding]:
    """The days off of this year are known, from October those of the next, and what rests on others."""
    today = day_of(datetime.now(UTC))
    known = calendars(ours.settings.calendar)[None]
    wanted = today.year + (today.month >= NOTICE_IS_DUE)
    missing = known.unknown_years(today)
    if missing:
        yield Finding("calendar", "warn", say("doctor.calendar_unknown", year=missing[0]))
    else:
        yield Finding("calendar", "ok", say("doctor.calendar_known", until=f"{wanted}-12-31"))
    if _there(ours):
        resting = provisional_dates(ours.read)
        cure = say("doctor.calendar_resting") if any(resting.values()) else ""
        yield Finding("dates", "warn" if cure else "ok", resting_said(resting), cure)


def law(ours: Session) -> Iterator[Finding]:
    """The rows of the law can be read, and what of them is to be confirmed."""
    rows = law_of(ours.settings)
    marked = rows.unconfirmed(day_of(datetime.now(UTC)))
    if marked:
        about = list(dict.fromkeys(row.title for row in marked))
        yield Finding("law", "warn", say("doctor.law_marked", number=len(marked), about=about))
    else:
        yield Finding("law", "ok", say("doctor.law", rows=len(rows.rows)))


def credentials(ours: Session) -> Iterator[Finding]:
    """Certificates that expire, connections that others can hear."""
    for name, channel in ours.settings.channels.items():
        label, rest = f"channel {name}", channel.rest
        if isinstance(rest.get("client_cert"), str):
            yield certificate(label, Path(rest["client_cert"]), datetime.now(UTC))
        if channel.url.startswith("http:") and not _near(channel.url):
            yield Finding(label, "warn", say("doctor.plain_url", url=channel.url))
        with suppress(SettingsError):  # said when the channel is looked at
            for weakness in wire_settings(name, channel).tls.weaknesses():
                yield Finding(label, "warn", weakness, say("doctor.newer_server"))


def certificate(label: str, file: Path, now: datetime) -> Finding:
    """How long a client certificate lasts."""
    try:
        last = ends_at(file)
    except (OSError, ValueError) as error:
        return Finding(label, "fail", say("doctor.no_pem", file=file, error=error))
    if last <= now:
        return Finding(label, "fail", say("doctor.cert_expired", file=file, last=last))
    if last - now < EXPIRES_SOON:
        return Finding(label, "warn", say("doctor.cert_expires", file=file, last=last))
    return Finding(label, "ok", say("doctor.cert_valid", last=last))


def reachability(ours: Session) -> Iterator[Finding]:
    """Every channel answers a harmless call."""
    settings = ours.settings
    try:
        checked = asyncio.run(check_all(settings))
    except SettingsError as wrong:  # what is wrong with one channel must not hide the others
        checked = [one for name in settings.channels for one in _check_alone(settings, name)]
        if all(one.ok for one in checked):
            raise wrong from None
    for one in checked:
        yield Finding(f"channel {one.channel}", "ok" if one.ok else "fail", one.said, one.then)


def _check_alone(settings: Settings, name: str) -> list[Checked]:
    try:
        channels = {name: settings.channels[name]}
        return asyncio.run(check_all(settings.model_copy(update={"channels": channels, "routes": ()})))
    except SettingsError as error:
        said = say("doctor.setting", key=error.key, reason=error.said)
        return [Checked(name, False, said, error.cure_in(spoken()))]


def rehearsal(ours: Session) -> Iterator[Finding]:
    """Everything that ``serve`` opens by its settings can be opened."""
    try:
        asyncio.run(rehearse(ours.settings))
    except SettingsError as error:
        yield stops(error)


def listening(ours: Session) -> Iterator[Finding]:
    """Each address to listen on is free, or a gateway answers there already."""
    place = socket_of(ours.settings)
    runs = place is not None and answers(place)
    for bind in ours.settings.server.binds(FACES):
        if (error := _not_free(bind)) is None:
            continue
        if error.errno != errno.EADDRINUSE:
            said = say("settings.cannot_listen", bind=bind, reason=error.strerror or str(error))
            yield Finding(f"server {bind}", "fail", said)
        elif runs or _answers(bind):
            yield Finding(f"server {bind}", "ok", say("doctor.answers", bind=bind))
        else:
            yield Finding(f"server {bind}", "fail", say("doctor.in_use", bind=bind))
    if runs:
        return  # with its doors and its socket
    for name, channel in ours.settings.channels.items():
        address = channel.rest.get("listen")
        if isinstance(address, str) and (error := _not_free(address)) is not None:
            said = say("channels.cannot_listen", address=address, error=error.strerror or str(error))
            yield Finding(f"channels.{name}.listen", "fail", said)


def _not_free(bind: str) -> OSError | None:
    """Why nobody can listen there; None where it is free."""
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host.strip("[]"), int(port)))
        except OSError as error:
            return error
        except (OverflowError, ValueError) as error:
            return OSError(None, str(error))
    return None


def _answers(bind: str) -> bool:
    import httpx

    with suppress(httpx.HTTPError, ValueError, AttributeError):
        return bool(httpx.get(f"http://{bind}/healthz", timeout=3, trust_env=False).json().get("status") == "ok")
    return False


def _near(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


LOOKS = (
    crypto,
    settings_load,
    database,  # before who reads it: its own look knows best why it does not answer
    of_rooms,
    keys,
    clocks,
    work,
    drift,
    callbacks,
    disk,
    written,
    backup,
    calendar,
    law,
    credentials,
    reachability,
    rehearsal,
    listening,
)
