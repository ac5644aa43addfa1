"""Sentences that people are told, in every language that they may ask for.

Code says ``say("payments.limit", left="200.00")``: which sentence, and with what in it. The words stand in a
catalogue, one file a language (``gateway/words/catalogue``), and are looked up at the edge, where it is known who
reads: the HTTP answer by its ``Accept-Language``, the command line by ``LANG``. Whatever is written for machines and
for later (log, evidence, the reason of an operation) is English, as ``str`` gives it. A room from elsewhere brings
files of its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final


class Language(StrEnum):
    """A language in which people are told. English is what is meant where nobody says another."""

    ENGLISH = "en"
    CHINESE = "zh"


_BETWEEN: Final = {Language.ENGLISH: ", ", Language.CHINESE: "、"}
_FOLDERS: list[Path] = [Path(__file__).parent / "catalogue"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the catalogue with what stands in it, not worded yet. ``str`` words it in English.

    ``given``: texts, numbers and days; also other sentences, ``Both``, names of fields, members of enums (the last two
    said by the word of the catalogue, where it has one: tables ``fields`` and ``terms``), and lists of these.
    """

    id: str
    given: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def in_(self, language: Language) -> str:
        """Its words. LookupError for a sentence that the catalogue does not have, or a value that it was not given."""
        return self._filled(_entry(self.id, language)[0], language)

    def cure_in(self, language: Language) -> str | None:
        """What to do about it, where the catalogue says so."""
        cure = _entry(self.id, language)[1]
        return None if cure is None else self._filled(cure, language)

    def __str__(self) -> str:
        return self.in_(Language.ENGLISH)

    def _filled(self, words: str, language: Language) -> str:
        return words.format_map({name: _worded(value, language) for name, value in self.given.items()})


class FieldName(str):
    """A field by its dotted path in the API. Where the catalogue has a name for it, that is said before it."""

    __slots__ = ()


class Word(str):
    """A word of ours in a sentence. Where the catalogue has one for it (table ``terms``), that is said."""

    __slots__ = ()


def say(id: str, /, **given: Any) -> Sentence:
    """The sentence of this id, with what stands in it. Whether it is there is seen when it is worded, and by a test."""
    return Sentence(id, given)


def worded(said: Sentence | str, language: Language) -> str:
    """The words of a sentence, or of a ``Word``. What is a text already stays: another system, or a person, said it."""
    return str(_worded(said, language)) if isinstance(said, (Sentence, Word)) else said


def named(said: Sentence | str | Enum | Both, language: Language) -> str:
    """The same, and the word of an enum's member, or what is there in both languages."""
    return str(_worded(said, language)) if isinstance(said, (Sentence, Word, Enum, Both)) else said


def cure_of(said: Sentence | str, cure: Sentence | str | None, language: Language) -> str | None:
    """What to do about it: what was given, else what the catalogue says with the sentence."""
    if cure is not None:
        return worded(cure, language)
    return said.cure_in(language) if isinstance(said, Sentence) else None


def head_in(name: str, language: Language) -> str:
    """What stands above a column, or before a fact, of this name: the name itself, in Chinese the catalogue's word.

    Tables ``columns``, else ``fields``. A name that neither has, of a room from elsewhere perhaps, stays as it is.
    """
    known, key = sentences(language), name.lower().replace(" ", "_")
    found = known.get(f"columns.{key}") or known.get(f"fields.{key}")
    return name.replace("_", " ") if found is None else found[0]


def help_in(text: str, language: Language) -> str:
    """What a command says of itself, written in English: the catalogue's Chinese of each paragraph (table ``help``).

    A paragraph that the table does not have, of a room from elsewhere perhaps, stays as it is.
    """
    if language is Language.ENGLISH:
        return text
    known = sentences(language)
    plain = (" ".join(one.split()) for one in text.partition("\f")[0].split("\n\n"))
    return "\n\n".join(known.get(f"help.{one}", (one, None))[0] for one in plain)


def in_both(said: Sentence | str) -> str:
    """Chinese, then English: for what is stored now and read later, by whom is not known."""
    if not isinstance(said, Sentence):
        return said
    return f"{said.in_(Language.CHINESE)} {said.in_(Language.ENGLISH)}"


@dataclass(frozen=True, slots=True)
class Both:
    """Words that are there in both languages where they are made, as those of a report: for a place in a sentence."""

    zh: str
    en: str

    def in_(self, language: Language) -> str:
        """Its words."""
        return self.zh if language is Language.CHINESE else self.en


class UnfitError(ValueError):
    """A value that is not acceptable, with the sentence that says so."""

    def __init__(self, said: Sentence) -> None:
        super().__init__(said)
        self.said = said

    def __str__(self) -> str:
        return str(self.said)


def said_of(error: Exception) -> Sentence | str:
    """The sentence that an error carries (``said``), else its own text."""
    said = getattr(error, "said", None)
    return said if isinstance(said, Sentence) else str(error)


# --- which language -------------------------------------------------------------------------------------------------


def asked_for(accept_language: str | None) -> Language:
    """The language that a request asks for (RFC 9110, 12.5.4): of those we have the one it likes best, else English."""
    best, chosen = 0.0, Language.ENGLISH
    for one in (accept_language or "").split(","):
        tag, _, weight = one.partition(";")
        known = _language(tag.strip())
        try:
            liked = float(weight.strip().removeprefix("q=").strip() or 1) if weight else 1.0
        except ValueError:
            liked = 0.0
        if known is not None and best < liked <= 1:
            best, chosen = liked, known
    return chosen


def of_terminal(environment: Mapping[str, str]) -> Language:
    """The language of a terminal: that of LC_ALL, else LC_MESSAGES, else LANG (POSIX 8.2); English for any other."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return _language(environment[name]) or Language.ENGLISH
    return Language.ENGLISH


def _language(tag: str) -> Language | None:
    """Of ``zh-CN``, ``zh_CN.UTF-8`` or ``en-GB``."""
    if tag == "*":
        return Language.ENGLISH
    main = tag.replace("_", "-").replace(".", "-").partition("-")[0].lower()
    return Language(main) if main in tuple(Language) else None


# --- the catalogue --------------------------------------------------------------------------------------------------


def bring(folder: Path) -> None:
    """Take in the catalogue of a room from elsewhere: a folder with one file a language, ``en.toml`` and ``zh.toml``.

    Its tables are named as the room is. LookupError where a sentence is there already with other words.
    """
    if folder not in _FOLDERS:
        _FOLDERS.append(folder)
        sentences.cache_clear()
        for language in Language:
            sentences(language)


@cache
def sentences(language: Language) -> Mapping[str, tuple[str, str | None]]:
    """Every sentence of a language by id (``table.name``): its words, and what to do about it."""
    found: dict[str, tuple[str, str | None]] = {}
    for folder in _FOLDERS:
        content = tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))
        for table, entries in content.items():
            for name, entry in entries.items():
                words, cure = (entry, None) if isinstance(entry, str) else entry
                if found.setdefault(f"{table}.{name}", (words, cure)) != (words, cure):
                    raise LookupError(f"{folder}: the sentence {table}.{name} is there already, in other words")
    return found


def _entry(id: str, language: Language) -> tuple[str, str | None]:
    try:
        return sentences(language)[id]
    except KeyError:
        raise LookupError(f"the catalogue {language} has no sentence {id}") from None


def _worded(value: Any, language: Language) -> Any:
    if isinstance(value, (Sentence, Both)):
        return value.in_(language)
    if isinstance(value, FieldName):
        last = next((part for part in reversed(value.split(".")) if not part.isdigit()), "")
        known = sentences(language).get(f"fields.{last}")
        return str(value) if known is None else f"{known[0]}（{value}）"
    if isinstance(value, (Enum, Word)):
        plain = str(value.value if isinstance(value, Enum) else value)
        key, own = plain.lower().replace(" ", "_"), type(value).__name__.lower()
        found = sentences(language)
        known = found.get(f"terms.{own}_{key}") or found.get(f"terms.{key}")
        return plain if known is None else known[0]
    if isinstance(value, Collection) and not isinstance(value, (str, bytes)):
        return _BETWEEN[language].join(str(_worded(one, language)) for one in value)
    return value
