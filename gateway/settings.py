"""What an installation is told: one TOML file, overridden by the environment, checked before anything starts.

``GATEWAY_CHANNELS__NAME__URL`` overrides ``url`` in ``[channels.NAME]``; lists and tables in the environment are JSON.
A secret stands as ``env:NAME`` or ``file:/path`` and is read when it is used. Relative paths in the file start at the
file's own folder. What is wrong stops the start with ``SettingsError``: the key, the reason and the cure.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import types
import typing
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

import pydantic_settings
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.words.errors import SettingsError
from gateway.words.private import require_private
from gateway.words.saying import Sentence, UnfitError, say
from gateway.words.wrong import reason_of, shaped

PREFIX = "GATEWAY_"
FILE_NAME = "gateway.toml"
FILE_VARIABLE = "GATEWAY_SETTINGS"
SHARED_ROUTE = "*"
SANDBOXES_ROUTE = "test-*"

Face = Literal["api", "console", "payer", "public", "callbacks", "docs", "health"]
FACES: tuple[Face, ...] = typing.get_args(Face)
Seconds = Annotated[float, Field(gt=0)]

M = typing.TypeVar("M", bound=BaseModel)

_CHANNEL_NAME = r"^[a-z][a-z0-9_-]{0,39}$"
_REFERENCE = re.compile(r"(env|file):(.+)")


# --- what a value must look like ------------------------------------------------------------------------------------


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UnfitError(say("settings.https_address"))
    if parts.username or parts.query or parts.fragment:
        raise UnfitError(say("settings.bare_address"))
    parts.port  # noqa: B018  # raises ValueError when out of range
    return value.rstrip("/")


def _channel_address(value: str) -> str:
    """A web address, ``tcp://host:port`` and ``tls://host:port`` for adapters that speak in frames, or a folder.

    What a folder's address must look like, its wire says.
    """
    parts = urlsplit(value)
    if parts.scheme == "file":
        return value.rstrip("/")
    if parts.scheme not in ("tcp", "tls"):
        return _web_address(value)
    if not parts.hostname or not parts.port or parts.path.strip("/"):
        raise UnfitError(say("settings.scheme_address", scheme=parts.scheme))
    if parts.username or parts.query or parts.fragment:
        raise UnfitError(say("settings.bare_address"))
    return value.rstrip("/")


def _database(value: str) -> str:
    if _REFERENCE.fullmatch(value) or re.match(r"sqlite:///.|postgresql(\+psycopg)?://.", value):
        return value
    raise UnfitError(say("settings.database_address"))


def _bind(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise UnfitError(say("settings.host_port"))
    return value


def _network_or_host(value: str) -> str:
    if "/" in value or value.replace(".", "").isdigit() or ":" in value:
        ip_network(value)
    elif not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", value):
        raise UnfitError(say("settings.network"))
    return value


def _network(value: str) -> str:
    ip_network(value)
    return value


def _host(value: str) -> str:
    if "/" in value:
        raise UnfitError(say("settings.host"))
    return _network_or_host(value.lower())


def _is_key_identifier(value: Any) -> bool:
    """Whether a maker is named by its key: 20 or 32 bytes in hexadecimal, with or without colons."""
    return isinstance(value, str) and re.fullmatch(r"([0-9A-Fa-f]{2}:?){19,31}[0-9A-Fa-f]{2}", value) is not None


def _maker(value: Any) -> Any:
    if not _is_key_identifier(value):
        return Path(value) if isinstance(value, str) else value
    digits = value.replace(":", "").lower()
    if len(digits) not in (40, 64):
        raise UnfitError(say("settings.key_id"))
    return digits


def _in_folder(value: Path, info: ValidationInfo) -> Path:
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / value


WebAddress = Annotated[str, AfterValidator(_web_address)]
FileOfRoom = Annotated[Path, AfterValidator(_in_folder)]
"""A path in the settings of a room; a relative one starts at the folder of the settings' file, as all of them do."""
ChannelAddress = Annotated[str, AfterValidator(_channel_address)]
Bind = Annotated[str, AfterValidator(_bind)]


# --- blocks ---------------------------------------------------------------------------------------------------------


class Block(BaseModel):
    """A table of the settings file: closed to unknown keys, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSettings(Block):
    """``[store]``: where records live. One process with SQLite; several nodes with PostgreSQL.

    ``may_forget``: of tests and rehearsals alone; a PostgreSQL that breaks promises is taken all the same.
    """

    url: Annotated[str, AfterValidator(_database)] = "sqlite:///gateway.sqlite"
    may_forget: bool = False

    def location(self) -> str:
        """The address itself, read from its reference if it is one. May hold a password: not for printing."""
        if _REFERENCE.fullmatch(self.url):
            return _database(read_secret(self.url, "store.url").get_secret_value())
        return self.url


class ServerSettings(Block):
    """``[server]``: where each face listens (HOST:PORT). Faces with the same address share one listener.

    ``docs`` (the description of the API) and ``health`` (readiness, metrics) are where ``api`` is if they have no
    address of their own. ``public``, the publication page, is served where it has an address, and else nowhere.
    ``proxies``: addresses and networks of our own reverse proxies, whose ``X-Forwarded-For`` is
    believed; nobody else's is. ``header_seconds``, ``body_seconds``: how long a client may take over the head of a
    request, and over its body before it has to send 16 KiB a second. ``max_connections``: of one listener at a time.
    ``requests_per_minute``: how much each client may ask for, over all nodes together; not bounded unless said.
    ``socket``: where commands on this machine reach the running gateway; only its own account can open it. Without it
    that is beside a SQLite database (its name and ``.sock``), and nowhere on PostgreSQL.
    """

    api: Bind = "127.0.0.1:8080"
    console: Bind = "127.0.0.1:8080"
    payer: Bind = "127.0.0.1:8080"
    public: Bind | None = None
    callbacks: Bind = "127.0.0.1:8080"
    docs: Bind | None = None
    health: Bind | None = None
    socket: Path | None = None
    proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    header_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    max_header_bytes: Annotated[int, Field(ge=1024, le=1 << 20)] = 32 * 1024
    body_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    max_body_bytes: Annotated[int, Field(ge=1024)] = 2 * 1024 * 1024
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 512
    requests_per_minute: Annotated[int, Field(ge=1, le=10_000_000)] | None = None

    def binds(self, faces: typing.Iterable[Face]) -> dict[str, tuple[Face, ...]]:
        """Addresses to listen on, each with the faces served there."""
        chosen: dict[str, tuple[Face, ...]] = {}
        for face in faces:
            if face == "public" and self.public is None:
                continue
            bind = getattr(self, face) or self.api
            chosen[bind] = (*chosen.get(bind, ()), face)
        return chosen


class KeysSettings(Block):
    """``[keys]``: the gateway's own keys, and the cipher for personal data and raw exchanges.

    ``provider``: ``files`` in the folder ``directory``, or ``pkcs11``, a hardware module (needs the extra ``pkcs11``).
    ``library``: the file of the module's maker; ``token``: its label; ``pin``: the reference of the user's PIN;
    ``signatures``: what its pairs sign with.
    """

    directory: Path = Path("keys")
    cipher: Literal["sm4-gcm", "aes-256-gcm"] = "sm4-gcm"
    provider: Literal["files", "pkcs11"] = "files"
    library: str | None = None
    token: str | None = None
    pin: Annotated[str, Field(pattern=shaped(r"^(env|file):.+$", "shapes.secret"))] | None = None
    signatures: Literal["ecdsa-p256", "rsa-3072"] = "ecdsa-p256"

    @model_validator(mode="after")
    def _a_module_is_named(self) -> KeysSettings:
        for name in ("library", "token", "pin") if self.provider == "pkcs11" else ():
            if not getattr(self, name):
                raise SettingsError(f"keys.{name}", say("keys.module_unnamed", name=name))
        return self


class EvidenceSettings(Block):
    """``[evidence]``: the folder, outside the database, of the files that signed heads of the chain are appended to.

    ``second``: a folder on another disk or machine to which every signed head is appended as well.
    ``keep_days``: exact bytes older than this are shredded; without it they are kept.
    """

    heads: Path = Path("evidence-heads")
    second: Path | None = None
    head_every: Seconds = 60.0
    keep_days: Annotated[int, Field(ge=1)] | None = None


class BackupSettings(Block):
    """``[backup]``: the folder of ``gateway backup``, and the reference of the key under which it encrypts.

    The key is 64 hexadecimal digits, kept apart from the backups: who has both has everything.
    """

    folder: Path = Path("backups")
    key: Annotated[str, Field(pattern=shaped(r"^(env|file):.+$", "shapes.secret"))] | None = None


class DeliverySettings(Block):
    """``[delivery]``: who this node is, how many calls a channel may have in flight, and how long to be patient (s).

    ``engine``: embedded wakes this process alone; cluster carries operation ids between nodes on one PostgreSQL
    (needs the extra ``cluster``); auto takes the cluster where it can. A call that is not heard of for ``lease`` is
    taken for lost; ``sweep``: how often that is looked for, and what was forgotten.
    """

    engine: Literal["auto", "embedded", "cluster"] = "auto"
    lease: Annotated[float, Field(ge=1)] = 60.0
    sweep: Seconds = 60.0
    node: Annotated[str, Field(pattern=shaped(r"^[a-z0-9][a-z0-9.-]{0,39}$", "shapes.node"))] = "node-1"
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 32
    grace: Seconds = 20.0
    ask_after: Seconds = 1.0
    first: Seconds = 1.0
    longest: Seconds = 300.0
    doubt_deadline: Seconds = 24 * 3600.0
    pending_deadline: Seconds = 48 * 3600.0
    give_up: Seconds = 72 * 3600.0


class WebhookSettings(Block):
    """``[webhooks]``: private networks or hosts that webhooks may go to; all others must be public addresses.

    ``ports``: where public ones are posted to. ``timeout``: seconds that one delivery may take in all. ``wait_days``:
    what waits for an endpoint that has been disabled for so long is given up, with an event.
    """

    allow: tuple[Annotated[str, AfterValidator(_network_or_host)], ...] = ()
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (443,)
    timeout: Seconds = 10.0
    wait_days: Annotated[int, Field(ge=1)] = 90


class TrustSettings(Block):
    """``[trust]``: whom signatures are believed. Files are PEM or DER.

    ``seal_roots``: roots of those who sign with a seal; ``maker_roots``: roots of those who make seals;
    ``seal_makers``: which of these may make seals, certificate files or key identifiers (40 or 64 hexadecimal digits).
    ``intermediates``: authorities below the roots. ``crls``: revocation lists, read again when they change.
    ``ocsp_hosts``: hosts that are asked about certificates that name them; none: nobody is asked.
    ``stamp_roots``: roots of time stamp services;
    ``document_roots``: of international signatures; ``receipt_roots``: of the signers of receipts.
    """

    seal_roots: tuple[Path, ...] = ()
    maker_roots: tuple[Path, ...] = ()
    seal_makers: tuple[Annotated[Path | str, BeforeValidator(_maker)], ...] = ()
    intermediates: tuple[Path, ...] = ()
    crls: tuple[Path, ...] = ()
    ocsp_hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = ()
    stamp_roots: tuple[Path, ...] = ()
    document_roots: tuple[Path, ...] = ()
    receipt_roots: tuple[Path, ...] = ()

    FILES: ClassVar[tuple[str, ...]] = (
        "seal_roots",
        "maker_roots",
        "seal_makers",
        "intermediates",
        "crls",
        "stamp_roots",
        "document_roots",
        "receipt_roots",
    )


class ReconciliationSettings(Block):
    """``[reconciliation]``: how long money may take. ``late_minutes``: paid so shortly before the cut-off, it may be
    the next day's 跨日; days until it must be cleared 清算, in the treasury 入库, and receipted (0: not looked after).
    """

    late_minutes: Annotated[int, Field(ge=0, le=720)] = 60
    bank_days: Annotated[int, Field(ge=0, le=60)] = 3
    treasury_days: Annotated[int, Field(ge=0, le=60)] = 7
    receipt_days: Annotated[int, Field(ge=0, le=60)] = 0


class RegionSettings(Block):
    """``[[calendar.regions]]``: days off of a region (放假办法 art. 4), in a file of the same form, and for whom."""

    authorities: Annotated[tuple[str, ...], Field(min_length=1)]
    file: Path


class CalendarSettings(Block):
    """``[calendar]``: a JSON file of working days that the built-in data does not know yet; regions with days of their
    own. ``watch``: seconds after which the files are looked at again.
    """

    overrides: Path | None = None
    regions: tuple[RegionSettings, ...] = ()
    watch: Seconds = 30.0


class LawSettings(Block):
    """``[law]``: files with an organ's own rows of terms, rates and limits, which win over the statutes' (law.md)."""

    files: tuple[Path, ...] = ()


class HandoverSettings(Block):
    """``[handovers.basis]``: on what basis an organ gives personal data to others, by occasion, as the supply log says.

    An occasion is the name of an operation (``nontax.issue``), or ``entities.by_name``, ``notice.resolve_user``,
    ``bundle``, ``exact``; one that is not named has the basis that comes with it (access.md).
    """

    basis: dict[str, Annotated[str, Field(min_length=2, max_length=500)]] = {}


class SiteSettings(Block):
    """``[site]``: what the pages for citizens say of whom they belong to; what is not set is not shown.

    ``organiser`` 主办单位; ``contact`` 联系方式; ``code`` 政府网站标识码; ``icp`` ICP 备案号; ``police`` 公网安备号;
    ``official``: the official site that parties can come from; ``receipts``: where receipts are verified 票据查验.
    """

    organiser: str | None = None
    contact: str | None = None
    code: str | None = None
    icp: str | None = None
    police: str | None = None
    official: WebAddress | None = None
    receipts: WebAddress | None = None

    @property
    def said(self) -> bool:
        """Whether the footer has anything to say."""
        return any((self.organiser, self.contact, self.code, self.icp, self.police))


class ConsoleSettings(Block):
    """``[console]``: how long people stay signed in, and what they sign in with.

    ``idle_minutes``: without an act; ``absolute_hours``: whatever they do; ``proof_minutes``: after which who moves
    money proves again who it is. ``second_factor``: whether one-time codes are ``offered``, or required of whoever may
    confirm (``confirmers``: operators and supervisors), or of all. ``surroundings``: what these are where they are not
    the real ones, as "培训环境": a band on every page says it.
    """

    idle_minutes: Annotated[int, Field(ge=1, le=720)] = 30
    absolute_hours: Annotated[int, Field(ge=1, le=24)] = 12
    proof_minutes: Annotated[int, Field(ge=0, le=720)] = 10
    second_factor: Literal["offered", "confirmers", "all"] = "offered"
    surroundings: Annotated[str, Field(max_length=60)] = ""


class LogSettings(Block):
    """``[log]``: ``json`` for machines, ``console`` for people; levels as in Python.

    ``access``: one line for each request too, at level info.
    """

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"
    access: bool = False


class TraceSettings(Block):
    """``[traces]``: where spans are sent to by OTLP over HTTP (needs the extra ``otlp``); without it nowhere.

    ``sample``: the share of traces that are kept, where whoever asks has not decided it.
    """

    otlp: WebAddress | None = None
    sample: Annotated[float, Field(ge=0, le=1)] = 1.0


class _OpenBlock(BaseModel):
    """A table with keys of which only others know what they mean."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def rest(self) -> dict[str, Any]:
        """The keys that only the wire or the adapter understands."""
        return dict(self.__pydantic_extra__ or {})


class OldSettings(_OpenBlock):
    """``[channels.NAME.old]``: the adapter's keys as they were before secrets were changed.

    Messages are taken under either, calls are made under the new ones. ``until``: an instant with its offset; without
    one until the block is taken out.
    """

    until: AwareDatetime | None = None


class ChannelSettings(_OpenBlock):
    """``[channels.NAME]``: an adapter and where it calls. Further keys belong to the wire or to the adapter."""

    adapter: str
    url: ChannelAddress
    old: OldSettings | None = None

    def before(self) -> ChannelSettings | None:
        """The block as it was before its secrets were changed; None where nothing is said of that."""
        if self.old is None:
            return None
        return self.model_validate({"adapter": self.adapter, "url": self.url, **self.rest, **self.old.rest})


class Route(Block):
    """``[[routes]]``: which channels serve a capability of an authority. ``authority = "*"``: all that have none,
    but sandboxes; ``"test-*"``: all of those that have none.

    Which words are capabilities, the installed rooms say; that is checked when channels are built.
    """

    authority: Annotated[str, Field(min_length=1)]
    capability: str
    channels: Annotated[tuple[str, ...], Field(min_length=1)]


class _Environment(EnvSettingsSource):
    """The environment, where only arrays and objects are JSON: a region code 990102 stays text."""

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        decoded = super().decode_complex_value(field_name, field, value)  # type: ignore[arg-type]
        if not isinstance(decoded, list | dict):
            raise UnfitError(say("settings.json"))
        return decoded


class Settings(Block):
    """Everything an installation is told.

    Built by ``load``; tests and the demo build it directly, and then the environment has no say.
    """

    public_url: WebAddress = "http://127.0.0.1:8080"
    store: StoreSettings = StoreSettings()
    server: ServerSettings = ServerSettings()
    keys: KeysSettings = KeysSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    backup: BackupSettings = BackupSettings()
    delivery: DeliverySettings = DeliverySettings()
    webhooks: WebhookSettings = WebhookSettings()
    trust: TrustSettings = TrustSettings()
    calendar: CalendarSettings = CalendarSettings()
    law: LawSettings = LawSettings()
    handovers: HandoverSettings = HandoverSettings()
    reconciliation: ReconciliationSettings = ReconciliationSettings()
    statements: dict[Annotated[str, Field(pattern=_CHANNEL_NAME)], dict[str, Any]] = {}
    site: SiteSettings = SiteSettings()
    console: ConsoleSettings = ConsoleSettings()
    log: LogSettings = LogSettings()
    traces: TraceSettings = TraceSettings()
    rooms: dict[str, dict[str, Any]] = {}
    channels: dict[Annotated[str, Field(pattern=_CHANNEL_NAME)], ChannelSettings] = {}
    routes: tuple[Route, ...] = ()

    _folder: Path = PrivateAttr(default=Path())
    _file: Path | None = PrivateAttr(default=None)

    def again(self) -> Settings:
        """What the file says now, and the environment of this process. Raises SettingsError as ``load`` does."""
        if self._file is None:
            raise SettingsError("settings", say("settings.of_no_file"))
        return load(self._file)

    def of_room(self, room: str, model: type[M]) -> M:
        """The block ``[rooms.NAME]`` as the room's own model. SettingsError names what is wrong in it."""
        try:
            return model.model_validate(self.rooms.get(room, {}), context={"folder": self._folder})
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(map(str, ("rooms", room, *first["loc"])))
            raise SettingsError(where, reason_of(first), say("settings.correct")) from None

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> Settings:
        seen: dict[tuple[str, str], int] = {}
        for index, route in enumerate(self.routes):
            key = f"routes[{index}]"
            for name in route.channels:
                if name not in self.channels:
                    raise SettingsError(f"{key}.channels", say("channels.none", name=name), known(name, self.channels))
            first = seen.setdefault((route.authority, route.capability), index)
            if first != index:
                raise SettingsError(
                    key,
                    say("settings.routed", capability=route.capability, authority=route.authority, first=first),
                )
        return self


class _Installation(BaseSettings, Settings):
    """Settings that the environment may override."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; nothing else is read."""
        return _Environment(settings_cls), init_settings


# --- loading --------------------------------------------------------------------------------------------------------


def load(file: Path | None = None) -> Settings:
    """Settings from a file and the environment.

    The file is ``file``, else what ``GATEWAY_SETTINGS`` names, else ``gateway.toml`` in the working folder. Raises
    SettingsError.
    """
    chosen = file or Path(os.environ.get(FILE_VARIABLE) or FILE_NAME)
    try:
        content = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            "settings",
            say("settings.no_file", chosen=chosen, name=FILE_NAME, variable=FILE_VARIABLE),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("settings", say("settings.unreadable", chosen=chosen, error=error)) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError("settings", say("settings.no_toml", chosen=chosen, error=error)) from None
    _refuse_unknown_variables()
    if _holds_password(content):
        require_private(chosen, "store.url")
    folder = chosen.resolve().parent
    try:
        loaded = _Installation(**_located(content, folder))
        loaded._folder, loaded._file = folder, chosen.resolve()
        return loaded
    except ValidationError as error:
        # A misspelt key shows twice, as unknown and as missing: the first is the one to mend.
        raise _explained(min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")) from None
    except pydantic_settings.SettingsError as error:
        raise SettingsError("environment", str(error), say("settings.json_lists")) from None


def known(word: str, choices: typing.Iterable[str]) -> Sentence:
    """The cure for a word that is not among the choices: the nearest one, or all of them."""
    choices = sorted(choices)
    near = difflib.get_close_matches(word, choices, n=1)
    if near:
        return say("settings.did_you_mean", near=near[0])
    return say("settings.known", choices=choices or say("settings.none"))


def read_secret(reference: str, key: str) -> SecretStr:
    """The secret behind ``env:NAME`` or ``file:/path`` (its trailing newline dropped). Raises SettingsError.

    A file that others can read is refused.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise SettingsError(
            key,
            say("settings.secret_inside"),
        )
    source, name = match.groups()
    if source == "env":
        value = os.environ.get(name, "")
        cure = f"Set the environment variable {name}."
    else:
        require_private(Path(name), key)
        try:
            value = Path(name).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise SettingsError(key, say("settings.secret_file", name=name, reason=reason)) from None
        cure = f"Write the secret into {name}."
    if not value:
        raise SettingsError(key, say("settings.secret_empty", reference=reference), cure)
    return SecretStr(value)


def _located(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The file's content with relative paths made to start at its folder."""

    def at(value: Any) -> Any:
        return str(folder / value) if isinstance(value, str | Path) else value

    def references(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: references(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [references(inner) for inner in value]
        return f"file:{folder / value[5:]}" if isinstance(value, str) and value.startswith("file:") else value

    content = references(content)
    for block, key in (
        ("keys", "directory"),
        ("evidence", "heads"),
        ("server", "socket"),
        ("backup", "folder"),
        ("calendar", "overrides"),
    ):
        table = content.setdefault(block, {})
        if isinstance(table, dict) and (path := table.get(key, Settings.model_fields[block].default.model_dump()[key])):
            table[key] = at(path)
    if isinstance(store := content.setdefault("store", {}), dict):
        url = store.setdefault("url", StoreSettings().url)
        if isinstance(url, str) and url.startswith("sqlite:///"):
            store["url"] = f"sqlite:///{at(url.removeprefix('sqlite:///'))}"
    if isinstance(law := content.get("law"), dict) and isinstance(law.get("files"), list):
        law["files"] = [at(one) for one in law["files"]]
    regions = content["calendar"].get("regions") if isinstance(content["calendar"], dict) else None
    for region in regions if isinstance(regions, list) else ():
        if isinstance(region, dict) and "file" in region:
            region["file"] = at(region["file"])
    if isinstance(trust := content.get("trust"), dict):
        for key in TrustSettings.FILES:
            if isinstance(trust.get(key), list):
                trust[key] = [one if _is_key_identifier(one) else at(one) for one in trust[key]]
    channels = content.get("channels")
    for channel in channels.values() if isinstance(channels, dict) else ():
        for key in ("ca_file", "client_cert", "client_key", "listen_cert", "listen_key", "listen_ca"):
            if isinstance(channel, dict) and key in channel:
                channel[key] = at(channel[key])
    return content


def _holds_password(content: dict[str, Any]) -> bool:
    """Whether a secret stands in the file itself: the password of a database, the only one that may."""
    store = content.get("store")
    url = store.get("url") if isinstance(store, dict) else None
    return isinstance(url, str) and re.match(r"[^/]+://[^/@]*:[^/@]+@", url) is not None


def _refuse_unknown_variables() -> None:
    """A misspelt block in the environment would be overlooked silently; other people's GATEWAY_X are left alone."""
    for name in sorted(os.environ):
        block = name.removeprefix(PREFIX).partition("__")[0].lower()
        if name.startswith(PREFIX) and "__" in name and block not in Settings.model_fields:
            raise SettingsError(name, say("settings.no_block", block=block), known(block, Settings.model_fields))


def _explained(error: ErrorDetails) -> SettingsError:
    """The first thing that pydantic found, in the words of an installation."""
    steps = tuple(step for step in error["loc"] if step != "[key]")
    key = ""
    for step in steps:
        key += f"[{step}]" if isinstance(step, int) else f".{step}" if key else step
    variable = PREFIX + "__".join(str(step) for step in steps).upper()
    origin = f" (from {variable})" if variable in os.environ else ""
    last = str(steps[-1])
    if error["type"] == "extra_forbidden":
        return SettingsError(key + origin, say("settings.no_key"), known(last, _keys_beside(steps)))
    if error["type"] == "missing":
        return SettingsError(key, say("settings.missing", last=last))
    if error["type"] == "string_pattern_mismatch":
        return SettingsError(key + origin, say("settings.no_name", last=last))
    value = error["input"]
    shown = re.sub(r"//[^/@]*@", "//…@", value) if isinstance(value, str) else value  # never a password
    return SettingsError(key + origin, reason_of(error), say("settings.is_now", shown=str(shown)))


def _keys_beside(steps: tuple[int | str, ...]) -> list[str]:
    """The keys that a block knows, for a key that it does not."""
    model: Any = Settings
    for step in steps[:-1]:
        if isinstance(step, str) and isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[step].annotation
        else:
            model = typing.get_args(model)[-1 if not isinstance(step, int) else 0]
        if isinstance(model, types.UnionType):
            model = typing.get_args(model)[0]
    return list(getattr(model, "model_fields", ()))
