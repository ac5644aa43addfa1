"""Time stamps (RFC 3161, GB/T 20520) with SM2: judged, so that the time of sealing is not the signer's word alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.foundation.crypto import der as asn1
from gateway.foundation.crypto.certificates import verify_chain
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import Sm2Provider
from gateway.rooms.seals.cms import SM3, CmsError, read_signed_data
from gateway.rooms.seals.trust import Trust

_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_MAY_STAMP: Final = "1.3.6.1.5.5.7.3.8"


@dataclass(frozen=True)
class Stamp:
    """What a time stamp comes to: its time if it is right, why not otherwise; ``known``: it could be judged at all."""

    at: datetime | None
    reason: str = ""
    known: bool = True


def judge_stamp(token: bytes, stamped: Collection[bytes], trust: Trust, provider: Sm2Provider) -> Stamp:
    """Judge a time stamp that must be over one of ``stamped``. Its chain must lead to ``[trust] stamp_roots``."""
    if not trust.stamp_roots:
        return Stamp(None, "no root of time stamps is configured", known=False)
    try:
        signed = read_signed_data(token)
        if signed.content_type != _TST_INFO or signed.content is None:
            return Stamp(None, "not a time stamp token")
        _, _, imprint, _, when, *_ = asn1.sequence(asn1.read(signed.content), 5, 10)
        algorithm, digest = asn1.sequence(imprint, 2)
        if asn1.oid(algorithm.parts()[0]) not in SM3:
            return Stamp(None, "the time stamp is not over an SM3 digest", known=False)
        at = asn1.instant(when)
        over = asn1.octets(digest)
    except CmsError as error:
        return Stamp(None, str(error), known="algorithms" not in str(error))
    except (ValueError, IndexError) as error:
        return Stamp(None, f"not a time stamp: {error}")
    if over not in {sm3(one) for one in stamped}:
        return Stamp(None, "the time stamp is over something else")
    if not (signed.digest_holds(signed.content) and signed.type_holds() and signed.verifies(signed.content, provider)):
        return Stamp(None, "the time stamp's signature does not verify")
    if _MAY_STAMP not in signed.certificate.extended_usage:
        return Stamp(None, f"{signed.certificate.common_name} is no time stamp service (ExtendedKeyUsage)")
    chain = verify_chain(
        signed.certificate.der, (*trust.intermediates, *signed.others), trust.stamp_roots, at, provider, trust.crls
    )
    return Stamp(at if chain.ok else None, chain.reason, known=chain.known)
