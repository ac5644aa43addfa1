"""Asking the issuers of certificates about them (OCSP), where a certificate names the place and the settings allow it.

The place stands in a certificate of a chain that leads to a root of ``[trust]``, and its host must be one of
``ocsp_hosts``: nobody else is asked, whatever a document says. Each exchange is kept as evidence. Who does not answer,
or not rightly, leaves the check not made.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import httpx

from gateway.foundation.crypto.certificates import CertificateStatus, parse_certificate
from gateway.foundation.crypto.ocsp import LARGEST, StatusError, StatusQuestion
from gateway.foundation.crypto.sm2 import default_provider
from gateway.foundation.wire.bounds import Limits, Timeouts
from gateway.foundation.wire.outward import AllowList, OutwardWire
from gateway.foundation.wire.terms import WireTerms
from gateway.rooms.seals.anchors import FindWords, nowhere
from gateway.rooms.seals.files import MakeReady, make_ready
from gateway.rooms.seals.report import Report, Unasked
from gateway.rooms.seals.trust import Silence, Trust, TrustSource
from gateway.words.errors import ExchangeError

if TYPE_CHECKING:
    from gateway.foundation.base import Foundation
    from gateway.rooms.seals.ses_checks import Expected

Verify = Callable[[bytes, Trust, datetime, "Expected | None"], Report]
"""Judges a document as of an instant (``Warden.verify``)."""

_HEADERS: Final = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
_SECONDS: Final = 5.0


_KEPT: Final = timedelta(hours=1)
"""How long an answer is used at most, whatever its next update."""
_MOST_KEPT: Final = 1_000


class Issuers:
    """Asks, over ``wire``, those of ``hosts`` that certificates name.

    An answer is used again until its next update, for an hour at most, for signatures made before it was given.
    """

    def __init__(self, hosts: Collection[str], wire: OutwardWire) -> None:
        self._hosts, self._wire = frozenset(hosts), wire
        self._kept: OrderedDict[tuple[bytes, bytes], CertificateStatus] = OrderedDict()

    async def ask(self, unasked: Sequence[Unasked], now: datetime) -> tuple[CertificateStatus | Silence, ...]:
        """What is said of these certificates now. Of those whose hosts are not allowed, nothing."""
        asked = ((one, self._places(one)) for one in unasked)
        return tuple(await asyncio.gather(*(self._ask(one, places, now) for one, places in asked if places)))

    def _places(self, one: Unasked) -> tuple[str, ...]:
        return tuple(url for url in parse_certificate(one.certificate).ocsp if _host(url) in self._hosts)

    def _known(self, one: Unasked, now: datetime) -> CertificateStatus | None:
        """An answer from before that still says something about this signature."""
        kept = self._kept.get((one.certificate, one.issuer))
        if kept is None or kept.until is None or kept.asked_at < one.at:
            return None
        return kept if kept.asked_at <= now < min(kept.until, kept.asked_at + _KEPT) else None

    def _keep(self, one: Unasked, said: CertificateStatus) -> None:
        self._kept[one.certificate, one.issuer] = said
        self._kept.move_to_end((one.certificate, one.issuer))
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    async def _ask(self, one: Unasked, places: Sequence[str], now: datetime) -> CertificateStatus | Silence:
        if (known := self._known(one, now)) is not None:
            return known
        question = StatusQuestion(
            parse_certificate(one.certificate), parse_certificate(one.issuer), secrets.token_bytes(16)
        )
        reason = ""
        for url in places:
            try:
                answer = await self._wire.post("certificate_status", url, question.der, _HEADERS)
                if answer.status_code != 200:
                    raise StatusError(f"HTTP status {answer.status_code}")
                said = await asyncio.to_thread(question.read, answer.content, now, default_provider())
                self._keep(one, said)
                return said
            except (ExchangeError, StatusError) as error:
                reason = reason or f"{_host(url)}: {error}"
        return Silence(one.certificate, reason)

    async def close(self) -> None:
        """Close every connection."""
        await self._wire.close()


@dataclass(frozen=True)
class Examiner:
    """Judges documents by what is trusted, and asks the issuers of their certificates between a first look and a
    second. Without ``issuers`` nobody is asked. ``find_words`` looks for words in a document, ``make_ready`` makes one
    ready for a seal."""

    trust: TrustSource
    verify: Verify
    issuers: Issuers | None = None
    find_words: FindWords = nowhere
    make_ready: MakeReady = make_ready

    async def examine(self, content: bytes, now: datetime, expected: Expected | None = None) -> Report:
        """Our judgement as of ``now``."""
        trust = self.trust.current()
        report = await asyncio.to_thread(self.verify, content, trust, now, expected)
        said = await self.issuers.ask(report.unasked, now) if self.issuers and report.unasked else ()
        if said:
            trust = replace(
                trust,
                statuses=tuple(one for one in said if isinstance(one, CertificateStatus)),
                silent=tuple(one for one in said if isinstance(one, Silence)),
            )
            report = await asyncio.to_thread(self.verify, content, trust, now, expected)
        return report.model_copy(update={"unasked": ()})


def open_issuers(base: Foundation) -> Issuers | None:
    """The way out to the hosts of ``[trust] ocsp_hosts``; None where there are none."""
    hosts = base.settings.trust.ocsp_hosts
    if not hosts:
        return None
    terms = WireTerms(
        base.evidence.record,
        timeouts=Timeouts(connect=_SECONDS, read=_SECONDS, write=_SECONDS, pool=_SECONDS, total=2 * _SECONDS),
        limits=Limits(max_response_bytes=LARGEST),
        clock=base.clock,
    )
    return Issuers(hosts, OutwardWire(terms, AllowList(hosts), channel="ocsp"))


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host.rstrip(".").lower()
    except httpx.InvalidURL:
        return ""
