"""Between the words of ``contracts/seal/v1`` and those of the port: pure functions and models of the wire.

Answers are open: unknown members are passed over and noted. What is used must be right, or the model does not validate.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

import contracts
from gateway.foundation.wire.envelope import Results
from gateway.foundation.wire.told import Told
from gateway.ports.base import JsonObject
from gateway.ports.seal import ApplyRequest, SealInfo, SealJob
from gateway.words.errors import ContractError
from gateway.words.identifiers import check_uscc, clean_text

RESULTS = Results(contracts.code_table("seal", "v1", "results"))


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


class Seal(Told):
    """One seal with its SESeal."""

    sealId: SealId
    name: Line
    ownerCode: Uscc
    ownerName: Line
    status: Literal["ACTIVE", "SUSPENDED", "CANCELLED", "EXPIRED"]
    statusSince: AwareDatetime | None = None
    filed: bool | None = None
    eseal: Der


class Seals(Told):
    """Every seal of one organ."""

    seals: tuple[Seal, ...]


class Job(Told):
    """One sealing as the service knows it."""

    reference: Reference
    jobId: Annotated[str, Field(min_length=1, max_length=64)]
    state: Literal["PENDING", "DONE", "REFUSED", "VOID"]
    sealId: SealId
    digest: Digest
    signature: Der | None = None
    reason: Line | None = None


class Verdict(Told):
    """The service's opinion of a signature."""

    unread: ClassVar[frozenset[str]] = frozenset({"reason"})

    valid: bool


class Notice(Told):
    """A callback: a job moved. Only a hint to ask about it."""

    unread: ClassVar[frozenset[str]] = frozenset({"jobId", "state", "occurredAt"})

    eventId: Annotated[str, Field(min_length=1, max_length=64)]
    reference: Reference


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
        since=found.statusSince,
        filed=found.filed,
    )
