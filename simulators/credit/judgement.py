"""What the credit platform says against one row of the penalty table: pure functions."""

from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_PLACEHOLDER = "0" * 17 + "X"
_CODES = ("CF_XDR_SHXYM", "CF_CFJGDM", "CF_SJLYDM")
_LISTED = ("CF_CFLB", "CF_CFLB1", "CF_CFLB2", "CF_XDR_ZJLX", "CF_FR_ZJLX")
_IDS = (("CF_XDR_ZJLX", "CF_XDR_ZJHM"), ("CF_FR_ZJLX", "CF_FR_ZJHM"))


SCHEMAS = {"2018": "Penalty", "2016": "PenaltyOf2016"}
"""The schema of a row, by the version of the table."""


def field_errors(document: dict[str, Any], penalty: dict[str, Any], table: str = "2018") -> list[tuple[str, str]]:
    """(field, code of ``field_errors.csv``) for everything wrong with a row, fields in the order of the table."""
    name = SCHEMAS[table]
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    found: set[tuple[str, str]] = set()
    for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(penalty):
        found |= _named(error, penalty)
    order = list(document["components"]["schemas"][name]["properties"])
    clean = {field for field, _ in found}
    found |= {one for one in _beyond_the_schema(penalty) if one[0] not in clean}
    return sorted(found, key=lambda one: (order.index(one[0]) if one[0] in order else len(order), one))


def _named(error: Any, penalty: dict[str, Any]) -> set[tuple[str, str]]:
    where = str(error.absolute_path[0]) if error.absolute_path else ""
    match error.validator:
        case "required" | "dependentRequired":
            return {(error.message.split("'")[1], "F01")}
        case "anyOf":  # nothing tells who the party is
            return {("CF_XDR_SHXYM", "F01")}
        case "minLength":
            return {(where, "F01")}
        case "maxLength":
            return {(where, "F02")}
        case "enum":
            return {(where, "F04")}
        case "pattern":
            return {(where, "F04" if where in _LISTED else "F03")}
        case "additionalProperties":
            return {(name, "F10") for name in penalty if name not in error.schema["properties"]}
        case None:  # a property whose schema is false
            return {(where, "F09")}
    return {(where, "F03")}


def _beyond_the_schema(penalty: dict[str, Any]) -> set[tuple[str, str]]:
    found = {
        (name, "F05")
        for name in _CODES
        if penalty.get(name, _PLACEHOLDER) != _PLACEHOLDER
        if not uscc_holds(penalty[name])
    }
    found |= {
        (number, "F11")
        for kind, number in _IDS
        if penalty.get(kind) == "身份证"
        if not resident_id_holds(penalty.get(number, ""))
    }
    if not resident_id_holds(penalty.get("CF_XDR_SFZ", "")) and "CF_XDR_SFZ" in penalty:
        found.add(("CF_XDR_SFZ", "F11"))
    decided = penalty.get("CF_JDRQ", "").replace("/", "-")
    return found | {(name, "F06") for name in ("CF_YXQ", "CF_GSJZQ") if penalty.get(name, decided) < decided}


def uscc_holds(code: str) -> bool:
    """Whether the check character of a unified code fits (GB 32100-2015)."""
    if not re.fullmatch(f"[{_USCC}]{{18}}", code):
        return False
    total = sum(_USCC.index(character) * pow(3, place, 31) for place, character in enumerate(code[:17]))
    return code[17] == _USCC[-total % 31]


def resident_id_holds(number: str) -> bool:
    """Whether the check character of a citizen identification number fits (GB 11643-1999)."""
    if not re.fullmatch(r"\d{17}[\dX]", number):
        return False
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return number[17] == "10X98765432"[total % 11]
