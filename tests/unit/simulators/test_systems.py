"""A system comes by its entry point alone: a stranger's package is served, seeded, disturbed and told of like any."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from simulators import systems
from simulators.manners import Profiled, Shadowed
from simulators.service import Service
from simulators.signing import genuine
from simulators.system import System
from simulators.testing import Simulation

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "simulators.md").read_text(encoding="utf-8")
#: Settings that the page passes over with an ellipsis: what a platform is called, and digits of its numbers.
LESSER = {"name", "code_literal", "receipt_kind"}


def beside(name: str) -> ModuleType:
    """A module beside this file: with importmode=importlib the folder is on no path."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


post_office = beside("post_office")


class Acknowledging:
    """Takes callbacks and acknowledges them as ``post`` wants it."""

    def __init__(self) -> None:
        self.came: queue.Queue[tuple[bytes, dict[str, str]]] = queue.Queue()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.came.put((body, dict(self.headers)))
                told = json.dumps({"taken": json.loads(body)["letter"]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *words: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/callbacks/post"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self) -> tuple[dict[str, Any], bool]:
        """The next callback, and whether its signature is right."""
        body, headers = self.came.get(timeout=60)
        return json.loads(body), genuine(b"development-post-secret", headers, body)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for distributions that processes started by this test see as installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.fixture(scope="module")
def _post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    site = tmp_path_factory.mktemp("site")
    post_office.install(site)
    simulation = Simulation(tmp_path_factory.mktemp("run"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(site))
        simulation.start()
    yield simulation
    assert simulation.stop() == 0


@pytest.fixture
def post(_post: Simulation) -> Simulation:
    """The simulators with the stranger's system among the built-in ones, on their first day."""
    _post.reset()
    return _post


def hand_in(post: Simulation, reference: str, **more: Any) -> httpx.Response:
    letter = {"reference": reference, "office": "990102", "to": "罗巧云", **more}
    return httpx.post(f"{post.url('post')}/letters", json=letter, timeout=1, trust_env=False)


# --- from outside ---------------------------------------------------------------------------------------------------


def test_a_strangers_system_is_served_behind_the_built_in_ones(post: Simulation) -> None:
    assert list(post.ready["systems"]) == [*systems.installed(), "post"]
    assert post.credentials("post") == {"inbox": f"{post.url('post')}/inbox"}
    assert hand_in(post, "L1").json() == {"letter": "L1", "state": "under way", "postage": "6.80"}
    (entry,) = post.journal(system="post")
    assert (entry["operation"], entry["key"], entry["status"], entry["outcome"]) == ("hand_in", "L1", 200, "answered")
    assert httpx.post(f"{post.url('post')}/letters", json={}, trust_env=False).status_code == 400


def test_it_takes_seed_settings_and_scenarios_and_a_reset_brings_back_its_first_day(post: Simulation) -> None:
    assert hand_in(post, "L1", office="990103").status_code == 404
    post.seed(post={"offices": {"990103": "青禾镇邮局"}})
    assert post.ask("POST", "/post/settings", {"days": 1}) == {"days": 1}
    assert hand_in(post, "L1", office="990103").status_code == 200
    assert post.effects("post") == {"hand_in": {"L1": 1}}
    assert post.ask("GET", "/state", system="post")["post"]["letter"]["L1"]["to"] == "罗巧云"
    wrong = post.control.post("/scenario", json={"seed": {"post": {}}, "settings": {"post": {"days": "soon"}}})
    assert "seed.post: 'offices' is a required property" in wrong.json()["error"]
    assert "settings.post: days: 'soon' is not of type 'integer'" in wrong.json()["error"]
    post.clock(advance_seconds=1)
    assert len(post.ask("GET", "/post/heard")["heard"]) == 1
    post.reset()
    assert post.ask("GET", "/post/heard") == {"heard": []}
    assert post.ask("GET", "/post/settings") == {"days": 3}
    assert list(post.ask("GET", "/state", system="post")["post"]["office"]) == ["990102"]


def test_it_meets_faults_of_every_system_and_of_its_own(post: Simulation) -> None:
    post.faults(
        {"system": "post", "operation": "hand_in", "kind": "apply_then_silence"},
        {"system": "post", "key": "L2", "kind": "letter_misdelivered"},
        {"system": "post", "key": "L3", "kind": "wrong_amount"},
    )
    with pytest.raises(httpx.ReadTimeout):
        hand_in(post, "L1")
    assert hand_in(post, "L1").status_code == 200
    assert post.effects("post") == {"hand_in": {"L1": 1}}
    hand_in(post, "L2")
    assert post.ask("GET", "/state", system="post")["post"]["letter"]["L2"]["to"] == "somebody else"
    assert hand_in(post, "L3").json()["postage"] != "6.80"
    for wrong, words in (
        ({"system": "portal", "kind": "letter_misdelivered"}, "kind: only post can have letter_misdelivered"),
        ({"system": "post", "kind": "letter_lost"}, "kind: no kind 'letter_lost'"),
        ({"system": "post", "kind": "busy", "operation": "hand_over"}, "operation: no operation 'hand_over'"),
    ):
        assert words in post.control.post("/faults", json=wrong).json()["error"]


def test_time_travel_delivers_its_letters_and_its_callbacks_tell_of_them(post: Simulation) -> None:
    inbox = Acknowledging()
    post.callbacks_to("post", inbox.url)
    post.faults({"system": "post", "operation": "delivered", "kind": "callback_forged"})
    hand_in(post, "L1")
    post.clock(advance_seconds=2 * 86400)
    assert post.ask("GET", "/callbacks")["callbacks"] == []
    post.clock(advance_seconds=86400)
    told = {"letter": "L1", "to": "罗巧云"}
    assert [inbox.next(), inbox.next()] == [(told, False), (told, True)]
    post.control.post("/callbacks/flush")
    assert [one["state"] for one in post.ask("GET", "/callbacks")["callbacks"]] == ["acknowledged"]
    inbox.server.shutdown()


def test_its_pages_have_the_shared_look_and_escape_what_stands_on_them(post: Simulation) -> None:
    inbox = post.credentials("post")["inbox"]
    hand_in(post, "L1", to="<b>罗巧云</b>")
    assert "没有邮件。" in httpx.get(inbox, trust_env=False).text
    post.clock(advance_seconds=3 * 86400)
    listed = httpx.get(inbox, trust_env=False)
    assert (listed.status_code, "<h1>已投递邮件</h1>" in listed.text) == (200, True)
    assert "<title>已投递邮件 - 邮政挂号信（模拟）</title>" in listed.text
    assert "&lt;b&gt;罗巧云&lt;/b&gt;" in listed.text
    assert f'<a href="{inbox}/L1">查看</a>' in listed.text
    assert "delivered" in httpx.get(f"{inbox}/L1", trust_env=False).text
    assert httpx.get(f"{inbox}/L2", trust_env=False).status_code == 404
    same = httpx.get(post.credentials("portal")["public"], trust_env=False).text
    assert listed.text.partition("<style>")[2].partition("</style>")[0] in same


def test_the_list_of_faults_names_its_kind(site: Path) -> None:
    post_office.install(site)
    listed = json.loads(run("faults", "--json").stdout)
    assert listed["letter_misdelivered"]["systems"] == ["post"]
    assert listed["busy"]["systems"][-1] == "post"
    assert "the letter goes to somebody else (in post)" in " ".join(run("faults").stdout.split())


# --- the page -------------------------------------------------------------------------------------------------------


def test_the_systems_example_of_the_page_serves(site: Path, tmp_path: Path) -> None:
    (example,) = (one for one in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "SYSTEM = " in one)
    post_office.install(site, example, name="messenger", target="messenger:SYSTEM", project="messenger")
    simulation = Simulation(tmp_path, only="messenger")
    simulation.start()
    simulation.faults({"system": "messenger", "kind": "message_garbled", "nth": 2})
    for reference in ("M1", "M2"):
        message = {"reference": reference, "text": "您有一条待办"}
        told = httpx.post(f"{simulation.url('messenger')}/messages", json=message, trust_env=False).json()
        assert told == {"reference": reference, "state": "SENT"}
    inbox = httpx.get(f"{simulation.url('messenger')}/inbox", trust_env=False).text
    assert ("<td>您有一条待办</td>" in inbox, "<td>?</td>" in inbox) == (True, True)
    assert [one["operation"] for one in simulation.ask("GET", "/callbacks")["callbacks"]] == ["sent", "sent"]
    assert simulation.stop() == 0


def test_the_page_has_every_system_setting_and_part_of_a_system() -> None:
    for system in systems.load():
        assert f"| `{system.name}` |" in PAGE
        shown = set(system.settings.defaults) - LESSER
        assert [name for name in shown if f"`{name}`" not in PAGE] == []
    parts = {entry.name for entry in fields(System)}
    told = [one for kind in (Service, Profiled, Shadowed) for one in vars(kind).items()]
    hooks = {name for name, one in told if inspect.isfunction(one) and name[0] != "_"}
    assert [name for name in parts | hooks - {"journal"} if f"`{name}`" not in PAGE] == []


# --- what cannot be -------------------------------------------------------------------------------------------------


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simulators", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env={**os.environ})


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "    Link,\n",
            "    Lnik,\n",
            "system 'post' of post cannot be imported: ImportError: ",
        ),
        ('name="post"', 'name="mail"', "system 'post' of post calls itself 'mail'"),
        ("SYSTEM = System(", "SYSTEM = dict(", "system 'post' of post is not a System but dict"),
        ('"letter_misdelivered": K', '"busy": K', "system 'post' of post describes the kind of fault 'busy', which"),
    ],
)
@pytest.mark.cases_by_day(2)
def test_a_system_that_cannot_be_is_told_in_one_sentence(site: Path, old: str, new: str, words: str) -> None:
    assert old in post_office.SYSTEM
    post_office.install(site, post_office.SYSTEM.replace(old, new))
    refused = run("serve", "--only", "post")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"simulators: {words}")
    assert len(refused.stderr.splitlines()) == 1
    left_out = run("faults")
    assert (left_out.returncode, left_out.stderr.splitlines()[0][: len(words) + 22]) == (
        0,
        f"simulators: left out: {words}",
    )


def test_two_of_one_name_are_told_by_their_packages_and_neither_is_served(site: Path) -> None:
    post_office.install(site)
    post_office.install(site, target="other_office:SYSTEM", project="rival")
    refused = run("serve", "--only", "post")
    assert (refused.returncode, refused.stderr) == (
        2,
        "simulators: system 'post' is declared by post and rival; uninstall one, or rename it\n",
    )


def test_an_unknown_name_is_told_with_the_one_that_was_meant(site: Path) -> None:
    post_office.install(site)
    for given, words in (("posst", "no system 'posst'; did you mean 'post'?"), ("moon", "there are cnnontax, credit,")):
        refused = run("serve", "--only", given)
        assert (refused.returncode, words in refused.stderr) == (2, True)
        assert len(refused.stderr.splitlines()) == 1


def test_a_name_of_the_control_api_is_no_name_for_a_system(site: Path) -> None:
    post_office.install(site, post_office.SYSTEM.replace('name="post"', 'name="clock"'), name="clock")
    assert "system 'clock' of post cannot be called so" in run("serve", "--only", "clock").stderr


# --- the frame ------------------------------------------------------------------------------------------------------


def test_the_frame_knows_no_system() -> None:
    names = set(systems.installed())
    for file in (ROOT / "simulators").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom | ast.Import):
                modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
                assert not [one for one in modules if one.split(".")[1:2] and one.split(".")[1] in names], file
            if isinstance(node, ast.Compare | ast.Set | ast.List | ast.Tuple):
                said = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
                assert not said & names, (file, node.lineno)


def test_no_class_and_no_function_of_the_simulators_is_too_big() -> None:
    for file in (ROOT / "simulators").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                methods = [one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
                assert len(methods) <= 20, (file, node.name, len(methods))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                assert len(taken) < 8, (file, node.name, len(taken))
