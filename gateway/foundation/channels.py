"""From settings to channels: one adapter each, with its wire, its keys and its secrets."""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import structlog
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from gateway.foundation import rooms
from gateway.foundation.rooms import Room
from gateway.foundation.wire import ChannelWire, FolderWire, FrameWire, WireSettings, WireTerms
from gateway.foundation.wire.drift import NoteDrift, no_notes
from gateway.foundation.wire.tokens import TokenShelf
from gateway.plugins import KindOf, Kinds, load
from gateway.ports.base import Adapter, AdapterInfo, FindGuarantee, Incoming, OpenedCallback, Recorder, check_word
from gateway.settings import (
    SANDBOXES_ROUTE,
    SHARED_ROUTE,
    ChannelSettings,
    Route,
    Seconds,
    Settings,
    known,
    read_secret,
)
from gateway.words.clock import Clock
from gateway.words.errors import ContractError, ExchangeError, ForgedCallbackError, NotFoundProblem, SettingsError
from gateway.words.identifiers import in_sandbox
from gateway.words.private import require_private
from gateway.words.saying import Language, Sentence, UnfitError, cure_of, say
from gateway.words.wrong import reason_of

log = structlog.get_logger(__name__)

M = typing.TypeVar("M", bound=BaseModel)

Shelf = Callable[[str, Any], TokenShelf]
"""Where the access tokens of a channel are kept: its name, and for whom they are."""


@dataclass(frozen=True)
class QuietHours:
    """A window of civil time in Shanghai, over midnight when it ends before it begins."""

    begins: time
    ends: time

    def __str__(self) -> str:
        """As it is written in settings."""
        return f"{self.begins:%H:%M}-{self.ends:%H:%M}"


def _quiet_hours(value: Any) -> QuietHours:
    begins, dash, ends = value.partition("-") if isinstance(value, str) else ("", "", "")
    try:
        window = QuietHours(time.fromisoformat(begins.strip()), time.fromisoformat(ends.strip()))
    except ValueError:
        dash = ""
    if not dash or window.begins == window.ends or window.begins.tzinfo or window.ends.tzinfo:
        raise UnfitError(say("settings.hours"))
    return window


Quiet = Annotated[QuietHours, BeforeValidator(_quiet_hours)]
"""A window as it is written in settings: ``"22:30-00:30"``."""


class ChannelKeys(BaseModel):
    """Keys of any channel that are neither the wire's nor the adapter's nor those of its kind.

    ``settle_seconds``: how long "not found" is not believed there, where that differs from the adapter's word.
    ``rate``: calls a second over all nodes, ``burst`` of them at once; ``concurrency``: calls in flight over all nodes.
    ``quiet``: hours in Shanghai in which the platform is closed 日切停服, ``["22:30-00:30"]``: nothing is sent, nothing
    is asked. ``circuit_failures``: after so many attempts in a row without an answer nothing leaves for
    ``circuit_seconds``, then one call tries; 0 switches that off. ``simulator``: a simulator answers there, for
    sandboxes and nobody else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    settle_seconds: Seconds | None = None
    rate: Annotated[float, Field(gt=0, le=100_000)] | None = None
    burst: Annotated[int, Field(ge=1, le=100_000)] = 1
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    quiet: tuple[Quiet, ...] = ()
    circuit_failures: Annotated[int, Field(ge=0, le=10_000)] = 10
    circuit_seconds: Seconds = 5.0
    simulator: bool = False


@dataclass(frozen=True)
class Old:
    """A channel under the secrets that it had before: it calls nobody, and opens messages until an instant."""

    channel: Channel
    until: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether messages that come at this instant are opened."""
        return self.until is None or at < self.until


@dataclass(frozen=True)
class Channel:
    """One configured instance of an adapter.

    ``find`` says how far its "not found" can be trusted, ``keys`` what the settings say of any channel, ``kind_keys``
    what they say of one of its kind (see ``keys_of``), ``options`` the adapter's own settings.
    """

    name: str
    adapter: Any
    info: AdapterInfo
    find: FindGuarantee
    url: str
    wire: ChannelWire | FolderWire | FrameWire
    keys: ChannelKeys = field(default_factory=ChannelKeys)
    options: Any = None
    kind_keys: BaseModel | None = None
    old: Old | None = None

    async def opened(self, incoming: Incoming) -> OpenedCallback:
        """A message opened by the adapter: under the channel's secrets, or under its old ones while they hold.

        Raises what the adapter raises; ForgedCallbackError where it is authentic under neither.
        """
        try:
            return await self._open(incoming)
        except (ForgedCallbackError, ContractError) as first:
            if self.old is None or not self.old.holds(incoming.received_at):
                raise
            try:
                return await self.old.channel._open(incoming)
            except ForgedCallbackError:
                raise first from None
            except ContractError as second:  # authentic under the old ones, and not to be read
                raise (second if isinstance(first, ForgedCallbackError) else first) from None

    async def _open(self, incoming: Incoming) -> OpenedCallback:
        opened: OpenedCallback = await self.adapter.open_callback(incoming)
        return opened

    async def close(self) -> None:
        """Let go of every connection."""
        try:
            await self.adapter.close()
        finally:
            await self.wire.close()
        if self.old is not None:
            await self.old.channel.close()

    def keys_of(self, model: type[M]) -> M:
        """The keys that channels of this kind have: ``model`` is the one that the kind's room declares.

        The model's defaults where the channel was made without settings. TypeError for another kind's model.
        """
        if self.kind_keys is None:
            return model()
        if not isinstance(self.kind_keys, model):
            raise TypeError(f"the channel {self.name} of kind {self.info.kind} has no {model.__name__}")
        return self.kind_keys

    def can(self, capability: str) -> bool:
        """Whether a method of the port works here: the adapter has it, and its settings do not say otherwise."""
        offered = capability in self.info.capabilities
        return offered and capability not in getattr(self.options, "not_offered", frozenset())

    @property
    def issuing(self) -> str:
        """Who makes a payment code here: platform, unit or range; an adapter's settings say so."""
        return str(getattr(self.options, "issuing", "platform"))


@dataclass(frozen=True)
class Ground:
    """What every channel stands on: who keeps its evidence, the clock, who takes notes of drift, where tokens lie."""

    recorder: Recorder
    clock: Clock
    drift: NoteDrift = no_notes
    shelf: Shelf | None = None


@dataclass(frozen=True)
class Checked:
    """What a channel's harmless call showed, and what to do when it failed. ``detail`` and ``cure`` are English."""

    channel: str
    ok: bool
    said: Sentence | str
    then: Sentence | str | None = None

    @property
    def detail(self) -> str:
        """What it showed, in English."""
        return str(self.said)

    @property
    def cure(self) -> str:
        """What to do about it, in English."""
        return self.cure_in(Language.ENGLISH)

    def cure_in(self, language: Language) -> str:
        """What to do about it; empty where nothing is to be done."""
        return cure_of(self.said, self.then, language) or ""


class Channels:
    """All channels of an installation, and which of them serve an authority."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        routes: Mapping[tuple[str, str], tuple[str, ...]],
        again: Callable[[str, ChannelSettings], Channel] | None = None,
    ) -> None:
        self._channels = dict(channels)
        self._routes = dict(routes)
        self._again = again

    @classmethod
    def build(
        cls,
        settings: Settings,
        *,
        recorder: Recorder,
        clock: Clock,
        kinds: Kinds | None = None,
        drift: NoteDrift = no_notes,
        shelf: Shelf | None = None,
    ) -> Channels:
        """Import what settings name, and build one adapter a channel. Opens no connection. Raises SettingsError.

        ``kinds``: those that may be named; without it, those that installed rooms serve. ``drift``: takes what is
        passed over in answers. ``shelf``: where the nodes share access tokens; without it each channel keeps its own.
        """
        kinds = served_kinds() if kinds is None else kinds
        classes = {
            name: adapter_class(one.adapter, f"channels.{name}.adapter", kinds)
            for name, one in settings.channels.items()
        }
        for index, route in enumerate(settings.routes):
            _check_route(f"routes[{index}]", route, classes, kinds)
        ground = Ground(recorder, clock, drift, shelf)
        channels = {
            name: build_channel(name, one, classes[name], kinds, ground) for name, one in settings.channels.items()
        }

        def again(name: str, one: ChannelSettings) -> Channel:
            return build_channel(name, one, classes[name], kinds, ground)

        for index, route in enumerate(settings.routes):
            for name in route.channels:
                if in_sandbox(route.authority) is not channels[name].keys.simulator:
                    said = "channels.sandbox_route" if in_sandbox(route.authority) else "channels.simulator_route"
                    raise SettingsError(f"routes[{index}].channels", say(said, name=name, authority=route.authority))
        routes = {(route.authority, route.capability): route.channels for route in settings.routes}
        return cls(channels, routes, again)

    def again(self, name: str, settings: ChannelSettings) -> Channel:
        """The channel of this name built anew, beside the one that serves. Raises SettingsError.

        What others go by while the gateway runs must be as it was: adapter, address, limits, keys of its kind.
        """
        assert self._again is not None, "channels that were not built from settings"
        before = self._channels[name]
        made = self._again(name, settings)
        if (made.info.name, made.url, made.keys, made.kind_keys, _listening(made)) != (
            before.info.name, before.url, before.keys, before.kind_keys, _listening(before)
        ):  # fmt: skip
            raise SettingsError(f"channels.{name}", say("channels.more_than_secrets"))
        if (follow := getattr(made.adapter, "follow", None)) is not None:
            follow(before.adapter)  # what a room has given to an adapter of its own
        return made

    def put(self, channel: Channel) -> Channel:
        """Have a channel serve from now on; the one that served before, which is the caller's to close."""
        before, self._channels[channel.name] = self._channels[channel.name], channel
        return before

    def get(self, name: str) -> Channel:
        """The channel of a name. KeyError if there is none."""
        return self._channels[name]

    def all(self) -> tuple[Channel, ...]:
        """Every channel, in the order of the settings."""
        return tuple(self._channels.values())

    def route(self, authority: str, capability: str) -> tuple[Channel, ...]:
        """The channels that serve a capability of an authority, its own or the shared ones; possibly none.

        Sandboxes share other ones than everybody else.
        """
        shared = SANDBOXES_ROUTE if in_sandbox(authority) else SHARED_ROUTE
        names = self._routes.get((authority, capability)) or self._routes.get((shared, capability), ())
        return tuple(self._channels[name] for name in names)

    def served(self, name: str, authorities: Iterable[str]) -> list[str]:
        """Those of these authorities for which a channel does anything, in order."""
        capabilities = {capability for _, capability in self._routes}
        return [
            authority
            for authority in sorted(authorities)
            if any(one.name == name for capability in capabilities for one in self.route(authority, capability))
        ]

    async def check(self, name: str) -> Checked:
        """Prove with a harmless call that a channel works. Raises NotFoundProblem for an unknown name."""
        if name not in self._channels:
            raise NotFoundProblem(say("channels.none", name=name), cure=known(name, self._channels))
        channel = self._channels[name]
        try:
            return Checked(name, True, await channel.adapter.check())
        except ExchangeError as error:
            said = say(f"channels.{_family(error)}", error=str(error), url=channel.url)
            return Checked(name, False, said)

    async def close(self) -> None:
        """Let go of every connection."""
        for channel in self._channels.values():
            await channel.close()


async def for_every_channel(names: Sequence[str], duty: Callable[[str], Awaitable[object]]) -> None:
    """Do a duty for every channel of these names, then raise the first error that one of them met."""
    failed: list[Exception] = []
    for name in names:
        try:
            await duty(name)
        except Exception as error:
            log.warning("a duty failed for one channel", channel=name, reason=str(error))
            failed.append(error)
    if failed:
        raise failed[0]


_FAMILIES = {"NotSentError": "not_sent", "DeniedError": "denied", "BusyError": "busy", "ExchangeError": "no_answer"}


def _family(error: ExchangeError) -> str:
    return next(_FAMILIES[one.__name__] for one in type(error).__mro__ if one.__name__ in _FAMILIES)


def build_channel(
    name: str,
    settings: ChannelSettings,
    adapter_class: type[Adapter],
    kinds: Kinds,
    ground: Ground,
) -> Channel:
    """One channel, with its old self where secrets are being changed. Raises SettingsError."""
    made = _one_channel(name, settings, adapter_class, kinds, ground)
    before = settings.before()
    if settings.old is None or before is None:
        return made
    own = adapter_class.Settings.model_fields
    for one in settings.old.rest:
        if one not in own:
            raise SettingsError(f"channels.{name}.old.{one}", say("channels.not_old"), known(one, own))
    elder = _one_channel(name, before, adapter_class, kinds, replace(ground, shelf=None))
    return replace(made, old=Old(elder, settings.old.until))


def _one_channel(
    name: str,
    settings: ChannelSettings,
    adapter_class: type[Adapter],
    kinds: Kinds,
    ground: Ground,
) -> Channel:
    """One channel: its keys divided between wire and adapter, its secrets read. Raises SettingsError."""
    key = f"channels.{name}"
    rest = settings.rest
    options = wire_settings(name, settings)
    rest = {one: value for one, value in rest.items() if one not in WireSettings.model_fields}
    general = _validated(key, ChannelKeys, {one: rest.pop(one) for one in ChannelKeys.model_fields if one in rest})
    info, find = adapter_class.info, adapter_class.info.find
    of_kind = kinds[info.kind].channel_keys
    kind_keys = None
    if of_kind is not None:
        kind_keys = _validated(key, of_kind, {one: rest.pop(one) for one in of_kind.model_fields if one in rest})
    scheme = urlsplit(settings.url).scheme
    if scheme not in info.schemes:
        spoken = sorted(info.schemes)
        begins = [f"{one}://" for one in spoken]
        said = say("channels.scheme", adapter=info.name, spoken=spoken, scheme=scheme, begins=begins)
        raise SettingsError(f"{key}.url", said)
    if general.settle_seconds is not None:
        find = replace(find, consistent=False, settle_seconds=general.settle_seconds)
    if (options.client_cert is None) != (options.client_key is None):
        raise SettingsError(f"{key}.client_cert", say("channels.cert_and_key"))
    for one in ("client_key", "listen_key"):
        if one in settings.rest:
            require_private(Path(str(settings.rest[one])), f"{key}.{one}")
    model = adapter_class.Settings
    for one, declared in model.model_fields.items():
        if one in rest and not isinstance(rest[one], SecretStr) and _holds_secret(declared.annotation):
            rest[one] = read_secret(str(rest[one]), f"{key}.{one}")
    own = _validated(key, model, rest, of_kind.model_fields.keys() if of_kind else frozenset())
    terms = WireTerms(
        ground.recorder,
        timeouts=options.timeouts,
        limits=options.limits.model_copy(update={"large": info.large}),
        tls=options.tls,
        sensitive=info.sensitive | getattr(own, "sensitive", frozenset()),
        clock=ground.clock,
        drift=ground.drift,
    )
    wire: ChannelWire | FolderWire | FrameWire
    try:
        if scheme in FrameWire.schemes:
            wire = FrameWire(name, settings.url, terms)
        elif scheme in FolderWire.schemes:
            wire = FolderWire(name, settings.url, terms)
        else:
            tokens = ground.shelf(name, _account(settings.url, own)) if ground.shelf is not None else None
            wire = ChannelWire(name, settings.url, terms, tokens=tokens, files=options.files)
    except OSError as error:
        raise SettingsError(key, say("channels.tls_files", error=error)) from error
    except ValueError as error:
        raise SettingsError(f"{key}.url", say("channels.adapter_refuses", adapter=info.name, error=error)) from error
    try:
        adapter = adapter_class(own, wire, ground.clock)  # type: ignore[call-arg]
    except ValueError as error:
        raise SettingsError(key, say("channels.adapter_refuses", adapter=info.name, error=error)) from error
    find = replace(find, by=adapter.info.find.by)  # which its settings may have narrowed
    return Channel(name, adapter, adapter.info, find, settings.url, wire, general, own, kind_keys)


def _listening(channel: Channel) -> Any:
    """Where a channel's platform connects to us, if it does."""
    door = getattr(channel.adapter, "door", None)
    return getattr(door, "listening", None)


def _account(url: str, options: BaseModel) -> Any:
    """For whom a channel's access tokens are: its address and its adapter's settings, secrets too."""

    def plain(value: Any) -> Any:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        return {name: plain(one) for name, one in value.items()} if isinstance(value, dict) else value

    return [url, plain(options.model_dump())]


def wire_settings(name: str, settings: ChannelSettings) -> WireSettings:
    """The keys of a channel's block that are the wire's. Raises SettingsError."""
    known_keys = WireSettings.model_fields
    return _validated(f"channels.{name}", WireSettings, {k: v for k, v in settings.rest.items() if k in known_keys})


def _holds_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_holds_secret(part) for part in typing.get_args(annotation))


def _check_route(key: str, route: Route, classes: Mapping[str, type[Adapter]], kinds: Kinds) -> None:
    """SettingsError unless a room serves the capability, and these channels are of its kind and not too many."""
    by_capability = {one.capability: one for one in kinds.values()}
    wanted = by_capability.get(route.capability)
    if wanted is None:
        cure = known(route.capability, by_capability)
        raise SettingsError(f"{key}.capability", say("channels.no_room", capability=route.capability), cure)
    if wanted.one_channel and len(route.channels) > 1:
        raise SettingsError(
            f"{key}.channels",
            say("channels.exactly_one", capability=route.capability),
        )
    for name in route.channels:
        if (other := classes[name].info.kind) != wanted.kind:
            raise SettingsError(
                f"{key}.channels",
                say("channels.other_kind", capability=route.capability, kind=wanted.kind, name=name, other=other),
            )


def _validated(key: str, model: type[M], values: dict[str, Any], of_kind: Set[str] = frozenset()) -> M:
    """The model of these keys. SettingsError names the first wrong one; values of secrets are never shown."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = min(error.errors(include_input=False), key=lambda one: one["type"] != "extra_forbidden")
        name = str(found["loc"][0]) if found["loc"] else ""
        whole = ".".join([key, *map(str, found["loc"])])
        if found["type"] == "extra_forbidden":
            choices = reserved_keys() | of_kind | model.model_fields.keys()
            raise SettingsError(whole, say("channels.unknown_key"), known(name, choices)) from None
        if found["type"] == "missing":
            secret = _holds_secret(model.model_fields[name].annotation) if name in model.model_fields else False
            value = '"env:NAME" or "file:PATH"' if secret else "…"
            raise SettingsError(whole, say("channels.missing_key", name=name, value=value, key=key)) from None
        raise SettingsError(whole, reason_of(found), say("settings.correct")) from None


def reserved_keys() -> set[str]:
    """Keys of a channel's block that are not its adapter's."""
    return {"adapter", "url", "old", *ChannelKeys.model_fields, *WireSettings.model_fields}


def adapter_class(name: str, key: str = "adapter", kinds: Kinds | None = None) -> type[Adapter]:
    """The adapter class behind a name, held to its contract. SettingsError under ``key`` if it cannot be used."""
    return load(name, served_kinds() if kinds is None else kinds, key, reserved_keys())


def served_kinds() -> Kinds:
    """The kinds that installed rooms serve. Raises SettingsError for a room that cannot be opened."""
    return kinds_of(rooms.found())


def kinds_of(found: Iterable[Room]) -> Kinds:
    """The kinds that these rooms serve.

    Raises SettingsError for a kind or a capability that is no word, for one of them without the other or without a
    port, and for two rooms that bring the same.
    """
    kinds: dict[str, KindOf] = {}
    for room in found:
        if room.kind is None and room.capability is None and room.port is None:
            continue
        if room.kind is None or room.capability is None or room.port is None:
            raise _bad_room(room, "kind, capability and port go together, and it does not declare all of them")
        for word in (room.kind, room.capability):
            try:
                check_word(word)
            except ValueError as error:
                raise _bad_room(room, str(error)) from None
        for other in kinds.values():
            if room.kind == other.kind or room.capability == other.capability:
                said = f'it serves "{room.kind}" for {room.capability}, and "{other.room}" does too'
                raise _bad_room(room, said)
        port, keys = room.place(room.port), room.place(room.channel_keys) if room.channel_keys else None
        if not isinstance(port, type):
            raise _bad_room(room, f"{room.port} is no Protocol")
        if keys is not None and not (isinstance(keys, type) and issubclass(keys, BaseModel)):
            raise _bad_room(room, f"{room.channel_keys} is no pydantic model")
        if keys is not None and (taken := sorted(keys.model_fields.keys() & reserved_keys())):
            raise _bad_room(room, f"its channel keys declare {', '.join(taken)}, which every channel already has")
        kinds[room.kind] = KindOf(room.kind, room.name, port, room.capability, keys, room.one_channel)
    return kinds


def _bad_room(room: Room, reason: str) -> SettingsError:
    return SettingsError("rooms", say("rooms.broken", room=room.name, reason=reason))
