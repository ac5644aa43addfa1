"""A person is shown to an operator masked, and plainly only with the right and a reason, which is then in the audit."""

from __future__ import annotations

PERSON = {
    "kind": "natural_person",
    "name": "罗巧云",
    "id_type": "身份证",
    "id_number": "11010519491231002X",
    "phone": "13800138000",
    "address": "望川区解放路12号3单元401",
}


async def test_a_person_is_masked_for_operators_and_who_unmasks_is_written_down(site):
    text = "当事人罗巧云(身份证号11010519491231002X)销售过期糕点。"
    number = await site.decide(party=PERSON, facts=text)
    path = site.path(number)
    asked = {"kind": "appealed", "on": "2026-11-24", "appeal_kind": "suit", "party": "姜小满"}
    answer = await site.post(path + "/events", asked)
    assert answer.status_code == 200, answer.text
    plain = (await site.get(path))["facts"]
    assert plain["party"]["id_number"] == PERSON["id_number"], "a case system sees its own facts"
    access, keys = site.app.base.access, {}
    for role in ("viewer", "operator", "auditor"):
        made = await access.create_operator(role, f"某{role}", role, "long enough a password")
        keys[role] = (await access.issue_operator_key(made.id)).token
    async with site.client(keys["viewer"]) as viewer, site.client(keys["operator"]) as operator:
        for person in (viewer, operator):
            view = (await person.get(path)).json()
            explained = (await person.get(path + "/explanation")).json()
            appeals = [view["events"][-1]["party"], explained["appeals"][0]["party"]]
            assert appeals == ["姜**", "姜**"], "whoever appealed beside the party"
            shown = view["facts"]
            told = [shown["party"][name] for name in ("id_number", "phone", "address")]
            assert told == ["110*************2X", "138****8000", "望川区解放路*********"]
            assert "19491231" not in shown["facts"]
        assert (await viewer.get(path, params={"unmask": "复议机关调阅"})).status_code == 403
        assert (await operator.get(path, params={"unmask": ""})).status_code == 422
        assert (await operator.get(path, params={"unmask": "复议机关调阅"})).json()["facts"] == plain
        document = (await site.post("/v1/sealed-documents", site.to_seal(number))).json()
        file = await operator.get(f"/v1/sealed-documents/{document['id']}/file")
        assert (file.status_code, file.json()["field"]) == (422, "unmask"), "a file cannot be masked"
        assert (await viewer.get("/v1/audit")).status_code == 403
        shown = (await operator.get(path)).json()["facts"]
        assert (await operator.put(path, json=shown)).status_code == 422
        known = {name: PERSON[name] for name in ("id_number", "phone")}
        refused = await operator.put(path, json=shown | {"party": shown["party"] | known})
        assert (refused.status_code, refused.json()["field"]) == (422, "party.address"), "what was shown masked"
        refused = await operator.put(path, json=shown | {"party": PERSON})
        assert (refused.status_code, refused.json()["field"]) == (422, "facts")
        assert (await site.get(path))["facts"] == plain
    wrong = keys["operator"][:-4] + "0000"
    async with site.client(wrong) as stranger:
        assert (await stranger.get(path)).status_code == 401
    async with site.client(keys["auditor"]) as auditor:
        (failed,) = (await auditor.get("/v1/audit", params={"action": "sign-in"})).json()["items"]
        assert (failed["operator"], failed["status"], failed["subject"]) == (
            "某operator",
            401,
            f"key_{wrong.split('_')[1]}",
        )
        reads = (await auditor.get("/v1/audit", params={"kind": "read"})).json()["items"]
        assert [(one["operator"], one["reason"], one["status"]) for one in reads] == [
            ("某operator", "复议机关调阅", 200),
            ("某operator", "", 422),
            ("某viewer", "复议机关调阅", 403),
        ]
        assert {one["subject"] for one in reads} == {f"wangchuan-scjg/{number}"}
