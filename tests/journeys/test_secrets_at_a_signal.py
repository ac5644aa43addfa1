"""SIGHUP: a gateway that runs reads its channels' secrets anew, and goes on with the old where it cannot."""

from __future__ import annotations

import asyncio
import signal

from simulators.nontax.platform import NonTax

OTHER = "what-both-sides-have-agreed-upon"
TAKEN = "a channel has its secrets anew"
NOT_TAKEN = "a channel goes on with the secrets it had"


async def hang_up(served, said: str) -> None:
    """Send the signal, and wait until the log says what became of the platform's channel."""
    before = len(served.log.read_text(encoding="utf-8"))
    served.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(60):
        while not any(said in one and "nontax" in one for one in served.log.read_text("utf-8")[before:].splitlines()):
            assert served.process.poll() is None, "the process has ended"
            await asyncio.sleep(0.05)


async def test_at_sighup_a_running_process_uses_the_new_secret_and_a_wrong_one_changes_nothing(served):
    site, asked = served.site, 0
    secret = site.settings_file.parent / "nontax.secret"

    async def works() -> None:
        nonlocal asked
        asked += 1
        answer = await site.ask_payment(await site.decide(f"望市监罚决字〔2026〕第{asked}号"))
        assert (answer.status_code, answer.json()["status"]) == (201, "ISSUED")

    await works()
    secret.write_text("a mistyped one, as happens", encoding="utf-8")
    await hang_up(served, NOT_TAKEN)
    await works()
    site.simulators.seed(nontax={"nodes": {NonTax.node: OTHER}})
    secret.write_text(OTHER, encoding="utf-8")
    await hang_up(served, TAKEN)
    await works()
    assert site.effects("CreateBill") == [1, 1, 1]
    assert await served.stop(signal.SIGTERM) == 0
