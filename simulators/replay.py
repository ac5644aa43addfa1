"""Recorded exchanges served again, as a stub of a platform that is not at hand.

A request is answered as the recorded one that it fits: same method, path and query, and the same values in its body,
whatever stands where a value was masked. Equal ones are answered in the order of the record, and the last one goes on.
What fits nothing is refused with the nearest one and what differs. Headers, nonces and signatures are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.exchanges import Recorded, leaves

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_LEFT_OUT = re.compile(r"<\w*:? ?\d+ bytes.*>")


@dataclass(frozen=True)
class Asked:
    """What a request is known by: values by place, ``method`` and ``path`` among them. A place may have several."""

    values: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, method: str, path: str, query: str, body: str) -> Asked:
        """A request's."""
        told = [("method", method), ("path", path), *((f"?{name}", value) for name, value in parse_qsl(query))]
        found = list(leaves(body)) or ([("body", body)] if body.strip() else [])
        return cls(tuple(told + [(place, str(value)) for place, value in found]))

    def differs(self, recorded: Asked) -> list[str]:
        """Each place at which this is not as recorded."""
        ours, theirs = list(self.values), []
        for place, wanted in recorded.values:
            fitting = (one for one in ours if one[0] == place and _fits(one[1], wanted))
            if (found := next(fitting, None)) is not None:
                ours.remove(found)
            else:
                theirs.append((place, wanted))
        came = dict(ours)
        wanted_at = dict(theirs)
        return [
            f"{place}: is {came[place]!r}, was {wanted_at[place]!r}"
            if place in came and place in wanted_at
            else f"{place}: is {came[place]!r}, was not there"
            if place in came
            else f"{place}: is not there, was {wanted_at[place]!r}"
            for place in {**wanted_at, **came}
        ]


def _fits(came: str, recorded: str) -> bool:
    parts = re.split(r"\*{3,}", recorded)
    return came == recorded or (
        len(parts) > 1 and re.fullmatch(".*".join(map(re.escape, parts)), came, re.S) is not None
    )


class Replay:
    """The stub of one platform."""

    def __init__(self, exchanges: Sequence[Recorded]) -> None:
        answered = [one for one in exchanges if one.status is not None]
        self.exchanges = [(_asked(one), one) for one in answered]
        self.used = [0] * len(answered)
        self.unmatched: list[dict[str, Any]] = []

    def application(self) -> Starlette:
        """What serves it; ``GET /_replay`` tells what was asked so far."""
        return Starlette(
            routes=[
                Route("/_replay", self._told, methods=["GET"]),
                Route("/{path:path}", self._answered, methods=_METHODS),
            ]
        )

    async def _told(self, _request: Request) -> Response:
        never = [_name(one) for (_, one), times in zip(self.exchanges, self.used, strict=True) if not times]
        return JSONResponse({"answered": sum(self.used), "never_asked": never, "unmatched": self.unmatched})

    async def _answered(self, request: Request) -> Response:
        body = (await request.body()).decode("utf-8", "replace")
        asked = Asked.of(request.method, request.url.path, request.url.query, body)
        fitting = [place for place, (recorded, _) in enumerate(self.exchanges) if not asked.differs(recorded)]
        if not fitting:
            return self._refused(asked)
        place = next((one for one in fitting if not self.used[one]), fitting[-1])
        self.used[place] += 1
        exchange = self.exchanges[place][1]
        if _LEFT_OUT.fullmatch(exchange.answered):
            return JSONResponse({"error": f"the answer was not recorded: {exchange.answered}"}, 501)
        return Response(exchange.answered, exchange.status or 200, {"Content-Type": exchange.answer_kind})

    def _refused(self, asked: Asked) -> Response:
        held = sorted(((asked.differs(recorded), _name(one)) for recorded, one in self.exchanges), key=_distance)
        told: dict[str, Any] = {"error": "nothing that was recorded fits this request"}
        if held:
            told |= {"nearest": held[0][1], "differs": held[0][0]}
        self.unmatched.append({"asked": dict(asked.values[:2]), **told})
        return JSONResponse(told, 404)


def _distance(held: tuple[list[str], str]) -> tuple[bool, int]:
    """Another path is farther than any difference of values."""
    return any(one.startswith(("path:", "method:")) for one in held[0]), len(held[0])


def _asked(exchange: Recorded) -> Asked:
    parts = urlsplit(exchange.url)
    return Asked.of(exchange.method, parts.path, parts.query, exchange.asked)


def _name(exchange: Recorded) -> str:
    return f"{exchange.method} {urlsplit(exchange.url).path} at {exchange.started_at}"
