"""Opens the room of jobs."""

from __future__ import annotations

from gateway.foundation.base import Foundation
from gateway.foundation.rooms import Duty, Opened, Services
from gateway.rooms.imports.decisions import DecisionBatches
from gateway.rooms.imports.service import Imports
from gateway.rooms.jobs.import_files import ImportFiles
from gateway.rooms.jobs.kinds import Planning
from gateway.rooms.jobs.service import Jobs
from gateway.rooms.reconciliation import Reconciliation


def open_room(base: Foundation, rooms: Services) -> Opened:
    """What was begun goes on each minute, wherever it was cut."""
    jobs = Jobs(base)
    return Opened(
        services=(
            jobs,
            Planning(base, rooms.get(Reconciliation)),
            ImportFiles(rooms.get(Imports), rooms.get(DecisionBatches)),
        ),
        comes_round=(Duty("jobs that were cut", "* * * * *", jobs.go_on),),
        close=jobs.close,
    )
