"""``gateway disclosures text``: a person sees what is hidden in a full text, and confirms exactly that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from decision_facts import facts

from gateway.app import App
from gateway.rooms.decisions import Decisions
from gateway.settings import load

Call = Callable[..., Any]
A, NUMBER, PASSWORD = "A1", "望综执罚决字〔2026〕第7号", "long enough a password"
TEXT = "证人张立群证实，电话13800138000。齐越知情。"


@pytest.fixture
def text(call: Call, site: Path, installed: str) -> list[str]:
    """The words that show the text of a decision, under an operator's password."""
    made = call("operators", "create", "lin", "林溪", "--role", "operator", "--password-stdin", typed=PASSWORD + "\n")
    assert made.code == 0, made.err

    async def record() -> None:
        async with App.open(load(site / "gateway.toml")) as gateway:
            await gateway.get(Decisions).put(A, NUMBER, facts(full_text=TEXT), by="案件系统")

    asyncio.run(record())
    return ["disclosures", "text", A, NUMBER, "--login", "lin", "--password-stdin"]


def test_what_was_shown_is_confirmed_and_nothing_else(call: Call, text: list[str]) -> None:
    said = call(*text, "--name", "齐越", typed=PASSWORD)
    assert said.code == 0, said.err
    assert "证人【张某某】证实，电话【（已隐去）】。【齐某】知情。" in said.out
    assert "13800138000" not in said.out
    seen = call(*text, "--name", "齐越", "--json", typed=PASSWORD).json["seen"]
    other = call(*text, "--confirm", seen, typed=PASSWORD)
    assert (other.code, other.out) == (4, ""), "without the name it is another text"
    assert call(*text, "--name", "齐越", "--confirm", seen, "--json", typed=PASSWORD).json["stands"]
    assert call(*text, "--keep", "here", typed=PASSWORD).code == 4


def test_a_page_without_an_address_is_not_served_alone(call: Call, text: list[str]) -> None:
    said = call("serve", "--faces", "public")
    assert (said.code, "server.public" in said.err) == (3, True)
