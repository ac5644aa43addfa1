"""A refusal is in the language that the request asks for, else in English, and in neither with patterns."""

from __future__ import annotations

from typing import Annotated, Literal

import httpx
import pytest
from fastapi import FastAPI, Header
from pydantic import AfterValidator, Field

from gateway.foundation.http.door import Door
from gateway.foundation.http.manners import Manners
from gateway.foundation.http.plans import Plans
from gateway.words.saying import UnfitError, say
from gateway.words.text import Ask
from gateway.words.wrong import shaped

SHAPE = r"^[a-z]{3}-\d+$"


def _never(value: str) -> str:
    raise UnfitError(say("http.nul"))


def _theirs(value: str) -> str:
    raise ValueError("words of a package")


class Asked(Ask):
    """A request with one field of each kind."""

    amount: Annotated[int, Field(ge=5)]
    code: Annotated[str, Field(pattern=shaped(SHAPE, "wrong.string_type"))]
    raw: Annotated[str, Field(pattern=r"^z\d{8}$")] = "z12345678"  # a shape that no room has put into words
    kind: Literal["red", "blue"] = "red"
    never: Annotated[str, AfterValidator(_never)] = ""
    theirs: Annotated[str, AfterValidator(_theirs)] = ""


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()

    @app.post("/asked")
    async def asked(ask: Asked) -> None: ...

    @app.post("/effect")
    async def effect(key: Annotated[str, Header(alias="Idempotency-Key")]) -> None: ...

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret of ours")

    app.middleware_stack = Manners(Door(app.router, Plans(app.routes), limit=1000))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


WRONG = {"amount": 4, "code": "ABC", "raw": "9", "kind": "grün", "never": "x", "theirs": "x", "more": 1}


async def test_each_field_is_said_in_words_of_the_catalogue(client: httpx.AsyncClient) -> None:
    english = (await client.post("/asked", json=WRONG)).json()
    chinese = (await client.post("/asked", json=WRONG, headers={"Accept-Language": "zh-CN"})).json()
    assert {one["field"]: one["reason"] for one in english["errors"]} == {
        "amount": "must be at least 5",
        "code": "must be text",
        "raw": "not acceptable here",
        "kind": "must be one of: red, blue",
        "never": "an address holds no NUL character",
        "theirs": "words of a package",
        "more": "there is no such field",
    }
    assert {one["field"]: one["reason"] for one in chinese["errors"]} == {
        "amount": "不得小于5",
        "code": "应为文本",
        "raw": "不符合要求",
        "kind": "只能填：red、blue",
        "never": "地址中不得有空字符",
        "theirs": "words of a package",
        "more": "没有这个字段",
    }
    for told in (str(english), str(chinese)):
        assert not [one for one in ("Value error", r"\d", "pattern", "literal", "pydantic") if one in told]
    assert (english["type"], english["field"]) == (chinese["type"], chinese["field"])


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("GET", "/nowhere", None, ("地址不存在", "可用地址见 /openapi.json。")),
        ("GET", "/asked", None, ("该地址不支持此方法", None)),
        (
            "POST",
            "/asked",
            b"x" * 1001,
            ("请求内容不得超过1000字节", "请减少内容；用印文件另行提交（/v1/sealed-documents）。"),
        ),
        ("GET", "/a%00b", None, ("地址中不得有空字符", "请去掉 %00。")),
        ("POST", "/asked", b"{", ("请求内容：不是可读的 JSON", "请更正 errors 所列字段；各字段说明见 /openapi.json。")),
        ("POST", "/effect", None, ("办理类请求须带 Idempotency-Key 请求头，1至200个可见字符", None)),
        ("GET", "/broken", None, ("系统内部错误，已受理的事项不受影响", None)),
    ],
)
async def test_what_the_door_refuses_is_said_in_chinese(
    client: httpx.AsyncClient, method: str, path: str, body: bytes | None, words: tuple[str, str | None]
) -> None:
    asked = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8", "Content-Type": "application/json"}
    answer = await client.request(method, path, content=body, headers=asked)
    told = answer.json()
    assert told["detail"] == words[0]
    assert words[1] in (None, told.get("cure"))
    assert (answer.headers["Content-Language"], answer.headers["Vary"]) == ("zh", "Accept-Language")
    assert "secret" not in answer.text
    plain = await client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert plain.headers["Content-Language"] == "en"
    assert (plain.json()["type"], plain.status_code) == (told["type"], answer.status_code)
    assert plain.json()["detail"].isascii()
