"""A simulated system of somebody else: one folder and one entry point, written as a package of its own would be."""

from __future__ import annotations

from pathlib import Path

#: What a stranger writes: a registered-mail service that delivers after some days and tells of it.
SYSTEM = '''
"""A registered-mail service 邮政: letters are handed in, delivered days later, and told of by callback."""

import json
from datetime import datetime, timedelta

from starlette.routing import Route

from simulators.frame import (
    Act,
    Answer,
    Call,
    Kind,
    Link,
    Page,
    Refused,
    Service,
    Settings,
    System,
    Wire,
    difference,
    rfc3339,
)
from simulators.signing import genuine, signed_headers

SECRET = b"development-post-secret"


class PostWire(Wire):
    """Callbacks are signed; everything else is JSON as the frame writes it."""

    amount_fields = frozenset({"postage"})
    status_fields = frozenset({"state"})

    def callback(self, payload):
        body, headers = super().callback(payload)
        return body, headers | signed_headers(SECRET, "POST1", self.base.clock.now(), body)

    def not_taken(self, payload, status, body):
        return difference(("status", status, 200), ("answer", json.loads(body), {"taken": payload["letter"]}))


class Post(Service):
    """Takes letters in for offices that it knows."""

    def __init__(self, base, system):
        super().__init__(base, system, PostWire(base, system))
        self.heard = []

    def routes(self):
        return [Route("/letters", self._letters, methods=["POST"])]

    def pages(self):
        return [
            Page("/inbox", "已投递邮件", self._inbox, "没有邮件。"),
            Page("/inbox/{letter}", "邮件详情", self._one),
        ]

    def acts(self):
        return [Act("heard", "/heard", "听到的", "what it heard", lambda *_: {"heard": self.heard}, "GET")]

    def credentials(self):
        return {"inbox": f"{self.url}/inbox"}

    def set_up(self, tx):
        tx.put(self.name, "office", "990102", {"name": "望川区邮局"})

    def seed(self, tx, data):
        for code, name in data["offices"].items():
            tx.put(self.name, "office", code, {"name": name})

    def forget(self):
        self.heard = []

    def clock_moved(self):
        self.heard.append(rfc3339(self.base.clock.now()))
        with self.base.state.transaction() as tx:
            for key, letter in tx.list(self.name, "letter", "under way"):
                if datetime.fromisoformat(letter["due"]) <= self.base.clock.now():
                    letter["state"] = "delivered"
                    tx.put(self.name, "letter", key, letter, group="delivered")
                    told = {"letter": key, "to": letter["to"]}
                    self.base.callbacks.enqueue(tx, self.name, "delivered", key, told)

    def chosen_fault(self, operation, content):
        return None

    async def _letters(self, request):
        body = await request.body()
        try:
            content = json.loads(body)
            errors = [f"{name}: is missing" for name in ("reference", "office", "to") if name not in content]
        except ValueError as broken:
            content, errors = {}, [str(broken)]
        key = str(content.get("reference", ""))
        call = Call("hand_in", request, body, content, self.base.clock.now(), key=key)
        return await self.serve(call, self._hand_in, errors=errors)

    def _hand_in(self, tx, call):
        asked, key = call.content, call.key
        if tx.get(self.name, "office", asked["office"]) is None:
            raise Refused(Answer({"error": "no such office"}, 404))
        if tx.get(self.name, "letter", key) is None:
            due = call.now + timedelta(days=self.settings(tx)["days"])
            to = "somebody else" if call.fault == "letter_misdelivered" else asked["to"]
            letter = {"to": to, "state": "under way", "due": rfc3339(due)}
            tx.put(self.name, "letter", key, letter, group="under way")
            tx.effect(self.name, "hand_in", key)
        return Answer({"letter": key, "state": tx.get(self.name, "letter", key)["state"], "postage": "6.80"})

    def _inbox(self, tx, request):
        return [
            [("收件人", letter["to"]), ("详情", Link("查看", f"{self.url}/inbox/{key}"))]
            for key, letter in tx.list(self.name, "letter", "delivered")
        ]

    def _one(self, tx, request):
        letter = tx.get(self.name, "letter", request.path_params["letter"])
        return letter and [[("收件人", letter["to"]), ("状态", letter["state"])]]


SYSTEM = System(
    name="post",
    title="邮政挂号信",
    build=Post,
    operations=frozenset({"hand_in"}),
    callbacks=frozenset({"delivered"}),
    kinds={"letter_misdelivered": Kind("effect", "the letter goes to somebody else")},
    settings=Settings({"days": 3}, {"days": {"type": "integer", "minimum": 0}}),
    seed={"properties": {"offices": {"type": "object"}}, "required": ["offices"], "additionalProperties": False},
)
'''


def install(
    folder: Path, source: str = SYSTEM, *, name: str = "post", target: str = "post_office:SYSTEM", project: str = "post"
) -> Path:
    """Put a distribution with one package and one entry point into a folder, as an installer would; the folder."""
    package, info = folder / target.partition(":")[0], folder / f"{project}-1.0.dist-info"
    for made in (package, info):
        made.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(source, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[simulators.systems]\n{name} = {target}\n", encoding="utf-8")
    return folder
