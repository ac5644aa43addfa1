"""Acts of the control API. Each is said once, and is a route, a form for people and an operation of the OpenAPI
document."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulators.naming import mistakes, words_of
from simulators.state import Document

Run = Callable[[Request, Any], Any] | Callable[[Request, Any], Awaitable[Any]]
FORM = "_back"
"""The first field of a form, by which it is told from JSON: the page that is shown afterwards."""


@dataclass(frozen=True)
class Act:
    """One request of the control API, as a function of the request and its JSON body (None without one).

    What the function refuses (ValueError, or a member that it misses or cannot use) is answered with 422 and its words.
    """

    #: Its operation id: a word that no other act of the same system has.
    name: str
    #: Below ``/_sim``, or below ``/_sim/<system>`` for one of a system.
    path: str
    #: What it does: in Chinese on pages, in English for programs.
    title: str
    does: str
    run: Run
    method: str = "POST"
    #: The JSON schema of each member of the body, or of each query parameter of one without; ``title`` is its label.
    fields: Mapping[str, Document] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    #: The schema of the body, where it is not just an object of ``fields``; the function checks it by itself.
    body: Document | None = None
    #: Whether a page has a form for it.
    form: bool = True
    #: Makes a value of a body that need not be JSON.
    read: Callable[[str], Any] = json.loads

    @property
    def parameters(self) -> list[str]:
        """The names in its path."""
        return [part[1:-1].split(":")[0] for part in self.path.split("/") if part.startswith("{")]

    def schema(self) -> Document | None:
        """The JSON schema of its body; None where it takes none."""
        if self.method == "GET" or self.method == "DELETE":
            return None
        if self.body is not None:
            return self.body
        members = {name: of for name, of in self.fields.items() if name not in self.parameters}
        needed = [name for name in self.needs if name not in self.parameters]
        return {"type": "object", "properties": members, **({"required": needed} if needed else {})}

    def route(self) -> Route:
        """Where it is asked for."""
        return Route(self.path, self._served, methods=[self.method], name=self.name)

    async def _served(self, request: Request) -> Response:
        sent = (await request.body()).decode("utf-8", "replace")
        back = _page_of(sent)
        try:
            value = self._form(request, sent) if back else (self.read(sent) if sent else None)
            schema = None if self.body is not None else self.schema()
            if value is not None and schema and (wrong := mistakes(schema, value)):
                raise ValueError("\n".join(wrong))
            result = self.run(request, value)
            if inspect.isawaitable(result):
                result = await result
        except (ValueError, KeyError, TypeError) as fault:
            words = "; ".join(words_of(fault).splitlines())
            return _returned(back, self.title, words) if back else _json({"error": words}, 422)
        return _returned(back, self.title) if back else _json(result)

    def _form(self, request: Request, sent: str) -> Any:
        """What a form says: empty fields are left out, those that are not text are read as JSON."""
        told: Document = {}
        for name, text in parse_qsl(sent)[1:]:
            if name in request.path_params:
                request.path_params[name] = text.strip()
            elif "string" in _types(self.fields.get(name, {})):
                told[name] = text.strip()
            else:
                told[name] = _value(name, text)
        return told


def text(title: str) -> Document:
    """The schema of a text, under this label."""
    return {"type": "string", "title": title}


def flag(title: str) -> Document:
    """The schema of a yes or no, under this label."""
    return {"type": "boolean", "title": title}


def _types(schema: Document) -> tuple[str, ...]:
    told = schema.get("type", "string" if "enum" in schema else ())
    return (told,) if isinstance(told, str) else tuple(told)


def _value(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not JSON") from None


def _page_of(sent: str) -> str:
    """The page that a form came from; "" for what is no form, or would lead elsewhere."""
    if not sent.startswith(f"{FORM}="):
        return ""
    back = parse_qsl(sent)[0][1]
    return back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"


def _returned(back: str, title: str, refused: str = "") -> Response:
    """Back to the page, which says what became of it."""
    said = f"refused={quote(f'{title}：{refused}'[:500])}" if refused else f"done={quote(title)}"
    return RedirectResponse(f"{back}?{said}", 303)


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), status, media_type="application/json")
