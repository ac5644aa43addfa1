"""Callbacks to the gateway: queued in the transaction of the effect, sent until acknowledged, over restarts too.

A system's wire says how its callback is made (``Wire.callback``), what an acknowledgement looks like
(``Wire.acknowledged``) and what a forger would send (``Wire.forge``). Signatures are made anew for each attempt.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from simulators.faults import Faults
from simulators.journal import Entry, Journal
from simulators.signing import Place
from simulators.state import Document, State, Transaction

if TYPE_CHECKING:
    from simulators.service import Service

#: Seconds of real time between attempts; the last one repeats.
BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
TIMEOUT = 10.0
PARALLEL = 8


class Callbacks:
    """The queue of one simulators process and the task that empties it."""

    def __init__(self, state: State, faults: Faults, journal: Journal) -> None:
        self._state = state
        self._faults = faults
        self._journal = journal
        self._services: dict[str, Service] = {}
        self._wake = asyncio.Event()
        self._due: dict[str, float] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(PARALLEL)
        self._runner: asyncio.Task[None] | None = None
        self._client: httpx.AsyncClient | None = None

    def admit(self, service: Service) -> None:
        """Let a system send callbacks."""
        self._services[service.name] = service

    # --- where they go ---------------------------------------------------------------------------------------------

    def direct(self, system: str, url: str | None, again_after: float | None = None) -> None:
        """Say where a system's callbacks go; None: nowhere, they wait.

        ``again_after``: seconds after which one that was not acknowledged goes again; None: soon, then ever later.
        """
        with self._state.transaction() as tx:
            if url is None:
                tx.delete("", "callback_urls", system)
            else:
                tx.put("", "callback_urls", system, {"url": url, "again_after": again_after})
            tx.after_commit(self.resume)

    def urls(self) -> dict[str, str]:
        """Where each system's callbacks go."""
        with self._state.transaction() as tx:
            return {system: document["url"] for system, document in tx.list("", "callback_urls")}

    # --- the queue -------------------------------------------------------------------------------------------------

    def enqueue(self, tx: Transaction, system: str, operation: str, key: str, payload: Document) -> str:
        """Queue one callback in the transaction of its effect; its id. It leaves after the commit."""
        callback_id = f"callback-{secrets.token_hex(8)}"
        document = {
            "system": system,
            "operation": operation,
            "key": key,
            "payload": payload,
            "attempts": 0,
            "state": "pending",
            "forged": False,
            "sends": 1,
            "wait": 0.0,
        }
        # One that comes while another is held back overtakes it, and is not held back itself.
        overtaken = tx.get("", "callbacks_held", system)
        rest = {"callback_reordered"} if overtaken else set()
        fault = self._faults.pick(system, operation, key, callback=True, without=rest)
        fault = fault or self._services[system].chosen_fault(operation, payload)
        if fault is not None and fault.kind not in rest:
            document["fault"] = fault.kind
            match fault.kind:
                case "callback_lost":
                    document["state"] = "lost"
                case "callback_twice":
                    document["sends"] = 2
                case "callback_late":
                    document["wait"] = fault.wait(3600.0)
                case "callback_reordered":
                    document["wait"] = fault.wait(60.0)
                    tx.put("", "callbacks_held", system, {"id": callback_id})
                case "callback_forged":
                    document["forged"] = True
        if overtaken and document["state"] == "pending":
            document["overtakes"] = overtaken["id"]
            held = tx.get("", "callbacks", overtaken["id"])
            assert held is not None
            tx.put("", "callbacks", overtaken["id"], held | {"behind": callback_id}, group="pending")
            tx.delete("", "callbacks_held", system)
        tx.put("", "callbacks", callback_id, document, group=str(document["state"]))
        if document["state"] == "pending":
            self._due[callback_id] = time.monotonic() + float(str(document["wait"]))
            tx.after_commit(self._wake.set)
        return callback_id

    def _let_go(self, tx: Transaction, callback_id: str, document: Document) -> None:
        """End what a fault holds a callback back for."""
        if document["wait"]:
            document["wait"] = 0.0
            tx.put("", "callbacks", callback_id, document, group=document["state"])
            if tx.get("", "callbacks_held", document["system"]) == {"id": callback_id}:
                tx.delete("", "callbacks_held", document["system"])

    def queued(self) -> list[dict[str, Any]]:
        """All callbacks with their state: pending, acknowledged, lost."""
        with self._state.transaction() as tx:
            return [{"id": key, **document} for key, document in tx.list("", "callbacks")]

    def hasten(self) -> None:
        """Make everything pending due at once: after time travel or a reset."""
        with self._state.transaction() as tx:
            for callback_id, document in tx.list("", "callbacks", "pending"):
                self._let_go(tx, callback_id, document)
        self.resume()

    def resume(self) -> None:
        """Make everything pending due at once that no fault holds back: after a start, or under a new address."""
        now = time.monotonic()
        with self._state.transaction() as tx:
            self._due = {key: now + document["wait"] for key, document in tx.list("", "callbacks", "pending")}
        self._wake.set()

    async def flush(self, system: str | None = None) -> list[dict[str, Any]]:
        """One attempt now at everything pending; what is still pending afterwards."""
        with self._state.transaction() as tx:
            pending = [key for key, doc in tx.list("", "callbacks", "pending") if system in (None, doc["system"])]
        await asyncio.gather(*(self._sending[key] for key in pending if key in self._sending))
        await asyncio.gather(*(self._attempt(key) for key in pending))
        return [entry for entry in self.queued() if entry["state"] == "pending" and system in (None, entry["system"])]

    # --- sending ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin sending; what an earlier process left is due at once, or waits anew if a fault held it back."""
        # trust_env off: a proxy from the environment has no business on loopback.
        self._client = httpx.AsyncClient(timeout=TIMEOUT, trust_env=False)
        self.resume()
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop sending; what is pending stays in the file."""
        tasks = [*self._sending.values(), *([self._runner] if self._runner else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client:
            await self._client.aclose()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            now = time.monotonic()
            for callback_id in [key for key, due in self._due.items() if due <= now]:
                del self._due[callback_id]
                self._attempt(callback_id)
            wait = min((due for due in self._due.values()), default=now + 3600.0) - now
            try:
                await asyncio.wait_for(self._wake.wait(), max(wait, 0.01))
            except TimeoutError:
                continue

    def _attempt(self, callback_id: str) -> asyncio.Task[None]:
        """Send one callback once, or join the sending that is under way."""
        task = self._sending.get(callback_id)
        if task is None:
            task = self._sending[callback_id] = asyncio.create_task(self._send_in_turn(callback_id))
            task.add_done_callback(lambda _: self._sending.pop(callback_id, None))
        return task

    async def _send_in_turn(self, callback_id: str) -> None:
        with self._state.transaction() as tx:
            document = tx.get("", "callbacks", callback_id) or {}
        if (first := self._sending.get(document.get("behind", ""))) is not None:
            await asyncio.wait({first})
        async with self._slots:
            await self._send(callback_id)

    async def _send(self, callback_id: str) -> None:
        """One attempt (with its forged copy), and a note of what came of it."""
        with self._state.transaction() as tx:
            document = tx.get("", "callbacks", callback_id)
            target = tx.get("", "callback_urls", document["system"]) if document else None
            if document is not None:
                self._let_go(tx, callback_id, document)
        if document is None or document["state"] != "pending" or target is None:
            return
        self._due.pop(callback_id, None)
        service = self._services[document["system"]]
        wire, profile = service.wire, service.system.profile
        if document["forged"]:
            body, headers = wire.forge(*wire.callback(document["payload"]))
            await self._post(document, target["url"], body, headers, "forged")
            document["forged"] = False
        say = wire.different_callback if document.get("fault") == "callback_different" else wire.callback
        body, headers = say(document["payload"])
        answer = await self._post(document, target["url"], body, headers, None)
        if answer and profile is not None:
            answer = answer[0], profile.in_our_words(answer[1])
        document["why"] = wire.not_taken(document["payload"], *answer) if answer else "no answer came"
        if not document["why"]:
            document["sends"] -= 1
            if document["sends"] <= 0:
                document["state"] = "acknowledged"
        document["attempts"] += 1
        with self._state.transaction() as tx:
            if tx.get("", "callbacks", callback_id) is None:  # a reset came between
                return
            tx.put("", "callbacks", callback_id, document, group=document["state"])
            held_back = document.get("overtakes", "") if document["state"] == "acknowledged" else ""
            if (held := tx.get("", "callbacks", held_back)) is not None and held["wait"]:
                self._let_go(tx, held_back, held)
                self._due[held_back] = 0.0
                self._wake.set()
        if document["state"] == "pending":
            again = 0.0 if document["sends"] < 2 and document.get("fault") == "callback_twice" else None
            soon = BACKOFF[min(document["attempts"] - 1, len(BACKOFF) - 1)]
            wait = (target.get("again_after") or soon) if again is None else again
            self._due[callback_id] = time.monotonic() + wait
            self._wake.set()

    async def _post(
        self, document: Document, url: str, body: bytes, headers: dict[str, str], fault: str | None
    ) -> tuple[int, bytes] | None:
        """Status and body of what answers; 200 where an address is not of the web. None: nothing came."""
        assert self._client is not None
        answer, outcome, service = None, "answered", self._services[document["system"]]
        at = Place("POST", urlsplit(url).path, urlsplit(url).query)
        headers = service.profiled.signed_as_theirs(headers, body, document["payload"].get("node", ""), at)
        try:
            if url.startswith("http"):
                got = await self._client.post(url, content=body, headers=headers)
                answer = got.status_code, got.content
            else:
                async with asyncio.timeout(TIMEOUT):
                    answer = 200, await service.wire.tell(url, body)
        except (httpx.HTTPError, OSError, EOFError, ValueError) as problem:
            outcome = type(problem).__name__
        self._journal.add(
            Entry(
                system=document["system"],
                operation=document["operation"],
                key=document["key"],
                path=url,
                status=answer[0] if answer else None,
                outcome=outcome,
                fault=fault or document.get("fault"),
                request=body,
                answer=answer[1] if answer else b"",
            )
        )
        return answer
