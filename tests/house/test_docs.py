"""The pages tell the truth: links lead somewhere, lists are complete, drawn diagrams are current, examples run."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pydantic import BaseModel

from gateway.cli.states import lives, mermaid
from gateway.foundation.access import roles, scopes
from gateway.foundation.channels import ChannelKeys, served_kinds
from gateway.foundation.delivery.webhooks import sign
from gateway.foundation.wire import WireSettings
from gateway.plugins import declared, installed
from gateway.settings import Settings
from simulators import systems
from simulators.fault_kinds import COMMON

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def rows(page: str) -> list[list[str]]:
    """The cells of every table row of a page."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text(page).splitlines() if line[:1] == "|"
    ]


def words(page: str) -> set[str]:
    """Everything that stands in code quotes in a page."""
    return set(re.findall(r"`([^`\n]+)`", text(page)))


# --- links ----------------------------------------------------------------------------------------------------------


def links(page: Path) -> Iterator[str]:
    """Relative links outside code blocks."""
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    prose = re.sub(r"`[^`\n]*`", "", prose)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """What can follow # in a link to a page, as forges make it from headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    found = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


def test_every_link_between_pages_leads_somewhere() -> None:
    assert {page.name: wrong for page in PAGES if (wrong := broken(page))} == {}


def test_a_link_that_leads_nowhere_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One thing\n\n[a](gone.md) [b](page.md#one-thing) [c](#other) `[d](x)`\n", encoding="utf-8")
    assert broken(page) == ["gone.md", "#other"]


def test_every_page_is_reached_from_the_first_one() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        near = [(page.parent / unquote(link.partition("#")[0])).resolve() for link in links(page)]
        waiting += [one for one in near if one.suffix == ".md" and one.exists()]
    assert {page.name for page in PAGES if page not in seen} == set()


def test_every_decision_has_a_number_of_its_own_and_stands_in_the_list() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \|", text("adr/README.md"), re.MULTILINE)
    pages = sorted(page.name for page in (DOCS / "adr").glob("[0-9]*.md"))
    assert [(name[:4], name) for name in pages] == listed
    assert [number for number, _ in listed] == [f"{number:04}" for number in range(1, len(listed) + 1)]
    assert [name for name in pages if not text(f"adr/{name}").startswith(f"# {name[:4]} ")] == []


def test_every_page_has_a_place_in_the_navigation() -> None:
    """``make docs`` ends at a page without one; here it is said at once, by whoever adds the page."""
    plan = (ROOT / "packaging/site/mkdocs.yml").read_text(encoding="utf-8")
    placed = set(re.findall(r"^ +- (\S+\.md)$", plan.partition("\nnav:\n")[2], re.MULTILINE))
    written = {str(page.relative_to(ROOT)) for page in PAGES if not page.match("adr/[0-9]*.md")}
    assert written - placed == set(), "name it in packaging/site/mkdocs.yml, where a newcomer would look for it"
    assert {page for page in placed if not (ROOT / page).exists()} == set()


# --- lists ----------------------------------------------------------------------------------------------------------


def settings_rows() -> Iterator[tuple[str, str]]:
    """Each key of the settings with its default as TOML has it, as the page must say it."""
    for name, field in Settings.model_fields.items():
        if name in ("channels", "routes"):
            continue
        default = field.default
        blocks = type(default).model_fields if isinstance(default, BaseModel) else None
        for key in blocks or [name]:
            yield key, toml(getattr(default, key) if blocks else default)


def toml(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str | Path):
        return f'`"{value}"`'
    return f"`{list(value) if isinstance(value, tuple) else str(value).lower()}`"


def test_every_setting_is_described_with_its_default() -> None:
    described = [(cells[0].strip("`"), cells[1]) for cells in rows("settings.md") if len(cells) == 3]
    assert set(settings_rows()) - set(described) == set()
    blocks = [name for name, field in Settings.model_fields.items() if isinstance(field.default, BaseModel)]
    assert [name for name in blocks if f"[{name}]" not in words("settings.md")] == []


def test_every_key_of_a_channel_is_described() -> None:
    assert set(WireSettings.model_fields) - words("wire.md") == set()
    known = words("settings.md")
    assert set(ChannelKeys.model_fields) - known == set()
    of_kinds = [one.channel_keys for one in served_kinds().values() if one.channel_keys is not None]
    assert of_kinds
    assert [keys.__name__ for keys in of_kinds if set(keys.model_fields) - known] == []
    ours = {name: declared(name) for name, entries in installed().items() if entries[0].value.startswith("gateway.")}
    assert {name: lacking for name, one in ours.items() if (lacking := one.Settings.model_fields.keys() - known)} == {}


def test_every_scope_role_and_fault_is_described() -> None:
    access = text("access.md")
    assert [scope for scope in scopes() if f"`{scope}`" not in access] == []
    assert [role for role in roles() if f"*{role}*" not in access] == []
    kinds = {*COMMON, *(kind for system in systems.load() for kind in system.kinds)}
    assert [kind for kind in kinds if f"`{kind}`" not in text("simulators.md")] == []


# --- what is to be typed ----------------------------------------------------------------------------------------------

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMANDS: dict[str, Any] = json.loads((ROOT / "tests/snapshots/commands.json").read_text(encoding="utf-8"))


def blocks(page: Path, *languages: str) -> list[str]:
    """The code of a page in these languages."""
    return [code for language, code in BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages]


def typed(code: str) -> Iterator[list[str]]:
    """The command lines of ours in a shell block, without what comes before and after them."""
    for line in code.replace("\\\n", " ").splitlines():
        for part in re.split(r"\||&&|;|>", line.removeprefix("$ ").partition(" # ")[0]):
            words = part.split()
            for place, word in enumerate(words):
                before = words[place - 1] if place else ""
                if word.endswith("/bin/gateway") or (word == "gateway" and before in ("", "enforcement-gateway")):
                    yield words[place + 1 :]


def unknown(words: list[str]) -> list[str]:
    """What of a command line the program would not take: a command, or an option."""
    name, rest, options = "gateway", words, {*known_options("gateway")}
    while rest and f"{name} {rest[0]}" in COMMANDS:
        name, rest = f"{name} {rest[0]}", rest[1:]
        options |= {*known_options(name)}
    given = {word.partition("=")[0] for word in rest if word[:2] == "--"}
    no_command = name == "gateway" and rest and rest[0][0] != "-"
    return ([rest[0]] if no_command else []) + sorted(given - options)


def known_options(command: str) -> Iterator[str]:
    yield from ("--help", "--json", "--wide", "--")
    for spelled in COMMANDS[command]["options"]:
        yield from spelled.split()


def test_the_page_of_the_command_line_names_every_command() -> None:
    """Each word has its row in the table, and each verb stands in the row of its word."""
    from typer.main import get_command

    from gateway import cli

    rows = [line for line in (ROOT / "docs/cli.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    wanting = []
    for word, command in get_command(cli.app).commands.items():  # type: ignore[attr-defined]
        row = "".join(one for one in rows if re.search(rf"`(gateway )?{word}[` ,]", one.split("|")[1]))
        named = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"`[^`]+`", row))))
        wanting += [f"{word} {verb}" for verb in getattr(command, "commands", {}) if verb not in named]
        wanting += [] if row else [word]
    assert wanting == []


def test_every_command_that_a_page_has_one_type_is_there_with_its_options() -> None:
    lines = [(page.name, words) for page in PAGES for code in blocks(page, "sh", "console") for words in typed(code)]
    trial = "packaging/container/trial.sh"
    lines += [(trial, words) for words in typed((ROOT / trial).read_text(encoding="utf-8"))]
    assert len(lines) > 100
    assert [(name, " ".join(words)) for name, words in lines if unknown(words)] == []
    assert unknown(["reconcil"]) == ["reconcil"]
    assert unknown(["reconcile", "--dai", "2026-11-20"]) == ["--dai"]


@pytest.mark.parametrize(("language", "read"), [("toml", tomllib.loads), ("json", json.loads), ("python", ast.parse)])
def test_every_block_can_be_read_as_what_it_says_it_is(language: str, read: Callable[[str], Any]) -> None:
    def wrong(code: str) -> Exception | None:
        try:
            read(textwrap.dedent(code).replace("{…}", "{}"))
        except (ValueError, SyntaxError) as error:
            return error
        return None

    found = [(page.name, code) for page in PAGES for code in blocks(page, language)]
    assert found
    assert [(name, error, code) for name, code in found if (error := wrong(code))] == []


def test_the_chinese_first_call_has_one_type_what_the_readme_does() -> None:
    """Whose blocks are run by tests/journeys/test_readme.py."""
    first, second = ROOT / "README.md", DOCS / "zh/first-call.md"
    (readme,) = re.findall(r"## A first call.*?\n## What", first.read_text(encoding="utf-8"), re.DOTALL)
    typed_there = [code for language, code in BLOCK.findall(readme) if language == "sh"]
    assert typed_there == [code for code in blocks(second, "sh") if not code.startswith("make ")]


# --- diagrams and examples ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", lives())
def test_the_drawn_states_are_those_of_the_code(name: str) -> None:
    drawn = DOCS / "diagrams" / f"{name}.mmd"
    redraw = f"gateway states {name} --format mermaid > docs/diagrams/{name}.mmd"
    assert drawn.exists(), redraw
    assert drawn.read_text(encoding="utf-8").rstrip("\n") == mermaid(lives()[name]), redraw


def test_nothing_is_drawn_that_is_not_there() -> None:
    assert {drawn.stem for drawn in (DOCS / "diagrams").glob("*.mmd")} == set(lives())


def test_the_example_that_verifies_webhooks_does_so() -> None:
    source = next(
        code for code in re.findall(r"```python\n(.*?)```", text("api.md"), re.DOTALL) if "webhook-id" in code
    )
    example: dict[str, Any] = {}
    exec(source, example)
    secret, body, stamp = "whsec_" + "A" * 43 + "=", b'{"type":"payment.paid"}', int(time.time())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": "v1,b2xk " + sign(secret, "evt_1", stamp, body),
    }
    assert example["is_authentic"](secret, headers, body)
    assert not example["is_authentic"](secret, headers, body + b" ")
    assert not example["is_authentic"](secret, {**headers, "webhook-timestamp": str(stamp - 301)}, body)


@pytest.mark.nightly
def test_the_adapter_of_the_page_installs_loads_and_passes_its_tests(tmp_path: Path) -> None:
    project, site = tmp_path / "anlan-registry", tmp_path / "site"
    files = re.findall(r"\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)```", text("ADDING_ADAPTERS.md"), re.DOTALL)
    assert len(files) == 5
    for name, content in [*files, ("anlan_registry/__init__.py", "")]:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content, encoding="utf-8")

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site), ".")
    assert "anlan-sharing/2026" in run("gateway", "adapters")
    told = re.search(r"registry\.anlan: \d+ promises kept, 0 broken, \d+ not declared", text("ADDING_ADAPTERS.md"))
    assert told is not None
    assert told[0] in run("pytest", "-p", "no:cacheprovider", "tests")


@pytest.mark.parametrize(
    ("page", "folder", "number"),
    [("ADDING_ROOMS.md", "tests/foreign", 9), ("adapter-recipes.md", "examples/nontax-json", 11)],
)
def test_the_code_of_the_page_is_that_of_the_package(page: str, folder: str, number: int) -> None:
    blocks = re.findall(r"\*\*`([^`]+)`\*\*( \(a part\))?\n\n```\w+\n(.*?)```", text(page), re.DOTALL)
    assert len(blocks) == number
    files = {name: (ROOT / folder / name).read_text(encoding="utf-8") for name, _, _ in blocks}
    wrong = [code for name, part, code in blocks if not (code in files[name] if part else code == files[name])]
    assert wrong == [], f"copy the code of these files into docs/{page}"
