"""A node that has lost what it stands on turns red, claims nothing and ends, whether it listens or only delivers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from gateway.app import App
from gateway.settings import load
from gateway.terminal.output import Exit

SERVER = '[server]\napi = "127.0.0.1:0"\nconsole = "127.0.0.1:0"\npayer = "127.0.0.1:0"\ncallbacks = "127.0.0.1:0"\n'


@pytest.fixture
def file(site: Path, postgresql_url: str) -> Path:
    """The settings of a node on PostgreSQL."""
    file = site / "gateway.toml"
    text = file.read_text("utf-8").replace('"sqlite:///gateway.sqlite"', f'"{postgresql_url}"\nmay_forget = true')
    file.write_text(text + SERVER, "utf-8")
    return file


@contextmanager
def another_schema(url: str) -> Iterator[None]:
    """While it lasts the database has a step on which this version cannot work."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as conn:
        conn.execute("insert into schema_step values ('payments_9999', 1, '9.9.9', 0)")
        yield
        conn.execute("delete from schema_step where revision = 'payments_9999'")


async def test_it_turns_red_and_claims_nothing(file: Path, postgresql_url: str) -> None:
    async with App.open(load(file), sending=True) as app:
        assert app.base.standing is not None
        assert not (await app.readiness())[0]
        with another_schema(postgresql_url):
            async with asyncio.timeout(60):
                await app.base.standing.fell.wait()
            assert (await app.readiness())[0] == [str(app.base.standing.lost)]
            assert app.base.delivery.node.stopping


@pytest.mark.nightly
def test_it_ends_with_a_code_of_its_own(file: Path, postgresql_url: str) -> None:
    with ExitStack() as stack:
        nodes = []
        for command in ("serve", "worker"):
            words = [sys.executable, "-m", "gateway", "-s", str(file), command]
            node = stack.enter_context(
                subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            )
            stack.callback(node.kill)
            nodes.append(node)
        for node in nodes:
            assert node.stdout is not None
            assert node.stdout.readline(), node.communicate()
        with another_schema(postgresql_url):
            told = [node.communicate(timeout=60)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [Exit.FELL] * 2, told
