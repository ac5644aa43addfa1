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

from simulators.exchanges import MASK, Recorded, leaves, replaced
from simulators.foundation import Foundation
from simulators.leeway import Leeway
from simulators.profile import Profile
from simulators.service import Service
from simulators.signing import Place
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
_STAND_IN = "000001"
"""What is asked in place of a masked value: always the same, so that one name is one name; only letters and digits."""
_CODES = frozenset({"Result", "code", "status", "state", "PayStats", "RefundStats"})
_RESULTS = ("Result", "code")
"""Where the result of a whole answer stands: answers with different ones have different fields."""
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
        service = self.world.service(self.names.get(exchange.channel, exchange.channel))
        self.world.base.clock.set(exchange.at)
        self.world.clock_moved()
        asked = f"{exchange.method} {urlsplit(exchange.url).path}"
        try:
            real = service.shadowed.compared(exchange.answered)
            if exchange.method == "TCP":
                status, simulated = None, await service.shadowed.asked_again(self._put(exchange.asked))
            else:
                status, simulated = await self._asked(client, service, exchange)
            (entry,) = self.world.base.journal.last(1)
            asked = str(entry["operation"])
            if entry["outcome"] == "refused":
                raise ValueError("; ".join(str(value) for _, value in leaves(simulated) if value))
        except ValueError as why:
            return [Difference(service.name, asked, "not_asked", "", str(why)[:300], "")]
        if exchange.status is None and not exchange.answered:
            return []  # it may have happened all the same; but no answer came that could be compared
        found = self._differences(service, asked, real, simulated)
        declared = self._leeway[service.name].may_answer(asked, exchange.status or 0)
        if exchange.status != status and not declared:
            found.insert(0, Difference(service.name, asked, "code", "HTTP", str(exchange.status), str(status)))
        return found

    async def _asked(self, client: httpx.AsyncClient, service: Service, exchange: Recorded) -> tuple[int, str]:
        """HTTP status and text of the simulated answer. ValueError: it cannot be asked."""
        profile, parts = service.system.profile, urlsplit(exchange.url)
        place = service.shadowed.place(exchange.method, parts.path)
        if place is None:
            raise ValueError("no such operation")
        stand_ins = service.shadowed.stand_ins()
        ours = {profile.theirs(name) if profile else name: value for name, value in stand_ins.items()}
        encoding = profile.encoding if profile else "UTF-8"
        body = self._put(replaced(exchange.asked, ours)).encode(encoding)
        path, query = f"/{service.name}{self._put(place)}", self._put(parts.query)
        with self.world.base.state.transaction() as tx:
            headers = service.shadowed.let_in(tx, body)
        at = Place(exchange.method, path, query)
        headers = service.profiled.signed_as_theirs(headers, body, headers.get("X-Node-Code", ""), at)
        headers |= {"Content-Type": exchange.kind} if exchange.kind else {}
        url = f"{path}?{query}" if query else path
        answer = await client.request(exchange.method, url, content=body, headers=headers)
        return answer.status_code, answer.content.decode(encoding, "replace")

    def _differences(self, service: Service, operation: str, answered: str, simulates: str) -> list[Difference]:
        profile = service.system.profile
        real, simulated = (_grouped(_ours(profile, text)) for text in (answered, simulates))
        codes, leeway = _CODES | service.wire.status_fields, self._leeway[service.name]

        def one(kind: str, path: str, came: Any, wanted: Any) -> Difference:
            told = _theirs(profile, path) if profile else path
            return Difference(service.name, operation, kind, told, str(came), str(wanted))

        found = []
        alike = all(real[one] == simulated[one] for one in _RESULTS if one in real and one in simulated)
        for path in dict.fromkeys((*simulated, *real)):
            if path not in real:
                if not alike or leeway.may_be_absent(path, real):
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
        text = text.replace(MASK, _STAND_IN)
        if not self._known:
            return text
        longest = sorted(self._known, key=len, reverse=True)
        known = re.compile("|".join(rf"(?<![\w.]){re.escape(one)}(?![\w.])" for one in longest))
        return known.sub(lambda found: self._known[found[0]], text)


def _ours(profile: Profile | None, text: str) -> str:
    """An answer in the contract's words."""
    if profile is None:
        return text
    encoding = "UTF-8" if text.lstrip().startswith("<") else profile.encoding
    return profile.in_our_words(text.encode(encoding)).decode()


def _theirs(profile: Profile, path: str) -> str:
    """A field path in a province's words."""
    return ".".join(
        profile.theirs(one.removesuffix("[]")) + one[len(one.removesuffix("[]")) :] for one in path.split(".")
    )


def _grouped(body: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for path, value in leaves(body):
        if value is not None:  # null says no more than nothing does
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
