"""Between the words of ``contracts/seal/v1`` and those of the port: pure functions and models of the wire.

Answers are open: unknown members are passed over. What is known must be right, or the model does not validate.
"""

from __future__ import annotations

import base64
import binascii
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

import contracts
from gateway.ports.base import JsonObject
from gateway.ports.seal import ApplyRequest, SealInfo, SealJob
from gateway.words.errors import (
    BusyError,
    ContractError,
    DeniedError,
    ExchangeError,
    OutcomeUnknownError,
    RejectedError,
)
from gateway.words.identifiers import check_uscc, clean_text

D = TypeVar("D")


def _der(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError("Base64 text is wanted")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not Base64: {error}") from None


def _code(text: str) -> str:
    return check_uscc(text).code


Der = Annotated[bytes, BeforeValidator(_der), Field(min_length=1)]
Reference = Annotated[str, Field(pattern=r"^[0-9A-Z]{8,32}$")]
SealId = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,32}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)]
Uscc = Annotated[str, AfterValidator(_code)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Seal(_Wire):
    """One seal with its SESeal."""

    sealId: SealId
    name: Line
    ownerCode: Uscc
    ownerName: Line
    status: Literal["ACTIVE", "SUSPENDED", "CANCELLED", "EXPIRED"]
    eseal: Der


class Seals(_Wire):
    """Every seal of one organ."""

    seals: tuple[Seal, ...]


class Job(_Wire):
    """One sealing as the service knows it."""

    reference: Reference
    jobId: Annotated[str, Field(min_length=1, max_length=64)]
    state: Literal["PENDING", "DONE", "REFUSED", "VOID"]
    sealId: SealId
    digest: Digest
    signature: Der | None = None
    reason: Line | None = None


class Verdict(_Wire):
    """The service's opinion of a signature."""

    valid: bool
    reason: str


class Notice(_Wire):
    """A callback: a job moved."""

    eventId: Annotated[str, Field(min_length=1, max_length=64)]
    reference: Reference
    jobId: Annotated[str, Field(min_length=1, max_length=64)]
    state: Literal["PENDING", "DONE", "REFUSED", "VOID"]


class Answer(_Wire, Generic[D]):
    """The frame around every answer: a result code of ``codes/results.csv``, its meaning, and the data or null."""

    code: str
    message: str
    data: D | None


def content(answer: Answer[D]) -> D | None:
    """The data of an answer; None where the service says that there is none.

    Raises RejectedError in the service's words, ContractError for a code that the contract does not know.
    """
    effect = _effects().get(answer.code)
    if effect == "rejected":
        raise RejectedError(answer.message, answer.code)
    if effect == "absent" and answer.data is None:
        return None
    if effect == "ok" and answer.data is not None:
        return answer.data
    raise ContractError(f"result code {answer.code!r} {'without' if answer.data is None else 'with'} data")


def refusal(status: int, body: Any, busy: BusyError) -> ExchangeError:
    """What an answer with another status than 200 stands for: ``body`` its JSON value, None where it is not JSON.

    Only a body of the contract makes it busy or rejected; 401 and 403 are a denial whoever says so.
    """
    code = body.get("code") if isinstance(body, dict) else None
    effect = _effects().get(code) if isinstance(code, str) else None
    words = f"HTTP {status} {code}: {body.get('message')}" if effect else f"HTTP {status} outside the contract"
    if effect == "denied" or status in (401, 403):
        return DeniedError(words)
    if effect == "busy":
        return busy
    if effect == "rejected":
        return RejectedError(str(body.get("message")), str(code))
    return OutcomeUnknownError(words)


def application(request: ApplyRequest) -> JsonObject:
    """The body of ``apply``."""
    return {
        "reference": request.reference,
        "sealId": request.seal_id,
        "digestAlgorithm": "SM3",
        "digest": request.digest,
        "propertyInfo": request.property_info,
        "placements": [place.model_dump() for place in request.placements],
        "documentTitle": request.document_title,
        "approval": request.approval,
    }


def job(found: Job) -> SealJob:
    """A job in the port's words. ContractError where it contradicts the contract."""
    if found.state == "DONE" and found.signature is None:
        raise ContractError("a job that is DONE has no signature")
    if found.state in ("PENDING", "REFUSED") and found.signature is not None:
        raise ContractError(f"a job that is {found.state} has a signature")
    states: dict[str, Literal["pending", "done", "refused", "void"]] = {
        "PENDING": "pending",
        "DONE": "done",
        "REFUSED": "refused",
        "VOID": "void",
    }
    return SealJob(
        reference=found.reference,
        job_id=found.jobId,
        state=states[found.state],
        signature=found.signature,
        reason=found.reason,
    )


def seal(found: Seal) -> SealInfo:
    """A seal in the port's words."""
    states: dict[str, Literal["active", "suspended", "cancelled", "expired"]] = {
        "ACTIVE": "active",
        "SUSPENDED": "suspended",
        "CANCELLED": "cancelled",
        "EXPIRED": "expired",
    }
    return SealInfo(
        seal_id=found.sealId,
        name=found.name,
        owner_code=found.ownerCode,
        owner_name=found.ownerName,
        status=states[found.status],
        eseal=found.eseal,
    )


@cache
def _effects() -> dict[str, str]:
    return {row["code"]: row["effect"] for row in contracts.code_table("seal", "v1", "results")}
