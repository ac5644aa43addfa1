"""``gateway payments`` on an installation: bills come over, and show."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import pytest

from gateway.foundation.store import Store
from gateway.rooms.payments import IncomeItem, LineKind, Unit, records
from gateway.words.clock import SystemClock

CHANNEL = """
[channels.nontax]
adapter = "nontax.soap"
url = "http://127.0.0.1:9/nontax"
secret = "env:REGISTER_SECRET"
node_code = "K9901000001"
platform_node = "F990100"

[[routes]]
authority = "*"
capability = "payments"
channels = ["nontax"]
"""
HEADER = "authority,decision_number,decided_on,code,reference,party_kind,party_name,party_uscc,fine"
ROW = (
    "A1,望综罚〔2025〕{n}号,2026-03-02,9901022630000000000{n},OLD{n},"
    "individual_business,味安副食店,92990102MA0WA4562J,{fine}"
)


@pytest.fixture
def bills(site: Path, database: Store) -> Path:
    """A file with a good row and a bad one, and an installation that could take the good one."""
    settings = site / "gateway.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + CHANNEL, encoding="utf-8")
    item = IncomeItem("103050199", "其他一般罚没收入")
    unit = Unit("990102001", "望川区综合行政执法局", "990102", {LineKind.FINE: item})

    async def prepare() -> None:
        start = date(SystemClock().now().year - 1, 1, 1)
        await database.write(lambda conn: records.set_unit(conn, "A1", unit, start))

    asyncio.run(prepare())
    database.close()
    file = site / "bills.csv"
    rows = [HEADER, ROW.format(n=1, fine="200.00"), ROW.format(n=2, fine="贰佰")]
    file.write_text("\r\n".join(rows), encoding="utf-8")
    return file


def test_a_dry_run_names_the_bad_row_by_its_line_and_writes_nothing(call, bills):
    said = call("payments", "import", str(bills), "--dry-run")
    assert said.code == 1
    assert "99010226300000000002" in said.out
    assert "1 would be imported, 0 known already, 1 bad." in said.out
    assert call("payments", "list", "--json").json == {"payments": []}


def test_the_good_rows_come_over_when_a_part_is_wanted_and_can_be_looked_at(call, bills):
    whole = call("payments", "import", str(bills), "--json")
    assert (whole.code, whole.json["written"]) == (1, False)
    part = call("payments", "import", str(bills), "--partial", "--json")
    assert (part.code, part.json["written"], part.json["new"], part.json["bad"]) == (1, True, 1, 1)
    assert [row["line"] for row in part.json["rows"] if row["outcome"] == "bad"] == [3]
    listed = call("payments", "list", "--json").json["payments"]
    assert [(one["code"], one["amount"], one["status"]) for one in listed] == [
        ("99010226300000000001", "200.00", "ISSUED")
    ]
    for party, theirs in (("味安副食店", listed), ("92990102ma0wa4562j", listed), ("味安", [])):
        assert call("payments", "list", "--party", party, "--json").json == {"payments": theirs}
    shown = call("payments", "show", "99010226300000000001", "--json").json
    assert [one["type"] for one in shown["events"]] == ["payment.imported"]
    assert call("payments", "refunds", "--json").json == {"refunds": []}
    again = call("payments", "import", str(bills), "--partial", "--json").json
    assert (again["known"], again["new"]) == (1, 0)


def test_a_payment_that_does_not_exist_and_a_file_that_cannot_be_read_are_refused(call, bills):
    assert call("payments", "show", "pay_nothing").code == 4
    assert call("payments", "import", str(bills.with_name("gone.csv"))).code == 4
