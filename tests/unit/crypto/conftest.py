"""An SM2 certification authority out of ASN.1 and our own signatures, and the openssl command as an oracle."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import algos, core, crl, keys, x509

from gateway.foundation.crypto.certificates import SM2_CURVE, SM2_WITH_SM3
from gateway.foundation.crypto.sm2 import DEFAULT_ID, default_provider

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2028, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 3, tzinfo=UTC)


@dataclass
class Party:
    """A key pair with a certificate; signs certificates and revocation lists for others."""

    name: str
    private: bytes
    public: bytes
    der: bytes = b""
    ident: bytes = field(default=DEFAULT_ID)

    def issue(
        self,
        name: str,
        *,
        ca: bool | None = None,
        path_length: int | None = None,
        usage: set[str] | None = None,
        begin: datetime = BEGIN,
        end: datetime = END,
        critical_oid: str | None = None,
        ident: bytes | None = None,
        serial: int = 1001,
    ) -> Party:
        """A certificate for a new key, signed by this party."""
        private, public = default_provider().generate()
        return Party(name, private, public, self._certify(name, public, locals(), ident))

    def certify_itself(self, **options) -> Party:
        usage = {"key_cert_sign", "crl_sign"}
        defaults = {"ca": True, "path_length": None, "usage": usage, "begin": BEGIN, "end": END}
        wanted = {**defaults, "critical_oid": None, "serial": 1, **options}
        self.der = self._certify(self.name, self.public, wanted, None)
        return self

    def _certify(self, name: str, public: bytes, wanted: dict, ident: bytes | None) -> bytes:
        extensions = []
        if wanted["ca"] is not None:
            value = x509.BasicConstraints({"ca": wanted["ca"], "path_len_constraint": wanted["path_length"]})
            extensions.append({"extn_id": "basic_constraints", "critical": True, "extn_value": value})
        if wanted["usage"] is not None:
            value = x509.KeyUsage(wanted["usage"])
            extensions.append({"extn_id": "key_usage", "critical": True, "extn_value": value})
        if wanted["critical_oid"]:
            value = core.ParsableOctetString(b"\x05\x00")
            extensions.append({"extn_id": wanted["critical_oid"], "critical": True, "extn_value": value})
        tbs = x509.TbsCertificate(
            {
                "version": "v3",
                "serial_number": wanted["serial"],
                "signature": {"algorithm": SM2_WITH_SM3},
                "issuer": x509.Name.build({"common_name": self.name}),
                "validity": {
                    "not_before": x509.Time({"utc_time": wanted["begin"]}),
                    "not_after": x509.Time({"utc_time": wanted["end"]}),
                },
                "subject": x509.Name.build({"common_name": name}),
                "subject_public_key_info": {
                    "algorithm": keys.PublicKeyAlgorithm(
                        {"algorithm": "ec", "parameters": keys.ECDomainParameters("named", SM2_CURVE)}
                    ),
                    "public_key": keys.ECPointBitString(public),
                },
                "extensions": extensions,
            }
        )
        signature = default_provider().sign(self.private, tbs.dump(), self.ident if ident is None else ident)
        return x509.Certificate(
            {
                "tbs_certificate": tbs,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": SM2_WITH_SM3}),
                "signature_value": core.OctetBitString(signature),
            }
        ).dump()

    def revoke(self, *serials: int, at: datetime = NOW, until: datetime = END) -> bytes:
        """A revocation list of this party."""
        tbs = crl.TbsCertList(
            {
                "version": "v2",
                "signature": {"algorithm": SM2_WITH_SM3},
                "issuer": x509.Name.build({"common_name": self.name}),
                "this_update": x509.Time({"utc_time": BEGIN}),
                "next_update": x509.Time({"utc_time": until}),
                "revoked_certificates": [
                    {"user_certificate": serial, "revocation_date": x509.Time({"utc_time": at})} for serial in serials
                ],
            }
        )
        return crl.CertificateList(
            {
                "tbs_cert_list": tbs,
                "signature_algorithm": {"algorithm": SM2_WITH_SM3},
                "signature": core.OctetBitString(default_provider().sign(self.private, tbs.dump())),
            }
        ).dump()


@pytest.fixture(scope="session")
def now() -> datetime:
    """The time of signing in these tests."""
    return NOW


@pytest.fixture(scope="session")
def root() -> Party:
    """A self-signed root."""
    return Party("安澜测试根", *default_provider().generate()).certify_itself()


@pytest.fixture(scope="session")
def openssl():
    """``openssl(*arguments, stdin=b"")``: the command as an independent oracle."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl command on this machine to compare with")
    listed = subprocess.run([program, "ecparam", "-list_curves"], capture_output=True, check=False).stdout
    if b"SM2" not in listed:
        pytest.skip("the openssl command of this machine has no SM2")

    def run(*arguments: str | Path, stdin: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([program, *map(str, arguments)], input=stdin, capture_output=True, check=check)

    return run
