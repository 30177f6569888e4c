"""How fast the journal takes tasks in: callers in a closed loop, each waiting for the disk.

Run: python -m benchmarks.journal --callers 50 --seconds 5 [--folder FOLDER_ON_THE_DISK_TO_MEASURE]
Or over a PostgreSQL: --url postgresql://user@host/an_empty_database
"""

import argparse
import asyncio
import json
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.results import command_of
from benchmarks.usage import in_ms
from messages.task import TaskCommand
from planner_node.journal.opening import AnyJournal, journal_of
from planner_node.settings import JournalSettings
from planner_node.tasks.record import Event, EventKind, TaskRecord


def main() -> None:
    arguments = _arguments()
    machine = {**describe(), "sqlite": sqlite3.sqlite_version}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        figures = asyncio.run(_measure(Path(folder).absolute(), arguments))
    report = {
        "command": command_of("benchmarks.journal"),
        "machine": machine,
        "callers": arguments.callers,
        "commit_wait_ms": arguments.commit_wait_ms,
        **figures,
    }
    print(json.dumps(report, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--commit-wait-ms", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--url", default="")
    return parser.parse_args()


async def _measure(folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    settings = JournalSettings(
        url=arguments.url or f"sqlite:///{folder}/planner.db",
        commit_wait_ms=arguments.commit_wait_ms,
    )
    journal: AnyJournal = journal_of(settings, "benchmark", outbox=True)
    await journal.start()
    waits_s: list[float] = []
    started = time.perf_counter()
    until = started + arguments.seconds
    callers = (_caller(journal, name, until, waits_s) for name in range(arguments.callers))
    await asyncio.gather(*callers)
    taken_s = time.perf_counter() - started
    await journal.close()
    return {
        "admits": len(waits_s),
        "admits_per_s": round(len(waits_s) / taken_s, 1),
        **{f"{name}_ms": wait_ms for name, wait_ms in in_ms(waits_s).items()},
    }


async def _caller(journal: AnyJournal, name: int, until: float, waits_s: list[float]) -> None:
    number = 0
    while (begun := time.perf_counter()) < until:
        number += 1
        task_id = f"task-{name}-{number}"
        await journal.admit(_record(task_id), [_queued(task_id)])
        waits_s.append(time.perf_counter() - begun)


def _record(task_id: str) -> TaskRecord:
    now = datetime.now(UTC)
    command = TaskCommand(instruction="將書本放在側桌上，然後回到充電座。", task_id=task_id)
    return TaskRecord(task_id, "robot-1", command, "0" * 64, "zh-TW", received=now, queued=now)


def _queued(task_id: str) -> Event:
    return Event(EventKind.STATUS, b'{"status": "QUEUED", "filler": "%s"}' % (b"x" * 500), task_id)


if __name__ == "__main__":
    main()
