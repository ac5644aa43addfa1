"""How a system speaks: what its refusals look like, how its bytes are made and signed, also those of callbacks."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from lxml import etree

from simulators import drift
from simulators.answers import Answer, Call, problem
from simulators.state import Document

if TYPE_CHECKING:
    from simulators.contract import OpenApiContract
    from simulators.foundation import Foundation
    from simulators.system import System


class Wire:
    """JSON with problems (RFC 9457), unsigned. A system's own wire overrides what its contract says otherwise."""

    #: JSON members or XML local names that the faults wrong_amount, wrong_code, unknown_status and status alter.
    amount_fields: ClassVar[frozenset[str]] = frozenset()
    code_fields: ClassVar[frozenset[str]] = frozenset()
    status_fields: ClassVar[frozenset[str]] = frozenset()
    #: How addresses for callbacks begin.
    addresses: ClassVar[tuple[str, ...]] = ("http://", "https://")
    #: Header that the fault bad_signature and the default ``forge`` alter.
    signature_header: ClassVar[str] = "X-Signature"

    def __init__(self, base: Foundation, system: System) -> None:
        self.base = base
        self.name = system.name
        self.profile = system.profile

    # --- answers ---------------------------------------------------------------------------------------------------

    def invalid(self, call: Call, errors: Sequence[str]) -> Answer:
        """The answer to a request that breaks the contract."""
        return problem(400, "invalid-request", "; ".join(errors))

    def busy(self, call: Call, seconds: float) -> Answer:
        """The contract's effect-free refusal for load."""
        answer = problem(429, "busy", "系统繁忙,请稍后再试")
        answer.headers["Retry-After"] = str(max(1, round(seconds)))
        return answer

    def not_found(self, call: Call) -> Answer:
        """What is said of something that does not exist."""
        return problem(404, "not-found", "未找到")

    def with_code(self, call: Call, code: str) -> Answer:
        """For the fault answer_code: a result code of the contract's table, or one that it does not have."""
        return problem(400, code, code)

    def distort(self, kind: str, call: Call, answer: Answer, code: str = "") -> Answer:
        """The answer with a wrong amount, a wrong code or another status (``code``), before it is signed."""
        fields = {
            "wrong_amount": self.amount_fields,
            "wrong_code": self.code_fields,
            "unknown_status": self.status_fields,
            "status": self.status_fields,
        }[kind]
        alter = DISTORTIONS[kind] or (lambda value: type(value)(code))
        return replace(answer, body=_altered(answer.body, fields, alter))

    def differ(self, kind: str, call: Call, answer: Answer, contract: OpenApiContract | None) -> Answer:
        """The answer that says the same a little differently, before it is signed; see ``simulators.drift``."""
        match kind:
            case "more_elements":
                body = drift.more(answer.body)
            case "other_order":
                body = drift.reordered(answer.body)
            case "other_amounts":
                body = drift.respelt(answer.body, self.amount_fields)
            case _:
                body = self.filled(call, answer, contract)
        return replace(answer, body=body)

    def filled(self, call: Call, answer: Answer, contract: OpenApiContract | None) -> Any:
        """The body of an answer in which what is optional and absent stands empty."""
        if contract is None or not isinstance(answer.body, dict | list):
            return answer.body
        return drift.json_filled(contract, call.operation, answer.status, answer.body)

    def render(self, call: Call, answer: Answer) -> tuple[bytes, dict[str, str]]:
        """The bytes of an answer and its headers."""
        headers = dict(answer.headers)
        if isinstance(answer.body, etree._Element):
            body, charset = self.written(answer.body, call.operation)
            headers["Content-Type"] = answer.media_type or f"text/xml; charset={charset}"
        elif isinstance(answer.body, bytes):
            body = answer.body
            headers["Content-Type"] = answer.media_type or "application/octet-stream"
        elif isinstance(answer.body, str):
            body = answer.body.encode()
            headers["Content-Type"] = answer.media_type or "text/html; charset=utf-8"
        elif answer.body is None:
            body = b""
        else:
            body = self.spoken(answer.body, call.operation)
            headers["Content-Type"] = answer.media_type or "application/json"
        if self.profile is not None and self.profile.media_type:
            headers["Content-Type"] = self.profile.media_type
        return body, headers

    def spoken(self, value: Any, operation: str = "") -> bytes:
        """The bytes of a JSON message."""
        if self.profile is not None:
            return self.profile.bytes_of(value, operation)
        return json.dumps(value, ensure_ascii=False).encode()

    def written(self, root: etree._Element, operation: str = "") -> tuple[bytes, str]:
        """The bytes of an XML document, and their charset."""
        if self.profile is not None:
            return self.profile.written(root, operation), self.profile.encoding.lower()
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8"), "utf-8"

    def sign(self, call: Call, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """The headers of an answer with a signature over its bytes, for systems that sign."""
        return headers

    def spoil(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers whose signature no longer verifies."""
        value = headers.get(self.signature_header, "")
        return {**headers, self.signature_header: value[:-1] + ("0" if value[-1:] != "0" else "1")}

    # --- callbacks -------------------------------------------------------------------------------------------------

    def callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        """The body and headers of a callback, signed now."""
        return self.spoken(payload), {"Content-Type": "application/json"}

    async def tell(self, url: str, body: bytes) -> bytes:
        """Send a callback to an address that is not of the web; what answers it. OSError, EOFError, ValueError."""
        raise ValueError(f"{self.name} sends nothing to {url}")

    def different_callback(self, payload: Document) -> tuple[bytes, dict[str, str]]:
        """The same callback, said a little differently and signed."""
        return self.callback(drift.reordered(drift.more(payload)))

    def not_taken(self, payload: Document, status: int, body: bytes) -> str:
        """Why an answer does not acknowledge a callback; "": it does."""
        return "" if 200 <= status < 300 else difference(("status", status, 200))

    def forge(self, body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """What somebody without our key would send."""
        return body, self.spoil(headers)


def difference(*held: tuple[str, Any, Any]) -> str:
    """The first of some values that is not what it is to be, in words; each is given as what, came, wanted."""
    return next((f"{what} is {came!r}, not {wanted!r}" for what, came, wanted in held if came != wanted), "")


def coded(status: int, body: bytes, code: str) -> str:
    """Why an answer is not ``{"code": …}`` with this code and 200; "": it is."""
    try:
        came = json.loads(body)["code"]
    except (ValueError, KeyError, TypeError):
        came = body[:100].decode("utf-8", "replace")
    return difference(("status", status, 200), ("code", came, code))


# --- distortions of answers ----------------------------------------------------------------------------------------


def _other_amount(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return value + 1
    digits = str(value)
    return digits[:-1] + str((int(digits[-1]) + 1) % 10) if digits[-1:].isdigit() else digits + "1"


def _other_code(value: Any) -> Any:
    text = str(value)
    return text[:-1] + ("7" if text[-1:] != "7" else "8")


def _other_status(value: Any) -> Any:
    return 97 if isinstance(value, int) else "9" * max(1, min(len(str(value)), 5))


#: Kinds of faults that make an answer say something else, and what becomes of the value. None: what the fault says.
DISTORTIONS: dict[str, Callable[[Any], Any] | None] = {
    "wrong_amount": _other_amount,
    "wrong_code": _other_code,
    "unknown_status": _other_status,
    "status": None,
}


def _altered(body: Any, fields: frozenset[str], alter: Callable[[Any], Any]) -> Any:
    """A copy of a JSON value or XML element with the named fields altered."""
    if isinstance(body, etree._Element):
        body = copy.deepcopy(body)
        for element in body.iter(etree.Element):
            if etree.QName(element).localname in fields and element.text and not len(element):
                element.text = str(alter(element.text))
        return body
    if isinstance(body, dict):
        return {
            name: alter(value)
            if name in fields and isinstance(value, (str, int, float))
            else _altered(value, fields, alter)
            for name, value in body.items()
        }
    if isinstance(body, list):
        return [_altered(value, fields, alter) for value in body]
    return body


_UNKNOWN = {"meaning": "未知结果", "status": "200"}


class Results:
    """The result codes of a contract's table, and answers ``{"code", "message", "data"}`` with them.

    ``rows`` have ``code``, ``meaning`` and ``status``; every code begins with the letter of its system. A code that the
    table does not have comes with 200.
    """

    def __init__(self, rows: Sequence[Mapping[str, str]]) -> None:
        self._rows = {row["code"]: row for row in rows}
        self.letter = rows[0]["code"][0]

    def __call__(self, code: str, data: Any = None) -> Answer:
        row = self._rows.get(code, _UNKNOWN)
        return Answer({"code": code, "message": row["meaning"], "data": data}, int(row["status"]))


class CodedWire(Wire):
    """Refusals in the codes of the contract's table: 0400 invalid, 0404 not found, 0429 busy, behind its letter."""

    results: ClassVar[Results]

    def invalid(self, call: Call, errors: Sequence[str]) -> Answer:
        """0400, with what the contract says."""
        answer = self.results(f"{self.results.letter}0400")
        answer.body["message"] = "; ".join(errors)[:200]
        return answer

    def busy(self, call: Call, seconds: float) -> Answer:
        """0429."""
        answer = self.results(f"{self.results.letter}0429")
        answer.headers["Retry-After"] = str(max(1, round(seconds)))
        return answer

    def with_code(self, call: Call, code: str) -> Answer:
        """Any code of the table, or one that it does not have."""
        return self.results(code)

    def not_found(self, call: Call) -> Answer:
        """0404."""
        return self.results(f"{self.results.letter}0404")
