"""A document from case system to seal service and back, over sockets: SEALED only if we verified it ourselves."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from ofd_forge import PAGE, swapped
from shadowing import kept, one_change_is_found
from typer.testing import CliRunner

from gateway.cli import app
from gateway.demo import story
from gateway.rooms.seals import Seals
from gateway.typography import Block, Letter, Signature, render, render_ofd

SEAL = "99010200000040"
WRONG = {
    "seal_wrong_digest": "document_digest",
    "seal_wrong_seal": "expected_seal",
    "seal_expired": "seal_validity",
    "seal_revoked": "seal_status",
    "seal_damaged_der": "structure",
    "seal_trailing_bytes": "padding",
    "seal_empty_id": "signer_chain",
    "seal_unknown_version": "version",
    "seal_foreign_ca": "signer_chain",
    "seal_not_listed": "signer_listed",
    "seal_other_picture": "seal_as_issued",
    "seal_minted": "maker_trusted",
    "seal_indefinite_length": "structure",
    "seal_long_length": "structure",
    "seal_suspended": "seal_status",
    "seal_remade": "seal_as_issued",
    "seal_cancelled_filed": "seal_status",
}
"""What the service can be made to get wrong, and the check that catches it."""

REFUSED: list[tuple[dict[str, Any], int, str | None]] = [
    ({"seal_id": "99010200000021"}, 422, "unknown-seal"),
    ({"seal_id": "99010200009999"}, 422, "unknown-seal"),
    ({"document": "bm90IGEgUERG"}, 422, "document-not-sealable"),
    ({"document": "%%%"}, 422, None),
    ({"placements": [{"page": 9, "x": 1, "y": 1, "width": 42, "height": 42}]}, 422, None),
    ({"placements": []}, 422, None),
    ({"title": "行政\u0007处罚"}, 422, None),
    ({"decision_number": "望市监罚决字〔2026〕第404号"}, 404, None),
    ({"authority": "somebody-else"}, 404, None),
    ({"unknown": 1}, 422, None),
]


@pytest.fixture(autouse=True)
def _sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Seals.seal_document.__kwdefaults__, "wait", 1.0)


@pytest.fixture(scope="module")
def letter() -> bytes:
    """A decision document."""
    blocks = (Block("当事人经营超过保质期的食品，决定没收违法所得36.50元，罚款5000元。"),)
    organ = Signature(story.AUTHORITY_NAME, date(2026, 9, 14))
    return render(Letter("行政处罚决定书", "望市监罚决字〔2026〕第1号", blocks, organ))


def order(pdf: bytes, **other: Any) -> dict[str, Any]:
    """The body of a request."""
    return {
        "authority": story.AUTHORITY,
        "title": "行政处罚决定书",
        "document": base64.b64encode(pdf).decode(),
        "seal_id": SEAL,
        "placements": [{"page": 1, "x": 127, "y": 52, "width": 42, "height": 42}],
        "approval": "法制审核通过；负责人批准",
        **other,
    }


async def seal(site, pdf: bytes, key: str | None = None, **other: Any) -> httpx.Response:
    return await site.post("/v1/sealed-documents", order(pdf, **other), key)


async def ended(site, answer: httpx.Response) -> dict[str, Any]:
    """The document once it is no longer under way."""
    assert answer.status_code in (201, 202), answer.text
    path = f"/v1/sealed-documents/{answer.json()['id']}"
    return await site.until(path, lambda now: now["status"] != "REQUESTED")


async def verdict(site, pdf: bytes) -> dict[str, Any]:
    answer = await site.http.post("/v1/verifications", json={"document": base64.b64encode(pdf).decode()})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_ofd_goes_the_same_way_and_its_report_names_a_part_that_changed(site):
    blocks = (Block("当事人经营超过保质期的食品，决定没收违法所得36.50元，罚款5000元。"),)
    ofd = render_ofd(Letter("行政处罚决定书", "望市监罚决字〔2026〕第2号", blocks))
    answer = await seal(site, ofd)
    view = await ended(site, answer)
    assert (view["status"], view["report"]["verdict"]) == ("SEALED", "VALID"), view["reason"]
    file = (await site.http.get(f"{answer.headers['Location']}/file")).raise_for_status()
    assert file.headers["content-type"] == "application/ofd"
    assert (await verdict(site, file.content))["verdict"] == "VALID"
    found = await verdict(site, swapped(file.content, PAGE, "36", "63"))
    assert found["verdict"] == "INVALID"
    assert any(PAGE in check["reason"]["zh"] for one in found["seals"] for check in one["checks"])


async def test_a_document_is_sealed_verified_and_kept(any_site, letter):
    site = any_site
    number = await site.decide()
    answer = await seal(site, letter, decision_number=number)
    view = await ended(site, answer)
    assert view["status"] == "SEALED"
    assert view["report"]["verdict"] == "VALID"
    outcomes = {check["name"]: check["result"] for check in view["report"]["seals"][0]["checks"]}
    compared = ("expected_seal", "seal_as_issued", "appearance", "property_info", "seal_status")
    assert all(outcomes[name] == "passed" for name in compared)
    assert [one["type"] for one in view["timeline"]] == ["sealed_document.requested", "sealed_document.sealed"]

    file = (await site.http.get(f"{answer.headers['Location']}/file")).raise_for_status()
    assert file.headers["content-type"] == "application/pdf"
    assert file.content.startswith(letter)
    assert (await verdict(site, file.content))["verdict"] == "VALID"
    for page in (
        await site.http.get(f"{answer.headers['Location']}/report"),
        await site.http.post(
            "/v1/verifications",
            json={"document": base64.b64encode(file.content).decode()},
            headers={"Accept": "text/html"},
        ),
    ):
        assert page.headers["content-type"].startswith("text/html")
        assert "✓ 有效" in page.text
    assert (await verdict(site, file.content + b" "))["verdict"] == "INVALID"
    assert (await verdict(site, letter))["verdict"] == "INVALID"

    decision = await site.get(site.path(number))
    assert [one["id"] for one in decision["sealed_documents"]] == [view["id"]]
    await one_change_is_found(await kept(site, "seal"), "seal", "jobId", "apply")
    assert site.effects("apply", "seal") == [1]


async def test_a_sealing_is_voided_by_two_people_and_the_service_has_recorded_it(any_site, letter):
    site = any_site
    view = await ended(site, await seal(site, letter))
    path = f"/v1/sealed-documents/{view['id']}"
    file = (await site.http.get(f"{path}/file")).content
    access, tokens = site.app.base.access, []
    for name in ("jia", "yi"):
        made = await access.create_operator(name, name, "operator", "a long enough password")
        tokens.append((await access.issue_operator_key(made.id, label="journey")).token)
    jia, yi = ({"Authorization": f"Bearer {token}", "Idempotency-Key": token[-12:]} for token in tokens)

    asked = await site.http.post(f"{path}/voiding", json={"reason": "文书有误"}, headers=jia)
    assert (asked.status_code, asked.json()["status"]) == (201, "PROPOSED"), asked.text
    word = {"seen": asked.json()["seen"]}
    alone = await site.http.post(f"{path}/voiding/confirmation", json=word, headers=jia)
    assert (alone.status_code, alone.json()["type"].rsplit(":", 1)[-1]) == (409, "second-person-needed")
    done = await site.http.post(f"{path}/voiding/confirmation", json=word, headers=yi)
    assert (done.status_code, done.json()["status"]) == (200, "VOIDED"), done.text
    assert (await site.http.post(f"{path}/voiding/confirmation", json=word, headers=yi)).status_code == 200
    assert site.effects("void", "seal") == [1]

    assert (await site.get(path))["status"] == "VOIDED"
    record = await site.get(f"{path}/voiding/record")
    assert (record["record"]["proposed_by"], record["record"]["confirmed_by"]) == ("jia", "yi")
    assert (await verdict(site, file))["verdict"] == "INVALID"
    assert (await site.http.get(f"{path}/file")).status_code == 409
    assert (await site.http.get(f"{path}/file?even_void=true")).content == file


async def test_a_sealed_document_takes_the_next_seal_and_neither_is_broken(site, letter):
    first = await ended(site, await seal(site, letter))
    sealed = (await site.http.get(f"/v1/sealed-documents/{first['id']}/file")).content
    place = {"page": 1, "x": 30, "y": 52, "width": 42, "height": 42}
    second = await ended(site, await seal(site, sealed, placements=[place]))
    assert (first["status"], second["status"]) == ("SEALED", "SEALED"), second["reason"]
    both = (await site.http.get(f"/v1/sealed-documents/{second['id']}/file")).content
    assert both.startswith(sealed)
    found = await verdict(site, both)
    assert [one["verdict"] for one in found["seals"]] == ["VALID", "VALID"]
    twice = [place, {**place, "y": 150}]
    refused = await seal(site, both, placements=twice)
    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[-1]) == (422, "document-already-signed")


async def test_no_seal_is_put_beside_a_broken_one(site, letter):
    first = await ended(site, await seal(site, letter))
    sealed = (await site.http.get(f"/v1/sealed-documents/{first['id']}/file")).content
    refused = await seal(site, sealed + b"%")
    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[-1]) == (422, "document-not-sealable")
    assert site.effects("apply", "seal") == [1]


async def test_a_seal_across_pages_is_read_back_on_each(site):
    blocks = tuple(Block("当事人经营超过保质期的食品。" * 60) for _ in range(4))
    long = render(Letter("行政处罚决定书", "1", blocks, Signature(story.AUTHORITY_NAME, date(2026, 9, 14))))
    view = await ended(site, await seal(site, long, across={}))
    assert view["status"] == "SEALED", view["reason"]
    assert view["pages_across"] >= 3
    places = [one for one in view["report"]["seals"][0]["checks"] if one["name"] == "place"]
    assert [one["result"] for one in places] == ["passed"]


async def test_an_approval_in_its_parts_is_judged_kept_and_told(site, letter):
    number = await site.decide()
    parts = {"approved_by": "周某", "number": "用印审批7", "approved_on": "2026-09-14"}
    lacking = await seal(site, letter, approval=None, approval_record=parts, decision_number=number)
    assert (lacking.status_code, lacking.json()["type"].rsplit(":", 1)[-1]) == (422, "approval-incomplete")
    assert site.simulators.effects("seal") == {}
    parts |= {"head_decision": "案审41", "legal_review": "法审9", "legal_review_due": True}
    view = await ended(site, await seal(site, letter, approval=None, approval_record=parts, decision_number=number))
    assert view["status"] == "SEALED"
    assert view["approval_record"] == parts
    assert view["approval"] == "周某审批，用印审批7，2026-09-14；法制审核法审9；负责人决定案审41"
    unreviewed = await seal(site, letter, approval=None, approval_record={**parts, "legal_review": None})
    assert unreviewed.status_code == 422
    for neither in ({"approval": None}, {"approval_record": parts}):  # or both
        assert (await seal(site, letter, **neither)).status_code == 422


async def test_the_document_itself_never_leaves(site, letter):
    view = await ended(site, await seal(site, letter))
    sent = site.simulators.journal(system="seal", operation="apply")
    assert len(sent) == 1
    assert view["digest"] in str(sent[0])
    assert base64.b64encode(letter).decode()[:200] not in str(sent[0])


async def test_what_does_not_verify_is_refused_with_the_check_that_failed(site, letter):
    for fault, check in WRONG.items():
        site.simulators.reset()
        site.fault(fault, "apply", "seal")
        view = await ended(site, await seal(site, letter))
        assert view["status"] == "REFUSED", fault
        report = view["report"]
        checks = [*report["checks"], *(one for seal in report["seals"] for one in seal["checks"])]
        required = {"failed", "not_made"}
        against = [one for one in checks if one["result"] in (required if one["required"] else {"failed"})]
        failed = {one["name"] for one in against}
        assert check in failed, f"{fault}: {failed}"
        assert view["reason"]
        assert (await site.told(view["id"], "sealed_document.refused"))[-1] == "sealed_document.refused"
        file = await site.http.get(f"/v1/sealed-documents/{view['id']}/file")
        assert (file.status_code, file.json()["type"].rsplit(":", 1)[-1]) == (409, "document-not-sealed")


async def test_a_job_that_waits_is_fetched_when_the_service_calls_back(site, letter):
    await site.simulators.aask("POST", "/seal/mode", {"pending": True})
    answer = await seal(site, letter)
    assert answer.status_code == 202
    (reference,) = site.simulators.effects("seal")["apply"]
    await site.simulators.aask("POST", "/seal/finish", {"reference": reference})
    assert (await ended(site, answer))["status"] == "SEALED"
    assert site.effects("apply", "seal") == [1]


async def test_a_job_that_people_refuse_is_refused_in_their_words(site, letter):
    await site.simulators.aask("POST", "/seal/mode", {"pending": True})
    answer = await seal(site, letter)
    (reference,) = site.simulators.effects("seal")["apply"]
    refusal = {"reference": reference, "state": "REFUSED", "reason": "审批人不予同意"}
    await site.simulators.aask("POST", "/seal/finish", refusal)
    view = await ended(site, answer)
    assert (view["status"], view["reason"]) == ("REFUSED", "审批人不予同意")


@pytest.mark.parametrize("fault", ["apply_then_silence", "bad_signature", "silence"])
@pytest.mark.cases_by_day(1)
async def test_a_lost_answer_is_asked_about_and_the_seal_is_applied_once(site, letter, fault):
    site.fault(fault, "apply", "seal")
    view = await ended(site, await seal(site, letter))
    assert view["status"] == "SEALED"
    assert "sealed_document.in_doubt" in await site.told(view["id"], "sealed_document.in_doubt")
    assert view["in_doubt_since"] is None
    assert site.effects("apply", "seal") == [1]


async def test_callbacks_twice_forged_or_about_nothing_change_nothing(site, letter):
    for kind in ("callback_twice", "callback_forged"):
        site.fault(kind, "*", "seal")
    view = await ended(site, await seal(site, letter))
    await site.simulators.flush_callbacks("seal")
    assert (await site.get(f"/v1/sealed-documents/{view['id']}"))["updated_at"] == view["updated_at"]
    assert site.effects("apply", "seal") == [1]


async def test_the_same_file_under_the_same_seal_is_sealed_once(site, letter):
    first = await ended(site, await seal(site, letter, key="seal-1"))
    again = await seal(site, letter, key="seal-1")
    assert (again.json()["id"], again.json()["status"]) == (first["id"], "SEALED")
    other = await seal(site, letter)
    assert other.status_code == 409
    assert other.json()["document"] == first["id"]
    assert site.effects("apply", "seal") == [1]


async def test_after_a_refusal_the_same_file_may_be_sealed_again(site, letter):
    site.fault("seal_wrong_digest", "apply", "seal")
    assert (await ended(site, await seal(site, letter)))["status"] == "REFUSED"
    assert (await ended(site, await seal(site, letter)))["status"] == "SEALED"


async def test_a_request_that_cannot_be_served_says_why_and_nothing_is_sent(site, letter):
    for change, status, kind in REFUSED:
        answer = await site.post("/v1/sealed-documents", order(letter) | change)
        assert answer.status_code == status, f"{change}: {answer.text}"
        assert kind is None or answer.json()["type"].rsplit(":", 1)[-1] == kind
    assert site.simulators.effects("seal") == {}


async def test_a_seal_that_is_suspended_is_a_conflict(site, letter):
    await site.simulators.aask("POST", "/seal/status", {"sealId": SEAL, "status": "SUSPENDED"})
    answer = await seal(site, letter)
    assert (answer.status_code, answer.json()["seal_status"]) == (409, "suspended")


async def test_a_seal_whose_key_may_be_known_is_stopped_at_once_and_what_waits_is_refused(site, letter):
    await site.simulators.aask("POST", "/seal/mode", {"pending": True})
    waiting = await seal(site, letter)
    assert waiting.status_code == 202
    (reference,) = site.simulators.effects("seal")["apply"]
    stop = {"authority": story.AUTHORITY, "seal_id": SEAL, "reason": "UKey丢失"}
    made = await site.post("/v1/seal-stops", stop)
    assert made.status_code == 201, made.text
    assert (await site.told(made.json()["id"], "seal.stopped"))[-1] == "seal.stopped"
    assert [one["seal_id"] for one in await site.get(f"/v1/seal-stops?authority={story.AUTHORITY}")] == [SEAL]

    await site.simulators.aask("POST", "/seal/finish", {"reference": reference})
    view = await ended(site, waiting)
    assert view["status"] == "REFUSED"
    assert "UKey丢失" in view["reason"]
    again = await seal(site, letter)
    assert (again.status_code, again.json()["seal_status"]) == (409, "stopped")
    assert site.effects("apply", "seal") == [1]


async def test_the_seals_of_an_authority_are_listed_with_what_they_are(site):
    found = await site.get(f"/v1/seals?authority={story.AUTHORITY}")
    assert {one["seal_id"]: (one["status"], one["kind"]) for one in found}[SEAL] == ("active", None)


async def test_a_batch_has_a_result_for_each_and_sent_again_goes_on_and_seals_nothing_twice(site):
    organ = Signature(story.AUTHORITY_NAME, date(2026, 9, 14))
    letters = [render(Letter("行政处罚决定书", f"{n}", (Block("罚款5000元。"),), organ)) for n in range(3)]
    items = [order(one) for one in letters] + [
        order(letters[0]),
        order(b"nothing"),
        order(b"x", seal_id="99010200009999"),
    ]

    async def send(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = await site.http.post("/v1/sealed-documents/batches", json={"items": items, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    began = await send(*items[:2])  # a batch that stopped after two
    assert [one["result"] for one in began["items"]] == ["accepted", "accepted"]
    for one in began["items"]:
        path = f"/v1/sealed-documents/{one['document']['id']}"
        assert (await site.until(path, lambda now: now["status"] != "REQUESTED"))["status"] == "SEALED"
    found = await send(*items)
    results = ["known", "known", "accepted", "known", "refused", "refused"]
    assert [one["result"] for one in found["items"]] == results
    assert [one["problem"]["type"] for one in found["items"][4:]] == ["document-not-sealable", "unknown-seal"]
    assert (found["accepted"], found["known"], found["refused"], found["not_tried"]) == (1, 3, 2, 0)
    assert {one["document"]["status"] for one in found["items"][:2]} == {"SEALED"}
    last = f"/v1/sealed-documents/{found['items'][2]['document']['id']}"
    await site.until(last, lambda now: now["status"] == "SEALED")
    assert site.effects("apply", "seal") == [1, 1, 1]

    other = await send(order(letters[0], decision_number=await site.decide()))  # another case is another matter
    assert other["items"][0]["problem"]["type"] == "sealed-document-exists"


async def test_what_a_batch_was_refused_is_asked_for_anew_only_if_said(site, letter):
    site.fault("seal_wrong_digest", "apply", "seal")

    async def send(**more: Any) -> dict[str, Any]:
        answer = await site.http.post("/v1/sealed-documents/batches", json={"items": [order(letter)], **more})
        return answer.json()["items"][0]

    first = await send()
    path = f"/v1/sealed-documents/{first['document']['id']}"
    await site.until(path, lambda now: now["status"] == "REFUSED")
    again = await send()
    assert (again["result"], again["document"]["status"]) == ("known", "REFUSED")
    assert (await send(refused_again=True))["result"] == "accepted"


async def test_a_batch_stops_where_the_service_is_away_and_goes_on_later(site, letter):
    site.fault("refuse", system="seal", times=0)
    answer = await site.http.post("/v1/sealed-documents/batches", json={"items": [order(letter)] * 6})
    assert {one["result"] for one in answer.json()["items"]} == {"not_tried"}
    site.simulators.reset()
    results, found = {"not_tried"}, []
    async with asyncio.timeout(30):
        while "not_tried" in results:  # a channel that failed is tried again after a while
            await asyncio.sleep(0.2)
            answer = await site.http.post("/v1/sealed-documents/batches", json={"items": [order(letter)] * 6})
            found = answer.json()["items"]
            results = {one["result"] for one in found}
    assert len({one["document"]["id"] for one in found}) == 1


async def test_a_seal_under_grants_is_used_by_officers_who_hold_one_that_day(site, letter):
    chief = await site.app.base.access.create_operator("chief", "周某", "supervisor", "long-enough-password")
    token = (await site.app.base.access.issue_operator_key(chief.id, label="chief")).token
    headers = {"Authorization": f"Bearer {token}"}
    today = site.app.base.clock.now()
    days = {"first_on": f"{today - timedelta(days=9):%Y-%m-%d}", "last_on": f"{today + timedelta(days=9):%Y-%m-%d}"}
    ask = {"authority": story.AUTHORITY, "seal_id": SEAL, "officer": "9901020017", **days}

    by_key = await site.post("/v1/seal-grants", ask)
    assert by_key.status_code == 403  # a case system does not say who may use a seal

    async def grant(**other: str) -> dict[str, Any]:
        key = {"Idempotency-Key": f"grant-{len(other)}"}
        made = await site.http.post("/v1/seal-grants", json={**ask, **other}, headers=headers | key)
        assert made.status_code == 201, made.text
        return made.json()

    over = f"{today - timedelta(days=2):%Y-%m-%d}"
    held, _over = await grant(), await grant(officer="9901020018", last_on=over)
    assert "9901020017" not in str(held)
    for officer in (None, "9901020018", "9901020019"):
        refused = await seal(site, letter, officer=officer)
        assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[-1]) == (403, "seal-not-granted"), officer
    assert site.simulators.effects("seal") == {}
    view = await ended(site, await seal(site, letter, officer="9901020017"))
    assert (view["status"], view["grant_id"]) == ("SEALED", held["id"])

    path = f"/v1/seal-grants/{held['id']}/end"
    assert (await site.http.post(path, json={"reason": "调离"}, headers=headers)).status_code == 200
    assert (await site.http.post(path, json={"reason": "调离"}, headers=headers)).status_code == 409
    refused = await seal(site, letter, officer="9901020017")
    assert refused.status_code == 403
    listed = await site.get(f"/v1/seal-grants?authority={story.AUTHORITY}&seal_id={SEAL}")
    assert [one["reason"] for one in listed] == [None, "调离"]


async def test_what_a_seal_was_used_for_is_a_list_by_seal_and_days(site, letter):
    view = await ended(site, await seal(site, letter))
    day = view["created_at"][:10]
    used = await site.get(f"/v1/sealed-documents?seal_id={SEAL}&from={day}&to={day}")
    assert [(one["id"], one["title"], bool(one["asked_by"])) for one in used["items"]] == [
        (view["id"], "行政处罚决定书", True)
    ]
    for other in ("seal_id=99010200000021", f"seal_id={SEAL}&to=2020-01-01", f"seal_id={SEAL}&from=2050-01-01"):
        assert (await site.get(f"/v1/sealed-documents?{other}"))["items"] == []


async def test_at_the_terminal_a_seal_is_stopped_while_the_gateway_works_and_its_uses_are_read(site, letter):
    async def said(*words: str) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, app, ["-s", str(site.settings_file), "seals", *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    view = await ended(site, await seal(site, letter))
    day = view["created_at"][:10]
    listed = json.loads(await said("uses", SEAL, "--from", day, "--to", day, "--json"))
    assert [(one["id"], one["status"], one["approval"]) for one in listed["uses"]] == [
        (view["id"], "SEALED", view["approval"])
    ]
    shown = await said("uses", SEAL)
    assert "SEALED" in shown
    assert view["id"] in shown
    assert "No use of this seal" in await said("uses", SEAL, "--to", "2020-01-01")

    assert "is stopped" in await said("stop", SEAL, "--authority", story.AUTHORITY, "--reason", "UKey丢失")
    again = await seal(site, letter)
    assert (again.status_code, again.json()["seal_status"]) == (409, "stopped")


async def test_a_service_that_is_away_is_503_with_the_cure(site, letter):
    site.fault("refuse", system="seal", times=0)
    answer = await seal(site, letter)
    assert answer.status_code == 503
    assert answer.json()["cure"]


async def test_a_revoked_decision_is_not_sealed(site, letter):
    number = await site.decide()
    await site.http.post(
        f"{site.path(number)}/events",
        json={"kind": "revoked", "on": "2026-09-20", "reason": "撤销"},
        headers={"Idempotency-Key": "revoke"},
    )
    answer = await seal(site, letter, decision_number=number)
    assert (answer.status_code, answer.json()["type"].rsplit(":", 1)[-1]) == (409, "decision-revoked")


async def test_the_file_is_encrypted_where_it_lies(site, letter, tmp_path):
    await ended(site, await seal(site, letter))
    files = [one for one in tmp_path.rglob("gateway.db*") if one.is_file()]  # not the socket beside them
    assert files
    for file in files:
        assert letter[:64] not in file.read_bytes()
        assert b"/ByteRange [0" not in file.read_bytes()


async def test_a_place_that_cannot_be_read_is_named_by_its_own_field(site, letter):
    """Three shapes of a place are tried; what is told first is of the shape that was meant."""
    for place, field in (
        ({"keyword": "盖章\u202e处"}, "placements.0.keyword"),
        ({"anchor": "elsewhere"}, "placements.0.anchor"),
        ({"page": 0, "x": 1, "y": 1, "width": 42, "height": 42}, "placements.0.page"),
    ):
        answer = await seal(site, letter, placements=[place])
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


async def test_a_payment_voucher_is_judged_by_the_stage_of_its_payment(any_site):
    """电子一般缴款书: the unit's signature before payment, finance's too after it; the report says what is missing."""
    site = any_site

    async def made(stage: str) -> str:
        rows = {"缴款码": "99010226300000000001"}
        asked = {"stage": stage, "unit": SEAL, "rows": rows}
        return str((await site.simulators.aask("POST", "/seal/voucher", asked))["document"])

    async def judged(document: str, stage: str, authority: str = story.AUTHORITY, **headers: str) -> httpx.Response:
        body = {"document": document, "voucher": {"authority": authority, "stage": stage}}
        return await site.http.post("/v1/verifications", json=body, headers=headers)

    notice, receipt, wrong = [await made(one) for one in ("before_payment", "after_payment", "finance_alone")]
    for document, stage, verdict in (
        (notice, "before_payment", "VALID"),
        (notice, "after_payment", "UNDETERMINED"),
        (receipt, "after_payment", "VALID"),
        (wrong, "after_payment", "INVALID"),
    ):
        answer = (await judged(document, stage)).json()
        assert answer["verdict"] == verdict, answer["reason"]
    page = await judged(notice, "after_payment", Accept="text/html")
    assert "按缴款后判定：缺少财政的签章" in page.text
    assert "judged as after payment: finance&#39;s signature is missing" in page.text
    assert (await judged(notice, "before_payment", "somebody-else")).status_code == 404
    assert (await judged(notice, "paid")).status_code == 422

    file = site.settings_file.with_name("voucher.ofd")
    file.write_bytes(base64.b64decode(notice))
    words = ["--settings", str(site.settings_file), "seals", "verify", str(file)]
    for stage, code in (("before_payment", 0), ("after_payment", 1)):
        done = await asyncio.to_thread(
            CliRunner().invoke, app, [*words, "--voucher", stage, "--authority", story.AUTHORITY]
        )
        assert done.exit_code == code, done.output
    assert "缺少财政的签章" in done.output
    assert (await asyncio.to_thread(CliRunner().invoke, app, [*words, "--voucher", "after_payment"])).exit_code == 4
