"""What a judgement of a document says: three verdicts, and the checks they follow from.

A verdict is never stated beside its checks: it is what they come to. One check that failed makes 无效; without one that
failed, one required check that was not made makes 无法判定; only what is left is 有效. What stands in a report is in
Chinese and English, instants are in +08:00, and what no signature covers is listed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from pydantic import Field

from gateway.ports.base import Message


class Verdict(StrEnum):
    """What a judgement comes to."""

    VALID = "VALID"
    INVALID = "INVALID"
    UNDETERMINED = "UNDETERMINED"

    @property
    def words(self) -> Words:
        """The verdict for people."""
        return _VERDICTS[self]


class Words(Message):
    """One sentence in Chinese and in English."""

    zh: str = ""
    en: str = ""


_NOTHING: Final = Words()
_VERDICTS: Final = {
    Verdict.VALID: Words(zh="有效", en="valid"),
    Verdict.INVALID: Words(zh="无效", en="not valid"),
    Verdict.UNDETERMINED: Words(zh="无法判定", en="cannot be judged"),
}

Result = Literal["passed", "failed", "not_made", "not_applicable"]
RESULTS: Final[dict[Result, Words]] = {
    "passed": Words(zh="通过", en="passed"),
    "failed": Words(zh="不通过", en="failed"),
    "not_made": Words(zh="未检查", en="not made"),
    "not_applicable": Words(zh="不适用", en="not applicable"),
}
Kind = Literal["ses-1", "ses-4", "ses-5", "ses", "gbt35275", "pades", "bare", "unknown"]
KINDS: Final[dict[Kind, Words]] = {
    "ses-1": Words(zh="电子印章签章（GM/T 0031-2014）", en="electronic seal of GM/T 0031-2014"),
    "ses-4": Words(zh="电子印章签章（GB/T 38540-2020）", en="electronic seal of GB/T 38540-2020"),
    "ses-5": Words(zh="电子印章签章（GM/T 0031-2025）", en="electronic seal of GM/T 0031-2025"),
    "ses": Words(zh="电子印章签章（版本不明）", en="electronic seal of an unknown version"),
    "gbt35275": Words(zh="数字签名（GB/T 35275，SM2）", en="digital signature of GB/T 35275 (SM2)"),
    "pades": Words(zh="国际算法数字签名（CMS/PAdES）", en="international digital signature (CMS or PAdES)"),
    "bare": Words(zh="仅有签名值，无签名结构", en="a bare signature value"),
    "unknown": Words(zh="不能识别的签名", en="a signature that is not recognised"),
}


class Named(NamedTuple):
    """What a check is called, and the rule that asks for it."""

    zh: str
    en: str
    source: str


_SES: Final = "GB/T 38540-2020"
CHECKS: Final[dict[str, Named]] = {
    # of the document
    "readable": Named("文件可读", "the file can be read", "外来文件的限制 limits for foreign files"),
    "signature_present": Named("存在签章", "there is a signature", "GB/T 38540-2020"),
    "last_revision": Named("签章后无改动", "nothing was changed after sealing", "ISO 32000-1, 12.8.1"),
    "active_content": Named("无动态内容", "nothing in the file acts by itself", "ISO 32000-1, 12.6 and 12.7"),
    "voucher_stage": Named("缴款书签章与阶段相符", "the voucher is signed as its stage asks", "[rooms.seals.vouchers]"),
    "other_pictures": Named("无其他印章外观", "no other picture of a seal", "ISO 32000-1, 12.5.5"),
    # of a signature's place in the document
    "coverage": Named("签章覆盖全文", "the signature covers the whole file", "ISO 32000-1, 12.8.1"),
    "padding": Named("签章值后无附加内容", "nothing after the signature's value", "ISO 32000-1, 12.8.1"),
    "appearance": Named("所见即所签", "what is drawn is the seal that was signed", _SES),
    "place": Named("用印位置", "the seal stands where it was asked for", "the request"),
    "size": Named("印章尺寸", "the seal is drawn in its own size", _SES),
    # of the seal signature
    "structure": Named("签章结构", "structure of the signature", _SES),
    "version": Named("签章结构版本", "version of the structure", "GB/T 38540-2020, GM/T 0031"),
    "critical_extensions": Named("关键扩展项", "critical extensions", _SES),
    "document_digest": Named("文件摘要", "digest of the document", _SES),
    "signature": Named("签章人签名", "the signer's signature", "GB/T 32918.2-2016"),
    "seal_maker_signature": Named("制章者签名", "the seal maker's signature", "GB/T 32918.2-2016"),
    "signer_listed": Named("签章人证书在印章证书列表内", "the seal lists this signer", _SES),
    "signer_chain": Named("签章人证书链", "the signer's certificate chain", "[trust] seal_roots"),
    "maker_chain": Named("制章者证书链", "the seal maker's certificate chain", "[trust] maker_roots"),
    "maker_trusted": Named("制章者许可", "this maker may make seals", "[trust] seal_makers"),
    "seal_validity": Named("印章有效期", "the seal was in force", _SES),
    "sealing_time": Named("用印时间", "time of sealing", _SES),
    "time_proven": Named("用印时间佐证", "the time of sealing is more than the signer's word", _SES),
    "time_stamp": Named("时间戳", "time stamp", "RFC 3161, GB/T 20520"),
    "revocation": Named("证书吊销状态", "revocation of the certificates", "[trust] crls, ocsp_hosts"),
    "seal_status": Named("印章状态", "status of the seal", "the seal service"),
    "not_void": Named("用印未作废", "the sealing was not voided", "records of this gateway"),
    "seal_filed": Named("印章备案", "filing of the seal", "国办发〔2025〕33号"),
    # against what was asked for
    "expected_seal": Named("所用印章", "the seal that was asked for", "the request"),
    "seal_as_issued": Named("印章与签发一致", "the seal is the one that its service issues", "the seal service"),
    "property_info": Named("签名属性", "property of the signature", "the request"),
}
"""Every check by its name; a format of documents may add its own (``name_check``)."""


def name_check(name: str, zh: str, en: str, source: str) -> str:
    """Make a further check known, and give back its name. ValueError if the name is taken for something else."""
    named = Named(zh, en, source)
    if CHECKS.setdefault(name, named) != named:
        raise ValueError(f"the check {name} is named already")
    return name


class Check(Message):
    """One check. ``reason`` says what was found; ``source`` the rule, list or service it was held against."""

    name: str
    result: Result
    reason: Words = Words()
    source: str = ""
    required: bool = False

    @property
    def label(self) -> Words:
        """What the check is called."""
        named = CHECKS.get(self.name)
        return Words(zh=named.zh, en=named.en) if named else Words(zh=self.name, en=self.name)


class Drawn(Message):
    """Where a seal was found drawn: page from 1, millimetres from the lower-left corner of what the reader sees.

    ``page_width`` and ``page_height`` are what the reader sees of the page, where the file says it.
    """

    page: int
    x: float
    y: float
    width: float
    height: float
    page_width: float | None = None
    page_height: float | None = None


class SealReport(Message):
    """What was found about one signature of a document.

    ``place``: the name of its field, or its number in the document. ``signed_at`` is the time it is judged at,
    ``time_source`` whose word that is. ``revision`` of ``revisions``: the state of the file that it covers.
    ``notes``: deviations that do not weigh; ``not_covered``: what it does not protect.
    """

    kind: Kind
    place: str = ""
    checks: tuple[Check, ...] = ()
    notes: tuple[Words, ...] = ()
    not_covered: tuple[Words, ...] = ()
    seal_id: str | None = None
    seal_name: str | None = None
    maker: str | None = None
    signer: str | None = None
    signer_key: str | None = Field(default=None, description="SM3 of the signer's SubjectPublicKeyInfo")
    signed_at: str | None = None
    time_source: Literal["signer", "time_stamp"] | None = None
    seal_digest: str | None = Field(default=None, description="SM3 of the SESeal")
    signature_digest: str | None = Field(default=None, description="SM3 of the SES_Signature")
    picture_type: str | None = None
    width: int | None = Field(default=None, description="of the seal, in millimetres")
    height: int | None = None
    drawn: tuple[Drawn, ...] = ()
    revision: int | None = None
    revisions: int | None = None

    @property
    def verdict(self) -> Verdict:
        """What the checks come to."""
        return _verdict(self.checks)


class Unasked(Message):
    """A certificate (DER) whose issuer says where its status may be asked, and the issuer's own certificate.

    ``at``: the instant it is judged at; what was said before it says nothing of it.
    """

    certificate: bytes
    issuer: bytes
    at: datetime


class Report(Message):
    """What was found about a document: its own checks, and one report for each signature in it.

    ``digest`` is SM3 of the whole file in hexadecimal, ``judged_at`` the instant in +08:00. ``unasked``: certificates
    of right chains whose issuers could be asked and were not yet; it is empty once somebody could.
    """

    format: Literal["pdf", "ofd", "unknown"]
    digest: str
    judged_at: str
    checks: tuple[Check, ...] = ()
    seals: tuple[SealReport, ...] = ()
    notes: tuple[Words, ...] = ()
    not_covered: tuple[Words, ...] = ()
    unasked: tuple[Unasked, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """有效 only if there is a signature, each of them is 有效, and so are the checks on the document itself."""
        all_of_them = {_verdict(self.checks), *(one.verdict for one in self.seals)}
        for worst in (Verdict.INVALID, Verdict.UNDETERMINED):
            if worst in all_of_them:
                return worst
        return Verdict.VALID if self.seals else Verdict.INVALID

    @property
    def valid(self) -> bool:
        """Whether the verdict is 有效."""
        return self.verdict is Verdict.VALID

    @property
    def every_check(self) -> tuple[Check, ...]:
        """The document's own checks and those of all signatures."""
        return (*self.checks, *(check for one in self.seals for check in one.checks))

    @property
    def why(self) -> Words:
        """The first check that stands against 有效, with what was found; nothing if none does."""
        checks = self.every_check
        against = next((one for one in checks if one.result == "failed"), None) or next(
            (one for one in checks if one.required and one.result == "not_made"), None
        )
        if against is None:
            return Words()
        label, found = against.label, against.reason
        return Words(
            zh=f"{label.zh}：{found.zh or RESULTS[against.result].zh}",
            en=f"{label.en}: {found.en or RESULTS[against.result].en}",
        )

    @property
    def reason(self) -> str:
        """``why`` in Chinese."""
        return self.why.zh

    @property
    def seal(self) -> SealReport | None:
        """The last signature of the document."""
        return self.seals[-1] if self.seals else None


def _verdict(checks: Iterable[Check]) -> Verdict:
    judged = tuple(checks)
    if any(check.result == "failed" for check in judged):
        return Verdict.INVALID
    if any(check.required and check.result == "not_made" for check in judged):
        return Verdict.UNDETERMINED
    return Verdict.VALID


class Findings:
    """Collects checks and notes. What is required and was never added stands in the end as not made.

    The same name may be added again; a later finding never softens an earlier one, since each is kept.
    """

    def __init__(self, required: Collection[str]) -> None:
        unknown = set(required) - CHECKS.keys()
        assert not unknown, f"checks without a name: {unknown}"
        self._required = frozenset(required)
        self._checks: list[Check] = []
        self._notes: list[Words] = []
        self._not_covered: list[Words] = []

    def add(self, name: str, result: Result, zh: str = "", en: str = "", source: str | None = None) -> bool:
        """One check with what was found; whether it passed."""
        named = CHECKS[name]
        made = Check(
            name=name,
            result=result,
            reason=Words(zh=zh, en=en) if zh or en else _NOTHING,
            source=named.source if source is None else source,
            required=name in self._required,
        )
        self._checks.append(made)
        return result == "passed"

    def hold(self, name: str, passed: bool, zh: str = "", en: str = "", source: str | None = None) -> bool:
        """A check that either passed (and then needs no words) or failed for this reason."""
        return self.add(name, "passed", source=source) if passed else self.add(name, "failed", zh, en, source)

    def note(self, zh: str, en: str) -> None:
        """Something worth knowing that does not weigh."""
        words = Words(zh=zh, en=en)
        if words not in self._notes:
            self._notes.append(words)

    def leaves_out(self, zh: str, en: str) -> None:
        """Something that the signature does not protect."""
        self._not_covered.append(Words(zh=zh, en=en))

    def require(self, name: str) -> None:
        """From now on nothing is 有效 without this check."""
        self._required |= {name}
        self._checks = [one.model_copy(update={"required": True}) if one.name == name else one for one in self._checks]

    @property
    def failed(self) -> bool:
        """Whether a check has failed so far."""
        return any(check.result == "failed" for check in self._checks)

    @property
    def checks(self) -> tuple[Check, ...]:
        """What was found, and what is missing, in the order in which checks are listed."""
        made = {check.name for check in self._checks}
        order = {name: place for place, name in enumerate(CHECKS)}
        missing = sorted(self._required - made, key=order.__getitem__)
        return (
            *self._checks,
            *(Check(name=name, result="not_made", source=CHECKS[name].source, required=True) for name in missing),
        )

    @property
    def notes(self) -> tuple[Words, ...]:
        """The notes."""
        return tuple(self._notes)

    @property
    def not_covered(self) -> tuple[Words, ...]:
        """What is not protected."""
        return tuple(self._not_covered)
