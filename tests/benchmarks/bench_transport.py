"""How many slow calls the transport holds in flight, against stock httpx and raw aiohttp in the same run.

    python tests/benchmarks/bench_transport.py [--seconds 2.5]

The peer answers after 200 ms, in a process of its own. Printed per number in flight: the share of the ideal rate
(``in flight / 0.2 s``), the processor time of one call in microseconds, and the ratio of rates ours / stock. The
machine's speed cancels out of the ratios alone; trust those. Bounded to less than 30 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import httpx

from gateway.foundation.wire import Limits
from gateway.foundation.wire.transport import AiohttpTransport

DELAY = 0.2
BODY = b'{"ok":true}' + b" " * 500
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
Post = Callable[[], Awaitable[object]]


class _Slow(asyncio.Protocol):
    """Answers each request after the delay; a request is one segment here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(DELAY, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)  # type: ignore[attr-defined]


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Slow, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _rate(post: Post, in_flight: int, seconds: float) -> tuple[float, float]:
    """Calls finished per second, and processor seconds per call, after one round to warm up."""
    done = 0
    stop = float("inf")

    async def worker() -> None:
        nonlocal done
        while time.monotonic() < stop:
            await post()
            done += 1

    try:
        async with asyncio.timeout(2 * seconds):  # a slow client may not warm up for ever
            await asyncio.gather(*(post() for _ in range(in_flight)))
    except TimeoutError:
        pass
    begun, cpu = time.monotonic(), time.process_time()
    stop = begun + seconds
    workers = [asyncio.create_task(worker()) for _ in range(in_flight)]
    await asyncio.wait(workers, timeout=seconds + DELAY)
    elapsed, spent = time.monotonic() - begun, time.process_time() - cpu
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return done / elapsed, spent / max(done, 1)


async def _bench(url: str, seconds: float) -> list[dict[str, float]]:
    rows = []
    for in_flight in (50, 200):
        async with AsyncExitStack() as open_clients:
            limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
            stock = await open_clients.enter_async_context(httpx.AsyncClient(limits=limits, timeout=60))
            ours = await open_clients.enter_async_context(
                httpx.AsyncClient(transport=AiohttpTransport(limits=Limits(max_connections=in_flight)), timeout=60)
            )
            raw = await open_clients.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight))
            )

            async def raw_post(session: aiohttp.ClientSession = raw) -> bytes:
                async with session.post(url, data=BODY) as answer:
                    return await answer.read()

            posts: dict[str, Post] = {
                "ours": lambda client=ours: client.post(url, content=BODY),  # type: ignore[misc]
                "raw aiohttp": raw_post,
                "stock httpx": lambda client=stock: client.post(url, content=BODY),  # type: ignore[misc]
            }
            row: dict[str, float] = {"in_flight": in_flight}
            rates = {}
            for name, post in posts.items():
                rates[name], cpu = await _rate(post, in_flight, seconds)
                row[f"{name}: share"] = round(rates[name] * DELAY / in_flight, 3)
                row[f"{name}: us"] = round(cpu * 1e6)
            row["ours / stock"] = round(rates["ours"] / max(rates["stock httpx"], 0.01), 2)
            row["ours / raw"] = round(rates["ours"] / max(rates["raw aiohttp"], 0.01), 2)
            rows.append(row)
    return rows


def main() -> None:
    """Start the peer, measure, print one JSON line per number in flight."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=1.5, help="time of each measurement, at most 2")
    arguments.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.serve:
        asyncio.run(_serve())
        return
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True) as peer:
        try:
            assert peer.stdout is not None
            port = int(peer.stdout.readline())
            for row in asyncio.run(_bench(f"http://127.0.0.1:{port}/", min(options.seconds, 2.0))):
                print(json.dumps(row))
        finally:
            peer.terminate()


if __name__ == "__main__":
    main()
