"""Steps of stories about money that goes back: people who agree, finance that decides, money that comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from gateway.foundation.crypto.sm import sm3
from gateway.words.clock import SHANGHAI, SystemClock, day_of

PAYEE = {"name": "罗小满", "account": "6222021001116245702", "bank": "安澜农商银行望川支行"}
LETTER = {"kind": "opinion_letter", "reference": "望市监退〔2026〕3号", "digest": sm3(b"letter").hex()}
VOUCHER = {"kind": "original_voucher", "reference": "缴款凭证", "digest": sm3(b"voucher").hex()}


async def colleague(site, name: str = "高远") -> Any:
    """A person: a client bearing an operator's key."""
    made = await site.app.base.access.create_operator(f"login-{name}", name, "operator", "long enough a password")
    key = await site.app.base.access.issue_operator_key(made.id, label="journey")
    return site.client(key.token)


@asynccontextmanager
async def colleagues(site) -> AsyncIterator[tuple[Any, Any]]:
    """Two operators: so many agree to what a case system proposes."""
    async with await colleague(site, "林溪") as first, await colleague(site) as second:
        yield first, second


async def confirm(http: Any, refund: dict[str, Any], key: str = "confirm-1") -> Any:
    """Look at the refund, and confirm what is seen."""
    seen = (await http.get(f"/v1/refunds/{refund['id']}")).json()["seen"] or refund["seen"]
    path = f"/v1/refunds/{refund['id']}/confirmation"
    return await http.post(path, json={"seen": seen}, headers={"Idempotency-Key": key})


async def propose(site, payment: dict[str, Any], reason: str, *documents: Any, **more: Any) -> Any:
    body = {"reason": reason, "explanation": "多缴退还", "payee": PAYEE, "documents": list(documents), **more}
    return await site.post(f"/v1/payments/{payment['id']}/refunds", {"officer": "陈立 33010001", **body})


async def finance(site, refund: dict[str, Any], state: str, **more: Any) -> dict[str, Any]:
    """Finance decides, and we ask until we know."""
    number = (await site.read(lambda conn: _reference(conn, refund["id"]))) or ""
    await site.simulators.aask("POST", f"/nontax/refunds/{number}", {"state": state, **more})
    expected = state.upper()
    async with asyncio.timeout(60):
        while (view := await site.get(f"/v1/refunds/{refund['id']}"))["status"] != expected:
            await site.http.post(f"/v1/refunds/{refund['id']}/inquiry")
            await asyncio.sleep(0.05)
    return view


def _reference(conn: Any, refund_id: str) -> Any:
    from gateway.rooms.refunds import records as refund_records

    return refund_records.held(conn, refund_id).reference


async def paid_twice(site) -> dict[str, Any]:
    """Counter at 16:50, WeChat at 22:58, beyond the cut-off."""
    await site.simulators.aask("POST", "/nontax/settings", {"cutoff": "22:30"})
    yesterday = day_of(SystemClock().now()) - timedelta(days=1)
    await site.travel(f"{yesterday} 16:00")
    payment = await site.issued()
    await site.travel(f"{yesterday} 16:51")
    counter = datetime.combine(yesterday, datetime.min.time(), SHANGHAI).replace(hour=16, minute=50)
    await site.pay(payment["code"], channel="counter", at=counter.isoformat(), serial="COUNTER1")
    await site.reaches(payment, "PAID")
    await site.travel(f"{yesterday} 22:59")
    wechat = counter.replace(hour=22, minute=58)
    await site.pay(payment["code"], channel="wechat", at=wechat.isoformat(), serial="WECHAT1", force=True)
    return dict(await site.until(f"/v1/payments/{payment['id']}", lambda now: len(now["collections"]) == 2))
