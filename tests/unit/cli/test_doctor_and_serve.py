"""Whatever stops ``gateway serve`` is told by ``gateway doctor`` first, with the cure; what stops nothing is not."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gateway.cli import doctor
from gateway.foundation.findings import Finding
from gateway.terminal.output import Session

SEAL = '[channels.seal]\nurl = "http://127.0.0.1:9"\n'
TOKEN = 'token = "t"\npin = "env:REGISTER_SECRET"\n'
LOOKS = [look for look in doctor.LOOKS if look not in (doctor.crypto, doctor.reachability)]

STOPS = {  # a block of settings, and the key that doctor names
    "a ready profile that is none": ('[statements.bank]\nlike = "none"\n', "statements.bank.like"),
    "a profile of half": ('[statements.bank]\nencoding = "utf-8"\n', "statements.bank"),
    "days of an unknown kind": ('[rooms.retention]\nschedule = "x"\ndays = { nothing = 99 }\n', "rooms.retention.days"),
    "days without a schedule": ("[rooms.retention]\ndays = { exchange = 99 }\n", "rooms.retention"),
    "too few days": ('[rooms.retention]\nschedule = "x"\ndays = { exchange = 1 }\n', "rooms.retention.days"),
    "a key that a room has not": ("[rooms.payments]\ndue_sooon_days = 3\n", "rooms.payments.due_sooon_days"),
    "a value that a room refuses": ('[rooms.notices]\nnothing = "x"\n', "rooms.notices"),
    "a room that is not there": ("[rooms.payment]\n", "rooms.payment"),
    "an occasion of no handing over": ('[handovers.basis]\n"a.b" = "law"\n', "handovers.basis"),
    "a cluster on SQLite": ('[delivery]\nengine = "cluster"\n', "delivery.engine"),
    "a calendar that is away": ('[calendar]\noverrides = "away.toml"\n', "calendar"),
    "law that is away": ('[law]\nfiles = ["away.toml"]\n', "law.files"),
    "rules that are away": ('[rooms.disclosures]\nrules = ["away.toml"]\n', "rooms.disclosures.rules"),
    "a layer without its key": ('[rooms.seals.pades."*"]\npkcs12 = "away.p12"\n', "rooms.seals.pades.*"),
    "a seal's root that is away": ('[trust]\nseal_roots = ["away.pem"]\n', "trust.seal_roots"),
    "a secret away": (f'{SEAL}adapter = "seal.rest"\nnode = "N"\nsecret = "file:away"\n', "channels.seal.secret"),
    "an adapter that is none": (f'{SEAL}adapter = "seal.ret"\n', "channels.seal.adapter"),
    "an address of others": ('[server]\napi = "192.0.2.1:80"\n', "server 192.0.2.1:80"),
    "an address that is taken": ('[server]\npublic = "127.0.0.1:TAKEN"\n', "server 127.0.0.1:TAKEN"),
    "a socket in no folder": ('[server]\nsocket = "/proc/none/gateway.sock"\n', "server.socket"),
    "heads in no folder": ('[evidence]\nheads = "/proc/heads"\n', "evidence.heads"),
    "a module that is away": (f'[keys]\nprovider = "pkcs11"\nlibrary = "away.so"\n{TOKEN}', "keys.library"),
}  # fmt: skip


@pytest.mark.cases_by_day(8)
@pytest.mark.parametrize("name", STOPS)
def test_doctor_names_each_setting_that_would_stop_a_start(name: str, site: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        block, key = (words.replace("TAKEN", str(taken.getsockname()[1])) for words in STOPS[name])
        told = failures(site, block)
    assert any(key in f"{one.name} {one.detail}" for one in told), told
    assert [one for one in told if not one.cure] == []


def test_doctor_finds_nothing_where_a_start_would_stop_at_nothing(site: Path) -> None:
    sound = '[statements.bank]\nlike = "bank-icbc"\n[rooms.retention]\nschedule = "x"\ndays = { attempts = 99 }\n'
    assert failures(site, sound) == []
    assert sorted(one.name for one in site.iterdir()) == ["gateway.toml"], "a start on trial leaves nothing behind"


def failures(site: Path, block: str) -> list[Finding]:
    """What doctor says must be seen to, with this block beside the others."""
    with (site / "gateway.toml").open("a", encoding="utf-8") as file:
        file.write(block)
    return [one for one in doctor.looked(Session(), LOOKS) if one.state == "fail" and one.name != "database"]
