"""Revocation lists of SM2 authorities (RFC 5280 section 5): reading them.

Names are compared by their bytes, signatures over the bytes as they came; who signed a list is judged with the chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from asn1crypto import crl as asn1_crl

LARGEST: Final = 32 << 20
_UNDERSTOOD: Final = frozenset({"2.5.29.20", "2.5.29.35", "2.5.29.46", "2.5.29.60"})
"""Critical extensions that change nothing here: number, authority key, freshest list, expired certificates too."""


class RevocationError(ValueError):
    """The bytes are not a complete revocation list that can be read."""


@dataclass(frozen=True)
class RevocationList:
    """One list: DER of its issuer's name, its times, revoked serial numbers with the instant, what was signed."""

    issuer: bytes
    this_update: datetime
    next_update: datetime | None
    revoked: Mapping[int, datetime] = field(repr=False)
    tbs: bytes = field(repr=False)
    algorithm: str
    signature: bytes = field(repr=False)


def parse_crl(der: bytes) -> RevocationList:
    """Read one DER list. Raises RevocationError, also for partial lists (delta, one distribution point)."""
    if len(der) > LARGEST:
        raise RevocationError(f"more than {LARGEST >> 20} MB")
    try:
        parsed = asn1_crl.CertificateList.load(der, strict=True)
        body = parsed["tbs_cert_list"]
        for extension in body["crl_extensions"] or ():
            oid = extension["extn_id"].dotted
            if oid in ("2.5.29.27", "2.5.29.28") or (extension["critical"].native and oid not in _UNDERSTOOD):
                raise RevocationError(f"not a complete list (extension {oid})")
        entries = body["revoked_certificates"] if len(body["revoked_certificates"]) else ()
        return RevocationList(
            issuer=body["issuer"].dump(),
            this_update=body["this_update"].native,
            next_update=body["next_update"].native,
            revoked={one["user_certificate"].native: one["revocation_date"].native for one in entries},
            tbs=body.dump(),
            algorithm=parsed["signature_algorithm"]["algorithm"].dotted,
            signature=parsed["signature"].native,
        )
    except RevocationError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise RevocationError(f"not a revocation list: {error}") from None
