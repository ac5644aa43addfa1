"""Whatever stops ``gateway serve`` is told by ``gateway doctor`` first, with the cure; what stops nothing is not."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from gateway.cli import app, doctor
from gateway.foundation.findings import Finding
from gateway.foundation.store import schema
from gateway.terminal.output import Exit, Session
from gateway.words.errors import UnavailableProblem
from gateway.words.saying import say

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
    return [
        one for one in doctor.looked(doctor.Asking(Session()), LOOKS) if one.state == "fail" and one.name != "database"
    ]


class Frozen(Session):
    """A session whose database answers ``answers`` times, and then no more; ``asked`` counts."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self.answers, self.asked = answers, 0

    def read(self, query: Any) -> Any:
        """Ask the database."""
        self.asked += 1
        if self.asked > self.answers:
            raise UnavailableProblem(say("store.silent"))
        return super().read(query)


@pytest.mark.parametrize("answers", [0, 1, 3])
def test_a_database_that_does_not_answer_is_asked_no_more_and_told_once(answers: int, site: Path) -> None:
    schema.migrate(f"sqlite:///{site}/gateway.sqlite")
    ours = Frozen(answers)
    told = doctor.looked(doctor.Asking(ours), LOOKS)
    assert ours.asked == answers + 1
    (away,) = [one for one in told if one.state == "fail"]
    assert (away.name, away.said, bool(away.cure)) == ("database", say("store.silent"), True)
    names = {str(one.name) for one in told}
    assert {"rooms", "calendar", "law", "keys"} <= names, "what needs no database is looked at"


def test_doctor_ends_with_the_code_of_a_database_that_is_away(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, asked = site / "gateway.toml", []
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("sqlite:///gateway.sqlite", "postgresql://u@127.0.0.1:9/x"), encoding="utf-8")

    def away(url: str) -> list[Any]:
        asked.append(url)
        raise OperationalError(None, None, psycopg.OperationalError("connection timeout expired"))

    monkeypatch.setattr(doctor.promises, "broken", away)
    monkeypatch.setattr(Session, "read", lambda *_: pytest.fail("it is asked no more"))
    said = CliRunner().invoke(app, ["doctor", "--json"])
    assert said.exit_code == Exit.UNAVAILABLE
    found = [one for one in json.loads(said.stdout)["findings"] if one["name"] == "database"]
    assert len(asked) == 1
    assert [(one["state"], bool(one["cure"])) for one in found] == [("fail", True)]
    assert "connection timeout expired" in found[0]["detail"]
