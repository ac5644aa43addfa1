"""A case's evidence bundle proves itself without the gateway, and an altered one is refused, whatever was altered."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.foundation.crypto.keys import HEAD_KEY, FileKeys
from gateway.foundation.crypto.sm import sm3
from gateway.rooms.evidence import verify_bundle
from gateway.rooms.evidence.bundles import SIGNED

PERSON = {"kind": "natural_person", "name": "罗巧云", "id_type": "身份证", "id_number": "11010519491231002X"}
Files = dict[str, bytes]


def judged(file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """What the verifier of the bundle says, run alone in an empty folder."""
    alone = file.parent / f"alone-{file.stem}"
    alone.mkdir()
    with zipfile.ZipFile(file.with_name("good.zip")) as good:
        good.extract("verify.py", alone)
    command = [sys.executable, "-I", "verify.py", str(file), *more]
    return subprocess.run(command, cwd=alone, capture_output=True, text=True, timeout=120, env={"PYTHONUTF8": "1"})


def refusal(file: Path, key: str) -> str:
    """Why a bundle is refused; empty for one that is not."""
    try:
        verify_bundle.verify(str(file), key)
    except verify_bundle.Refused as reason:
        return str(reason)
    return ""


def zipped(files: Files, *again: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in (*files, *again):
            archive.writestr(name, files[name])
    return out.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_a_bundle_proves_itself_alone_and_every_altered_one_is_refused(site, tmp_path):
    payment = await site.issued(party=PERSON)
    number = payment["decision_number"]
    document = (await site.post("/v1/sealed-documents", site.to_seal(number))).json()
    await site.until(f"/v1/sealed-documents/{document['id']}", lambda view: view["status"] == "SEALED")
    access, keys = site.app.base.access, {}
    for role in ("operator", "supervisor", "auditor"):
        made = await access.create_operator(role, f"某{role}", role, "long enough a password")
        keys[role] = (await access.issue_operator_key(made.id)).token
    ask = {"authority": "wangchuan-scjg", "number": number, "recipient": "望川区人民法院", "reason": "行政诉讼举证"}
    async with site.client(keys["operator"]) as operator, site.client(keys["supervisor"]) as supervisor:
        assert (await operator.post("/v1/evidence-bundles", json=ask)).status_code == 403
        masked = (await supervisor.post("/v1/evidence-bundles", json=ask)).raise_for_status().content
        whole = (await supervisor.post("/v1/evidence-bundles", json=ask | {"exact": True})).raise_for_status().content
        assert (await supervisor.post("/v1/evidence-bundles", json=ask | {"number": "x"})).status_code == 404
    async with site.client(keys["auditor"]) as auditor:
        acts = (await auditor.get("/v1/audit", params={"action": "evidence-bundles"})).json()["items"]
        assert [one["status"] for one in acts] == [404, 200, 200, 403]
        assert {one["reason"] for one in acts} == {"行政诉讼举证"}
        handed = (await auditor.get("/v1/handovers")).json()["items"]
        assert [(one["way"], one["kinds"]) for one in handed if one["way"] == "bundle"] == [
            ("bundle", ["name", "document", "number"]),
            ("bundle", ["name", "document"]),
        ]
        assert {one["recipient"] for one in handed if one["way"] == "bundle"} == {"望川区人民法院"}
        of_payment = [one for one in handed if one["subject"] == payment["id"]]
        assert [(one["way"], one["kinds"][0]) for one in of_payment] == [("channel", "name")]
        assert "罗巧云" not in str(handed)
        assert PERSON["id_number"] not in str(handed)
    async with site.client(keys["operator"]) as operator:
        assert (await operator.get("/v1/handovers")).status_code == 403

    with zipfile.ZipFile(io.BytesIO(masked)) as archive:
        text = b"".join(archive.read(one) for one in archive.namelist() if one.endswith((".json", ".sig")))
        assert b"19491231" not in text, "persons are masked"
        assert not [one for one in archive.namelist() if one.endswith(".exact")]
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        files = {one: archive.read(one) for one in archive.namelist()}
    manifest = json.loads(files["manifest.json"])
    kinds = {one.partition("/")[0] for one in files}
    assert kinds >= {"decision", "exchanges", "proofs", "documents", "events.json", "index.pdf", "verify.py"}
    assert files["index.pdf"].startswith(b"%PDF")
    assert b"11010519491231002X" in files["decision/version-1.json"]
    assert len(manifest["exchanges"]) >= 2
    assert manifest["unproved"] == []

    own = FileKeys(site.settings.keys.directory, create=False)
    (tmp_path / "good.zip").write_bytes(whole)
    published = sm3(own.public(HEAD_KEY)).hex()[:32]
    good = judged(tmp_path / "good.zip", "--key", published)
    assert (good.returncode, good.stdout[:14]) == (0, "AS IT WAS MADE")
    (tmp_path / "masked.zip").write_bytes(masked)
    assert judged(tmp_path / "masked.zip").returncode == 0
    stranger = FileKeys(tmp_path / "stranger")
    reasons = {}
    for name, (content, why) in alterations(files, whole, own, stranger).items():
        (tmp_path / f"{name}.zip").write_bytes(content)
        reasons[name] = (why, refusal(tmp_path / f"{name}.zip", published))
    assert {name: told for name, told in reasons.items() if told[0] not in told[1]} == {}
    for name in ("a byte of a document", "a proof of another record"):
        said = judged(tmp_path / f"{name}.zip", "--key", published)
        assert (said.returncode, said.stdout[:7]) == (1, "REFUSED"), "and so says the verifier in the bundle"


def alterations(files: Files, whole: bytes, own: FileKeys, stranger: FileKeys) -> dict[str, tuple[bytes, str]]:
    """More than twenty ways to alter a bundle, each with a part of the reason for which it is refused."""
    made: dict[str, tuple[bytes, str]] = {}
    manifest = json.loads(files["manifest.json"])
    first, second = manifest["exchanges"][:2]
    document = next(one for one in files if one.startswith("documents/"))

    def signed(changed: Files, by: FileKeys = own, **more: Any) -> Files:
        """The same with a manifest that fits, signed: what somebody with the key could do."""
        told = manifest | more
        told["files"] = {
            name: {"title": "", "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in changed.items()
            if not name.startswith("manifest.")
        }
        text = json.dumps(told, ensure_ascii=False).encode()
        return changed | {"manifest.json": text, "manifest.sig": by.sign(HEAD_KEY, SIGNED + text).hex().encode()}

    def with_(name: str, content: bytes) -> Files:
        return files | {name: content}

    def without(name: str) -> Files:
        return {one: content for one, content in files.items() if one != name}

    def turned(content: bytes) -> bytes:
        return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]

    def reproved(change: Callable[[dict[str, Any]], None]) -> Files:
        """The proof of the first exchange changed, and all signed anew."""
        proof = json.loads(files[f"proofs/{first}.json"])
        change(proof)
        return signed(with_(f"proofs/{first}.json", json.dumps(proof).encode()))

    def head(**more: Any) -> Callable[[dict[str, Any]], None]:
        def change(proof: dict[str, Any]) -> None:
            proof["head"] = json.dumps(json.loads(proof["head"]) | more)

        return change

    made["a byte of a document"] = zipped(with_(document, turned(files[document]))), "was altered"
    made["a fact"] = zipped(with_("decision/version-1.json", b"{}")), "was altered"
    made["an event gone"] = zipped(with_("events.json", b"[]")), "was altered"
    made["the index"] = zipped(with_("index.pdf", turned(files["index.pdf"]))), "was altered"
    made["the verifier"] = zipped(with_("verify.py", b"print('AS IT WAS MADE')")), "was altered"
    made["a file gone"] = zipped(without(document)), "is missing"
    made["a file more"] = zipped(with_("documents/other.pdf", b"%PDF")), "not in the manifest"
    made["a file twice"] = zipped(files, document), "twice"
    made["two files for each other"] = (
        zipped(files | {f"exchanges/{first}.json": files[f"exchanges/{second}.json"]}),
        "was altered",
    )
    made["no manifest"] = zipped(without("manifest.json")), "is missing"
    made["no signature"] = zipped(without("manifest.sig")), "is missing"
    made["a signature of nonsense"] = zipped(with_("manifest.sig", b"zz")), "cannot be read"
    made["another signature"] = zipped(with_("manifest.sig", own.sign(HEAD_KEY, b"x").hex().encode())), "not verify"
    made["the manifest"] = (
        zipped(with_("manifest.json", files["manifest.json"].replace(b"\xe6\x9c\x9b", b"x"))),
        "not ve",
    )
    made["a manifest of nonsense"] = zipped(with_("manifest.json", b"[]")), "cannot be read"
    made["another format"] = zipped(signed(files, format="2")), "another format"
    made["signed by a stranger"] = (
        zipped(signed(files, stranger, key=stranger.public(HEAD_KEY).hex())),
        "another key",
    )
    made["signed by a stranger, under our name"] = zipped(signed(files, stranger)), "not verify"
    made["cut"] = whole[: len(whole) // 2], "archive"
    made["no archive"] = b"evidence", "archive"
    # what somebody with the signing key, but without the evidence key and the heads, could try
    made["a record told otherwise"] = zipped(reproved(lambda one: one["row"].update(outcome="x"))), "another record"
    made["a record of another time"] = (
        zipped(
            signed(
                files
                | {
                    f"{place}/{first}.json": files[f"{place}/{first}.json"].replace(b'"answered"', b'"answered "')
                    for place in ("exchanges", "proofs")
                }
            )
        ),
        "not one that its signed head covers",
    )
    made["another link before"] = zipped(reproved(lambda one: one.update(previous="11" * 32))), "signed head covers"
    made["another digest"] = zipped(reproved(lambda one: one.update(body_mac="00" * 32))), "exact bytes"
    made["another key of the record"] = zipped(reproved(lambda one: one.update(key="00" * 32))), "exact bytes"
    made["another way up"] = (
        zipped(reproved(lambda one: one.update(path=one["path"][1:] or [["left", "00"]]))),
        "covers",
    )
    made["another root"] = zipped(reproved(head(root="00" * 32))), "signed head covers"
    made["a head of another time"] = zipped(reproved(head(at="2020-01-01T00:00:00+08:00"))), "head does not verify"
    made["a head of another node"] = zipped(reproved(head(node="node-9"))), "other records"
    made["a proof of another record"] = (
        zipped(signed(with_(f"proofs/{first}.json", files[f"proofs/{second}.json"]))),
        "another record",
    )
    made["a proof gone"] = zipped(signed(without(f"proofs/{first}.json"))), "missing"
    made["other exact bytes"] = (
        zipped(signed(with_(f"exchanges/{first}.exact", turned(files[f"exchanges/{first}.exact"])))),
        "exact bytes",
    )
    assert len(made) >= 20
    return made
