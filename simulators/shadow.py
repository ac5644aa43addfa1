"""Shadow mode: what was asked of a real platform is asked of the simulated one, and where their answers differ is told.

A difference is drift: the real platform no longer speaks as the contract has it, or never did. Compared are shapes and
codes, by field path; values themselves are the platform's own affair, and so is what the contract leaves open: optional
fields, and which of its codes comes, since money and verdicts arrive without being asked for.

The requests are redacted ones, signed anew with development credentials, in a world that begins empty and whose clock
goes along. What one side made (codes, numbers) is put for what the other side made in later requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from simulators.exchanges import MASK, Recorded, leaves
from simulators.foundation import Foundation
from simulators.leeway import Leeway
from simulators.service import Service
from simulators.state import Document, State
from simulators.system import System
from simulators.world import World

KINDS = {
    "missing": "少了（模拟平台有，真实平台没有）",
    "added": "多了（真实平台有，模拟平台没有）",
    "type": "类型不同",
    "code": "代码不同",
    "not_asked": "未能重放",
}
_SHORTEST = 6
_CODES = frozenset({"Result", "code", "status", "state", "PayStats", "RefundStats"})
_SHAPES = (("amount", r"-?\d+\.\d{2}"), ("number", r"-?\d+"), ("day", r"\d{4}-\d\d-\d\d"))
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")


@dataclass(frozen=True)
class Difference:
    """One drift: of a system's operation, at a field path, in one of ``KINDS``; ``times`` it was met."""

    system: str
    operation: str
    kind: str
    path: str
    real: str
    simulated: str
    times: int = 1

    def document(self) -> Document:
        """It as JSON has it."""
        return asdict(self)


class Shadow:
    """The simulated side of a comparison: a world in memory, asked without sockets."""

    def __init__(self, systems: Sequence[System], names: Mapping[str, str]) -> None:
        self.names = names
        self.world = World(Foundation(State(":memory:")))
        self.world.base.urls |= {"": "http://shadow"}
        for system in systems:
            self.world.base.urls |= {system.name: f"http://shadow/{system.name}"}
            self.world.base.urls |= {f"{system.name}/stream": "tcp://shadow:1"}
            self.world.add(system)
        services = self.world.services.items()
        self._app = Starlette(routes=[Mount(f"/{name}", routes=service.routes()) for name, service in services])
        self._leeway = {system.name: Leeway(system.contract) for system in systems}
        self._known: dict[str, str] = {}
        self._asked = 0

    async def compare(self, exchanges: Sequence[Recorded]) -> list[Difference]:
        """Every difference once, with how often it was met, in the order of the first. ValueError: no such system."""
        found: dict[tuple[str, ...], Difference] = {}
        transport = httpx.ASGITransport(self._app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://shadow") as client:
            for exchange in exchanges:
                for one in await self._one(client, exchange):
                    key = (one.system, one.operation, one.kind, one.path)
                    known = found.get(key)
                    found[key] = one if known is None else Difference(**{**asdict(known), "times": known.times + 1})
        self.world.base.state.close()
        return list(found.values())

    async def _one(self, client: httpx.AsyncClient, exchange: Recorded) -> list[Difference]:
        if exchange.status is None:
            return []  # no answer came: nothing to compare
        service = self.world.service(self.names.get(exchange.channel, exchange.channel))
        self.world.base.clock.set(exchange.at)
        self.world.clock_moved()
        place = service.place(exchange.method, urlsplit(exchange.url).path)
        if place is None:
            return [self._not_asked(service, f"{exchange.method} {urlsplit(exchange.url).path}", "no such operation")]
        self._asked += 1
        body = self._put(exchange.asked).encode()
        query = f"?{self._put(query)}" if (query := urlsplit(exchange.url).query) else ""
        with self.world.base.state.transaction() as tx:
            headers = service.let_in(tx, body) | ({"Content-Type": exchange.kind} if exchange.kind else {})
        url = f"/{service.name}{self._put(place)}{query}"
        answer = await client.request(exchange.method, url, content=body, headers=headers)
        (entry,) = self.world.base.journal.last(1)
        if entry["outcome"] == "refused":
            return [self._not_asked(service, str(entry["operation"]), _words_of(answer))]
        return self._differences(service, str(entry["operation"]), exchange, answer)

    def _differences(
        self, service: Service, operation: str, exchange: Recorded, answer: httpx.Response
    ) -> list[Difference]:
        real, simulated = _grouped(exchange.answered), _grouped(answer.text)
        codes, leeway = _CODES | service.wire.status_fields, self._leeway[service.name]

        def one(kind: str, path: str, came: Any, wanted: Any) -> Difference:
            return Difference(service.name, operation, kind, path, str(came), str(wanted))

        found = []
        if exchange.status != answer.status_code:
            found.append(one("code", "HTTP", exchange.status, answer.status_code))
        for path in dict.fromkeys((*simulated, *real)):
            if path not in real:
                if leeway.may_be_absent(path, real):
                    continue
                found.append(one("missing", path, "", _shape(simulated[path][0])))
            elif path not in simulated:
                if leeway.knows(path):
                    continue
                found.append(one("added", path, _shape(real[path][0]), ""))
            elif path.rsplit(".", 1)[-1].removesuffix("[]") in codes:
                came, ours = str(real[path][0]), str(simulated[path][0])
                if came != ours and MASK not in came and not leeway.may_be_instead(came, ours):
                    found.append(one("code", path, real[path][0], simulated[path][0]))
            elif not _alike(real[path], simulated[path]):
                found.append(one("type", path, _shape(real[path][0]), _shape(simulated[path][0])))
        self._learn(real, simulated)
        return found

    def _learn(self, real: Mapping[str, list[Any]], simulated: Mapping[str, list[Any]]) -> None:
        """What the two sides call the same thing."""
        for path in real.keys() & simulated.keys():
            for theirs, ours in zip(map(str, real[path]), map(str, simulated[path]), strict=False):
                if theirs != ours and len(theirs) >= _SHORTEST and MASK not in theirs and _shape(ours) != "amount":
                    self._known[theirs] = ours

    def _put(self, text: str) -> str:
        """A text of theirs with our names for what they made."""
        text = text.replace(MASK, f"{self._asked:06}")  # may stand where only letters and digits may
        if not self._known:
            return text
        longest = sorted(self._known, key=len, reverse=True)
        known = re.compile("|".join(rf"(?<![\w.]){re.escape(one)}(?![\w.])" for one in longest))
        return known.sub(lambda found: self._known[found[0]], text)

    @staticmethod
    def _not_asked(service: Service, operation: str, why: str) -> Difference:
        return Difference(service.name, operation, "not_asked", "", why[:300], "")


def _grouped(body: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for path, value in leaves(body):
        found.setdefault(path, []).append(value)
    return found


def _alike(real: Sequence[Any], simulated: Sequence[Any]) -> bool:
    """Whether values may be of one kind: what is masked may be of any, and what is empty says nothing."""
    shapes = [{_shape(value) for value in values if value not in ("", None)} for values in (real, simulated)]
    return any(MASK in str(value) for value in real) or not all(shapes) or bool(shapes[0] & shapes[1])


def _shape(value: Any) -> str:
    """What kind of value it is; text is told by what it looks like."""
    if not isinstance(value, str):
        return {"bool": "boolean", "int": "number", "float": "number", "NoneType": "null"}[type(value).__name__]
    if _INSTANT.fullmatch(value):
        return "text of an instant"
    return next((f"text of {name}" for name, pattern in _SHAPES if re.fullmatch(pattern, value)), "text")


def _words_of(answer: httpx.Response) -> str:
    return "; ".join(str(value) for _, value in leaves(answer.text) if value)
