"""Whatever people are told stands in the catalogue, in every language, and nothing there is for machines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from string import Formatter

import pytest
from sources import N, called, every, trees

from gateway.cli.doctor import LOOKS
from gateway.foundation import rooms
from gateway.rooms.payments.told import told
from gateway.rooms.reconciliation.matching import BreakKind
from gateway.words.saying import Language, head_in, sentences

ALONE = "rooms/evidence/verify_bundle.py"
"""It leaves with each bundle and runs where no catalogue is; it says everything in both languages."""
ONE_LANGUAGE = ("columns.", "fields.", "terms.", "help.")
"""Heads of columns, names of fields, words of enums, help: the English ones stand where they are made."""
TOLD = ("SettingsError", "Finding", "Checked", "UnfitError")
"""What carries a sentence to people, beside every ``…Problem``."""


def speaking(kind: type[N]) -> Iterator[tuple[str, N]]:
    """Every node of a kind in the modules that people may hear from; revisions of tables speak to databases."""
    return ((file, node) for file, node in every(kind) if file != ALONE and "/revisions/" not in file)


def wanted(id: str, language: Language) -> set[str]:
    """What stands in braces in a sentence and its cure."""
    words, cure = sentences(language)[id]
    return {name for text in (words, cure or "") for _, name, _, _ in Formatter().parse(text) if name is not None}


def ids() -> list[str]:
    return [id for id in sentences(Language.ENGLISH) if not id.startswith(ONE_LANGUAGE)]


def test_every_sentence_is_there_in_every_language() -> None:
    english = {id: cure is not None for id, (_, cure) in sentences(Language.ENGLISH).items()}
    for language in Language:
        found = {
            id: cure is not None for id, (_, cure) in sentences(language).items() if not id.startswith(ONE_LANGUAGE)
        }
        assert found == english, sorted(found.items() ^ english.items())


def test_a_sentence_holds_the_same_in_every_language() -> None:
    differing = {id: [wanted(id, one) for one in Language] for id in ids()}
    assert not {id: sets for id, sets in differing.items() if any(one != sets[0] for one in sets)}


def said() -> Iterator[tuple[str, ast.Call]]:
    for file, node in speaking(ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id == "say":
            yield f"{file}:{node.lineno}", node


def literals(node: ast.expr) -> list[str] | None:
    """The ids that an expression may be; None where it is made in another way."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        one, other = literals(node.body), literals(node.orelse)
        return None if one is None or other is None else one + other
    return None


def test_what_is_said_stands_in_the_catalogue_with_what_it_is_given() -> None:
    known, wrong = set(ids()), []
    for place, node in said():
        for id in literals(node.args[0]) or ():
            if id not in known:
                wrong.append(f"{place}: no sentence {id}")
            elif all(one.arg for one in node.keywords):
                given = {one.arg for one in node.keywords}
                if given != wanted(id, Language.ENGLISH):
                    wrong.append(f"{place}: {id} is given {sorted(map(str, given))}")
    assert not wrong, "\n".join(wrong)


def test_no_sentence_is_left_over() -> None:
    """An id stands in the code as it is, or begins as a text does that the code completes."""
    whole = {node.value for _, node in speaking(ast.Constant) if isinstance(node.value, str)}
    firsts = [node.values[0] for _, node in speaking(ast.JoinedStr)]
    begun = {str(one.value) for one in firsts if isinstance(one, ast.Constant)}
    prefixes = tuple(one for one in begun if re.fullmatch(r"[a-z]+\.[a-z_]*", one))
    assert not [id for id in ids() if id not in whole and not id.startswith(prefixes)]


FOR_MACHINES = [
    r"\\[dSswbA]",
    r"[\^$]",
    r"[Vv]alue error",
    r"\b[A-Z][a-z]+[A-Z]\w*Error\b",
    r"\bNoneType\b",
    r"\bpydantic\b",
    r"\b(GET|POST|PUT|DELETE) /",
]


@pytest.mark.parametrize("language", list(Language))
def test_sentences_are_for_people(language: Language) -> None:
    """No pattern, no name of a type, no route; a reason has no full stop, what to do about it has one in English."""
    for id, (words, cure) in sentences(language).items():
        for text in (words, cure or ""):
            assert not [one for one in FOR_MACHINES if re.search(one, text)], f"{id}: {text}"
            assert text == text.strip(), id
        if language is Language.CHINESE:
            plain = re.sub(r"\{\w+\}|[^\w]|[A-Z]", "", words)
            assert not plain or re.search(r"[\u4e00-\u9fff]", words), f"{id}: {words}"


def carried(node: ast.Call) -> list[ast.expr]:
    """The arguments of a call that people will read."""
    name = called(node)
    if name == "Finding" and len(node.args) > 1 and not is_bare(node.args[1]):  # of the evidence, which speaks English
        return []
    if name.endswith("Problem"):
        places, words = [0], ("said", "cure")
    elif name in TOLD:
        places, words = {"SettingsError": [1, 2], "UnfitError": [0]}.get(name, [2, 3]), ("said", "cure", "then")
    else:
        return []
    return [node.args[one] for one in places if one < len(node.args)] + [
        one.value for one in node.keywords if one.arg in words
    ]


def is_bare(node: ast.expr) -> bool:
    """Whether an argument is words: a text, one with holes, or one that is put together here."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value != ""
    if isinstance(node, ast.IfExp):
        return is_bare(node.body) or is_bare(node.orelse)
    if isinstance(node, ast.BinOp):
        return is_bare(node.left) or is_bare(node.right)
    return isinstance(node, ast.JoinedStr)


def test_nobody_is_told_what_does_not_stand_in_the_catalogue() -> None:
    """A sentence in a literal would be there in one language only: ``say`` it, and write it into both files."""
    assert not [f"{file}:{node.lineno}" for file, node in speaking(ast.Call) if any(map(is_bare, carried(node)))]


IN_NO_LANGUAGE = {"[statements.NAME]", "  pip install -e ", " && python -m pytest ", "gateway "}
"""What commands print that a person copies: settings, other commands."""
SPOKEN = ("echo", "confirm", "prompt", "status", "word_on", "print")


def printed(node: ast.Call) -> list[ast.expr]:
    """The arguments of a call that a person at a terminal reads."""
    if called(node) == "show":
        return node.args[2:]
    return [*node.args[:1], *node.args[3:]] if called(node) in SPOKEN else []


def bare_words(node: ast.expr) -> Iterator[str]:
    """The words of literals that an argument holds, also in a list or one by one; what a call makes is its own."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=values):
            yield from (str(one.value) for one in values if isinstance(one, ast.Constant))
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            yield from bare_words(one)
            yield from bare_words(other)
        case ast.Starred(value=inner) | ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner):
            yield from bare_words(inner)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from bare_words(part)


def test_no_command_prints_what_does_not_stand_in_the_catalogue() -> None:
    found = []
    for file, node in speaking(ast.Call):
        if file.startswith(("cli/", "rooms/", "terminal/")):
            texts = [text for one in printed(node) for text in bare_words(one)]
            found += [
                f"{file}:{node.lineno}: {text}"
                for text in texts
                if re.search(r"[^\W\d_]{2}", text) and text not in IN_NO_LANGUAGE
            ]
    assert not found, "\n".join(found)


def headed(tree: ast.Module) -> Iterator[ast.expr]:
    """What stands in literals or a constant as heads of tables, or in ``names``, of which heads and cells are made."""
    constants = {ast.unparse(one.targets[0]): one.value for one in tree.body if isinstance(one, ast.Assign)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in ("table", "_listed"):
            parts = node.args if called(node) == "_listed" else node.args[:1]
            known = [constants.get(ast.unparse(part), part) for part in parts]
            yield from (one for part in known for one in getattr(part, "elts", [part]))
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(one, ast.Call) and called(one) == "table" and ast.unparse(one.args[0]) in ("names", "heads")
            for one in ast.walk(node)
        ):
            for one in ast.walk(node):
                if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) in ("names", "heads"):
                    yield from getattr(one.value, "elts", [])


def test_every_column_has_a_chinese_head() -> None:
    """English is the name itself; ``head_in`` finds the Chinese in the tables ``columns`` and ``fields``."""
    lacking = []
    for file, tree in trees().items():
        for node in headed(tree) if file.endswith(("command.py", "commands.py")) or file.startswith("cli/") else ():
            match node:
                case ast.Constant(value=str(name)) if name and head_in(name, Language.CHINESE) == name.replace(
                    "_", " "
                ):
                    lacking.append(f"{file}:{node.lineno}: {name}")
    assert not lacking, "\n".join(lacking)


def test_a_break_is_told_whatever_it_is_and_whatever_happened_to_its_payment() -> None:
    """Each kind has its likely cause and what to do; each event of payment, refund and receipt has its words."""
    causes = {f"reconciliation.{what}_{kind.value}" for what in ("cause", "advice") for kind in BreakKind}
    assert causes <= set(ids())
    events = [one for one in rooms.events_of(rooms.found()) if one.startswith(("payment.", "refund.", "receipt."))]
    assert not [one for one in events if told(one) is None]


def test_what_waits_without_a_screen_names_a_command() -> None:
    """Today is for officials: what no screen lists, a command does, never an address of the interface."""
    given = [one for _, node in speaking(ast.Call) if called(node) == "Waits" for one in node.keywords]
    words = [text for one in given if one.arg == "instead" for text in [*bare_words(one.value)][:1]]
    assert words
    assert not [text for text in words if not text.startswith("gateway ")]


def test_every_look_of_the_doctor_has_a_name() -> None:
    assert not [one.__name__ for one in LOOKS if f"doctor.look_{one.__name__}" not in sentences(Language.ENGLISH)]


def test_no_request_has_a_pattern_that_nobody_puts_into_words() -> None:
    """Rooms and ports declare the shape of a text with its sentence: ``Field(pattern=shaped(…, "shapes.…"))``."""
    found = []
    for file, node in speaking(ast.keyword):
        if file.startswith(("rooms/", "ports/", "foundation/http/")) and node.arg == "pattern" and is_bare(node.value):
            found.append(f"{file}:{node.value.lineno}")
    assert not found
