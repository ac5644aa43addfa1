"""Commands say results on stdout, everything else on stderr, and end with the documented code."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.cli.doctor import certificate
from gateway.cli.serve import chosen_faces
from gateway.foundation import folders
from gateway.foundation.delivery.tables import (
    channel_condition,
)
from gateway.foundation.store import DatabaseLock, Store
from gateway.settings import load
from gateway.words.errors import SettingsError

Call = Callable[..., Any]


# --- settings and errors ----------------------------------------------------------------------------------------------


def test_a_wrong_setting_ends_with_its_own_code_and_names_the_cure(call: Call, site: Path) -> None:
    (site / "gateway.toml").write_text("[stroe]\n")
    said = call("channels")
    assert (said.code, said.out) == (3, "")
    assert "Error: stroe: there is no such key" in said.err
    assert 'Did you mean "store"?' in said.err


def test_errors_are_json_for_programs_too(call: Call, site: Path) -> None:
    (site / "gateway.toml").write_text("[stroe]\n")
    said = call("channels", "--json")
    assert (said.code, said.out) == (3, "")
    assert json.loads(said.err)["key"] == "stroe"


def test_another_settings_file_can_be_named(call: Call, site: Path) -> None:
    (site / "gateway.toml").rename(site / "other.toml")
    assert call("channels", "--json").code == 3
    assert call("--settings", "other.toml", "channels", "--json").json["channels"][0]["name"] == "register"


def test_an_unknown_command_is_a_usage_error(call: Call) -> None:
    assert call("adaptors").code == 2


def test_a_mistyped_command_is_told_the_one_that_was_meant(call: Call) -> None:
    said = call("adapter")
    assert said.code == 2
    assert "Did you mean 'adapters'?" in said.err


def test_every_exit_code_is_documented_in_the_help(call: Call) -> None:
    said = " ".join(call("--help").out.split())
    for code in range(7):
        assert f"{code} " in said.partition("Exit codes:")[2]


# --- adapters and channels --------------------------------------------------------------------------------------------


def test_adapters_are_listed_with_capabilities_and_contract_versions(call: Call) -> None:
    rows = {row["name"]: row for row in call("adapters", "--json").json["adapters"]}
    assert rows["registry.sharing"]["contract"] == "registry/v1"
    assert "resolve_licence" in rows["registry.sharing"]["capabilities"]
    assert rows["registry.sharing"]["fault"] is None
    assert "registry/v1" in call("adapters").out


def test_channels_are_listed_with_whom_they_serve(call: Call) -> None:
    (row,) = call("channels", "--json").json["channels"]
    assert (row["name"], row["adapter"], row["url"]) == ("register", "registry.sharing", "http://127.0.0.1:9/registry")
    assert row["routes"] == [{"authority": "*", "capability": "entities"}]
    assert "entities of *" in call("channels").out


def test_a_channel_that_does_not_answer_is_found_wanting_with_the_cure(call: Call) -> None:
    said = call("channels", "check", "--json")
    assert said.code == 1
    (row,) = said.json["channels"]
    assert row["ok"] is False
    assert "nothing could be sent" in row["detail"]
    assert "firewall" in row["cure"]
    assert call("channels", "check", "registre").code == 4


def test_a_stopped_channel_is_let_go_again(call: Call, database: Store) -> None:
    assert call("channels", "resume", "register").code == 4, "it is not stopped"
    stopped = {"channel": "register", "stopped": True, "reason": "HTTP 401", "failures": 1, "updated_at": 1}
    database.write_sync(lambda conn: conn.execute(channel_condition.insert(), stopped).rowcount)
    assert call("channels", "resume", "register", "--json").json == {"channel": "register", "resumed": True}
    assert call("channels", "resume", "register").code == 4


# --- database ---------------------------------------------------------------------------------------------------------


def test_migrate_makes_the_schema_once_and_check_only_looks(call: Call, site: Path) -> None:
    assert call("migrate", "--check", "--json").code == 1
    assert not (site / "gateway.sqlite").exists()
    first = call("migrate", "--json").json
    assert (first["before"], first["backup"]) == ([], None)
    assert call("migrate", "--json").json["before"] == first["after"]
    assert call("migrate", "--check", "--json").json["current"] is True


def test_a_room_is_undone_and_the_next_migration_makes_it_again(call: Call, site: Path) -> None:
    call("migrate")
    undone = call("migrate", "--undo", "seals", "--json").json
    assert (undone["room"], undone["rows"]) == ("seals", 0)
    assert {"sealed_document", "seal_stop"} <= set(undone["tables"])
    assert Path(undone["backup"]).exists()
    said = call("migrate", "--check")
    assert (said.code, "it lacks seals_0001" in said.out) == (1, True)
    assert call("migrate", "--undo", "decisions").code == 4
    assert "seals_0001 ran" in call("migrate").out
    assert call("migrate", "--check", "--json").json["current"] is True


def test_a_change_while_another_process_works_names_it_and_what_to_do(call: Call, site: Path) -> None:
    with DatabaseLock.take(site / "gateway.sqlite"):
        said = call("migrate")
    assert (said.code, said.out) == (5, "")
    assert "already works on" in said.err
    assert "Cure:" in said.err


def test_reading_an_unmigrated_database_names_the_command(call: Call, site: Path) -> None:
    said = call("operations", "list")
    assert said.code == 3
    assert "gateway migrate" in said.err
    (site / "gateway.sqlite").touch(mode=0o600)
    assert "gateway migrate" in call("operations", "list").err


# --- operations -------------------------------------------------------------------------------------------------------


def test_operations_are_listed_and_shown_with_their_attempts(call: Call, add: Callable[..., None]) -> None:
    add("opn_1")
    add("opn_2", "done")
    listed = call("operations", "list", "--json").json["operations"]
    assert [row["id"] for row in listed] == ["opn_2", "opn_1"]
    parked = call("operations", "list", "--state", "parked", "--json").json["operations"]
    assert [row["id"] for row in parked] == ["opn_1"]
    shown = call("operations", "show", "opn_1", "--json").json
    assert shown["attempts"][0]["reason"] == "connection refused"
    assert shown["created_at"].endswith("+08:00")
    assert "request_sealed" not in shown
    assert "connection refused" in call("operations", "show", "opn_1").out
    assert call("operations", "show", "opn_9").code == 4


def test_operations_can_be_read_while_the_gateway_runs(call: Call, add: Callable[..., None], site: Path) -> None:
    add("opn_1")
    with DatabaseLock.take(site / "gateway.sqlite"):
        assert call("operations", "list", "--json").code == 0


# --- states -----------------------------------------------------------------------------------------------------------


def test_states_are_drawn_from_the_tables_that_the_code_follows(call: Call) -> None:
    from gateway.rooms.payments.states import EDGES

    rows = call("states", "payments", "--json").json["payments"]
    assert len(rows) == len(EDGES)
    drawn = call("states", "payments", "--format", "mermaid").out
    assert drawn.startswith("stateDiagram-v2\n    [*] --> REQUESTED")
    assert "    PAID --> [*]" in drawn
    assert "ISSUED" in call("states", "payments").out
    assert call("states", "paymints").code == 4


# --- doctor -----------------------------------------------------------------------------------------------------------


def test_doctor_names_the_cure_for_each_thing_that_is_wrong(call: Call, site: Path) -> None:
    said = call("doctor", "--json")
    assert said.code == 1
    found = {one["name"]: one for one in said.json["findings"]}
    assert found["crypto SM2"]["state"] == "ok"
    assert found["database"]["state"] == "fail"
    assert "gateway migrate" in found["database"]["cure"]
    assert found["channel register"]["state"] == "fail"
    assert "firewall" in found["channel register"]["cure"]
    assert [one["name"] for one in said.json["findings"] if one["state"] != "ok" and not one["cure"]] == []


def test_doctor_names_addresses_that_cannot_be_listened_on(call: Call, site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        server = f'[server]\nhealth = "{bind}"\npublic = "192.0.2.1:80"\n'
        with (site / "gateway.toml").open("a") as file:
            file.write(server)
        found = {one["name"]: one for one in call("doctor", "--json").json["findings"]}
    assert found[f"server {bind}"]["state"] == "fail"
    assert found["server 192.0.2.1:80"]["state"] == "fail"


def test_doctor_names_folders_that_cannot_be_written_and_files_that_cannot_be_read(call: Call, site: Path) -> None:
    wrong = '[evidence]\nheads = "/proc/heads"\n[trust]\nstamp_roots = ["away.pem"]\n'
    (site / "gateway.toml").write_text(wrong, encoding="utf-8")
    found = {one["name"]: one for one in call("doctor", "--json").json["findings"]}
    for key, named in {"evidence.heads": "/proc/heads", "trust.stamp_roots": "away.pem"}.items():
        assert (found[key]["state"], named in found[key]["detail"]) == ("fail", True)
    with pytest.raises(SettingsError, match="/proc/heads cannot be written"):
        folders.require(load(site / "gateway.toml"))


def test_doctor_sees_parked_operations_stopped_channels_and_open_keys(
    call: Call, database: Store, parked: str, site: Path
) -> None:
    stopped = {"channel": "register", "stopped": True, "reason": "HTTP 401", "failures": 1, "updated_at": 1}
    database.write_sync(lambda conn: conn.execute(channel_condition.insert(), stopped).rowcount)
    (site / "keys" / "kek-0001.key").chmod(0o644)
    findings = call("doctor", "--json").json["findings"]
    said = "\n".join(f"{one['state']} {one['name']}: {one['detail']} | {one['cure']}" for one in findings)
    assert "ok clock: 0.0 s" in said
    assert "warn operations: 1 wait for a person" in said
    assert "fail channel register: stopped: HTTP 401" in said
    assert "chmod 600" in said
    assert "disk of" in said


def test_doctor_says_names_and_findings_in_the_language_of_the_terminal(
    call: Call, database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    said = call("doctor").out
    assert ("所在磁盘" in said, "与标准答案一致" in said) == (True, True)
    assert ("disk of" in said, "known answers" in said) == (False, False)


def test_doctor_sees_that_the_keys_of_the_database_are_gone(call: Call, parked: str, site: Path) -> None:
    (site / "keys").rename(site / "away")
    found = {one["name"]: one for one in call("doctor", "--json").json["findings"]}["keys"]
    assert found["state"] == "fail"
    assert "sealed" in found["detail"]
    assert "backup" in found["cure"]
    assert not (site / "keys").exists(), "looking makes nothing"


def test_a_wrong_channel_does_not_hide_the_others_from_doctor(call: Call, site: Path) -> None:
    with (site / "gateway.toml").open("a") as file:
        file.write('[channels.seal]\nadapter = "seal.rest"\nurl = "http://127.0.0.1:9/seal"\nnode = "N1"\n')
        file.write('secret = "file:missing.secret"\n')
    found = {one["name"]: one for one in call("doctor", "--json").json["findings"]}
    assert "missing.secret cannot be read" in found["channel seal"]["detail"]
    assert found["channel seal"]["cure"]
    assert "firewall" in found["channel register"]["cure"]


def test_doctor_names_channels_that_let_old_tls_in(call: Call, site: Path) -> None:
    block = '[channels.{0}]\nadapter = "seal.rest"\nurl = "https://127.0.0.1:9/seal"\nnode = "N1"\n'
    with (site / "gateway.toml").open("a") as file:
        file.write(block.format("old") + 'secret = "env:REGISTER_SECRET"\nmin_tls_version = "1.0"\n')
        file.write('tls_ciphers = "DEFAULT:@SECLEVEL=0"\ntls_legacy_renegotiation = true\n')
        file.write(block.format("new") + 'secret = "env:REGISTER_SECRET"\n')
    told = [(one["name"], one["detail"]) for one in call("doctor", "--json").json["findings"] if one["state"] == "warn"]
    assert [detail for name, detail in told if name == "channel old"] == [
        "TLS 1.0 is accepted, with weak signatures",
        "ciphers are DEFAULT:@SECLEVEL=0",
        "the old way of renegotiation is accepted (RFC 5746)",
    ]
    assert [name for name, _ in told if name == "channel new"] == []


def test_doctor_says_what_is_wrong_with_the_settings(call: Call, site: Path) -> None:
    (site / "gateway.toml").write_text("[stroe]\n")
    said = call("doctor", "--json")
    assert said.code == 1
    assert said.json["findings"][-1]["cure"].startswith("Did you mean")


@pytest.mark.parametrize(("days", "state"), [(400, "ok"), (10, "warn"), (-1, "fail")])
def test_a_client_certificate_is_announced_before_it_expires(tmp_path: Path, days: int, state: str) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "client.crt"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found = certificate("channel nontax", file, now)
    assert found.state == state
    assert bool(found.cure) == (state != "ok")


# --- serve ------------------------------------------------------------------------------------------------------------


def test_faces_are_chosen_by_name() -> None:
    assert chosen_faces("payer, api") == ("api", "payer")
    with pytest.raises(SettingsError, match='no face "pay"'):
        chosen_faces("api,pay")


# --- as a person would call it ----------------------------------------------------------------------------------------


def test_the_console_script_prints_exactly_one_json_object(site: Path) -> None:
    script = Path(sys.executable).with_name("gateway")
    done = subprocess.run([script, "channels", "--json"], cwd=site, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["channels"][0]["name"] == "register"
