"""How large things may become before they are two things: no class of the gateway has more than twenty methods."""

from __future__ import annotations

import ast

from sources import every

MOST = 20
SUITES = "testing/"
"""Where each method is a promise that an adapter keeps."""


def test_no_class_has_more_than_twenty_methods() -> None:
    counted = {
        f"{path} {node.name}": sum(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in node.body)
        for path, node in every(ast.ClassDef)
        if not path.startswith(SUITES)
    }
    assert {name for name, methods in counted.items() if methods > MOST} == set()
