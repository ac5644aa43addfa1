"""What a command says of itself, read from its source: help names every command, and need not load what each needs."""

from __future__ import annotations

import ast
import inspect
from importlib.util import find_spec
from pathlib import Path


def line_of(place: str) -> str | None:
    """The help of the command at ``module:attribute``: of its ``typer.Typer(help=…)``, or its function's docstring.

    None where the source does not say it so plainly; the command itself knows then.
    """
    module, _, name = place.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and (node.name == name or _speaks_for(node, name)):
            return ast.get_docstring(node)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _names(node) == [name]:
            said = [word.value for word in node.value.keywords if word.arg == "help"]
            if said and isinstance(said[0], ast.Constant) and isinstance(said[0].value, str):
                return inspect.cleandoc(said[0].value)
    return None


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _speaks_for(node: ast.FunctionDef, application: str) -> bool:
    """Whether it is what an application does without a verb; it speaks for one that says nothing of itself."""
    return any(ast.unparse(one).startswith(f"{application}.callback(") for one in node.decorator_list)
