"""The console's pages and screens: nothing inline, nothing that Chromium 90 lacks, no page without a room's right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from typer.main import get_command

from gateway import cli
from gateway.foundation import rooms
from gateway.foundation.access import scopes
from gateway.foundation.screens import ActPage, Joins, Screen
from gateway.rooms.accounts.client_screens import OF_PEOPLE

FACES = Path(__file__).resolve().parents[2] / "gateway" / "faces"
INLINE = (r"\sstyle\s*=", r"<style", r"<script(?![^>]*\ssrc=)", r"\son[a-z]+\s*=\s*[\"']", r"javascript:", r"hx-on")
TOO_NEW = (
    r":has\(",
    r"@layer",
    r"@container",
    r"@scope",
    r"@property",
    r"@starting-style",
    r"color-mix\(",
    r"oklch\(",
    r"\d(?:d|s|l)v[hw]\b",
    r"accent-color",
    r"\binert\b",
    r"popover",
    r"text-wrap",
    r"subgrid",
    r":user-(?:in)?valid",
    r"light-dark\(",
    r"(?m)^\s*&",
    r"\{[^{}]*&[^{}]*\{",
    r"scrollbar-gutter",
    r"\bround\(",
    r"field-sizing",
    r"@media[^{]*[<>]",
)
"""What came after Chromium 90: browsers of offices stand there (奇安信可信 V1.0)."""


def test_pages_hold_no_style_and_no_script() -> None:
    """The policy says ``'self'`` alone, so that what stands in a page itself would not even work."""
    wrong = [
        f"{file.name}: {found.group()}"
        for file in FACES.rglob("*.html")
        for pattern in INLINE
        for found in re.finditer(pattern, file.read_text(encoding="utf-8"))
    ]
    assert not wrong


def test_styles_are_older_than_the_oldest_browser() -> None:
    wrong = [
        f"{file.name}: {found.group()}"
        for file in FACES.rglob("*.css")
        for pattern in TOO_NEW
        for found in re.finditer(pattern, re.sub(r"(?s)/\*.*?\*/", "", file.read_text(encoding="utf-8")))
    ]
    assert not wrong


def test_every_screen_and_act_needs_a_right_that_there_is() -> None:
    """What nobody can be given would be drawn for nobody; two of one name would hide one another."""
    installed = rooms.found()
    screens: list[Screen] = [room.place(where) for room in installed for where in room.screens]
    joins: list[Joins] = [room.place(where) for room in installed for where in room.joins]
    names = [one.name for one in screens]
    assert len(set(names)) == len(names)
    assert {one.screen for one in joins} <= set(names)
    for one in screens:
        whole = one.with_joined([more for more in joins if more.screen == one.name])
        acts = [act.name for act in whole.acts]
        assert len(set(acts)) == len(acts), one.name
        assert {one.scope, *(act.scope for act in whole.acts)} <= set(scopes()), one.name
        assert (one.lists is None) != (one.page is None), one.name


def test_who_makes_a_key_or_a_password_proves_who_it_is_and_who_revokes_is_not_held_up() -> None:
    """What leaked is revoked at once; what opens something is made by nobody who found a screen unattended."""
    found = list(acts_at_screens())
    made = {
        "create_operator",
        "set_operator_password",
        "issue_client_key",
        "issue_operator_key",
        "set_collecting_unit",
    } | {"add_endpoint", "rotate_webhook_secret"}
    assert made == {one.of.name for one in found if one.of.name in made and one.money}
    ended = {"revoke_key", "revoke_client", "disable_operator", "end_operator_session"}
    assert ended == {one.of.name for one in found if one.of.name in ended and not one.money}


def test_a_case_systems_key_is_offered_no_right_whose_routes_want_a_person() -> None:
    """Such a key would open nothing by it, and who reads the list would believe that it does."""
    texts = [file.read_text(encoding="utf-8") for file in FACES.parent.rglob("*.py")]
    people, anybody = (
        {scope for text in texts for scope in re.findall(rf'Depends\({name}\("([a-z]+:[a-z]+)"', text)}
        for name in ("operator", "may")
    )
    assert people - anybody | {"persons:unmask"} == OF_PEOPLE


def test_a_form_names_a_command_that_there_is() -> None:
    commands = get_command(cli.app).commands  # type: ignore[attr-defined]
    for one in acts_at_screens():
        room, *words = one.same_as.split()
        command = commands[room]
        for word in words:
            command = command.commands[word]


def acts_at_screens() -> Iterator[ActPage]:
    """Every act that a form does."""
    for room in rooms.found():
        for where in (*room.screens, *room.joins):
            yield from room.place(where).acts
