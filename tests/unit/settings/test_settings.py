"""A wrong setting stops the start with the key, the reason and the cure; a right one arrives typed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.settings import FileOfRoom, Settings, load, read_secret
from gateway.words.errors import SettingsError

CHANNEL = """
[channels.nontax]
adapter = "nontax.soap"
url = "https://nontax.example/services"
"""
ROUTE = """
[[routes]]
authority = "*"
capability = "payments"
channels = ["nontax"]
"""

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GATEWAY_"):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "gateway.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_a_settings_file_arrives_typed(write: Write) -> None:
    settings = load(write(CHANNEL + 'secret = "env:S"\n' + ROUTE + '[delivery]\nnode = "n2"\nconcurrency = 4\n'))
    assert settings.channels["nontax"].adapter == "nontax.soap"
    assert settings.channels["nontax"].rest == {"secret": "env:S"}
    assert settings.routes[0].channels == ("nontax",)
    assert (settings.delivery.node, settings.delivery.concurrency) == ("n2", 4)


def test_relative_paths_start_at_the_files_folder(write: Write, tmp_path: Path) -> None:
    settings = load(
        write(
            '[store]\nurl = "sqlite:///data/g.sqlite"\n[trust]\nseal_roots = ["ca.pem"]\n'
            + CHANNEL
            + 'secret = "file:secrets/nontax"\nca_file = "tls/ca.pem"\n'
        )
    )
    assert settings.store.location() == f"sqlite:///{tmp_path}/data/g.sqlite"
    assert settings.trust.seal_roots == (tmp_path / "ca.pem",)
    assert settings.keys.directory == tmp_path / "keys"
    assert settings.evidence.heads == tmp_path / "evidence-heads"
    assert settings.channels["nontax"].rest == {
        "secret": f"file:{tmp_path}/secrets/nontax",
        "ca_file": f"{tmp_path}/tls/ca.pem",
    }


def test_paths_in_the_settings_of_a_room_start_there_too(write: Write, tmp_path: Path) -> None:
    class Rules(BaseModel):
        one: FileOfRoom
        more: dict[str, FileOfRoom] = {}

    settings = load(write('[rooms.seals]\none = "tls/a.pem"\nmore = { b = "b.pem", c = "/etc/c.pem" }\n'))
    rules = settings.of_room("seals", Rules)
    assert rules.one == tmp_path / "tls/a.pem"
    assert rules.more == {"b": tmp_path / "b.pem", "c": Path("/etc/c.pem")}


def test_the_environment_wins_over_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_CHANNELS__NONTAX__URL", "http://127.0.0.1:9/other")
    monkeypatch.setenv("GATEWAY_CHANNELS__NONTAX__REGION", "990102")
    monkeypatch.setenv("GATEWAY_WEBHOOKS__ALLOW", '["10.0.0.0/8", "case.example"]')
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "https://g.example/")
    settings = load(write(CHANNEL))
    assert settings.channels["nontax"].url == "http://127.0.0.1:9/other"
    assert settings.channels["nontax"].adapter == "nontax.soap"
    assert settings.channels["nontax"].rest == {"region": "990102"}, "a code of digits stays text"
    assert settings.webhooks.allow == ("10.0.0.0/8", "case.example")
    assert settings.public_url == "https://g.example"


def test_settings_built_in_code_do_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's throw-away database must not turn into the real one."""
    monkeypatch.setenv("GATEWAY_STORE__URL", "sqlite:////var/lib/gateway/real.sqlite")
    assert Settings().store.url == "sqlite:///gateway.sqlite"


def test_other_peoples_variables_are_left_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes sets these for a service called gateway."""
    monkeypatch.setenv("GATEWAY_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("GATEWAY_SERVICE_HOST", "10.0.0.1")
    assert load(write("")).channels == {}


@pytest.mark.parametrize(
    ("text", "key", "reason", "cure"),
    [
        ("[stroe]", "stroe", "no such key", '"store"'),
        ("[store]\nulr = 'x'", "store.ulr", "no such key", '"url"'),
        ("[store]\nurl = 'mysql://h/d'", "store.url", "not sqlite:///FILE, postgresql://…", "mysql"),
        ("[server]\napi = '8080'", "server.api", "not HOST:PORT", "8080"),
        ("public_url = 'gateway.example'", "public_url", "not an address", "gateway.example"),
        ("[delivery]\nconcurrency = 0", "delivery.concurrency", "must be at least 1", "0"),
        ("[webhooks]\nallow = ['10.0.0.1/8']", "webhooks.allow[0]", "host bits set", "10.0.0.1/8"),
        ("[webhooks]\nallow = ['*.example']", "webhooks.allow[0]", "nor a host name", "*.example"),
        ("[keys]\ncipher = 'rot13'", "keys.cipher", "sm4-gcm, aes-256-gcm", "rot13"),
        ("channels = 3", "channels", "an object with members", "3"),
        ("[channels.Nontax]\nadapter='a'\nurl='http://h'", "channels.Nontax", "not a name", "small letters"),
        ("[channels.nontax]\nadapter='a'", "channels.nontax.url", "missing", "Add url"),
        ("[channels.nontax]\nadapter='a'\nurl='ftp://h'", "channels.nontax.url", "not an address", "ftp://h"),
        ("[channels.nontax]\nadapter='a'\nurl='http://h:99999'", "channels.nontax.url", "Port", "99999"),
        ("[channels.nontax]\nadapter='a'\nurl='http://u:p@h'", "channels.nontax.url", "no user", "…@h"),
        ("[channels.nontax]\nadapter='a'\nurl='tcp://h'", "channels.nontax.url", "form tcp://host:port", "tcp://h"),
        ("[channels.nontax]\nadapter='a'\nurl='tcp://h:1/x'", "channels.nontax.url", "form tcp://host:port", "/x"),
        ("[channels.nontax]\nadapter='a'\nurl='tls://u:p@h:1'", "channels.nontax.url", "no user", "…@h:1"),
        ("public_url = 'tcp://h:1'", "public_url", "not an address", "tcp://h:1"),
        (CHANNEL + ROUTE.replace("channels =", "chanels ="), "routes[0].chanels", "no such key", '"channels"'),
        (CHANNEL + ROUTE.replace('["nontax"]', '["nontacks"]'), "routes[0].channels", "no channel", '"nontax"'),
        (CHANNEL + ROUTE.replace('["nontax"]', "[]"), "routes[0].channels", "at least 1 entries", "[]"),
        (CHANNEL + ROUTE + ROUTE, "routes[1]", "already routed by routes[0]", "one of the two"),
        ("[channels", "settings", "is not TOML", "quotes"),
    ],
)
def test_a_wrong_setting_names_key_reason_and_cure(write: Write, text: str, key: str, reason: str, cure: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(text))
    assert caught.value.key == key
    assert reason in caught.value.reason
    assert cure in caught.value.cure


def test_a_wrong_variable_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("")
    monkeypatch.setenv("GATEWAY_DELIVERY__GRACE", "soon")
    with pytest.raises(SettingsError, match=r"delivery\.grace \(from GATEWAY_DELIVERY__GRACE\)"):
        load(file)
    monkeypatch.delenv("GATEWAY_DELIVERY__GRACE")
    monkeypatch.setenv("GATEWAY_WEBHOOKS__ALLOW", "10.0.0.0/8")
    with pytest.raises(SettingsError, match=r"Lists are JSON there"):
        load(file)
    monkeypatch.delenv("GATEWAY_WEBHOOKS__ALLOW")
    monkeypatch.setenv("GATEWAY_STROE__URL", "sqlite:///x")
    with pytest.raises(SettingsError, match=r'GATEWAY_STROE__URL: there is no block "stroe"\. Did you mean "store"'):
        load(file)


def test_no_settings_file_says_where_one_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"there is no file gateway\.toml.*gateway init.*GATEWAY_SETTINGS"):
        load()
    (tmp_path / "other.toml").write_text("[delivery]\nconcurrency = 3")
    monkeypatch.setenv("GATEWAY_SETTINGS", "other.toml")
    assert load().delivery.concurrency == 3


def test_a_password_in_a_wrong_address_is_not_repeated(write: Write) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write("[store]\nurl = 'postgres://gateway:hunter2@db/g'"))
    assert "hunter2" not in str(caught.value)


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_are_read_by_reference_and_do_not_print(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NONTAX_SECRET", "春风 very secret")
    file = tmp_path / "secret"
    file.write_text("from a file\n", encoding="utf-8")
    file.chmod(0o600)
    assert read_secret("env:NONTAX_SECRET", "k").get_secret_value() == "春风 very secret"
    assert read_secret(f"file:{file}", "k").get_secret_value() == "from a file"
    assert "secret" not in str(read_secret("env:NONTAX_SECRET", "k"))


@pytest.mark.parametrize(
    ("reference", "reason", "cure"),
    [
        ("hunter2", "must not stand in the settings", "env:NAME"),
        ("env:NOT_SET_ANYWHERE", "missing or empty", "NOT_SET_ANYWHERE"),
        ("file:/nowhere/at/all", "cannot be read", "Write the file"),
    ],
)
def test_a_secret_that_cannot_be_read_names_the_cure(reference: str, reason: str, cure: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_secret(reference, "channels.nontax.secret")
    assert caught.value.key == "channels.nontax.secret"
    assert reason in caught.value.reason
    assert cure in caught.value.cure
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_others_can_read_is_refused_with_the_cure(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("known to many")
    for mode in (0o644, 0o640, 0o604, 0o660):
        file.chmod(mode)
        with pytest.raises(SettingsError, match=f"chmod 600 {file}") as caught:
            read_secret(f"file:{file}", "channels.nontax.secret")
        assert caught.value.key == "channels.nontax.secret"


@pytest.mark.parametrize(
    ("url", "secret"),
    [("postgresql://gateway:pw@db/gateway", True), ("postgresql://gateway@db/x", False), ("env:DATABASE_URL", False)],
)
def test_settings_with_a_password_are_their_owners_alone(write: Write, url: str, secret: bool) -> None:
    file = write(f'[store]\nurl = "{url}"\n')
    file.chmod(0o644)
    if secret:
        with pytest.raises(SettingsError, match=f"chmod 600 {file}"):
            load(file)
        file.chmod(0o600)
    assert load(file).store.url == url


def test_a_database_address_may_be_a_reference(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://gateway:pw@db/gateway")
    settings = load(write('[store]\nurl = "env:DATABASE_URL"'))
    assert settings.store.location() == "postgresql://gateway:pw@db/gateway"
    assert "pw" not in repr(settings)


def test_faces_with_one_address_share_a_listener(write: Write) -> None:
    settings = load(write('[server]\npayer = "10.9.0.5:80"'))
    assert settings.server.binds(["api", "console", "payer"]) == {
        "127.0.0.1:8080": ("api", "console"),
        "10.9.0.5:80": ("payer",),
    }
