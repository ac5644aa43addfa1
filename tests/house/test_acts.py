"""An act is one thing: its route, its command and what is said of it name each other, and none of them is missing."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from fastapi.routing import APIRoute
from typer.main import get_command

from gateway import cli
from gateway.foundation import rooms
from gateway.foundation.acts import acts, looks
from gateway.foundation.http.two_persons import Confirmation

FOR_MACHINES = {
    "put_decision": "a case system's facts; people bring files (gateway decisions import)",
    "request_payment": "a case system's demand; people bring files (gateway payments import)",
    "import_bill": "a row of a file that people bring (gateway jobs import)",
    "import_decision": "the same",
    "scan_licence": "asked by a case system with a device",
    "seal_document": "a case system's document; an officer seals there",
    "seal_batch": "the same, many at once",
}
"""Writing routes that are no act of a person here, each with the reason."""
WRITTEN = {
    **{"list_own_keys": "keys ring", "list_parked_operations": "operations parked"},
    **{"list_payment_refunds": "payments refunds", "list_breaks": "reconcile breaks"},
    **{"list_repairs": "disclosures repair list", "list_jobs": "jobs list", "list_job_rows": "jobs show"},
    **{"list_events": "listen"},
}
"""Lists whose commands their rooms have written."""


def writing() -> dict[str, APIRoute]:
    """Every route that changes something, by its name."""
    routes = (one for room in rooms.found() for place in room.routes for one in room.place(place).routes)
    every = (one for one in routes if isinstance(one, APIRoute))
    return {one.name: one for one in every if not set(one.methods or ()) & {"GET", "HEAD"}}


def scopes(part: Any) -> set[str]:
    """The rights that a route asks for."""
    own = inspect.getclosurevars(part.call).nonlocals if inspect.isfunction(part.call) else {}
    asked = {own["scope"]} if isinstance(own.get("scope"), str) else set()
    return asked.union(*(scopes(one) for one in part.dependencies))


def test_each_writing_route_for_people_is_an_act_where_it_says() -> None:
    declared = {act.name: act for _, act in acts()}
    found = writing()
    assert found.keys() - declared.keys() == FOR_MACHINES.keys()
    wrong = [
        (name, act.route)
        for name, act in declared.items()
        if name not in found or act.route != f"{sorted(found[name].methods or ())[0]} {found[name].path_format}"
    ]
    assert wrong == []
    asked = {name: scopes(found[name].dependant) for name in declared}
    assert [(name, act.scope, asked[name]) for name, act in declared.items() if act.scope not in asked[name]] == []


def test_each_act_has_a_command_that_names_its_route_and_a_look_where_a_word_is_given() -> None:
    found = get_command(cli.app).commands  # type: ignore[attr-defined]
    for _, act in acts():
        words = act.command.split()
        command = found[words[0]]
        for word in words[1:]:
            command = command.commands[word]
        assert act.route in (command.epilog or ""), act.command
        assert str(act.sentence)
        assert all(map(str, act.why().values()))
    looked = {act.name for _, act in acts() if act.look is not None}
    bodies = {name: one.body_field for name, one in writing().items() if one.body_field is not None}
    assert {name for name, one in bodies.items() if one.field_info.annotation is Confirmation} <= looked


def test_a_command_that_is_made_asks_for_what_its_route_asks() -> None:
    found = get_command(cli.app).commands["refunds"].commands  # type: ignore[attr-defined]
    typed = ["ref_1", "--name", "张三", "--account", "6222", "--bank", "某行", "--json"]
    assert {"refund_id", "name", "account", "bank"} <= found["payee"].make_context("payee", typed).params.keys()


@pytest.mark.parametrize("words", ["cash take", "refunds propose", "payments reduce"])
def test_a_sum_is_typed_in_yuan_as_the_route_takes_it(words: str) -> None:
    """A number is refused there, since 200 might be fen: what was typed goes as text."""
    group, verb = words.split()
    command = get_command(cli.app).commands[group].commands[verb]  # type: ignore[attr-defined]
    amount = next(one for one in getattr(command, "whole", command).params if one.name == "amount")
    assert "200.00" in amount.help


def test_each_list_has_a_command() -> None:
    routes = [one for room in rooms.found() for place in room.routes for one in room.place(place).routes]
    reading = {one.name: one for one in routes if isinstance(one, APIRoute) and "GET" in (one.methods or ())}
    made = {look.name: look for _, look in looks()}
    assert {name for name in reading if name.startswith(("list_", "find_"))} - made.keys() == WRITTEN.keys()
    found = get_command(cli.app)
    for words in (*WRITTEN.values(), *(look.command for look in made.values())):
        command: Any = found
        for word in words.split():
            command = command.commands[word]
        assert command.help, words
    for name, look in made.items():
        assert (look.route, {look.scope}) == (f"GET {reading[name].path_format}", scopes(reading[name].dependant)), name
