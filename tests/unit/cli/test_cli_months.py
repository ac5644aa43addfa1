"""Where no gateway runs, a month is closed and opened at the terminal by people who know their passwords."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Connection
from typer.testing import CliRunner

from gateway.cli import app
from gateway.foundation.store import Store
from gateway.rooms.reconciliation.tables import reconciliation_run

CHANNEL = """
[channels.nontax]
adapter = "nontax.soap"
url = "http://127.0.0.1:9/nontax"
secret = "env:REGISTER_SECRET"
node_code = "K9901000001"
platform_node = "F990100"
"""


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=typed)


def reopen(*words: str, login: str) -> Result:
    return run(
        "reconcile", "reopen", "2026-06", *words, "--login", login, "--password-stdin", typed=f"{login} secret 1\n"
    )


@pytest.fixture
def june(site: Path, database: Store) -> Path:
    """Two operators, and a June of empty days that were all matched."""
    settings = site / "gateway.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + CHANNEL, encoding="utf-8")

    def match(conn: Connection) -> None:
        for number in range(30):
            conn.execute(
                reconciliation_run.insert(),
                {
                    "id": f"rec_{number}",
                    "channel": "nontax",
                    "day_on": date(2026, 6, 1) + timedelta(days=number),
                    "state": "done",
                    "provisional": False,
                    "ran_by": "test",
                    "ran_at": 1,
                },
            )

    database.write_sync(match)
    database.close()
    for login, name in (("wang", "王敏"), ("li", "李强")):
        made = run("operators", "create", login, name, "--password-stdin", typed=f"{login} secret 1\n")
        assert made.exit_code == 0, made.stderr
    return site


def test_a_month_is_closed_under_a_password_and_opened_by_another_one(june):
    wrong = run("reconcile", "close", "2026-06", "--login", "wang", "--password-stdin", typed="guess work 12\n")
    assert (wrong.exit_code, "not this password" in wrong.stderr) == (4, True)
    early = run("reconcile", "close", "2026-05", "--login", "wang", "--password-stdin", typed="wang secret 1\n")
    assert (early.exit_code, "began here on 2026-06-01" in early.stderr) == (4, True)
    closed = run("reconcile", "close", "2026-06", "--login", "wang", "--password-stdin", typed="wang secret 1\n")
    assert (closed.exit_code, "closed and frozen" in closed.stdout) == (0, True), closed.stderr
    asked = reopen("--reason", "银行更正", "--json", login="wang")
    assert asked.exit_code == 0
    told = json.loads(asked.stdout)
    assert (told["state"], told["asked_by"], told["reason"]) == ("reopening", "王敏", "银行更正")
    alone = reopen("--confirm", "--seen", told["seen"], login="wang")
    assert (alone.exit_code, "somebody else" in alone.stderr) == (4, True)
    blind = reopen("--confirm", login="li")
    assert (blind.exit_code, "say what you have seen" in blind.stderr) == (4, True)
    opened = reopen("--confirm", "--seen", told["seen"], login="li")
    assert (opened.exit_code, "open again" in opened.stdout) == (0, True)
    gone = reopen("--confirm", "--seen", told["seen"], login="li")
    assert (gone.exit_code, "is not closed" in gone.stderr) == (4, True)


def test_breaks_and_exceptions_are_listed_where_there_are_none(june):
    for words in (("reconcile", "breaks"), ("payments", "exceptions")):
        said = run(*words, "--json")
        assert (said.exit_code, said.stdout.strip()) == (0, f'{{"{words[1]}": []}}')
    assert run("reconcile", "breaks", "--kind", "odd").exit_code == 4
