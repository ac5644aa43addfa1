"""Connections on which the platform tells units something: its own to them, and those that they keep with it."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

from simulators.cnnontax import frames
from simulators.cnnontax.dialect import Dialect

#: Where pushes go that shall travel on a connection that a unit keeps.
LINE = "line:"


class Lines:
    """``kept``: connections of ours, by address; ``units``: those of units, the newest last."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self.units: list[asyncio.StreamWriter] = []
        self.waiting: dict[bytes, asyncio.Future[bytes]] = {}

    async def tell(self, url: str, before: bytes, frame: bytes, written: Dialect, *, keep: bool) -> bytes:
        """Send a frame to ``tcp://host:port``, or on ``line:``, a connection that a unit keeps; what answers it.

        ``before``: heartbeats and strays that go ahead of it. Raises OSError, EOFError or ValueError.
        """
        found = re.search(rb"<MsgID>([^<]*)</MsgID>", frame)
        assert found is not None
        if url == LINE:
            return await self._on_a_line(found[1], before + frame)
        place = urlsplit(url)
        reader, writer = self.kept.pop(url, (None, None))
        if reader is None or writer is None or reader.at_eof():
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
        done = False
        try:
            writer.write(before + frame)
            await writer.drain()
            while True:
                answer = await frames.receive(reader, written)
                if b"<MsgRef>" + found[1] + b"</MsgRef>" in answer:
                    done = True
                    return answer
        finally:
            if done and keep:
                self.kept[url] = (reader, writer)
            else:
                writer.close()

    async def _on_a_line(self, id_: bytes, content: bytes) -> bytes:
        while self.units and self.units[-1].is_closing():
            self.units.pop()
        if not self.units:
            raise ConnectionError("no unit keeps a connection")
        waiting = self.waiting[id_] = asyncio.get_running_loop().create_future()
        try:
            self.units[-1].write(content)
            return bytes(await waiting)
        finally:
            del self.waiting[id_]

    def answered(self, frame: bytes) -> None:
        """A unit's answer to a push has come on a connection that it keeps."""
        found = re.search(rb"<MsgRef>([^<]*)</MsgRef>", frame)
        waiting = self.waiting.get(found[1]) if found else None
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)

    def joined(self, writer: asyncio.StreamWriter) -> None:
        """A unit keeps this connection."""
        if writer not in self.units:
            self.units.append(writer)

    def forget(self) -> None:
        """End what is kept."""
        for _, writer in self.kept.values():
            writer.close()
        self.kept.clear()
        self.units.clear()
