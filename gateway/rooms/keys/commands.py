"""``gateway keys ring``, ``rotate`` and ``destroy``: the gateway's own keys."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer

from gateway.foundation.crypto.keys import part_id
from gateway.foundation.crypto.rings import own_keys
from gateway.foundation.rotation import records
from gateway.foundation.rotation.records import Known
from gateway.foundation.rotation.standing import KeyStanding, standings
from gateway.settings import Settings
from gateway.terminal.output import Json, in_words, moment, progress, session, show, table
from gateway.terminal.running import KeyFile, ask
from gateway.words.clock import SystemClock, to_micros
from gateway.words.errors import NotFoundProblem
from gateway.words.saying import say

Name = Annotated[str, typer.Argument(help="kek, blind-index, evidence-mac, evidence-head, report …; or all.")]
_HEADS = ("key", "use", "state", "where", "made_at", "used_at", "retired_at", "moved", "waits_for")


def ring(ctx: typer.Context, as_json: Json = False) -> None:
    """The gateway's own keys: what each is for, its age, its state, and how far its change has come."""
    ours = session(ctx)
    now = to_micros(SystemClock().now())
    known = ours.read(partial(records.known, now=now))
    keys = own_keys(ours.settings.keys)
    keys.told({name: known.live(name) for name in known.names()})
    _show(standings(known, keys), as_json)


def rotate(ctx: typer.Context, name: Name, key_file: KeyFile = None, as_json: Json = False) -> None:
    """Change a key, or all. A running gateway does it with --key-file; else it is done here, while none runs."""
    if key_file is not None:
        settings = session(ctx).settings
        listed = ask(settings, key_file, "GET", "/v1/own-keys")["items"]
        names = sorted({one["name"] for one in listed}) if name == "all" else [name]
        items = [one for each in names for one in _asked(settings, key_file, each)]
        show({"keys": items}, as_json, table(["key", "state", "waits_for"], _rows(items)), say("keys.goes_on"))
        return
    from gateway.app import App

    async def run() -> list[KeyStanding]:
        with session(ctx).changing() as settings, progress().status("") as status:
            async with App.open(settings) as gateway:
                rotation = gateway.base.rotation

                def told(known: Known, of: str) -> None:
                    sweeps = [one for one in known.sweeps if one.name == of]
                    moved, total = sum(one.moved for one in sweeps), sum(max(one.total, one.moved) for one in sweeps)
                    status.update(in_words(say("keys.moving", name=of, moved=moved, total=total)))

                for each in sorted(gateway.base.keys.held()) if name == "all" else [name]:
                    await rotation.rotate(each, "gateway keys rotate")
                    await rotation.finish(each, partial(told, of=each))
                return [one for one in await rotation.standings() if name in ("all", one.name)]

    _show(asyncio.run(run()), as_json)


def destroy(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(help="A retired key, as gateway keys ring names it: kek-0001.")],
    as_json: Json = False,
) -> None:
    """Destroy a retired key for good. Backups from before it was retired can never be opened again."""
    from gateway.app import App

    parted = part_id(key)
    if parted is None:
        raise NotFoundProblem(say("keys.no_key", key=key))

    async def run() -> None:
        with session(ctx).changing() as settings:
            async with App.open(settings) as gateway:
                await gateway.base.rotation.destroy(*parted, "gateway keys destroy")

    asyncio.run(run())
    show({"key": key, "destroyed": True}, as_json, say("keys.destroyed", key=key))


def _asked(settings: Settings, key_file: Any, name: str) -> list[dict[str, Any]]:
    return list(ask(settings, key_file, "POST", f"/v1/own-keys/{name}/rotation")["items"])


def _rows(items: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["key"], one["state"], ", ".join(one["waits_for"])) for one in items]


def _show(found: Sequence[KeyStanding], as_json: bool) -> None:
    times = ("made_at", "used_at", "retired_at")
    rows = [{**asdict(one), **{name: moment(getattr(one, name)) for name in times}} for one in found]
    shown = [
        (
            one.key,
            say(f"keys.use_{one.name.replace('-', '_')}") if one.name in _USES else one.name,
            say(f"keys.state_{one.state.value}"),
            say(f"keys.where_{one.where}") if one.where else "",
            *((moment(getattr(one, name)) or "")[:10] for name in times),
            f"{one.moved}/{one.total}" if one.total else "",
            ", ".join(one.waits_for),
        )
        for one in found
    ]
    show({"keys": rows}, as_json, table(_HEADS, shown))


_USES = ("kek", "blind-index", "evidence-mac", "evidence-head", "report", "seal-records")
