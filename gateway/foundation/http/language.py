"""In which language the request is answered that is being served here."""

from __future__ import annotations

from contextvars import ContextVar

from starlette.types import Scope

from gateway.words.saying import Language, Sentence, asked_for, worded

_SPOKEN: ContextVar[Language] = ContextVar("language", default=Language.ENGLISH)


def listen(scope: Scope) -> None:
    """Answer this request in the language that it asks for; without a word of it in English, as before."""
    told = [value for name, value in scope["headers"] if name == b"accept-language"]
    _SPOKEN.set(asked_for(b",".join(told).decode("latin-1")))


def speak(language: Language) -> None:
    """Answer this request in this language, whatever its headers ask for."""
    _SPOKEN.set(language)


def spoken() -> Language:
    """The language of the answer."""
    return _SPOKEN.get()


def in_words(said: Sentence | str) -> str:
    """A sentence in the language of the answer."""
    return worded(said, spoken())
