"""The gateway's own code, read and parsed once in a run, for the tests that look at how it is written."""

from __future__ import annotations

import ast
import gc
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

import gateway

GATEWAY = Path(gateway.__file__).parent
N = TypeVar("N", bound=ast.AST)


@cache
def texts() -> Mapping[str, str]:
    """The text of every module, by its path inside the package."""
    return {
        file.relative_to(GATEWAY).as_posix(): file.read_text(encoding="utf-8") for file in sorted(GATEWAY.rglob("*.py"))
    }


@cache
def trees() -> Mapping[str, ast.Module]:
    """The same, parsed."""
    made = {path: ast.parse(text) for path, text in texts().items()}
    gc.freeze()  # they stay: the collector of cycles need not walk through them again and again
    return made


@cache
def _nodes() -> Mapping[type[ast.AST], list[tuple[str, ast.AST]]]:
    found: defaultdict[type[ast.AST], list[tuple[str, ast.AST]]] = defaultdict(list)
    for path, tree in trees().items():
        for node in ast.walk(tree):
            found[type(node)].append((path, node))
    return found


def every(kind: type[N]) -> Iterator[tuple[str, N]]:
    """Each node of a kind, with the path of its module."""
    yield from _nodes()[kind]  # type: ignore[misc]


def called(node: ast.Call) -> str:
    """The last name of what is called; "" where that is no name."""
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


LEAN = ("-p", "no:cacheprovider", "--disable-plugin-autoload", "-p", "asyncio", "-p", "gateway.testing.plugin")
"""For a pytest in a process of its own: it finds no plugin by itself, and so parses no package anew for its asserts."""
