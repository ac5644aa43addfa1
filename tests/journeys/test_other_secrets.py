"""A platform and the gateway change their secret while people work: nobody is refused, and both hold for a while."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager

from simulators.nontax.platform import NonTax

OTHER = "what-both-sides-have-agreed-upon"
OLD = '[channels.nontax.old]\nsecret = "file:nontax.old"\n\n[statements.bank]'


@asynccontextmanager
async def an_operator(site):
    """Has a channel's secrets read anew."""
    access, numbers = site.app.base.access, itertools.count()
    made = await access.create_operator("night", "值班员", "operator", "a long enough password")
    async with site.client((await access.issue_operator_key(made.id, label="journey")).token) as http:

        async def reload(**more):
            headers = {"Idempotency-Key": f"reload-{next(numbers)}"}
            return await http.post("/v1/channels/nontax/reload", json={"reason": "换密钥", **more}, headers=headers)

        yield reload


def write(file, text) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)


async def test_secrets_are_swapped_under_load_and_nobody_is_refused(site):
    site.app.base.renewal._quiet = 0.2
    answered, numbers, stop = [], itertools.count(100), asyncio.Event()

    async def case_system() -> None:
        while not stop.is_set():
            asked = await site.ask_payment(await site.decide(f"望市监罚决字〔2026〕第{next(numbers)}号"))
            answered.append((asked.status_code, asked.json()["status"]))

    working = [asyncio.create_task(case_system()) for _ in range(3)]
    first = site.app.base.channels.get("nontax")
    async with an_operator(site) as reload:
        for _ in range(5):
            done, before = len(answered), site.app.base.channels.get("nontax")
            told = await reload()
            assert told.status_code == 200, told.text
            assert site.app.base.channels.get("nontax") is not before
            async with asyncio.timeout(30):
                while len(answered) < done + 6:
                    assert not any(one.done() for one in working), "somebody was refused"
                    await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*working)
    assert set(answered) == {(201, "ISSUED")}
    async with asyncio.timeout(30):
        while not first.wire.http.is_closed:
            await asyncio.sleep(0.01)


async def test_old_and_new_hold_for_a_while_and_a_wrong_one_changes_nothing(site):
    plain, secret = site.settings_file.read_text(encoding="utf-8"), site.settings_file.parent / "nontax.secret"
    old = secret.with_name("nontax.old")
    one, two = await site.issued(), await site.issued(await site.decide("望市监罚决字〔2026〕第2号"))
    async with an_operator(site) as reload:
        # a secret that the platform does not know, and settings that cannot be read
        write(secret, "a mistyped one, as happens")
        refused = await reload()
        assert refused.status_code == 409, refused.text
        assert "goes on with the secrets it had" in refused.json()["detail"]
        secret.chmod(0o644)
        assert "chmod 600" in (await reload()).text
        write(secret, NonTax.secret)
        write(site.settings_file, plain + "\n[nowhere]\n")
        assert "nowhere" in (await reload()).json()["detail"]
        write(site.settings_file, plain.replace("node_code", "rate = 9.0\nnode_code", 1))
        assert "more than secrets" in (await reload()).json()["detail"]
        assert (await site.ask_payment(await site.decide("望市监罚决字〔2026〕第3号"))).json()["status"] == "ISSUED"

        # both sides change: what we say is under the new one at once, what is said to us is taken under either
        site.simulators.seed(nontax={"nodes": {NonTax.node: OTHER}})
        write(secret, OTHER)
        write(old, NonTax.secret)
        write(site.settings_file, plain.replace("[statements.bank]", OLD))
        told = await reload()
        assert (told.status_code, told.json()["old"]) == (200, True), told.text
        assert (await site.ask_payment(await site.decide("望市监罚决字〔2026〕第4号"))).json()["status"] == "ISSUED"
        site.simulators.seed(nontax={"nodes": {NonTax.node: NonTax.secret}})  # a part of it that lags behind
        await site.pay(one["code"])
        await site.reaches(one, "PAID")

        # the old one is taken out of the settings
        site.simulators.seed(nontax={"nodes": {NonTax.node: OTHER}})
        write(site.settings_file, plain)
        assert (await reload()).json()["old"] is False
        site.simulators.seed(nontax={"nodes": {NonTax.node: NonTax.secret}})
        await site.pay(two["code"])
        async with asyncio.timeout(60):
            while not await site.app.base.callbacks.refused(channel="nontax", before=None, limit=1):
                await asyncio.sleep(0.01)
        assert (await site.get(f"/v1/payments/{two['id']}"))["status"] == "ISSUED"
    by_key = await site.post("/v1/channels/nontax/reload", {"reason": "换密钥"})
    assert by_key.status_code == 403
    told = (await site.get("/v1/events?limit=200"))["items"]
    assert [one["data"]["by"] for one in told if one["type"] == "channel.reloaded"] == ["值班员"] * 2
