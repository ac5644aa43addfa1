"""Adapters come from installed packages and settings alone, and one that breaks its contract stops the start."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from gateway.cli.adapters import list_adapters
from gateway.foundation import rooms
from gateway.foundation.channels import Channels, Checked, adapter_class, kinds_of, served_kinds
from gateway.foundation.rooms import Room
from gateway.foundation.wire import FrameWire
from gateway.plugins import Kinds, installed
from gateway.ports.base import RawExchange
from gateway.rooms.payments.channel_keys import PaymentKeys
from gateway.settings import Settings
from gateway.words.clock import SystemClock
from gateway.words.errors import NotFoundProblem, SettingsError

AddPackage = Callable[..., None]
CHANNEL = {"adapter": "registry.province", "url": "http://127.0.0.1:9/api", "secret": "env:PROVINCE_SECRET"}
ROUTE = {"authority": "*", "capability": "entities", "channels": ["register"]}


def forget(_: RawExchange) -> None:
    """Evidence is not what these tests are about."""


def build(channels: dict[str, dict[str, Any]], *routes: dict[str, Any], kinds: Kinds | None = None) -> Channels:
    settings = Settings.model_validate({"channels": channels, "routes": routes})
    return Channels.build(settings, recorder=forget, clock=SystemClock(), kinds=kinds)


@pytest.fixture(autouse=True)
def fresh_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test brings its own version of the province's module."""
    monkeypatch.setenv("PROVINCE_SECRET", "0123456789abcdef")
    yield
    sys.modules.pop("province_adapter", None)


class ListOnly:
    """A command without a verb."""

    invoked_subcommand = None


async def test_a_separately_packaged_adapter_serves_a_channel(add_package: AddPackage) -> None:
    add_package()
    channels = build({"register": {**CHANNEL, "region": "990200", "read_timeout": 3}}, ROUTE)
    channel = channels.get("register")
    assert channel.info.contract == "province/v3"
    assert channel.adapter.settings.secret.get_secret_value() == "0123456789abcdef"
    assert channel.adapter.wire.base_url == "http://127.0.0.1:9/api"
    assert channels.route("any authority", "entities") == (channel,)
    assert channels.route("any authority", "payments") == ()
    assert await channels.check("register") == Checked("register", True, "well, in 990200")
    await channels.close()


def test_an_adapter_that_declares_another_scheme_gets_the_wire_for_it(
    add_package: AddPackage, province_source: str
) -> None:
    declared = 'contract="province/v3",\n        schemes=frozenset({"tcp"}),'
    add_package(source=province_source.replace('contract="province/v3",', declared))
    channel = build({"register": {**CHANNEL, "url": "tcp://127.0.0.1:9"}}).get("register")
    assert isinstance(channel.wire, FrameWire)
    assert channel.adapter.wire is channel.wire
    with pytest.raises(SettingsError, match="speaks tcp, not http"):
        build({"register": CHANNEL})


def test_only_adapters_that_settings_name_are_imported(add_package: AddPackage) -> None:
    add_package(source="raise SystemExit('imported')")
    assert "registry.province" in installed()
    assert build({}).all() == ()
    assert "province_adapter" not in sys.modules


def test_an_authoritys_own_route_wins_over_the_shared_one(add_package: AddPackage) -> None:
    add_package()
    own = {**ROUTE, "authority": "11990102", "channels": ["own"]}
    channels = build({"register": CHANNEL, "own": CHANNEL}, ROUTE, own)
    assert [one.name for one in channels.route("11990102", "entities")] == ["own"]
    assert [one.name for one in channels.route("11990103", "entities")] == ["register"]


def test_a_channel_may_distrust_not_found_longer_than_its_adapter_does(add_package: AddPackage) -> None:
    add_package()
    channels = build({"register": CHANNEL, "slow": {**CHANNEL, "settle_seconds": 900}})
    assert channels.get("register").find.consistent
    assert not channels.get("slow").find.consistent
    assert channels.get("slow").find.settle_seconds == 900


# --- kinds ----------------------------------------------------------------------------------------------------------


def of_kind(kind: str, source: str, methods: str = "") -> dict[str, str]:
    """What a package brings whose adapter is of another kind."""
    changed = source.replace('kind="registry"', f'kind="{kind}"').replace("registry.province", f"{kind}.province")
    return {"source": changed.replace('"by_code", "by_name"', methods), "name": f"{kind}.province"}


def test_a_channel_says_when_the_day_of_its_statements_ends(add_package: AddPackage, province_source: str) -> None:
    add_package(**of_kind("nontax", province_source))
    block = {**CHANNEL, "adapter": "nontax.province"}
    channels = build({"bank": block, "early": {**block, "cut_off": "17:30", "surcharge": "reissue"}})
    ends = [channels.get(name).keys_of(PaymentKeys).cut_off for name in ("bank", "early")]
    assert ends == [time(0), time(17, 30)]
    assert channels.get("early").keys_of(PaymentKeys).surcharge == "reissue"
    with pytest.raises(SettingsError, match=r"channels\.bank\.cut_off"):
        build({"bank": {**block, "cut_off": "half past five"}})
    with pytest.raises(SettingsError, match='"cut_off"'):
        build({"bank": {**block, "cut_of": "17:30"}})


@pytest.mark.parametrize("key", sorted(PaymentKeys.model_fields))
def test_a_channel_of_another_kind_has_no_keys_of_payments(add_package: AddPackage, key: str) -> None:
    add_package()
    with pytest.raises(SettingsError, match=rf"channels\.register\.{key}: neither the adapter nor the wire"):
        build({"register": {**CHANNEL, key: "x"}})


class OtherKeys(BaseModel):
    """Keys of a kind that a test brings."""

    model_config = ConfigDict(extra="forbid")

    template: str = "plain"


def test_keys_of_another_kind_are_not_to_be_had(add_package: AddPackage) -> None:
    add_package()
    served = {**served_kinds()}
    served["registry"] = replace(served["registry"], channel_keys=OtherKeys)
    channel = build({"register": {**CHANNEL, "template": "long"}}, kinds=served).get("register")
    assert channel.keys_of(OtherKeys).template == "long"
    with pytest.raises(TypeError, match="has no PaymentKeys"):
        channel.keys_of(PaymentKeys)
    served["registry"] = replace(served["registry"], channel_keys=Regional)
    with pytest.raises(SettingsError, match="declares region, which every channel of its kind already has"):
        build({"register": CHANNEL}, kinds=served)


class Regional(OtherKeys):
    """Keys that the adapter of these tests has as well."""

    region: str = ""


def test_a_capability_that_no_room_serves_is_refused(add_package: AddPackage) -> None:
    add_package()
    with pytest.raises(SettingsError) as caught:
        build({"register": CHANNEL}, {**ROUTE, "capability": "entitys"})
    assert caught.value.key == "routes[0].capability"
    assert caught.value.reason == 'no installed room serves "entitys"'
    assert '"entities"' in caught.value.cure


def test_payments_of_an_authority_go_to_one_channel(add_package: AddPackage, province_source: str) -> None:
    add_package(**of_kind("nontax", province_source))
    block = {**CHANNEL, "adapter": "nontax.province"}
    with pytest.raises(SettingsError) as caught:
        build({"a": block, "b": block}, {"authority": "*", "capability": "payments", "channels": ["a", "b"]})
    assert caught.value.key == "routes[0].channels"
    assert "exactly one channel" in caught.value.reason
    assert "one channel" in caught.value.cure


def test_what_may_have_several_channels_has_them(add_package: AddPackage) -> None:
    add_package()
    both = build({"a": CHANNEL, "b": CHANNEL}, {**ROUTE, "channels": ["a", "b"]})
    assert [one.name for one in both.route("any", "entities")] == ["a", "b"]


def test_a_kind_that_no_room_serves_is_refused_and_yet_listed(
    add_package: AddPackage, province_source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    add_package(**of_kind("ferry", province_source, '"sail"'))
    with pytest.raises(SettingsError) as caught:
        build({"boat": {**CHANNEL, "adapter": "ferry.province"}})
    assert caught.value.key == "channels.boat.adapter"
    assert caught.value.reason.startswith('no installed room serves channels of the kind "ferry"')
    assert "nontax" in caught.value.cure
    list_adapters(ListOnly(), as_json=True)  # type: ignore[arg-type]
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["adapters"]}
    boat = rows["ferry.province"]
    assert (boat["kind"], boat["contract"], boat["capabilities"]) == ("ferry", "province/v3", ["sail"])
    assert boat["fault"] == caught.value.reason
    assert rows["seal.rest"]["fault"] is None


def test_adapters_are_listed_when_no_room_can_be_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> tuple[Room, ...]:
        raise SettingsError("rooms", "two rooms are called a", "Uninstall one.")

    monkeypatch.setattr(rooms, "found", broken)
    list_adapters(ListOnly(), as_json=True)  # type: ignore[arg-type]
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["adapters"]}
    assert (rows["seal.rest"]["contract"], rows["seal.rest"]["fault"]) == ("seal/v1", "two rooms are called a")


PORT = "gateway.ports.seal:SealService"


def room(name: str = "ferries", **more: Any) -> Room:
    """A room that serves boats, or what a test makes of it."""
    return Room(name=name, package=__package__ or "", **{"kind": "ferry", "port": PORT, "capability": "ferries"} | more)


def test_a_room_declares_its_kind() -> None:
    (kind,) = kinds_of([room(), Room(name="plain", package="")]).values()
    assert (kind.kind, kind.room, kind.capability, kind.port.__name__) == ("ferry", "ferries", "ferries", "SealService")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([room(kind="Ferry")], "is not a word"),
        ([room(capability="the ferries")], "is not a word"),
        ([room(port=None)], "go together"),
        ([room(capability=None)], "go together"),
        ([room(kind=None)], "go together"),
        ([room(port="gateway.ports.seal:NoService")], "which is not there"),
        ([room(port="gateway.ports.seal:KIND")], "is no Protocol"),
        ([room(channel_keys="gateway.ports.seal:KIND")], "is no pydantic model"),
        ([room(channel_keys="gateway.foundation.channels:ChannelKeys")], "which every channel already has"),
        ([room(), room("boats", capability="boats")], '"ferries" does too'),
        ([room(), room("boats", kind="boat")], '"ferries" does too'),
    ],
)
def test_a_room_that_misdeclares_its_kind_stops_the_start(found: list[Room], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        kinds_of(found)
    assert caught.value.key == "rooms"
    assert found[-1].name in caught.value.reason


@pytest.mark.parametrize(
    ("change", "key", "reason", "cure"),
    [
        ({"adapter": "registry.provinse"}, "adapter", "no adapter", '"registry.province"?'),
        ({"adapter": "registry.provinse"}, "adapter", "no adapter", "Installed adapters: "),
        ({"secret": None}, "secret", "missing", '"env:NAME" or "file:PATH"'),
        ({"secret": "0123456789abcdef"}, "secret", "must not stand in the settings", "env:NAME"),
        ({"secret": "env:NOT_SET_ANYWHERE"}, "secret", "missing or empty", "NOT_SET_ANYWHERE"),
        ({"regoin": "990200"}, "regoin", "neither the adapter nor the wire", '"region"'),
        ({"raed_timeout": 3}, "raed_timeout", "neither the adapter nor the wire", '"read_timeout"'),
        ({"read_timeout": 0}, "read_timeout", "above 0", "Correct"),
        ({"settle_seconds": "long"}, "settle_seconds", "be a number", "Correct"),
        ({"region": ["990200"]}, "region", "be text", "Correct"),
        ({"client_cert": "/c.pem"}, "client_cert", "go together", "both or neither"),
        ({"url": "tcp://h:1"}, "url", "speaks http, https, not tcp", "http://, https://"),
        ({"url": "https://h", "ca_file": "/nowhere/ca.pem"}, None, "/nowhere/ca.pem", "ca_file"),
        ({"region": "000000"}, None, "no such region", "Correct"),
    ],
)
def test_a_wrong_channel_names_key_reason_and_cure(
    add_package: AddPackage, change: dict[str, Any], key: str | None, reason: str, cure: str
) -> None:
    add_package()
    block = {name: value for name, value in {**CHANNEL, **change}.items() if value is not None}
    with pytest.raises(SettingsError) as caught:
        build({"register": block})
    assert caught.value.key == (f"channels.register.{key}" if key else "channels.register")
    assert reason in caught.value.reason
    assert cure in caught.value.cure
    assert "0123456789abcdef" not in str(caught.value)


def test_sandboxes_have_channels_of_simulators_and_share_none_with_others(add_package: AddPackage) -> None:
    add_package()
    both = {"real": CHANNEL, "tried": {**CHANNEL, "simulator": True}}
    shared = {**ROUTE, "channels": ["real"]}
    sandboxes = {**ROUTE, "authority": "test-*", "channels": ["tried"]}
    own = {**sandboxes, "authority": "test-b"}
    for route, channel in (
        (sandboxes, "real"),
        (own, "real"),
        (shared, "tried"),
        ({**shared, "authority": "a"}, "tried"),
    ):
        with pytest.raises(SettingsError, match=r"routes\[0\]\.channels.*simulator"):
            build(both, {**route, "channels": [channel]})
    served = build(both, shared, sandboxes)
    names = {of: [one.name for one in served.route(of, "entities")] for of in ("a", "test-b")}
    assert names == {"a": ["real"], "test-b": ["tried"]}
    assert build(both, shared).route("test-b", "entities") == (), "what everybody shares is not a sandbox's"


def test_a_route_to_a_channel_of_another_kind_is_refused(add_package: AddPackage) -> None:
    add_package()
    with pytest.raises(SettingsError, match=r'routes\[0\]\.channels: payments need a channel of kind "nontax"'):
        build({"register": CHANNEL}, {**ROUTE, "capability": "payments"})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("import ClassVar", "import Classvar", "cannot be imported: ImportError"),
        ("class Province:", "class Provinz:", "cannot be imported: AttributeError"),
        ("class Province:", "Province = 3\nclass Other:", "it is not a class"),
        ("info: ClassVar", "information: ClassVar", "not an AdapterInfo"),
        ('name="registry.province"', 'name="registry.county"', 'info.name is "registry.county"'),
        ('kind="registry"', 'kind="seal"', "begin with its kind"),
        ('kind="registry"', 'kind="Registry"', "cannot be imported: ValueError: 'Registry' is not a word"),
        ('extra="forbid", frozen', "frozen", 'extra="forbid"'),
        ('region: str = "990100"', "read_timeout: float = 3", "read_timeout, which every channel already has"),
        ('"by_code", "by_name"', '"by_code", "by_phone"', "by_phone, which EntityRegistry does not have"),
        ('"by_code", "by_name"', '"by_code", "changes"', "changes is not an async method"),
        ("async def check", "def check", "check is not an async method"),
        ("by_code(self, uscc: str)", "by_code(self, uscc, region)", "by_code does not take"),
    ],
)
@pytest.mark.cases_by_day(6)
def test_an_adapter_that_breaks_its_contract_is_refused(
    add_package: AddPackage, province_source: str, old: str, new: str, reason: str
) -> None:
    assert old in province_source
    add_package(source=province_source.replace(old, new))
    with pytest.raises(SettingsError) as caught:
        adapter_class("registry.province", "channels.register.adapter")
    assert reason in caught.value.reason
    assert "province-adapter" in caught.value.reason


def test_two_packages_cannot_claim_one_name(add_package: AddPackage) -> None:
    add_package()
    add_package(target="other_adapter:Province", project="other-adapter")
    with pytest.raises(SettingsError, match="other-adapter, province-adapter"):
        adapter_class("registry.province")


async def test_a_failed_check_names_the_cure(add_package: AddPackage) -> None:
    add_package()
    channels = build({"down": {**CHANNEL, "mood": "down"}, "refusing": {**CHANNEL, "mood": "refusing"}})
    down, refusing = await channels.check("down"), await channels.check("refusing")
    assert (down.ok, refusing.ok) == (False, False)
    assert "firewall for http://127.0.0.1:9/api" in down.cure
    assert "the key has expired" in refusing.detail
    assert "credentials" in refusing.cure
    with pytest.raises(NotFoundProblem, match="no channel"):
        await channels.check("dwon")


def test_the_built_in_adapters_use_the_same_door() -> None:
    assert {
        "nontax.soap",
        "nontax.cnnontax",
        "credit.creditchina",
        "credit.portal",
        "credit.gsxt",
        "credit.folder",
        "registry.sharing",
        "notice.rest",
        "seal.rest",
    } <= set(installed())


@pytest.mark.parametrize(
    ("name", "contract"), [("registry.sharing", "registry/v1"), ("nontax.cnnontax", "cnnontax/v1")]
)
def test_a_built_in_adapter_keeps_its_contract(name: str, contract: str) -> None:
    loaded = adapter_class(name)
    assert loaded.info.contract == contract
    assert Path(sys.modules[loaded.__module__].__file__ or "").is_file()
