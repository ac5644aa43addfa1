"""What a system has beside its service: how it is spoken to under a profile, and how shadow mode asks it again.

Both know the service, and both have defaults that do for most; a system that needs more sets one of its own after
``Service.__init__``. They stand apart so that a service's attributes are a system's own to name.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from simulators.answers import Call
from simulators.signing import Place
from simulators.state import Transaction

if TYPE_CHECKING:
    from simulators.service import Service


class Profiled:
    """How a system is spoken to: by its contract, or as a profile has it. Behind it there is the contract alone."""

    service: Service

    def __init__(self, service: Service) -> None:
        self.service = service
        self.profile = service.system.profile

    # --- to be overridden ------------------------------------------------------------------------------------------

    def key_for(self, tx: Transaction, node: str) -> bytes:
        """The secret that messages from and to a node are signed with; empty: there is none."""
        credentials = self.service.credentials()
        return str(credentials.get("secret") or credentials.get("app_secret") or "").encode()

    def completed(self, content: Any) -> Any:
        """What is asked in the contract's words, with what a profile leaves out and the contract needs."""
        return content

    # --- what the frame asks ---------------------------------------------------------------------------------------

    def path_of(self, operation_id: str) -> str:
        """Where an operation of the OpenAPI contract is asked for, by the contract or by a profile."""
        paths, system = self.profile.paths if self.profile else {}, self.service.system
        named = system.places.get(operation_id, operation_id)
        return paths.get(named, self.service.contract.operations[operation_id][1])

    def read(self, call: Call) -> list[str]:
        """Read a request to an OpenAPI contract: set its content and parameters; what the contract says against it."""
        errors: list[str] = []
        profile, body = self.profile, call.body
        media_type = call.request.headers.get("content-type", "")
        if profile is not None:
            call.params = {profile.ours(name): value for name, value in call.params.items()}
            if body and "json" in media_type:
                try:
                    content, errors = profile.content_of(body, call.operation)
                except ValueError as broken:
                    return [f"body: is not JSON: {broken}"]
                body = json.dumps(self.completed(content), ensure_ascii=False).encode()
        errors += self.service.contract.request_errors(call.operation, body, media_type, **call.params)
        if not errors and body and "json" in media_type:
            call.content = json.loads(body)
        return errors

    def signed_as_ours(self, request: Request, body: bytes) -> Request:
        """A request whose headers are signed as the contract has it, where a profile signs otherwise."""
        if self.profile is None or (scheme := self.profile.signing) is None:
            return request
        at = Place(request.method, request.url.path, request.url.query)
        with self.service.base.state.transaction() as tx:
            key = self.key_for(tx, request.headers.get(scheme.node, ""))
        ours = scheme.inward(key, request.headers, body, at)
        named = {name.lower(): value for name, value in (dict(request.headers) | ours).items()}
        named |= {name.lower(): value for name, value in ours.items()}
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
        return Request({**request.scope, "headers": headers})

    def signed_as_theirs(self, headers: dict[str, str], body: bytes, node: str, at: Place) -> dict[str, str]:
        """Headers of a message to or from a node, signed as a profile has it where one signs otherwise."""
        if self.profile is None or (scheme := self.profile.signing) is None:
            return headers
        with self.service.base.state.transaction() as tx:
            return scheme.outward(self.key_for(tx, node), headers, body, at)


class Shadowed:
    """How a system is asked again what was asked of a real platform: all of it may be overridden."""

    service: Service

    def __init__(self, service: Service) -> None:
        self.service = service

    def let_in(self, tx: Transaction, body: bytes) -> dict[str, str]:
        """Headers under which a request with this body is let in now, by development credentials."""
        return {}

    def place(self, method: str, path: str) -> str | None:
        """Where the operation is that a real platform has at this path, whatever stands before it there."""
        operations, path_of = self.service.contract.operations, self.service.profiled.path_of
        found = (path_of(name) for name, (verb, _) in operations.items() if verb == method)
        longest = sorted((re.sub(r"\{\w+\}", "[^/]+", one) for one in found), key=len, reverse=True)
        return next((match[1] for one in longest if (match := re.search(f"({one})$", path))), None)

    def stand_ins(self) -> dict[str, str]:
        """Members of requests that mean something at one side only, with what is asked in their place."""
        return {}

    def compared(self, message: str) -> str:
        """What of a redacted message is held against another, as JSON or XML."""
        return message

    async def asked_again(self, message: str) -> str:
        """Ask without HTTP what a redacted message asked; the answer as ``compared`` has it. ValueError: why not."""
        raise ValueError("what does not travel over HTTP cannot be asked again here")
