"""What the contract of a system declares and what it leaves open: names of fields, optional ones, codes, paths."""

from __future__ import annotations

import csv
from collections.abc import Collection
from typing import Any

from lxml import etree

import contracts
from simulators.contract import METHODS, document

_XS = "{http://www.w3.org/2001/XMLSchema}"


class Leeway:
    """A contract, by the name of its folder such as "portal/v1"; without one nothing is declared."""

    def __init__(self, contract: str) -> None:
        self.declared: set[str] = set()
        self.optional: set[str] = set()
        self.tables: list[set[str]] = []
        #: The codes of its table of results.
        self.results: set[str] = set()
        #: Operation → path, of contracts that are an OpenAPI document.
        self.paths: dict[str, str] = {}
        #: Operation → the HTTP statuses of its answers, of the same contracts.
        self.statuses: dict[str, set[int]] = {}
        for file in contracts.path(contract).rglob("*") if contract else ():
            if file.suffix == ".xsd":
                self._xml(etree.parse(str(file)).getroot())
            elif file.stem == "openapi":
                told = document(file)
                self._json(told)
                for path, methods in told["paths"].items():
                    for one in (one for verb, one in methods.items() if verb in METHODS):
                        self.paths[one["operationId"]] = path
                        known = {int(status) for status in one["responses"] if status.isdecimal()}
                        self.statuses[one["operationId"]] = known
            elif file.suffix == ".csv":
                with file.open(encoding="utf-8", newline="") as table:
                    rows = list(csv.reader(table))
                self.tables.append({value for row in rows for value in row[:3]})
                if file.stem == "results":
                    self.results |= {row[0] for row in rows[1:]}

    def _xml(self, root: etree._Element) -> None:
        for element in root.iter(f"{_XS}element"):
            if name := element.get("name") or element.get("ref", "").rpartition(":")[2]:
                self.declared.add(name)
                around = (element, *element.iterancestors(f"{_XS}sequence", f"{_XS}choice"))
                if any(one.get("minOccurs") == "0" or one.tag == f"{_XS}choice" for one in around):
                    self.optional.add(name)

    def _json(self, node: Any) -> None:
        for value in node.values() if isinstance(node, dict) else node:
            if isinstance(value, dict | list):
                self._json(value)
        if isinstance(node, dict) and isinstance(members := node.get("properties"), dict):
            self.declared |= members.keys()
            self.optional |= members.keys() - set(node.get("required", ()))
        if isinstance(node, dict) and isinstance(choice := node.get("enum"), list):
            self.tables.append({str(one) for one in choice})
        if isinstance(node, dict) and node.get("in") in ("path", "query") and "name" in node:
            self.declared.add(node["name"])

    def may_be_absent(self, path: str, there: Collection[str]) -> bool:
        """Whether the contract allows that nothing stands at this path, where these paths are there."""
        names = path.split(".")
        for depth, name in enumerate(names, 1):
            above = ".".join(names[:depth])
            if not any(one == above or one.startswith(above + ".") for one in there):
                return name.endswith("[]") or name in self.optional  # a list may be empty
        return False

    def may_answer(self, operation: str, status: int) -> bool:
        """Whether the contract lets an operation be answered with this HTTP status."""
        return status in self.statuses.get(operation, ())

    def may_be_instead(self, real: str, simulated: str) -> bool:
        """Whether one table of the contract has both codes."""
        return any({real, simulated} <= table for table in self.tables)

    def knows(self, path: str) -> bool:
        """Whether the contract has a field of that name."""
        return path.replace("[]", "").rsplit(".", 1)[-1] in self.declared
