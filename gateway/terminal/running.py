"""How a command has something done: by a request to the gateway, wherever that is at work.

A command and its route are one act, and this is how they are: the command asks the running gateway, over the socket on
this machine or, with ``--key-file``, where ``[server]`` says that the API listens. Where no gateway runs here the same
request is answered in this process, which has the database's lock meanwhile.
"""

from __future__ import annotations

import base64
import contextlib
import getpass
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.settings import Settings
from gateway.terminal.output import session, spoken
from gateway.words.errors import ConflictProblem, InvalidProblem, NotFoundProblem, Problem, UnavailableProblem
from gateway.words.identifiers import new_id
from gateway.words.problems import PROBLEMS
from gateway.words.saying import say

if TYPE_CHECKING:
    import httpx

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", help="A file with your own key (gateway operators key): the running gateway does it, under it."
    ),
]
Asking = Callable[[str, str, object], Any]
"""Method, path and body (JSON, or bytes as they are) to what the gateway answers: JSON, the bytes of a file, or None.

Raises the Problem that it answers with, or UnavailableProblem.
"""

_SECONDS = 30.0
_PATIENT_SECONDS = 3600.0  # at this machine: a day of a big platform takes minutes
_KINDS = {404: NotFoundProblem, 409: ConflictProblem, 422: InvalidProblem, 503: UnavailableProblem}


@dataclass(frozen=True)
class Caller:
    """As whom a command asks: with a key from a file, as an operator with a password, or as this machine's operator."""

    key_file: Path | None = None
    login: str | None = None
    password: Callable[[], str] = str

    def headers(self) -> dict[str, str]:
        """What says so in a request; asks for the password. Raises InvalidProblem for a file without a key."""
        spoken_here = {"Accept-Language": str(spoken())}
        if self.key_file is not None:
            return {**spoken_here, "Authorization": f"Bearer {_key_in(self.key_file)}"}
        if self.login is not None:
            word = base64.b64encode(f"{self.login}:{self.password()}".encode()).decode()
            return {**spoken_here, "Authorization": f"Basic {word}"}
        return spoken_here


@contextlib.contextmanager
def asking(ctx: typer.Context, caller: Caller | None = None, *, every: bool = False) -> Iterator[Asking]:
    """The gateway to ask, while this lasts. Raises LockedError where another command works on the database.

    ``every``: routes of other rooms than that of the command are asked too.
    """
    caller = caller or Caller()
    settings = session(ctx).settings
    if caller.key_file is not None:
        with _over_the_network(settings, caller.headers()) as send:
            yield _answered_by(send)
    elif (found := _running_here(settings)) is not None:
        with _over_the_socket(found, caller.headers()) as send:
            yield _answered_by(send)
    else:
        with _in_this_process(ctx, caller, None if every else _room_of(ctx)) as send:
            yield _answered_by(send)


def goes_on(ctx: typer.Context, caller: Caller | None = None) -> bool:
    """Whether what is begun goes on when this command has ended: a gateway is asked that runs."""
    asked_elsewhere = caller is not None and caller.key_file is not None
    return asked_elsewhere or _running_here(session(ctx).settings) is not None


def ask(settings: Settings, key_file: Path, method: str, path: str, body: object = None) -> Any:
    """One request under a key to where ``[server]`` says that the API listens; ``0.0.0.0`` means this machine."""
    with _over_the_network(settings, Caller(key_file).headers()) as send:
        return _answered_by(send)(method, path, body)


# --- ways there -------------------------------------------------------------------------------------------------------

_Send = Callable[..., "httpx.Response"]


@contextlib.contextmanager
def _over_the_network(settings: Settings, headers: dict[str, str]) -> Iterator[_Send]:
    import httpx

    host, _, port = settings.server.api.rpartition(":")
    address = f"http://{'127.0.0.1' if host in ('0.0.0.0', '*') else host}:{port}"  # noqa: S104 - compared, not bound
    with httpx.Client(base_url=address, headers=headers, timeout=_SECONDS, trust_env=False) as http:
        yield _reaching(http.request, address)


@contextlib.contextmanager
def _over_the_socket(path: Path, headers: dict[str, str]) -> Iterator[_Send]:
    import httpx

    from gateway.foundation.local_socket import reachable

    with (
        reachable(path) as place,
        httpx.Client(
            base_url="http://gateway",
            headers=headers,
            timeout=_PATIENT_SECONDS,
            transport=httpx.HTTPTransport(uds=place),
        ) as http,
    ):
        yield _reaching(http.request, str(path))


@contextlib.contextmanager
def _in_this_process(ctx: typer.Context, caller: Caller, only: str | None) -> Iterator[_Send]:
    """Open the gateway here. It lives in a thread with a loop of its own, since a command may stop to ask somebody."""
    import httpx
    from anyio.from_thread import start_blocking_portal

    from gateway.app import App
    from gateway.foundation.http.local import AtThisMachine

    with (
        session(ctx).changing() as settings,
        contextlib.nullcontext(caller.headers()) as headers,  # nobody is asked for a password in vain
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(App.open(settings)) as gateway,
    ):
        base = gateway.base
        base.delivery.node.stopping = True  # nothing leaves from here: whoever sends carries it out
        served = AtThisMachine(
            session(ctx).answered_by(gateway, only), base.access.sign_in, base.audit, getpass.getuser()
        )
        http = httpx.AsyncClient(
            base_url="http://gateway", headers=headers, timeout=_PATIENT_SECONDS, transport=httpx.ASGITransport(served)
        )
        try:
            yield lambda *words, **more: portal.call(lambda: http.request(*words, **more))
        finally:
            portal.call(http.aclose)
            portal.call(base.evidence.close)


def _room_of(ctx: typer.Context) -> str | None:
    """The room that brings this command: its routes are enough, and all of them take long to make."""
    from gateway.foundation import rooms

    module = inspect.unwrap(ctx.command.callback).__module__ if ctx.command.callback is not None else ""
    return next((room.name for room in rooms.found() if module.startswith(f"{room.package}.")), None)


def _running_here(settings: Settings) -> Path | None:
    """The socket of a gateway that runs on this machine with these settings."""
    from gateway.foundation.local_socket import answers, socket_of

    place = socket_of(settings)
    return place if place is not None and place.is_socket() and answers(place) else None


# --- asking and being answered ----------------------------------------------------------------------------------------


def _reaching(send: _Send, address: str) -> _Send:
    import httpx

    def sent(*words: Any, **more: Any) -> httpx.Response:
        try:
            return send(*words, **more)
        except httpx.TransportError as error:
            raise UnavailableProblem(say("terminal.no_gateway", address=address, error=error)) from error

    return sent


def _answered_by(send: _Send) -> Asking:
    def asked(method: str, path: str, body: object = None) -> Any:
        given: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = send(method, path, headers={"Idempotency-Key": new_id("cmd")}, **given)
        if not answer.is_success:
            raise _problem(answer)
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return answer.content or None
        return answer.json()

    return asked


def _key_in(file: Path) -> str:
    """The key in a file, without what stands around it. Raises InvalidProblem, which repeats nothing of the file."""
    from gateway.foundation.access.keys import read_token

    try:
        key = file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "UTF-8"
        said = say("terminal.unreadable_file", file=file, reason=reason)
        raise InvalidProblem(said, field="--key-file") from None
    if read_token(key) is None:
        raise InvalidProblem(say("terminal.no_key_in_file", file=file), field="--key-file")
    return key


def _problem(answer: httpx.Response) -> Problem:
    try:
        told = answer.json()
        detail, kind = str(told["detail"]), str(told["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return UnavailableProblem(say("terminal.no_reason", status_code=answer.status_code))
    known = {name: told.get(name) for name in ("field", "cure")}
    if kind in PROBLEMS and PROBLEMS[kind].status == answer.status_code:
        return _KINDS.get(answer.status_code, Problem)(detail, type=kind, **known)
    return _KINDS.get(answer.status_code, Problem)(detail, **known)  # it runs another version than this command
