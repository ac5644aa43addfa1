"""An OCSP responder (RFC 6960): what an authority says of its certificates now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from asn1crypto import ocsp

from simulators.seal import der
from simulators.seal.pki import Authority, key_hash

MALFORMED = der.seq(der.enumerated(1))
_BASIC, _NONCE = "1.3.6.1.5.5.7.48.1.1", "1.3.6.1.5.5.7.48.1.2"


def answer(
    authority: Authority, request: bytes, revoked: Mapping[int, datetime], known: Mapping[int, object], at: datetime
) -> bytes:
    """The answer to a request in DER, signed by the authority itself; a nonce comes back.

    ``revoked``: serial numbers and when; one that is not ``known`` to the authority has the status unknown.
    """
    try:
        asked = ocsp.OCSPRequest.load(request, strict=True)["tbs_request"]
        entries = [(one["req_cert"].dump(), one["req_cert"]["serial_number"].native) for one in asked["request_list"]]
        nonces = [one.dump() for one in asked["request_extensions"] or () if one["extn_id"].dotted == _NONCE]
    except (ValueError, TypeError, KeyError):
        return MALFORMED
    responses = [
        der.seq(
            asked_for,
            _status(serial, revoked, known),
            der.generalized_time(at),
            der.explicit(0, der.generalized_time(at + timedelta(hours=12))),
        )
        for asked_for, serial in entries
    ]
    data = der.seq(
        der.explicit(2, der.octets(key_hash(authority.key.public_info))),
        der.generalized_time(at),
        der.seq(*responses),
        *([der.explicit(1, der.seq(*nonces))] if nonces else []),
    )
    certificates = der.explicit(0, der.seq(authority.certificate))
    basic = der.seq(data, authority.key.algorithm, der.bits(authority.key.sign(data)), certificates)
    return der.seq(der.enumerated(0), der.explicit(0, der.seq(der.oid(_BASIC), der.octets(basic))))


def _status(serial: int, revoked: Mapping[int, datetime], known: Mapping[int, object]) -> bytes:
    if serial in revoked:
        return der.tlv(0xA1, der.generalized_time(revoked[serial]) + der.explicit(0, der.enumerated(1)))
    return der.tlv(0x80 if serial in known else 0x82, b"")
