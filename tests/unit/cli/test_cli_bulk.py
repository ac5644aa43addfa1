"""``gateway operations retry`` in bulk, and ``gateway operations bulk``: the choice, the word of two, each result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from gateway.cli import app
from gateway.foundation.delivery.tables import operation
from gateway.foundation.store import Store
from tests.unit.cli.conftest import Call

REASON = ("--reason", "平台已恢复")


@pytest.fixture
def work(add: Callable[..., None], database: Store, site: Path) -> None:
    """Four parked operations, two of them codes, parked for two reasons at two times."""
    rows: list[dict[str, Any]] = [
        {"id": "opn_1", "action": "nontax.issue", "effectful": True, "two_persons": True, "code": "deadline"},
        {"id": "opn_2", "action": "nontax.issue", "effectful": True, "two_persons": True, "code": "gave-up"},
        {"id": "opn_3", "action": "entities.gone", "code": "gave-up"},
        {"id": "opn_4", "action": "notice.send", "effectful": True, "code": "gave-up"},
    ]
    for hours, row in enumerate(rows):
        add(row["id"])
        at = 1_790_000_000_000_000 + hours * 3_600_000_000
        change = update(operation).where(operation.c.id == row["id"]).values(**row, updated_at=at)
        database.write_sync(lambda conn, change=change: conn.execute(change).rowcount)
    database.close()
    for login, name in (("wang", "王敏"), ("li", "李强")):
        made = run("operators", "create", login, name, "--password-stdin", typed=f"{login} secret 1\n")
        assert made.exit_code == 0, made.stderr


def run(*words: str, typed: str = "") -> Any:
    return CliRunner().invoke(app, list(words), input=typed)


def by(login: str, *words: str) -> Any:
    given = f"{login} secret 1\n"
    return run("operations", *words, "--login", login, "--password-stdin", "--json", typed=given)


def states(call: Call) -> dict[str, str]:
    return {one["id"]: one["state"] for one in call("operations", "list", "--json").json["operations"]}


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("choice", "ids", "pair"),
    [
        (("--channel", "register"), ["opn_1", "opn_2", "opn_3", "opn_4"], True),
        (("--parked-for", "gave-up"), ["opn_2", "opn_3", "opn_4"], True),
        (("--action", "nontax.issue"), ["opn_1", "opn_2"], True),
        (("--action", "notice.send"), ["opn_4"], False),
        (("--parked-for", "gave-up", "--action", "nontax.issue"), ["opn_2"], True),
        (("--channel", "register", "--since", "2026-09-21T23:13:20+08:00"), ["opn_2", "opn_3", "opn_4"], True),
        (("--channel", "register", "--until", "2026-09-21T23:13:20+08:00"), ["opn_1"], True),
        (("--channel", "other"), [], False),
    ],
)
@pytest.mark.cases_by_day(3)
def test_a_dry_run_says_what_would_be_sent_on_and_changes_nothing(
    call: Call, choice: tuple[str, ...], ids: list[str], pair: bool
) -> None:
    said = call("operations", "retry", *choice, *REASON, "--dry-run", "--json")
    assert (said.code, said.json["first"], said.json["number"], said.json["two_persons"]) == (0, ids, len(ids), pair)
    assert set(states(call).values()) == {"parked"}
    for_people = call("operations", "retry", *choice, *REASON, "--dry-run").out
    assert f"{len(ids)} would be sent on." in " ".join(for_people.split())


@pytest.mark.usefixtures("work")
def test_one_operator_sends_on_what_moves_no_money_and_each_has_its_result(call: Call) -> None:
    done = json.loads(by("wang", "retry", "--action", "notice.send", *REASON).stdout)
    assert (done["state"], done["sent_on"], done["two_persons"]) == ("done", 1, False)
    gone = json.loads(by("wang", "retry", "--action", "entities.gone", *REASON).stdout)
    assert (gone["state"], gone["sent_on"], gone["not_applicable"]) == ("done", 0, 1)
    shown = json.loads(by("li", "bulk", "show", gone["id"]).stdout)
    assert [(one["operation"], one["why"]) for one in shown["operations"]] == [
        ("opn_3", "no installed room carries out entities.gone")
    ]
    assert states(call) == {"opn_1": "parked", "opn_2": "parked", "opn_3": "parked", "opn_4": "queued"}
    assert call("operations", "show", "opn_4", "--json").json["reason"] == f"王敏: 平台已恢复 ({done['id']})"


@pytest.mark.usefixtures("work")
def test_codes_are_sent_on_when_another_operator_has_confirmed_what_they_saw(call: Call) -> None:
    made = json.loads(by("wang", "retry", "--action", "nontax.issue", *REASON).stdout)
    assert (made["state"], made["number"]) == ("proposed", 2)
    blind = by("li", "bulk", "confirm", made["id"])
    assert blind.exit_code != 0
    assert made["seen"] in blind.stderr
    assert by("wang", "bulk", "confirm", made["id"], "--seen", made["seen"]).exit_code != 0
    assert states(call)["opn_1"] == "parked"
    done = json.loads(by("li", "bulk", "confirm", made["id"], "--seen", made["seen"]).stdout)
    assert (done["state"], done["sent_on"], done["confirmed_by"]) == ("done", 2, "李强")
    assert (states(call)["opn_1"], states(call)["opn_2"]) == ("queued", "queued")
    listed = json.loads(by("li", "bulk", "list").stdout)["bulk_retries"]
    assert [(one["id"], one["state"]) for one in listed] == [(made["id"], "done")]


@pytest.mark.usefixtures("work")
def test_what_is_taken_back_stays_parked(call: Call) -> None:
    made = json.loads(by("wang", "retry", "--action", "nontax.issue", *REASON).stdout)
    assert by("li", "bulk", "withdraw", made["id"]).exit_code == 4, "it is not li who proposed it"
    assert json.loads(by("wang", "bulk", "withdraw", made["id"]).stdout)["state"] == "withdrawn"
    assert by("li", "bulk", "confirm", made["id"], "--seen", made["seen"]).exit_code != 0
    assert states(call)["opn_1"] == "parked"


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("words", "field"),
    [
        (REASON, "--channel"),
        (("--parked-for", "bad luck", *REASON), "--parked-for"),
        (("--reason", "contradiction", "--channel", "register"), "--reason"),
        (("--channel", "register", "--since", "yesterday", *REASON), "--since"),
        (("--channel", "register", "--send", *REASON), "--send"),
        (("opn_1", "--channel", "register", *REASON), "operation"),
        (("opn_1", "--dry-run", *REASON), "operation"),
        (("--channel", "register", *REASON), "--login"),
    ],
)
@pytest.mark.cases_by_day(3)
def test_a_choice_that_cannot_be_meant_is_refused_by_name(call: Call, words: tuple[str, ...], field: str) -> None:
    refused = call("operations", "retry", *words, "--json")
    assert refused.code != 0
    assert json.loads(refused.err)["field"] == field
    assert set(states(call).values()) == {"parked"}


@pytest.mark.usefixtures("work")
def test_one_operation_is_sent_on_as_before(call: Call) -> None:
    assert call("operations", "retry", "opn_1", *REASON, "--json").json["state"] == "queued"
