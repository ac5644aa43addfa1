"""Answers of other systems as people read and type them: sums in yuan, which are kept in fen. Pure."""

from __future__ import annotations

from typing import Any

from gateway.foundation.two_persons import FEN
from gateway.words.money import format_yuan, parse_yuan


def in_yuan(name: str, value: Any) -> Any:
    """A member of an answer with its sums, and those within it, as people read them."""
    if isinstance(value, dict):
        return {key: in_yuan(key, one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [in_yuan(name, one) for one in value]
    return format_yuan(value) if name in FEN and isinstance(value, int) else value


def in_fen(name: str, value: Any) -> Any:
    """The same as it is kept. Raises ValueError for what is no amount: a bare number might be meant as fen."""
    if isinstance(value, dict):
        return {key: in_fen(key, one) for key, one in value.items()}
    if isinstance(value, list):
        return [in_fen(name, one) for one in value]
    if name not in FEN or value is None:
        return value
    if not isinstance(value, str):
        raise ValueError(name)
    plain = value.replace(",", "")
    return parse_yuan(plain if "." in plain else f"{plain}.00")
