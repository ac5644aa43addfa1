"""Portals of other cities: the portal's behaviour behind other paths, names, words, signatures, and another search.

Each is a profile ``contracts/portal/v1/profiles/<city>.json``, which is also what a channel's settings say. Its search
finds by a part of the decision number, newest first, page by page, and shows the names of natural persons masked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.hashes import SM3, Hash
from cryptography.hazmat.primitives.hmac import HMAC
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import contracts
from simulators.frame import Answer, Call, Document, Foundation, Handler, KeyOf, System, Transaction
from simulators.portal.platform import CONTRACT, SETTINGS, WORDS, Portal, PortalWire

_ACTIONS = {
    "publish": "submit",
    "correct": "correct",
    "withdraw": "withdraw",
    "end": "repair",
    "mark": "mark",
    "find": "find",
    "shown": "read_back",
    "ready": "check",
}


def profile_of(city: str) -> Document:
    """What a city's portal has otherwise."""
    profile: Document = json.loads(contracts.read_text(f"portal/v1/profiles/{city}.json"))
    return profile


class CityWire(PortalWire):
    """Answers in the city's names and words."""

    def __init__(self, base: Foundation, system: System, profile: Document) -> None:
        super().__init__(base, system)
        self.profile = profile

    def render(self, call: Call, answer: Answer) -> tuple[bytes, dict[str, str]]:
        """The answer as the city writes it."""
        if isinstance(answer.body, dict):
            answer = Answer(self._outward(answer.body), answer.status, answer.headers, answer.media_type)
        return super().render(call, answer)

    def _outward(self, value: Any, name: str = "") -> Any:
        profile = self.profile
        if isinstance(value, dict):
            names = profile["names"]
            return {
                names.get(ours, ours): self._outward(one, ours)
                for ours, one in value.items()
                if ours not in profile.get("absent", ())
            }
        if name in profile.get("joined", {}):
            return profile["joined"][name].join(value)
        if isinstance(value, list):
            return [self._outward(one, name) for one in value]
        known = {"code": "codes", "state": "states", "marks": "marks"}
        words = profile.get(known.get(name, ""), {})
        theirs = {ours: told for told, ours in words.items()}
        if value in theirs:
            return theirs[value]
        if name in ("decidedOn", "publishUntil", "publishedOn") and profile.get("days") == "slashed":
            return value.replace("-", "/")
        return value


class CityPortal(Portal):
    """One city's portal."""

    def __init__(self, base: Foundation, system: System, city: str) -> None:
        self.profile = profile_of(city)
        super().__init__(base, system, CityWire(base, system, self.profile))

    def operation(self, operation_id: str, handler: Handler, *, key: KeyOf | None = None) -> Route:
        """The route of an operation where the city has it, its messages read in the contract's words."""
        method, _ = CONTRACT.operations[operation_id]
        path = self.profile["paths"][_ACTIONS[operation_id]]

        async def endpoint(request: Request) -> Response:
            body = await request.body()
            content = self._inward(json.loads(body)) if body else None
            params = {**dict(parse_qsl(request.url.query)), **request.path_params}
            if operation_id == "shown":
                asked = {ours: params.get(theirs, "") for theirs, ours in self.profile["search"].items()}
                pages = self.profile["pages"]
                params = {"page": params.get(pages["page"], "1"), "size": params.get(pages["size"], "20"), **asked}
                errors: list[str] = [] if all(asked.values()) else ["what is searched for is missing"]
            else:
                written = json.dumps(content, ensure_ascii=False).encode() if body else b""
                errors = CONTRACT.request_errors(operation_id, written, "application/json", **params)
            call = Call(operation_id, request, body, content, self.base.clock.now(), params)
            if key is not None and not errors:
                call.key = key(call) or ""
            return await self.serve(call, handler, errors=errors, check=self.contract.check)

        return Route(path, endpoint, methods=[method], name=operation_id)

    def _inward(self, value: Any, name: str = "") -> Any:
        profile = self.profile
        if isinstance(value, dict):
            ours = {str(theirs): mine for mine, theirs in profile["names"].items()}
            read: Document = {}
            for theirs, inner in value.items():
                mine = ours.get(str(theirs), str(theirs))
                read[mine] = self._inward(inner, mine)
            if name == "summary" and "partyCategory" in profile.get("absent", ()):
                read["partyCategory"] = "organisation" if "partyCode" in read else "natural_person"
            return read
        if name in profile.get("joined", {}):
            return value.split(profile["joined"][name])
        if name == "mark":
            return profile.get("marks", {}).get(value, value)
        if name in ("decidedOn", "publishUntil") and profile.get("days") == "slashed":
            return value.replace("/", "-")
        return value

    def _shown(self, tx: Transaction, call: Call) -> Answer:
        """The public search: by a part of the number, newest first, one page."""
        wanted = {name: call.params[name] for name in self.profile["search"].values()}
        entries = [one for _, one in tx.list(self.name, "entry")]
        found = [one for one in entries if all(told in one["record"][name] for name, told in wanted.items())]
        found.sort(key=lambda one: -one["number"])
        size = int(call.params["size"])
        begin = (int(call.params["page"]) - 1) * size
        return WORDS.result("0000", records=[self.face(tx, one) for one in found[begin : begin + size]])

    def face(self, tx: Transaction, entry: Document) -> Document:
        """With the name of a natural person masked as the city does it."""
        face = super().face(tx, entry)
        if entry["record"]["partyCategory"] != "natural_person":
            return face
        name = entry["record"]["partyName"]
        stars = "*" * (len(name) - 1)
        masked = name[:1] + stars if self.profile["mask"] == "first" else stars + name[-1:]
        face["key"] = face["key"] | {"partyName": masked}
        if "summary" in face:
            face["summary"] = face["summary"] | {"partyName": masked}
        return face

    # --- signatures -------------------------------------------------------------------------------------------------

    def authentic(self, call: Call) -> bool:
        """Whether the city's own signature is right."""
        signing, headers, url = self.profile["signing"], call.request.headers, call.request.url
        parts: dict[str, Any] = {name: headers.get(signing[name], "") for name in ("node", "timestamp", "nonce")}
        parts |= {"method": call.request.method, "path": url.path}
        parts["target"] = url.path + (f"?{url.query}" if url.query else "")
        text = signing["text"].replace("{body:sha256}", hashlib.sha256(call.body).hexdigest())
        text = text.replace("{body:sm3}", _sm3(call.body)).format(**parts)
        secret = WORDS.secret.encode()
        mac = hmac.digest(secret, text.encode(), "sha256") if signing["digest"] == "sha256" else _hmac(secret, text)
        written = base64.b64encode(mac).decode() if signing.get("written") == "base64" else mac.hex()
        return parts["node"] == WORDS.node and hmac.compare_digest(written, headers.get(signing["signature"], ""))

    def timely(self, call: Call) -> bool:
        """Whether it was signed within five minutes."""
        signing = self.profile["signing"]
        stamp = call.request.headers.get(signing["timestamp"], "")
        if not stamp.isdecimal():
            return False
        seconds = int(stamp) / (1 if signing.get("stamp") == "seconds" else 1000)
        return abs(seconds - call.now.timestamp()) <= 300

    def nonce(self, call: Call) -> str:
        """What is never seen twice."""
        return str(call.request.headers.get(self.profile["signing"]["nonce"], ""))


def _sm3(body: bytes) -> str:
    digest = Hash(SM3())
    digest.update(body)
    return digest.finalize().hex()


def _hmac(secret: bytes, text: str) -> bytes:
    mac = HMAC(secret, SM3())
    mac.update(text.encode())
    return mac.finalize()


def _city(name: str, title: str) -> System:
    build: Callable[[Foundation, System], CityPortal] = partial(CityPortal, city=name)
    return System(
        name=f"portal-{name}",
        title=title,
        build=build,
        operations=frozenset(CONTRACT.operations),
        settings=SETTINGS,
        contract="portal/v1",
    )


LINDU = _city("lindu", "临渡市行政执法公示平台")
SHUOYANG = _city("shuoyang", "朔阳市政务公开网")
