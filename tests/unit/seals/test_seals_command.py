"""``gateway seals verify``: the verdict of each file, its reason in Chinese first, and an exit code."""

from __future__ import annotations

import json
import ssl

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.rooms.seals.trust import key_identifiers

run = CliRunner()


@pytest.fixture
def files(forge, tmp_path):
    """Settings with the trust of the test's authority, a sealed file, an unsealed one, and one that is no document."""
    (tmp_path / "root.pem").write_text(ssl.DER_cert_to_PEM_cert(forge.root.certificate))
    maker = min(key_identifiers(b"\x04" + forge.maker.key.public))
    (tmp_path / "gateway.toml").write_text(
        f'[trust]\nseal_roots = ["root.pem"]\nmaker_roots = ["root.pem"]\nseal_makers = ["{maker}"]\n'
    )
    (tmp_path / "sealed.pdf").write_bytes(forge.sealed())
    (tmp_path / "plain.pdf").write_bytes(forge.document)
    (tmp_path / "picture.pdf").write_bytes(forge.seal.picture)
    return tmp_path


def verify(files, *arguments: str):
    settings = str(files / "gateway.toml")
    named = [str(files / one) if one.endswith(".pdf") else one for one in arguments]
    return run.invoke(app, ["--settings", settings, "seals", "verify", *named])


def test_a_sealed_file_is_valid_and_the_command_ends_well(files):
    done = verify(files, "sealed.pdf")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("有效 VALID  sealed.pdf")
    assert "第 1 页，左 120.0 下 60.0，42.0×42.0 毫米" in done.output
    assert "签章人自述" in done.output


def test_one_file_that_is_not_valid_is_told_by_the_exit_code(files):
    done = verify(files, "sealed.pdf", "plain.pdf", "picture.pdf")
    assert done.exit_code == 1
    assert "无效 INVALID  plain.pdf" in done.output
    assert "没有找到签章" in done.output
    assert "无法判定 UNDETERMINED  picture.pdf" in done.output
    assert "既不是 PDF 也不是 OFD" in done.output


def test_programs_get_one_object_with_every_check(files):
    done = verify(files, "sealed.pdf", "--json")
    (one,) = json.loads(done.stdout)["documents"]
    assert one["verdict"] == "VALID"
    assert {check["result"] for check in one["seals"][0]["checks"] if check["required"]} <= {"passed", "not_applicable"}


def test_people_can_ask_for_every_check(files):
    assert "✓ 签章人签名" in verify(files, "sealed.pdf", "--all").output
    assert "✓ 签章人签名" not in verify(files, "sealed.pdf").output
