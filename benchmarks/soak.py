"""Kill a node again and again under load, and count what was lost: a part of ``make soak``.

    python -m benchmarks.soak --kills 200                  the scripted model (every plan differs)
    python -m benchmarks.soak --kills 200 --model embedded the real one

One life in four ends at a random moment of its start, the others at a random moment under load.
Ends with status 1 if one of the invariants of ``tests/faults/checker.py`` does not hold. Needs a
mosquitto (or a Docker engine) and the test environment.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.results import command_of, keep
from benchmarks.warm import WarmProcess
from tests.fakes.mosquitto import running
from tests.faults import evidence
from tests.faults.checker import Checker
from tests.faults.fleet import TERMINAL, Fleet
from tests.faults.history import History
from tests.faults.newcomer import look
from tests.faults.nodes import NodeProcess

ROBOTS: Final = 20
OPEN_TASKS: Final = 24  # sent and not ended: the load is never less, and never piles up
NEW_TASKS: Final = 4  # at least, in each life
LONGEST_LIFE_S: Final = 3.0
KILLED_WHILE_STARTING: Final = 0.25
END_S: Final = 900.0
START_S: Final = 240.0  # on a machine that others use too
SETTINGS: Final = {
    "PLANNER__MAX_ATTEMPTS": "1000"  # the node is killed on purpose, the tasks are not at fault
}
INSTRUCTIONS: Final = (
    "將書本放在側桌上。",
    "put some book on sidetable",
    "把杯子洗乾淨後放到架子上。",
    "bring the red cup to the kitchen",
)


@dataclass
class Lives:
    """The node, who speaks with it, and what was done so far."""

    node: NodeProcess
    fleet: Fleet
    chance: random.Random
    sent: list[str] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)
    start_s: float = 8.0  # how long the last whole start took

    async def one(self) -> None:
        """Start, send, live for a while, die."""
        began_s = time.monotonic()
        self.node.start()
        self.send()
        if self.chance.random() < KILLED_WHILE_STARTING:
            await asyncio.sleep(self.chance.uniform(0, self.start_s))
            self.die("while starting")
            return
        await self.node.until_ready(START_S)
        self.start_s = time.monotonic() - began_s
        self.send()
        await asyncio.sleep(self.chance.uniform(0, LONGEST_LIFE_S))
        self.die("under load")

    def die(self, when: str) -> None:
        self.node.kill()
        self.fleet.history.fault(f"kill -9 {when}")
        self.deaths[when] += 1

    def send(self) -> None:
        """Send what is missing to the load, and a few in any case."""
        for _ in range(max(NEW_TASKS, OPEN_TASKS - len(self.sent) + self.ended)):
            number = len(self.sent)
            task_id = f"soak-{number}"
            said = f"{INSTRUCTIONS[number % len(INSTRUCTIONS)]} ({number})"
            self.fleet.task(f"robot-{number % ROBOTS}", task_id, said)
            self.sent.append(task_id)

    @property
    def ended(self) -> int:
        return sum(state in TERMINAL for state in self.fleet.states.values())


async def soak(folder: Path, kills: int, model: str, seed: int) -> dict[str, object]:
    """Return what was done and what was wrong."""
    history = History(folder / "history.jsonl")
    with running(folder) as broker:
        node = NodeProcess(folder, broker.url, settings=SETTINGS, script={"CHUNK_S": "0.05"})
        if model == "embedded":
            node.launch = WarmProcess
        async with Fleet(broker.port, history) as fleet:
            lives = Lives(node, fleet, random.Random(seed))
            try:
                await kill_again_and_again(lives, kills)
                await begin(node)
                ended = await end_in_good_order(node, fleet, lives.sent)
            finally:
                node.kill()
    wrong = violations(history, node)
    return {
        "deaths": lives.deaths,
        "tasks": len(lives.sent),
        "acknowledged": len(fleet.acked),
        "ends": Counter(fleet.states[task_id] for task_id in lives.sent),
        "generations_begun_again": begun_again(history),
        **ended,
        "violations": wrong,
        "kept_in": str(evidence.keep(folder, wrong)) if wrong else None,
    }


async def kill_again_and_again(lives: Lives, kills: int) -> None:
    await begin(lives.node)
    await lives.node.stop()
    for number in range(1, kills + 1):
        await lives.one()
        if number % 10 == 0:
            told = f"{len(lives.sent)} tasks, {lives.ended} ended"
            print(f"{number} kills, {told}", flush=True)


async def begin(node: NodeProcess) -> None:
    """Start a node, and wait until the broker knows its session: nothing falls beside."""
    node.start()
    await node.until_ready(START_S)
    await node.until_readyz(200)


async def end_in_good_order(
    node: NodeProcess, fleet: Fleet, sent: Sequence[str]
) -> dict[str, object]:
    """Let everything come to its end, and stop."""
    await fleet.until_ended(*sent, deadline_s=END_S)
    rss_mib = round(node.rss_bytes / 2**20, 1)
    code = await node.stop()
    await fleet.until_offline(node.node_id)
    await look(fleet)
    return {"rss_mib": rss_mib, "exit_code": code}


def begun_again(history: History) -> int:
    """Count the attempts beyond the first that a robot heard: plans that a kill cut in half."""
    attempts: dict[str, int] = {}
    for line in history.of("received"):
        if line.fields["topic"].endswith("/subtasks/stream") and not line.fields["retain"]:
            event = json.loads(line.fields["payload"])
            known = attempts.get(event["task_id"], 1)
            attempts[event["task_id"]] = max(known, event["attempt"])
    return sum(attempt - 1 for attempt in attempts.values())


def violations(history: History, node: NodeProcess) -> list[str]:
    checker = Checker(history)
    checker.check_wire()
    checker.check_order()
    checker.check_retained()
    checker.check_journal(node)
    checker.check_runs(node)
    checker.check_presence(node.node_id)
    return checker.faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--model", choices=["scripted", "embedded"], default="scripted")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="a new one for the history and journal")
    parser.add_argument("--keep", action="store_true", help="keep the report in benchmarks/results")
    arguments = parser.parse_args()
    folder = evidence.fresh(arguments.folder or Path(tempfile.mkdtemp(prefix="planner-soak-")))
    began_s = time.monotonic()
    found = asyncio.run(soak(folder, arguments.kills, arguments.model, arguments.seed))
    report = {
        "command": command_of("benchmarks.soak"),
        "load": os.getloadavg()[0],
        "seconds": round(time.monotonic() - began_s),
        **found,
    }
    print(json.dumps(report, ensure_ascii=False, indent=2))
    if arguments.keep:
        keep(f"kills-{arguments.model}", report)
    sys.exit(bool(found["violations"]))


if __name__ == "__main__":
    main()
