"""What a face asks for: the assembled gateway itself. Rooms' routes ask for the foundation and for services instead."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from gateway.app import App


async def assembled(request: Request) -> App:
    """The assembled gateway."""
    app: App = request.app.state.gateway
    return app


Gateway = Annotated[App, Depends(assembled)]
