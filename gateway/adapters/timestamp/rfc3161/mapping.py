"""Between the bytes of RFC 3161 and the words of the port: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from asn1crypto import algos, cms, core, tsp

from gateway.ports.timestamp import DIGEST_OIDS, StampRequest, TimeStamp
from gateway.words.errors import BusyError, ContractError, ExchangeError, RejectedError, UnusableError

FAILURES: Final[Mapping[int, str]] = {
    0: "badAlg",
    2: "badRequest",
    5: "badDataFormat",
    14: "timeNotAvailable",
    15: "unacceptedPolicy",
    16: "unacceptedExtension",
    17: "addInfoNotAvailable",
    25: "systemFailure",
}
"""PKIFailureInfo (RFC 3161, 2.4.2) by its bit."""
PASSING: Final = frozenset({"timeNotAvailable", "systemFailure"})
"""Failures that pass by themselves: to ask again later is right."""
REFUSALS: Final[Mapping[int, str]] = {2: "rejection", 4: "revocationWarning", 5: "revocationNotification"}
"""PKIStatus of answers that are a no; without a failure the status itself is the reason."""
_GRANTED: Final = frozenset({0, 1})
_WAITING: Final = 3
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"


class _Response(core.Sequence):  # type: ignore[misc]
    """TimeStampResp. asn1crypto's own wants a token in refusals too, which have none."""

    _fields: ClassVar[list[tuple[Any, ...]]] = [
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


def question(request: StampRequest, policy: str | None) -> bytes:
    """The TimeStampReq in DER; the service's certificates are wanted in the token."""
    imprint = {
        "hash_algorithm": algos.DigestAlgorithm({"algorithm": DIGEST_OIDS[request.algorithm]}),
        "hashed_message": request.digest,
    }
    asked = {"version": 1, "message_imprint": imprint, "nonce": request.nonce, "cert_req": True}
    if policy is not None:
        asked["req_policy"] = policy
    return bytes(tsp.TimeStampReq(asked).dump())


def answer(data: bytes, request: StampRequest, policy: str | None) -> TimeStamp:
    """The stamp in a TimeStampResp.

    Raises RejectedError and BusyError in the service's words, ContractError where it stamped something else than was
    asked for, UnusableError for what is no such answer.
    """
    try:
        response = _Response.load(data, strict=True)
        refusal = _refusal(response["status"])
        if refusal is not None:
            raise refusal
        token = response["time_stamp_token"]
        signed = token["content"]
        if token["content_type"].dotted != "1.2.840.113549.1.7.2":
            raise UnusableError("the token is no SignedData")
        held = signed["encap_content_info"]
        if held["content_type"].dotted != _TST_INFO:
            raise UnusableError("the token holds no TSTInfo")
        info = held["content"].parsed
        imprint = info["message_imprint"]
        told = (imprint["hash_algorithm"]["algorithm"].dotted, imprint["hashed_message"].native)
        nonce, used, at = info["nonce"].native, info["policy"].dotted, info["gen_time"].native
        der = token.dump()
    except ExchangeError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnusableError(f"not an answer of RFC 3161: {str(error)[:200]}") from None
    if told != (DIGEST_OIDS[request.algorithm], request.digest):
        raise ContractError("the time stamp is over another digest than the one sent")
    if nonce != request.nonce:
        raise ContractError("the time stamp answers another question: its nonce is not ours")
    if policy is not None and used != policy:
        raise ContractError(f"stamped under the policy {used}, asked for was {policy}")
    return TimeStamp(token=der, at=at)


def _refusal(status: tsp.PKIStatusInfo) -> ExchangeError | None:
    """What an answer without a token stands for; None for a stamp."""
    number = int.from_bytes(status["status"].contents, "big")
    if number in _GRANTED:
        return None
    texts = status["status_string"].native or ()
    words = "; ".join(str(one) for one in texts)[:200]
    named = [FAILURES.get(bit, f"bit {bit}") for bit in _bits(status["fail_info"])]
    if number == _WAITING or PASSING.intersection(named):
        return BusyError(words or ", ".join(named) or "waiting", None)
    if number not in REFUSALS or any(name.startswith("bit ") for name in named):
        return ContractError(f"status {number} ({', '.join(named)}) is none of RFC 3161")
    code = named[0] if named else REFUSALS[number]
    return RejectedError(words or code, code)


def _bits(failure: core.BitString) -> tuple[int, ...]:
    """The bits of a PKIFailureInfo that are set, whether RFC 3161 names them or not."""
    der = failure.dump()
    if not der:
        return ()
    raw = core.BitString.load(der).native
    return tuple(place for place, bit in enumerate(raw) if bit)
