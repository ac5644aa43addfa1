"""``gateway evidence bundle``: everything about one case in one file that proves itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.terminal.login import FromStdin, Identity, Login, as_operator
from gateway.terminal.output import Json, show
from gateway.terminal.running import Asking, KeyFile
from gateway.words.errors import InvalidProblem
from gateway.words.saying import say

if TYPE_CHECKING:
    pass


def bundle(
    ctx: typer.Context,
    authority: str,
    number: Annotated[str, typer.Argument(help="Decision number 决定书文号.")],
    to: Annotated[Path, typer.Option("--to", help="The ZIP file to write; it must not be there yet.")],
    recipient: Annotated[str, typer.Option("--for", help="Who gets it: the court, organ or person.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    exact: Annotated[bool, typer.Option("--exact", help="With exact bytes, and facts unmasked.")] = False,
    login: Login = None,
    password_stdin: FromStdin = False,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Make the evidence bundle 证据包 of a case. Whoever has it verifies it without this gateway."""
    if to.exists():
        raise InvalidProblem(say("audit.there", file=to), field="--to")
    if len(recipient) < 2 or len(reason) < 2:
        raise InvalidProblem(say("evidence.for_whom"), field="--for")
    asked = {"authority": authority, "number": number, "recipient": recipient, "reason": reason, "exact": exact}

    def there(asking: Asking) -> bytes:
        return bytes(asking("POST", "/v1/evidence-bundles", asked))

    who = Identity(login, password_stdin, key_file)
    content = as_operator(ctx, who, there)
    with to.open("xb") as file:
        file.write(content)
    show({"file": str(to), "bytes": len(content)}, as_json, say("evidence.bundled", file=to, bytes=len(content)))
