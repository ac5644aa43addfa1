"""The checks on one seal signature, whatever kind of document it stands in.

A format of documents finds the signature, says what is covered, and gives the digest of that; everything that
GB/T 38540 asks of the signature itself is judged here. Nothing here asks anybody over a network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

from gateway.foundation.crypto.certificates import (
    SM2_WITH_SM3,
    CertificateError,
    ChainVerdict,
    Sm2Certificate,
    parse_certificate,
    verify_chain,
)
from gateway.foundation.crypto.sm import sm3
from gateway.foundation.crypto.sm2 import Sm2Provider, default_provider
from gateway.ports.seal import Placement
from gateway.rooms.seals.cms import SM3
from gateway.rooms.seals.report import Findings, Kind, SealReport, Unasked, Words
from gateway.rooms.seals.ses import SealSignature, SesError, UnsupportedVersionError, read_signature
from gateway.rooms.seals.stamps import judge_stamp
from gateway.rooms.seals.trust import Trust, key_of
from gateway.words.clock import rfc3339
from gateway.words.saying import Language, Sentence, worded

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_REMEMBERED: Final = 256 << 10
"""Bytes of a seal up to which it is remembered that its maker signed it."""
_MOST_ASKED: Final = 20
"""Certificates of one document that issuers are asked about."""
OWN_WORD: Final = Words(zh="用印时间为签章人自述，无时间戳佐证", en="the time of sealing is the signer's own word")

REQUIRED: Final = frozenset(
    {
        "structure",
        "version",
        "critical_extensions",
        "document_digest",
        "signature",
        "seal_maker_signature",
        "signer_listed",
        "signer_chain",
        "maker_chain",
        "maker_trusted",
        "seal_validity",
        "sealing_time",
    }
)
"""What is required of every seal signature; a format adds what it requires of its documents."""


@dataclass(frozen=True)
class Expected:
    """What we asked for, where it was us who had the document sealed. None: nothing to compare with.

    ``between`` bounds the time of sealing; ``placements`` is where it was to stand. ``layered``: behind it stands a
    signature for ordinary readers, so that it is the last but one.
    """

    seal_id: str | None = None
    property_info: str | None = None
    between: tuple[datetime, datetime] | None = None
    placements: tuple[Placement, ...] = ()
    layered: bool = False


@dataclass(frozen=True)
class Bench:
    """What judgements are made with: trust, the instant, and the provider of SM2.

    ``unasked`` collects, while the document is judged, the certificates whose issuers could be asked about them.
    """

    trust: Trust
    now: datetime
    expected: Expected = Expected()
    provider: Sm2Provider = field(default_factory=default_provider)
    unasked: dict[bytes, Unasked] = field(default_factory=dict, compare=False)

    def chain(self, leaf: bytes, others: Sequence[bytes], roots: Sequence[bytes], at: datetime) -> ChainVerdict:
        """``verify_chain`` by what is trusted. Only certificates of a chain that holds are worth asking about."""
        trust, told = self.trust, {one.certificate for one in self.trust.statuses}
        verdict = verify_chain(leaf, others, roots, at, self.provider, trust.crls, trust.statuses)
        for certificate, issuer in pairwise(verdict.path if verdict.ok else ()):
            if certificate.ocsp and certificate.der not in told and len(self.unasked) < _MOST_ASKED:
                self.unasked[certificate.der] = Unasked(certificate=certificate.der, issuer=issuer.der, at=at)
        return verdict


@dataclass(frozen=True)
class Sealing:
    """A seal signature that was read, and the time that it is judged at: whose word that is, and None if nobody's."""

    signature: SealSignature
    at: datetime | None
    time_source: Literal["signer", "time_stamp"] | None


def judge_ses(findings: Findings, der: bytes, digest: bytes, bench: Bench) -> Sealing | None:
    """Add the checks on a SES_Signature over something whose SM3 is ``digest``; the signature, if it can be read."""
    try:
        signature = read_signature(der)
    except UnsupportedVersionError as error:
        findings.add("version", "not_made", f"不能判读版本 {error.version} 的签章结构", str(error))
        return None
    except SesError as error:
        findings.add("structure", "failed", "不是符合标准的签章结构", str(error))
        return None
    seal, provider = signature.seal, bench.provider
    findings.add("structure", "passed")
    for note in signature.notes:
        findings.note(note.zh, note.en)
    both = f"{signature.version} / {seal.version}"
    findings.hold("version", signature.version == seal.version, f"签章与印章版本不一致：{both}", f"differ: {both}")
    unknown = ", ".join((*signature.critical, *seal.critical))
    findings.hold("critical_extensions", not unknown, f"不能识别：{unknown}", f"not understood: {unknown}")
    findings.hold(
        "document_digest",
        signature.data_hash == digest,
        "签章不是针对本文件作出的",
        "the signature was made over another document",
    )
    signer, maker = _certificate(signature.certificate), _certificate(seal.maker_certificate)
    _judge_signature(
        findings, "signature", signer, signature.algorithm, (signature.tbs_der, signature.signature), provider
    )
    _judge_signature(
        findings, "seal_maker_signature", maker, seal.algorithm, (seal.signed_der, seal.signature), provider
    )
    listed = signature.certificate in seal.certificates or any(
        oid in SM3 and value == sm3(signature.certificate) for oid, value in seal.digests
    )
    findings.hold("signer_listed", listed, "印章未列入该签章人证书", "the seal does not list this signer")
    for certificate in (signer, maker):
        if isinstance(certificate, Sm2Certificate):
            for deviation in certificate.deviations:
                name = certificate.common_name
                findings.note(f"证书“{name}”写法与标准不同：{deviation}", f"certificate {name}: {deviation}")
    sealing = _judge_time(findings, signature, bench)
    later = _judge_chains(findings, signature, sealing.at or bench.now, bench)
    _judge_validity(findings, sealing, signer, later, bench)
    _compare(findings, signature, bench.expected)
    return sealing


def hold_chain(findings: Findings, name: str, chain: ChainVerdict) -> None:
    """Add a check on a chain. One that ends at an authority not known here is not wrong: it cannot be judged."""
    zh = worded(chain.against or "", Language.CHINESE)
    if chain.known:
        findings.hold(name, chain.ok, f"证书链验证不通过：{zh}", chain.reason)
    else:
        findings.add(name, "not_made", f"签发机构不在信任名单内，无法判定：{zh}", chain.reason)


def judge_revocation(findings: Findings, chains: Sequence[ChainVerdict], every: bool, trust: Trust) -> None:
    """Add what is known of revocation. ``every``: whether all chains that there should be were judged.

    Nothing is 有效 without it where an issuer should have been asked, did not answer, and no list covers for it.
    """
    if every and all(chain.revocation == "good" for chain in chains):
        findings.add("revocation", "passed")
        return
    path = {one.der for chain in chains if chain.revocation != "good" for one in chain.path}
    silent = next((one for one in trust.silent if one.certificate in path), None)
    if silent is None:
        findings.add("revocation", "not_made", "没有覆盖证书链的吊销信息", "nothing covers the chains")
    else:
        findings.require("revocation")
        findings.add("revocation", "not_made", "证书状态服务未应答", f"the issuer did not answer: {silent.reason}")


def seal_report(findings: Findings, kind: Kind, place: str, sealing: Sealing | None = None) -> SealReport:
    """The report of one signature: what was found, and what the signature says of itself."""
    if sealing is None:
        return SealReport(
            kind=kind, place=place, checks=findings.checks, notes=findings.notes, not_covered=findings.not_covered
        )
    seal, signer = sealing.signature.seal, _certificate(sealing.signature.certificate)
    return SealReport(
        kind=sealing.signature.kind,
        place=place,
        checks=findings.checks,
        notes=findings.notes,
        not_covered=findings.not_covered,
        seal_id=seal.seal_id,
        seal_name=seal.name,
        maker=_common_name(seal.maker_certificate),
        signer=_common_name(sealing.signature.certificate),
        signer_key=key_of(signer) if isinstance(signer, Sm2Certificate) else None,
        signed_at=rfc3339(sealing.at) if sealing.at else None,
        time_source=sealing.time_source,
        seal_digest=sm3(seal.der).hex(),
        signature_digest=sm3(sealing.signature.der).hex(),
        picture_type=seal.picture_type,
        width=seal.width,
        height=seal.height,
    )


# --- inside -----------------------------------------------------------------------------------------------------------


def _judge_signature(
    findings: Findings,
    name: str,
    certificate: Sm2Certificate | str,
    algorithm: str,
    signed: tuple[bytes, bytes],
    provider: Sm2Provider,
) -> None:
    """One SM2 signature; what is wrong with it is told apart from what is wrong with the certificate."""
    made = name == "seal_maker_signature" and len(signed[0]) <= _REMEMBERED
    if isinstance(certificate, str):
        findings.add(name, "failed", "证书无法判读", certificate)
    elif algorithm != SM2_WITH_SM3:
        findings.add(name, "failed", f"签名算法 {algorithm} 不是 SM2", f"algorithm {algorithm} is not SM2 with SM3")
    elif _made(provider, certificate.public, *signed) if made else provider.verify(certificate.public, *signed):
        findings.add(name, "passed")
    elif provider.verify(certificate.public, *signed, b""):
        findings.add(name, "failed", "签名使用了空标识，不符合标准", "made under an empty distinguishing ID")
    else:
        findings.add(name, "failed", "签名验证不通过", "SM2 does not verify over the bytes as they stand")


@lru_cache(maxsize=128)
def _made(provider: Sm2Provider, public: bytes, signed: bytes, value: bytes) -> bool:
    """Whether a maker signed a seal. Organs use one seal for years, and the bytes decide: each is verified once."""
    return provider.verify(public, signed, value)


def _judge_time(findings: Findings, signature: SealSignature, bench: Bench) -> Sealing:
    """When it was sealed, and whose word that is."""
    at, source = signature.signed_at, "signer"
    if signature.time_stamp is None:
        findings.add("time_stamp", "not_applicable", "无时间戳", "there is none")
    else:
        over = (signature.signature, signature.tbs_der, signature.data_hash)
        stamp = judge_stamp(signature.time_stamp, over, bench.trust, bench.provider)
        if stamp.at is not None:
            findings.add("time_stamp", "passed", rfc3339(stamp.at), rfc3339(stamp.at))
            at, source = stamp.at, "time_stamp"
        elif stamp.known:
            findings.add("time_stamp", "failed", "时间戳验证不通过", stamp.reason)
        else:
            findings.add("time_stamp", "not_made", "时间戳未能验证", stamp.reason)
    if at is None:
        findings.add("sealing_time", "not_made", "用印时间不明", "there is no time of sealing that can be read")
        return Sealing(signature, None, None)
    earliest, latest = bench.expected.between or (None, bench.now)
    timely = at <= latest + CLOCK_TOLERANCE and (earliest is None or at >= earliest - CLOCK_TOLERANCE)
    if signature.signed_at is not None and at + CLOCK_TOLERANCE < signature.signed_at:
        timely = False  # stamped before it was signed
    findings.hold("sealing_time", timely, f"用印时间 {rfc3339(at)} 不可能", f"{rfc3339(at)} cannot be")
    if source == "signer" and bench.expected.between is None:
        findings.note(OWN_WORD.zh, OWN_WORD.en)
    return Sealing(signature, at, "signer" if source == "signer" else "time_stamp")


def _judge_chains(findings: Findings, signature: SealSignature, at: datetime, bench: Bench) -> Sentence | None:
    """Both chains as of ``at``; what was revoked after it."""
    trust = bench.trust
    chains = []
    for name, leaf, roots in (
        ("signer_chain", signature.certificate, trust.signer_roots),
        ("maker_chain", signature.seal.maker_certificate, trust.maker_roots),
    ):
        if not roots:
            findings.add(name, "not_made", "未配置信任根证书", "no trusted root is configured")
            continue
        # The maker answers for the seal from when it made it: his certificate may have ended since.
        when = min(at, signature.seal.created_at) if name == "maker_chain" else at
        chain = bench.chain(leaf, trust.intermediates, roots, when)
        hold_chain(findings, name, chain)
        chains.append(chain)
        if name == "maker_chain":
            _judge_maker(findings, leaf, chain, bench)
    judge_revocation(findings, chains, len(chains) == 2, trust)
    return next((chain.revoked_later for chain in chains if chain.revoked_later), None)


def _judge_maker(findings: Findings, der: bytes, chain: ChainVerdict, bench: Bench) -> None:
    """Whether the maker may make seals. Of one whose authority is not known here, no list of ours can say it."""
    if not bench.trust.makers:
        findings.add("maker_trusted", "not_made", "未配置制章者名单", "no list of seal makers is configured")
        return
    maker = _certificate(der)
    allowed = isinstance(maker, Sm2Certificate) and bench.trust.may_make_seals(maker)
    if not allowed and not chain.known:
        findings.add("maker_trusted", "not_made", "制章者的签发机构不在信任名单内", "its authority is not known here")
        return
    findings.hold("maker_trusted", allowed, "该证书不在制章者名单内", "this certificate is no listed seal maker")


def _judge_validity(
    findings: Findings, sealing: Sealing, signer: Sm2Certificate | str, later: Sentence | None, bench: Bench
) -> None:
    """The seal was in force when it was used. Where it ended since, that is more than the signer's word can carry."""
    seal, at = sealing.signature.seal, sealing.at
    period = f"{rfc3339(seal.valid_from)} – {rfc3339(seal.valid_until)}"
    if at is None:
        findings.add("seal_validity", "not_made", f"印章有效期 {period}，用印时间不明", f"in force {period}")
        return
    sealed = rfc3339(at)
    findings.hold(
        "seal_validity",
        max(seal.valid_from, seal.created_at - CLOCK_TOLERANCE) <= at <= seal.valid_until,
        f"用印时间 {sealed}，印章有效期 {period}",
        f"sealed {sealed}, in force {period}",
    )
    if sealing.time_source == "time_stamp" or bench.expected.between is not None:
        return
    zh = en = ""
    if bench.now > seal.valid_until:
        until = rfc3339(seal.valid_until)
        zh, en = f"印章已于 {until} 到期", f"the seal ended {until}"
    elif isinstance(signer, Sm2Certificate) and bench.now > signer.valid_until:
        until = rfc3339(signer.valid_until)
        zh, en = f"签章人证书已于 {until} 到期", f"the signer's certificate ended {until}"
    elif later:
        zh, en = later.in_(Language.CHINESE), str(later)
    if en:
        findings.require("time_proven")
        findings.add(
            "time_proven",
            "not_made",
            f"{zh}；在此之前用印仅为签章人自述",
            f"{en}; that it was used before is the signer's own word",
        )


def _compare(findings: Findings, signature: SealSignature, expected: Expected) -> None:
    """What came against what was asked for."""
    for name, wanted, got in (
        ("expected_seal", expected.seal_id, signature.seal.seal_id),
        ("property_info", expected.property_info, signature.property_info),
    ):
        if wanted is not None:
            findings.hold(name, wanted == got, f"实为 {got}，应为 {wanted}", f"{got} instead of {wanted}")


def _certificate(der: bytes) -> Sm2Certificate | str:
    """The certificate, or why it cannot be read."""
    try:
        return parse_certificate(der)
    except CertificateError as error:
        return str(error)


def _common_name(certificate: bytes) -> str | None:
    try:
        return re.sub(r"\s+", " ", parse_certificate(certificate).common_name)
    except CertificateError:
        return None
