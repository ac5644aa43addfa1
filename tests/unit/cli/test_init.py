"""``gateway init``: a place that serves as it is, that only its owner reads, and whose printed next steps are true."""

from __future__ import annotations

import configparser
import re
import shlex
import sqlite3
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.cli.place import FACES
from gateway.settings import load
from gateway.terminal.output import Exit

ROOT = Path(__file__).parents[3]
PACKAGING = ROOT / "packaging"
GIVEN = {"CODE": "wangchuan-scjg", "USCC": "11990102MB0A123459", "LOGIN": "zhang"}


def call(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=typed)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("GATEWAY_SETTINGS", raising=False)
    folder = tmp_path / "gateway"
    made = call("init", str(folder))
    assert made.exit_code == 0, made.output
    return folder


def test_nothing_in_a_new_place_is_anybody_elses_to_read(place):
    for one in (place, *place.rglob("*")):
        assert stat.S_IMODE(one.stat().st_mode) & 0o077 == 0, one


def test_the_printed_next_steps_are_commands_that_work(place, monkeypatch):
    settings = place / "gateway.toml"
    printed = call("init", str(place.parent / "other"), "--json")
    assert printed.exit_code == 0
    told = call("init", str(place.parent / "third")).output
    steps = [line.strip() for line in told.splitlines() if line.startswith("  gateway ")]
    assert [step.split()[1] for step in steps] == ["authorities", "keys", "keys", "operators", "doctor", "serve"]
    monkeypatch.setenv("GATEWAY_SETTINGS", str(settings))
    for step in steps[:-1]:
        words = [GIVEN.get(word, word) for word in shlex.split(step)[1:]]
        done = call(*words, typed="a-long-password-1\n" * 2)
        assert done.exit_code == 0, (step, done.output)
    assert f"export GATEWAY_SETTINGS={place.parent / 'third' / 'gateway.toml'}" in told


def test_a_place_that_holds_something_is_refused_and_left_as_it_is(place):
    before = {one: one.read_bytes() for one in place.rglob("*") if one.is_file()}
    refused = call("init", str(place))
    assert refused.exit_code != 0
    assert {one: one.read_bytes() for one in place.rglob("*") if one.is_file()} == before


def test_a_place_for_postgresql_makes_no_database_and_says_to_migrate(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/none")
    made = call("init", str(tmp_path / "node"), "--database", "env:DATABASE_URL")
    assert made.exit_code == 0, made.output
    assert "gateway migrate" in made.output
    assert not list((tmp_path / "node" / "data").iterdir())
    assert load(tmp_path / "node" / "gateway.toml").store.location() == "postgresql://127.0.0.1:1/none"


def test_each_place_has_a_backup_key_of_its_own(place, tmp_path):
    call("init", str(tmp_path / "other"))
    keys = {(folder / "secrets/backup.key").read_text() for folder in (place, tmp_path / "other")}
    assert len(keys) == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}\n", key) for key in keys)


def test_units_and_proxy_agree_with_what_init_writes(place):
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    for name in ("gateway.service", "gateway-worker.service", "gateway-backup.service"):
        unit.read(PACKAGING / "systemd" / name, encoding="utf-8")
        assert unit["Service"]["Environment"] == "GATEWAY_SETTINGS=/var/lib/gateway/gateway.toml"
        word = unit["Service"]["ExecStart"].split()
        assert word[0] == "/opt/gateway/bin/gateway"
        assert call(word[1], "--help").exit_code == 0
    grace = load(place / "gateway.toml").delivery.grace
    assert float(unit["Service"]["TimeoutStopSec"]) > 2 * grace
    ports = set(re.findall(r"proxy_pass http://127\.0\.0\.1:(\d+)", (PACKAGING / "nginx/gateway.conf").read_text()))
    assert ports == {str(FACES[face]) for face in ("api", "console", "payer", "callbacks")}


@pytest.mark.parametrize(
    "words",
    [
        ("webhooks", "resend", "evt_1"),
        ("keys", "rotate", "evidence-mac"),
        ("retention", "run"),
        ("disclosures", "explain", "wangchuan-scjg", "1"),
        ("calendar", "recount"),
    ],
    ids=" ".join,
)
def test_a_command_over_a_database_of_another_version_says_so_and_changes_nothing(place, monkeypatch, words):
    monkeypatch.setenv("GATEWAY_SETTINGS", str(place / "gateway.toml"))
    file = place / "data" / "gateway.sqlite"
    with sqlite3.connect(file) as conn:
        conn.execute("DELETE FROM schema_step WHERE revision = 'seals_0001'")
    conn.close()
    refused = call(*words)
    assert refused.exit_code == Exit.SETTINGS, (refused.output, refused.exception)
    assert "gateway migrate" in refused.output


def test_a_new_key_stands_alone_on_stdout(place, monkeypatch):
    monkeypatch.setenv("GATEWAY_SETTINGS", str(place / "gateway.toml"))
    assert call("authorities", "create", GIVEN["CODE"], "望川区市场监督管理局", GIVEN["USCC"]).exit_code == 0
    assert call("keys", "client", "办案系统", "--authority", GIVEN["CODE"]).exit_code == 0
    issued = call("keys", "issue", "办案系统")
    assert re.fullmatch(r"gwk_\S+\n", issued.stdout)
    assert "gwk_" not in issued.stderr
    assert issued.stderr
