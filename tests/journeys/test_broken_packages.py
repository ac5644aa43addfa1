"""A stranger's broken package stops the start with one sentence; what tells people about packages goes on serving."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from command_line import Commands, commands

__all__ = ["commands"]  # a fixture made elsewhere

SETTINGS = """
[store]
url = "{url}"

[server]
api = "127.0.0.1:0"
console = "127.0.0.1:0"
payer = "127.0.0.1:0"
callbacks = "127.0.0.1:0"
"""
TABLE = """
from sqlalchemy import Column, String, Table
from gateway.foundation.store.base import metadata

payment = Table("payment", metadata, Column("id", String(40), primary_key=True))
"""
LIFE = """
from enum import StrEnum
from sqlalchemy import Column, MetaData, String, Table
from gateway.foundation.lives import Edge, Life

State = StrEnum("State", ["ON"])
LIFE = Life("seals", Table("tour", MetaData(), Column("status", String)), (Edge(None, State.ON, None, "it begins"),))
"""
ADAPTER = """
from pydantic import BaseModel, ConfigDict
from gateway.ports.base import AdapterInfo

class Moon:
    info = AdapterInfo(kind="moon", name="moon.anlan", contract="moon/v1", capabilities=frozenset())

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, settings, wire, clock):
        pass

    async def check(self):
        return "it shines"

    async def close(self):
        pass
"""
CHANNEL = """
[channels.moon]
adapter = "moon.anlan"
url = "http://127.0.0.1:1"
"""
PART = """
from gateway.foundation.http.views import View
from gateway.rooms.decisions.parts import Contribution, Part

PART = Part("payments", View, lambda conn, decision: Contribution([]))
"""


@dataclass(frozen=True)
class Broken:
    """A package: its rooms by entry point, its other modules, and what the start says of it."""

    sentence: str
    rooms: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    adapters: str = ""
    settings: str = ""

    def install(self, site: Path) -> None:
        """Write it, with the entry points of a distribution."""
        entries = ["[gateway.rooms]"]
        for number, (name, source) in enumerate(self.rooms.items()):
            (site / f"stranger_{number}.py").write_text(source, encoding="utf-8")
            entries.append(f"{name.rstrip('_')} = stranger_{number}:ROOM")
        for name, source in self.modules.items():
            (site / f"{name}.py").write_text(source, encoding="utf-8")
        info = site / "stranger-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1\n", encoding="utf-8")
        (info / "entry_points.txt").write_text("\n".join([*entries, self.adapters]), encoding="utf-8")


def room(keywords: str = "", opened: str = "Opened()", name: str = "tours") -> str:
    """The module of a room that opens as ``opened``."""
    return f"""
from gateway.foundation.rooms import Duty, Opened, Room
from gateway.ports.seal import SealNotice

def open_room(base, rooms):
    return {opened}

ROOM = Room(name="{name}", package=__name__, open=__name__ + ":open_room", {keywords})
"""


def one(keywords: str = "", opened: str = "Opened()") -> dict[str, str]:
    """One room, tours."""
    return {"tours": room(keywords, opened)}


CASES = {
    "it cannot be imported": Broken(
        'the room "tours" of stranger cannot be imported: ModuleNotFoundError: ', {"tours": "import no_such_module"}
    ),
    "it is no room": Broken('"tours" of stranger is no Room', {"tours": "ROOM = 1"}),
    "it calls itself otherwise": Broken(
        'the room "tours" of stranger calls itself "trips"', {"tours": room(name="trips")}
    ),
    "two rooms of one name": Broken('two rooms are called "payments"', {"payments": room(name="payments")}),
    "an unknown need": Broken('the room "tours" needs comets, which is not installed', one('needs=("comets",)')),
    "a circle": Broken(
        "these rooms need each other in a circle: tours, trips",
        {"tours": room('needs=("trips",)'), "trips": room('needs=("tours",)', name="trips")},
    ),
    "a kind twice": Broken(
        'both bring the kind "seal"', one('kind="seal", capability="tours", port="gateway.ports.seal:SealService"')
    ),
    "a capability twice": Broken(
        'both bring the capability "seals"',
        one('kind="tour", capability="seals", port="gateway.ports.seal:SealService"'),
    ),
    "a command twice": Broken('both bring the command "payments"', one('commands={"payments": ":x"}')),
    "a command of the frame": Broken('the room "tours" brings the command "serve"', one('commands={"serve": ":x"}')),
    "a scope twice": Broken('both bring the scope "seals:read"', one('scopes=("seals:read",)')),
    "a place that is not there": Broken(
        'the room "tours" names tour_lives, which cannot be imported: ModuleNotFoundError: ',
        one('lives=("tour_lives",)'),
    ),
    "a life of another one's name": Broken(
        "ValueError: two lives are called seals: of sealed_document and of tour",
        one('lives=("tour_lives",), needs=("seals",)'),
        {"tour_lives": LIFE},
    ),
    "a table of another one's name": Broken(
        "InvalidRequestError: Table 'payment' is already defined",
        one('tables="tour_tables", revisions="tour_revisions", needs=("payments",)'),
        {"tour_tables": TABLE},
    ),
    "tables without revisions": Broken('the room "tours" has tables and no revisions', one('tables="tour_tables"')),
    "a decision's part twice": Broken(
        'two rooms show "payments" of a decision', one('decision_part="tour_part:PART"'), {"tour_part": PART}
    ),
    "a route that is not there": Broken(
        'the room "tours" names stranger_0:router, which is not there', one('routes=("stranger_0:router",)')
    ),
    "opening it fails": Broken('the room "tours" cannot be opened: ZeroDivisionError: ', one(opened="1 / 0")),
    "it opens as nothing": Broken('the room "tours" opens as NoneType, not as Opened', one(opened="None")),
    "a service of no room": Broken(
        "no room that is open by now brings SealNotice", one(opened="rooms.get(SealNotice)")
    ),
    "an unknown event": Broken(
        'the room "tours" hears "comet.seen", which nothing emits', one(opened='Opened(hears={"comet.seen": (print,)})')
    ),
    "a notice twice": Broken("two rooms take SealNotice", one(opened="Opened(callbacks={SealNotice: print})")),
    "a duty twice": Broken(
        'two duties are called "tour"',
        one(opened='Opened(comes_round=(Duty("tour", "0 8 * * *", print), Duty("tour", "0 9 * * *", print)))'),
    ),
    "no crontab": Broken('the room "tours": ', one(opened='Opened(comes_round=(Duty("tour", "now", print),))')),
    "an adapter of a kind that no room serves": Broken(
        'no installed room serves channels of the kind "moon"',
        modules={"tour_moon": ADAPTER},
        adapters="[gateway.adapters]\nmoon.anlan = tour_moon:Moon",
        settings=CHANNEL,
    ),
}


@pytest.mark.parametrize("broken", CASES.values(), ids=CASES.keys())
@pytest.mark.cases_by_day(8)
def test_it_stops_the_start_with_one_sentence(
    broken: Broken, commands: Commands, tmp_path: Path, sqlite_url: str
) -> None:
    site, settings = tmp_path / "site", tmp_path / "gateway.toml"
    site.mkdir()
    broken.install(site)
    settings.write_text(SETTINGS.format(url=sqlite_url) + broken.settings, encoding="utf-8")

    def begin(*words: str):
        return commands.begin(*words, site=site, settings=settings)

    start, adapters, doctor = begin("serve"), begin("adapters", "--json"), begin("doctor", "--json")
    refused = start.wait()
    told = [line for line in refused.err.splitlines() if line.startswith("Error: ")]
    assert refused.code == 3, refused.err
    assert len(told) == 1, refused.err
    assert broken.sentence in told[0]
    assert "Traceback" not in refused.err
    assert "Cure: " in refused.err

    listed = adapters.wait()
    assert listed.code == 0, listed.err
    assert "nontax.soap" in {one["name"] for one in listed.json["adapters"]}
    looked = doctor.wait()
    assert looked.code in (0, 1), looked.err
    assert {"crypto SM3", "keys"} & {one["name"] for one in looked.json["findings"]}
