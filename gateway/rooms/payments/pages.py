"""What a party gets in hand: the address behind the QR code, the code itself, the notice 缴款通知."""

from __future__ import annotations

import asyncio
import io
from typing import Literal

from sqlalchemy import Connection

from gateway.foundation.base import Foundation
from gateway.rooms.decisions import Decision
from gateway.rooms.decisions import fetch as fetch_decision
from gateway.rooms.payments import records
from gateway.rooms.payments.records import Payment, PaymentLine
from gateway.words.errors import ConflictProblem
from gateway.words.saying import say


class PayerPages:
    """Where a payment's page is, and what leads there."""

    def __init__(self, base: Foundation) -> None:
        self._store = base.store
        self._envelope = base.envelope
        self._reckoning = base.reckoning
        self._public_url = base.settings.public_url.rstrip("/")

    async def payment_of(self, token: str) -> Payment | None:
        """The payment behind a page's token; None when there is none."""
        indexes = records.token_indexes(self._envelope, token)
        return await self._store.read(lambda conn: records.fetch_by_token(conn, indexes))

    def address(self, payment: Payment) -> str:
        """The address behind the QR code: the page for the party."""
        return f"{self._public_url}/pay/{payment.token(self._envelope)}"

    def qr_svg(self, payment: Payment) -> str:
        """The QR code of the payer page as SVG, level M, four modules of margin."""
        import segno

        out = io.BytesIO()
        code = segno.make(self.address(payment), error="m", micro=False)
        code.save(out, kind="svg", scale=6, border=4, xmldecl=False)
        return out.getvalue().decode()

    async def notice(
        self, payment: Payment, authority: str, telephone: str | None, kind: Literal["pdf", "ofd"] = "pdf"
    ) -> bytes:
        """The notice 缴款通知; ``authority`` and ``telephone`` are printed on it. See ``payments.notice``."""
        from gateway.rooms.payments.notice import (  # what lays out pages is loaded for the first one
            Letterhead,
            form,
            printed,
        )

        decision_id = payment.decision_id
        if decision_id is None:
            raise ConflictProblem(say("payments.remittance_served"), type="payment-without-decision")

        def query(conn: Connection) -> tuple[list[PaymentLine], Decision | None]:
            return records.lines(conn, payment.id), fetch_decision(conn, self._envelope, decision_id)

        lines, decision = await self._store.read(query)
        assert decision is not None
        bill, page = payment.bill(self._envelope), self.address(payment)
        terms, head = self._reckoning.of(payment.authority), Letterhead(authority, telephone)
        said = form(payment, lines, bill, decision, terms=terms, letterhead=head, payer_page=page)
        return await asyncio.to_thread(printed, said, kind)
