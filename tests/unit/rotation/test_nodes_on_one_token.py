"""Several nodes, each a process, on one hardware module: a key of one is used by all, and nothing is unreadable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tokens import softhsm, token

from gateway.foundation.crypto.envelope import Envelope
from gateway.foundation.crypto.keys import INDEX_KEY, WRAPPING_KEY
from gateway.foundation.crypto.rings import own_keys

__all__ = ["softhsm", "token"]

NAMES = ("kek", "blind-index", "evidence-mac", "evidence-head")
NODE = '''
"""A node: it does what a line of stdin tells it, and answers with a line of JSON."""
import asyncio, json, sys
from datetime import UTC, datetime
from pathlib import Path
import structlog
from foundation import foundation
from gateway.foundation.crypto.rings import keys_of_installation
from gateway.foundation.delivery import DeliverySettings
from gateway.foundation.store import Store
from gateway.settings import KeysSettings
from gateway.words.clock import ManualClock

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for answers alone
told = json.loads(sys.argv[1])
block = KeysSettings.model_validate(told["keys"])


async def main():
    store = Store.open(told["url"])
    keys = keys_of_installation(block, bytes.fromhex(told["sealed"]) or None)
    clock = ManualClock(datetime(2026, 11, 29, tzinfo=UTC))
    base = foundation(store, Path(told["folder"]), clock, delivery=DeliverySettings(node=told["node"]), keys=keys)
    await base.rotation.open()
    base.rotation.begin()
    base.rotation.work()
    loop = asyncio.get_running_loop()
    print(json.dumps("ready"), flush=True)
    while words := (await loop.run_in_executor(None, sys.stdin.readline)).split():
        match words:
            case ["seal", what]:
                said = base.envelope.seal(what.encode(), "place").hex()
            case ["open", sealed]:
                said = base.envelope.open(bytes.fromhex(sealed), "place").decode()
            case ["indexes", what]:
                said = [one.hex() for one in base.envelope.blind_indexes(what, "place")]
            case ["rotate", name]:
                said = await base.rotation.rotate(name, "test")
            case ["standing"]:
                said = {one.key: [one.state, one.where] for one in await base.rotation.standings()}
            case ["numbers"]:
                said = {name: keys.number(name) for name in keys.held()}
        print(json.dumps(said), flush=True)
    await base.rotation.close()
    store.close()


asyncio.run(main())
'''


class Node:
    """A process that is a node."""

    def __init__(self, **told) -> None:
        here = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-c", NODE, json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(here)},
        )
        assert self._answer() == "ready"

    def ask(self, *words: str):
        """What it says to this."""
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        assert line, "the node has ended"
        return json.loads(line)


@pytest.fixture
def nodes(postgresql_url, tmp_path, token) -> Iterator[list[Node]]:
    """The first node makes the keys of the installation; the second finds them in the module."""
    told = {"url": postgresql_url, "keys": token.model_dump(mode="json"), "folder": str(tmp_path)}
    made = [Node(**told, node="node-1", sealed="")]
    made.append(Node(**told, node="node-2", sealed=made[0].ask("seal", "x")))
    yield made
    for one in made:
        one.process.kill()
        one.process.wait()
        one.process.stdin.close()
        one.process.stdout.close()


@pytest.mark.skipif(
    os.environ.get("GATEWAY_TEST_TIMES", "1") == "1",
    reason="two processes on one module take 43 s and time each other out on two busy cores: in `make nightly`",
)
def test_a_key_made_by_one_node_is_used_by_all_and_each_reads_what_the_other_wrote(nodes, token):
    one, two = nodes
    before = one.ask("seal", "before"), two.ask("seal", "too")
    for name in NAMES:
        assert one.ask("rotate", name) == 2
    until = time.monotonic() + 120
    for node in nodes:
        while node.ask("numbers") != dict.fromkeys(NAMES, 2):
            assert time.monotonic() < until
            assert two.ask("open", one.ask("seal", "meanwhile")) == "meanwhile"
            assert one.ask("open", two.ask("seal", "meanwhile")) == "meanwhile"
            assert set(one.ask("indexes", "x")) & set(two.ask("indexes", "x")), "each finds what the other wrote"
    for sealed, said in zip(before, ("before", "too"), strict=True):
        assert [node.ask("open", sealed) for node in nodes] == [said, said]
    assert one.ask("indexes", "x")[0] == two.ask("indexes", "x")[0]
    while one.ask("standing")["kek-0001"][0] != "retired":
        assert time.monotonic() < until
    assert {at for state, at in two.ask("standing").values()} == {"token"}
    after = own_keys(token)
    after.told({WRAPPING_KEY: (2,), INDEX_KEY: (2,)})
    assert Envelope(after).open(bytes.fromhex(one.ask("seal", "after")), "place") == b"after"
