"""A throw-away installation: settings for the running simulators, keys, database, authority, client and operator."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.app import App
from gateway.demo import story
from gateway.foundation.access.keys import one_time_password
from gateway.foundation.store import schema
from gateway.rooms.disclosures import Organ, Organs
from gateway.rooms.payments import IncomeItem, LineKind, Payments, Unit
from gateway.settings import load

DATABASE = "gateway.sqlite"
Systems = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Installation:
    """Where the throw-away gateway lives, and the credentials made for the demo.

    ``people``: logins with the passwords that are good for one sign-in at the console each.
    """

    folder: Path
    settings_file: Path
    url: str
    api_key: str
    people: Mapping[str, str]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def settings_text(systems: Systems, port: int) -> str:
    """``gateway.toml`` for these simulators; secrets stand in files beside it."""
    nontax, credit, portal = systems["nontax"], systems["credit"], systems["portal"]
    registry, seal = systems["registry"], systems["seal"]
    return f"""# Made by `gateway demo`: everything here is thrown away when the demo ends.
public_url = "http://127.0.0.1:{port}"

[store]
url = "sqlite:///{DATABASE}"

[server]
api = "127.0.0.1:{port}"
console = "127.0.0.1:{port}"
payer = "127.0.0.1:{port}"
callbacks = "127.0.0.1:{port}"

[webhooks]
allow = ["127.0.0.1/32"]

[console]
surroundings = "演示环境"

[site]
organiser = "安澜市财政局（演示，虚构）"
code = "9901000001"
official = "https://www.anlan.example"
receipts = "https://receipts.anlan.example"

[trust]
seal_roots = ["seal-root.pem"]
maker_roots = ["seal-root.pem"]
seal_makers = ["seal-maker.pem"]
intermediates = ["seal-authority.pem"]
stamp_roots = ["seal-root.pem", "stamp-root.pem"]
receipt_roots = ["receipt-root.pem"]

[rooms.seals.vouchers]
finance = ["{seal["finance_seal_id"]}"]
units = {{ {story.AUTHORITY} = ["99010200000040"] }}

[channels.nontax]
adapter = "nontax.soap"
url = "{nontax["url"]}"
secret = "file:nontax.secret"
node_code = "{nontax["node_code"]}"
platform_node = "{nontax["platform_node"]}"
settle_seconds = 5
receipt_signed = true
receipt_layout = "{{region}}0101{{year}}"
pay_modes = {{ 51 = "微信支付", 52 = "支付宝", 53 = "银联在线", 11 = "银行柜面", 12 = "网上银行" }}

[statements.bank]
side = "bank"
encoding = "gbk"
delimiter = "|"
header = false
columns = {{ code = 1, amount = 2, paid_at = 3, bank_serial = 4 }}
totals = {{ mark = "合计", count = 2, amount = 3 }}

[channels.creditchina]
adapter = "credit.creditchina"
url = "{credit["url"]}"
app_key = "{credit["app_key"]}"
secret = "file:creditchina.secret"
settle_seconds = 5

[channels.portal]
adapter = "credit.portal"
url = "{portal["url"]}"
node = "{portal["node"]}"
secret = "file:portal.secret"

[channels.registry]
adapter = "registry.sharing"
url = "{registry["url"]}"
node = "{registry["node"]}"
secret = "file:registry.secret"

[channels.seal]
adapter = "seal.rest"
url = "{seal["url"]}"
node = "{seal["node"]}"
secret = "file:seal.secret"

[[routes]]
authority = "*"
capability = "payments"
channels = ["nontax"]

[[routes]]
authority = "*"
capability = "disclosures"
channels = ["creditchina", "portal"]

[[routes]]
authority = "*"
capability = "entities"
channels = ["registry"]

[[routes]]
authority = "*"
capability = "seals"
channels = ["seal"]
"""


def write_settings(folder: Path, systems: Systems, port: int) -> Path:
    """Write settings, secrets and the seal's trust anchor into the folder; returns the settings file."""
    secret_of = {
        "nontax": "nontax",
        "creditchina": "credit",
        "portal": "portal",
        "registry": "registry",
        "seal": "seal",
    }
    for channel, system in secret_of.items():
        key = "app_secret" if system == "credit" else "secret"
        _write(folder / f"{channel}.secret", str(systems[system][key]))
    for name, root in (
        ("seal-root.pem", systems["seal"]["root"]),
        ("seal-maker.pem", systems["seal"]["maker"]),
        ("seal-authority.pem", systems["seal"]["authority"]),
        ("stamp-root.pem", systems["seal"]["stamp_root"]),
        ("receipt-root.pem", systems["nontax"]["receipt_root"]),
    ):
        _write(folder / name, ssl.DER_cert_to_PEM_cert(base64.b64decode(str(root))))
    file = folder / "gateway.toml"
    _write(file, settings_text(systems, port))
    return file


def _write(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)


async def populate(app: App, password: str | None = None) -> tuple[str, str]:
    """Create authority, collecting unit, client with key, and operator; returns the key and the password.

    ``password``: the operator's, where it is not to be a new one.
    """
    await app.base.access.create_authority(
        story.AUTHORITY, story.AUTHORITY_NAME, story.AUTHORITY_USCC, story.UNIT_CODE, story.AUTHORITY_TELEPHONE
    )
    item = IncomeItem(*story.ITEM)
    kinds = (LineKind.FINE, LineKind.CONFISCATED, LineKind.SURCHARGE)
    unit = Unit(story.UNIT_CODE, story.AUTHORITY_NAME, story.REGION, dict.fromkeys(kinds, item))
    today = app.base.clock.now().date()
    await app.get(Payments).set_unit(story.AUTHORITY, unit, today.replace(month=1, day=1))
    organ = Organ(story.AUTHORITY_NAME, story.AUTHORITY_USCC, story.AUTHORITY_NAME, story.AUTHORITY_USCC)
    await app.get(Organs).set(story.AUTHORITY, organ, today.replace(month=1, day=1))
    client = await app.base.access.create_client(story.CLIENT, [story.AUTHORITY])
    key = await app.base.access.issue_key(client.id, label="demo")
    password = password or secrets.token_urlsafe(12)
    await app.base.access.create_operator(*story.OPERATOR, "supervisor", password)
    return key.token, password


async def install(folder: Path, systems: Systems) -> Installation:
    """Everything that `gateway serve` needs, made in an empty folder."""
    port = free_port()
    file = write_settings(folder, systems, port)
    soon = "read_timeout = 5.0 # short, so that what becomes of a silence can be watched\n"
    _write(file, file.read_text(encoding="utf-8").replace("[channels.nontax]\n", f"[channels.nontax]\n{soon}"))
    settings = load(file)
    await asyncio.to_thread(schema.migrate, settings.store.location())
    async with App.open(settings) as app:
        key, _ = await populate(app)
        people = {login: await _invited(app, login, name) for login, name in (story.OPERATOR, story.SECOND)}
    return Installation(folder, file, f"http://127.0.0.1:{port}", key, people)


async def _invited(app: App, login: str, name: str) -> str:
    """A supervisor's password that is good for one sign-in."""
    password = one_time_password()
    known = {one.login: one.id for one in await app.base.access.operators()}
    if login in known:
        await app.base.access.set_password(known[login], password, once=True)
    else:
        await app.base.access.create_operator(login, name, "supervisor", password, once=True)
    return password
