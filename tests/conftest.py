"""Fixtures that every test may use."""

from __future__ import annotations

import functools
import gc
import importlib.util
import itertools
import logging
import os
import shutil
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import httpx._transports.default
import pytest
import structlog
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, make_url

from gateway.foundation.access import access, keys, sign_in
from gateway.foundation.store import Store
from gateway.foundation.store import store as store_module
from gateway.foundation.store.engine import open_engine
from simulators.testing import simulation_process, simulators

__all__ = ["simulation_process", "simulators"]  # fixtures made elsewhere

DATABASE = os.environ.get("GATEWAY_TEST_DATABASE", "sqlite")
_numbers = itertools.count(1)
_emptied: list[str] = []


def _load(name: str) -> ModuleType:
    """A module beside this file: with importmode=importlib the tests' folder is on no path."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


by_day = _load("by_day")
databases = _load("databases")
state_guard = _load("state_guard")

# How long an example takes says something of the machine, nothing of the code.
settings.register_profile("whole", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("by day", settings.get_profile("whole"), max_examples=30)
settings.load_profile("whole" if os.environ.get(by_day.WHOLE) else "by day")


def plain_logs() -> None:
    """Logs as the gateway writes them: structlog's own default prints every local variable of a traceback, which takes
    half a minute where one of them is an answer of 16 MB."""
    structlog.reset_defaults()
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], console])


def one_tls_context() -> None:
    """Each client of httpx reads the certificates of the web, for plain addresses too: once is enough here."""
    default, plain = httpx._transports.default, httpx.create_ssl_context
    usual = functools.cache(functools.partial(plain, trust_env=False))

    def create(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        return usual() if verify is True and not cert and not trust_env else plain(verify, cert, trust_env)

    default.create_ssl_context = create  # type: ignore[attr-defined]


def hashed_once() -> None:
    """A password's hash takes a fifth of a second by intent; the same password needs one in a run, in full."""
    access.hash_password = functools.cache(keys.hash_password)
    sign_in.check_password = functools.cache(keys.check_password)


def prepared_once() -> None:
    """Statements stand in modules: what one is for a kind of database is found out once in a run, not by each store."""
    known: dict[str, Any] = {}

    def opened(*given: Any, **named: Any) -> Engine:
        engine = open_engine(*given, **named)
        kind = engine._connection_cls
        kind.plans = known.setdefault(engine.dialect.name, kind.plans)
        return engine

    store_module.open_engine = opened


def pytest_configure(config: pytest.Config) -> None:
    hashed_once()
    prepared_once()
    one_tls_context()
    plain_logs()
    state_guard.watch()
    if not hasattr(config, "workerinput"):
        databases.begin_run()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    by_day.deselect(config, items)


def pytest_collection_finish() -> None:
    """What stands by now stays: the collector of cycles need not walk through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        databases.end_run()


@pytest.fixture(autouse=True)
def _logs_end_with_the_test() -> Iterator[None]:
    """A command run inside the process sets logging up for all of it; the next test begins as the first did."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    plain_logs()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _states_change_through_their_lives() -> Iterator[None]:
    """Also where the code under test takes the failure for one of its own kind."""
    state_guard.wrong.clear()
    yield
    assert state_guard.wrong == []


@pytest.fixture(scope="session")
def postgresql_server():
    """The run's PostgreSQL server: ``.url(database)``, ``.execute(statement)``."""
    return databases.server()


def _new_database(server, template: str) -> str:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


@pytest.fixture(scope="session")
def _migrated_sqlite() -> Path:
    """The run's migrated SQLite database, to be copied."""
    return databases.sqlite_template()


@pytest.fixture
def sqlite_url(tmp_path: Path, _migrated_sqlite: Path) -> str:
    """A migrated SQLite database of the test's own."""
    path = tmp_path / "gateway.db"
    shutil.copy(_migrated_sqlite, path)  # with its mode
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql_server) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own; another test may have used it before, and left no trace."""
    name = _emptied.pop() if _emptied else _new_database(postgresql_server, databases.TEMPLATE)
    yield postgresql_server.url(name)
    if databases.emptied(postgresql_server, name):
        _emptied.append(name)
    else:
        postgresql_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def line(postgresql_server):
    """A line to the run's server that a test may hold: ``.url(database)``, ``.hold()``, ``.free()``."""
    made = databases.Line(postgresql_server)
    yield made
    made.close()


@pytest.fixture
def pooler(postgresql_server, postgresql_url: str) -> Iterator[Any]:
    """A pooler of transactions before the test's own database: ``.url``."""
    made = databases.Pooler(postgresql_server, make_url(postgresql_url).database)
    yield made
    made.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "one_store" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both_databases"):
        metafunc.parametrize("one_store", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of the test's own, once on SQLite and once on PostgreSQL."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        server = request.getfixturevalue("postgresql_server")
        name = _new_database(server, "template0")
        yield server.url(name)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open, migrated store, once on SQLite and once on PostgreSQL."""
    opened = Store.open(database_url)
    yield opened
    opened.close()


@pytest.fixture
def one_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An open, migrated store on one database: SQLite, or what GATEWAY_TEST_DATABASE says. What is marked
    ``both_databases`` runs on both."""
    opened = Store.open(request.getfixturevalue(f"{getattr(request, 'param', DATABASE)}_url"))
    yield opened
    opened.close()
