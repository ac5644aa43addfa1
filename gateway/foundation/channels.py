"""From settings to channels: one adapter each, with its wire, its keys and its secrets."""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time
from typing import Annotated, Any
from urllib.parse import urlsplit

import structlog
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from gateway.foundation.wire import ChannelWire, FrameWire, WireSettings
from gateway.plugins import load
from gateway.ports.base import Adapter, AdapterInfo, FindGuarantee, Kind, Recorder
from gateway.settings import SHARED_ROUTE, Capability, ChannelSettings, Seconds, Settings, known, read_secret
from gateway.words.clock import Clock
from gateway.words.errors import ExchangeError, NotFoundProblem, SettingsError

log = structlog.get_logger(__name__)

KIND_FOR: Mapping[Capability, Kind] = {
    "payments": Kind.NONTAX,
    "disclosures": Kind.CREDIT,
    "entities": Kind.REGISTRY,
    "seals": Kind.SEAL,
}


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
        raise ValueError('not hours of the form "22:30-00:30"')
    return window


SurchargeBase = typing.Literal["original", "outstanding"]


class ChannelKeys(BaseModel):
    """Keys of any channel that are neither the wire's nor the adapter's.

    ``settle_seconds``: how long "not found" is not believed there, where that differs from the adapter's word.
    ``cut_off``: the time in Shanghai at which the day of its statements ends 日切; midnight if not given.
    ``surcharge``: how a surcharge 加处罚款 reaches the payer; ``surcharge_base``: three per cent of the whole fine or
    of what is outstanding, or which of them for decisions from which day on. ``code_layout`` and ``code_ranges``: how
    payment codes are made where we make them.
    ``receipt_kind``: 财政电子票据, or 电子一般缴款书 completed after payment. ``receipt_signed``: both signatures come
    with its file and must lead to ``[trust] receipt_roots``. ``receipt_layout``: a regular expression for the receipt
    code, in which ``{region}`` and ``{year}`` are two digits each. ``receipt_automatic``: asked for upon payment.
    ``rate``: calls a second over all nodes, ``burst`` of them at once; ``concurrency``: calls in flight over all nodes.
    ``quiet``: hours in Shanghai in which the platform is closed 日切停服, ``["22:30-00:30"]``: nothing is sent, nothing
    is asked. ``circuit_failures``: after so many attempts in a row without an answer nothing leaves for
    ``circuit_seconds``, then one call tries; 0 switches that off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    settle_seconds: Seconds | None = None
    cut_off: time = time.min
    surcharge: typing.Literal["quoted_at_payment", "separate_bill", "reissue", "manual"] = "manual"
    surcharge_base: SurchargeBase | Annotated[dict[date, SurchargeBase], Field(min_length=1)] = "original"
    code_layout: str = "{region}{year:02d}30{serial:010d}"
    code_ranges: tuple[tuple[str, str], ...] = ()
    receipt_kind: typing.Literal["fiscal_receipt", "general_bill"] = "fiscal_receipt"
    receipt_signed: bool = False
    receipt_layout: str = r"\d{8}"
    receipt_automatic: bool = False
    rate: Annotated[float, Field(gt=0, le=100_000)] | None = None
    burst: Annotated[int, Field(ge=1, le=100_000)] = 1
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    quiet: tuple[Annotated[QuietHours, BeforeValidator(_quiet_hours)], ...] = ()
    circuit_failures: Annotated[int, Field(ge=0, le=10_000)] = 10
    circuit_seconds: Seconds = 5.0

    def surcharge_base_on(self, decided_on: date) -> SurchargeBase:
        """The base for a decision of this day: what began last; before all of them, the first."""
        if isinstance(self.surcharge_base, str):
            return self.surcharge_base
        begun = [day for day in self.surcharge_base if day <= decided_on]
        return self.surcharge_base[max(begun) if begun else min(self.surcharge_base)]


@dataclass(frozen=True)
class Channel:
    """One configured instance of an adapter.

    ``find`` says how far its "not found" can be trusted, ``cut_off`` when the day of its statements ends in Shanghai,
    ``keys`` what else the settings say of any channel, ``options`` the adapter's own settings.
    """

    name: str
    adapter: Any
    info: AdapterInfo
    find: FindGuarantee
    url: str
    wire: ChannelWire | FrameWire
    cut_off: time = time.min
    keys: ChannelKeys = field(default_factory=ChannelKeys)
    options: Any = None

    @property
    def issuing(self) -> str:
        """Who makes a payment code here: platform, unit or range; an adapter's settings say so."""
        return str(getattr(self.options, "issuing", "platform"))


@dataclass(frozen=True)
class Checked:
    """What a channel's harmless call showed: one line for people, and the cure when it failed."""

    channel: str
    ok: bool
    detail: str
    cure: str = ""


class Channels:
    """All channels of an installation, and which of them serve an authority."""

    def __init__(self, channels: Mapping[str, Channel], routes: Mapping[tuple[str, str], tuple[str, ...]]) -> None:
        self._channels = dict(channels)
        self._routes = dict(routes)

    @classmethod
    def build(cls, settings: Settings, *, recorder: Recorder, clock: Clock) -> Channels:
        """Import what settings name, and build one adapter a channel. Opens no connection. Raises SettingsError."""
        classes = {
            name: adapter_class(one.adapter, f"channels.{name}.adapter") for name, one in settings.channels.items()
        }
        for index, route in enumerate(settings.routes):
            kind = KIND_FOR[route.capability]
            for name in route.channels:
                if (other := classes[name].info.kind) is not kind:
                    raise SettingsError(
                        f"routes[{index}].channels",
                        f'{route.capability} need a channel of kind "{kind}", and "{name}" is of kind "{other}"',
                        f"Name a channel whose adapter begins with {kind}.",
                    )
        channels = {
            name: build_channel(name, one, classes[name], recorder=recorder, clock=clock)
            for name, one in settings.channels.items()
        }
        return cls(channels, {(route.authority, route.capability): route.channels for route in settings.routes})

    def get(self, name: str) -> Channel:
        """The channel of a name. KeyError if there is none."""
        return self._channels[name]

    def all(self) -> tuple[Channel, ...]:
        """Every channel, in the order of the settings."""
        return tuple(self._channels.values())

    def route(self, authority: str, capability: Capability) -> tuple[Channel, ...]:
        """The channels that serve a capability of an authority, its own or the shared ones; possibly none."""
        names = self._routes.get((authority, capability)) or self._routes.get((SHARED_ROUTE, capability), ())
        return tuple(self._channels[name] for name in names)

    async def check(self, name: str) -> Checked:
        """Prove with a harmless call that a channel works. Raises NotFoundProblem for an unknown name."""
        if name not in self._channels:
            raise NotFoundProblem(f'there is no channel "{name}"', cure=known(name, self._channels))
        channel = self._channels[name]
        try:
            return Checked(name, True, await channel.adapter.check())
        except ExchangeError as error:
            return Checked(name, False, f"{type(error).__name__}: {error}", _CURES[_family(error)].format(channel.url))

    async def close(self) -> None:
        """Let go of every connection."""
        for channel in self._channels.values():
            try:
                await channel.adapter.close()
            finally:
                await channel.wire.close()


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


_CURES = {
    "NotSentError": "Check address, network and firewall for {0}, and the certificates if it is https.",
    "DeniedError": "Check the credentials that {0} issued to this installation, and whether they have expired.",
    "BusyError": "{0} is overloaded: try again later.",
    "ExchangeError": "Something answers at {0}, but not as the contract says: check address and version there.",
}


def _family(error: ExchangeError) -> str:
    return next(one.__name__ for one in type(error).__mro__ if one.__name__ in _CURES)


def build_channel(
    name: str, settings: ChannelSettings, adapter_class: type[Adapter], *, recorder: Recorder, clock: Clock
) -> Channel:
    """One channel: its keys divided between wire and adapter, its secrets read. Raises SettingsError."""
    key = f"channels.{name}"
    rest = settings.rest
    options = _validated(key, WireSettings, {one: rest.pop(one) for one in WireSettings.model_fields if one in rest})
    general = _validated(key, ChannelKeys, {one: rest.pop(one) for one in ChannelKeys.model_fields if one in rest})
    info, find = adapter_class.info, adapter_class.info.find
    scheme = urlsplit(settings.url).scheme
    if scheme not in info.schemes:
        spoken = sorted(info.schemes)
        reason = f'the adapter "{info.name}" speaks {" or ".join(spoken)}, not {scheme}'
        cure = f"Begin the address with {' or '.join(f'{one}://' for one in spoken)}."
        raise SettingsError(f"{key}.url", reason, cure)
    if general.settle_seconds is not None:
        find = replace(find, consistent=False, settle_seconds=general.settle_seconds)
    if (options.client_cert is None) != (options.client_key is None):
        raise SettingsError(f"{key}.client_cert", "a certificate and its key go together", "Name both or neither.")
    model = adapter_class.Settings
    for one, declared in model.model_fields.items():
        if one in rest and not isinstance(rest[one], SecretStr) and _holds_secret(declared.annotation):
            rest[one] = read_secret(str(rest[one]), f"{key}.{one}")
    own = _validated(key, model, rest)
    try:
        wire = (FrameWire if scheme in FrameWire.schemes else ChannelWire)(
            name,
            settings.url,
            recorder=recorder,
            timeouts=options.timeouts,
            limits=options.limits,
            tls=options.tls,
            sensitive=info.sensitive,
            clock=clock,
        )
    except OSError as error:
        raise SettingsError(
            key, f"its TLS files cannot be used: {error}", "Check ca_file, client_cert and client_key."
        ) from error
    try:
        adapter = adapter_class(own, wire, clock)  # type: ignore[call-arg]
    except ValueError as error:
        raise SettingsError(key, f'the adapter "{info.name}" refuses its settings: {error}', "Correct them.") from error
    return Channel(name, adapter, info, find, settings.url, wire, general.cut_off, general, own)


def _holds_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_holds_secret(part) for part in typing.get_args(annotation))


M = typing.TypeVar("M", bound=BaseModel)


def _validated(key: str, model: type[M], values: dict[str, Any]) -> M:
    """The model of these keys. SettingsError names the first wrong one; values of secrets are never shown."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = min(error.errors(include_input=False), key=lambda one: one["type"] != "extra_forbidden")
        name = str(found["loc"][0]) if found["loc"] else ""
        whole = ".".join([key, *map(str, found["loc"])])
        if found["type"] == "extra_forbidden":
            choices = reserved_keys() | model.model_fields.keys()
            raise SettingsError(
                whole, "neither the adapter nor the wire knows this key", known(name, choices)
            ) from None
        if found["type"] == "missing":
            secret = _holds_secret(model.model_fields[name].annotation) if name in model.model_fields else False
            value = '"env:NAME" or "file:PATH"' if secret else "…"
            raise SettingsError(whole, "this key is missing", f"Add {name} = {value} to [{key}].") from None
        reason = found["msg"].removeprefix("Value error, ")
        raise SettingsError(whole, f"{reason[:1].lower()}{reason[1:]}", "Correct it.") from None


def reserved_keys() -> set[str]:
    """Keys of a channel's block that are not its adapter's."""
    return {"adapter", "url", *ChannelKeys.model_fields, *WireSettings.model_fields}


def adapter_class(name: str, key: str = "adapter") -> type[Adapter]:
    """The adapter class behind a name, held to its contract. SettingsError under ``key`` if it cannot be used."""
    return load(name, key, reserved_keys())
