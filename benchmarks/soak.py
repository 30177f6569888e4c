"""Kill a node again and again under load, and count what was lost: ``make soak``.

    python benchmarks/soak.py --kills 200                 the scripted model (every plan differs)
    python benchmarks/soak.py --kills 20 --model embedded the real one

Ends with status 1 if one of the invariants of ``tests/faults/checker.py`` does not hold. Needs a
mosquitto (or a Docker engine) and the test environment.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fakes.mosquitto import running
from tests.faults.checker import Checker
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import REAL, SCRIPTED, NodeProcess

ROBOTS: Final = 20
TASKS_PER_LIFE: Final = 20
LONGEST_LIFE_S: Final = 1.5
END_S: Final = 600.0


async def soak(folder: Path, kills: int, model: str, seed: int) -> list[str]:
    """Return what was wrong."""
    chance = random.Random(seed)
    history = History(folder / "history.jsonl")
    sent: list[str] = []
    with running(folder) as broker:
        command = REAL if model == "embedded" else SCRIPTED
        node = NodeProcess(folder, broker.url, command=command, script={"CHUNK_S": "0.01"})
        async with Fleet(broker.port, history) as fleet:
            for life in range(kills):
                await one_life(fleet, node, sent, chance.uniform(0, LONGEST_LIFE_S))
                if life % 10 == 9:
                    print(f"{life + 1} kills, {len(sent)} tasks, {ended(fleet)} ended", flush=True)
            node.start()
            await node.until_ready()
            await node.until_readyz(200)
            await fleet.until_ended(*sent, deadline_s=END_S)
            await node.stop()
            await fleet.until_true(lambda: fleet.node_states["planner-1"] == "OFFLINE")
    checker = Checker(history)
    checker.check_wire()
    checker.check_journal(node.journal)
    checker.check_runs(node)
    checker.check_presence(node.node_id)
    return checker.faults


async def one_life(fleet: Fleet, node: NodeProcess, sent: list[str], life_s: float) -> None:
    """Start, send, live for a while, die."""
    node.start()
    await node.until_ready()
    for number in range(TASKS_PER_LIFE):
        task_id = f"soak-{len(sent)}"
        fleet.task(f"robot-{number % ROBOTS}", task_id, f"將書本 {task_id} 放在側桌上。")
        sent.append(task_id)
    await asyncio.sleep(life_s)
    node.kill()
    fleet.history.fault("kill -9")


def ended(fleet: Fleet) -> int:
    return sum(state in {"PLANNED", "FAILED", "DECLINED"} for state in fleet.states.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--model", choices=["scripted", "embedded"], default="scripted")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the history and the journal stay")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="planner-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()
    faults = asyncio.run(soak(folder, arguments.kills, arguments.model, arguments.seed))
    print("\n".join(faults))
    spent_s = round(time.monotonic() - began_s)
    print(json.dumps({"kills": arguments.kills, "faults": len(faults), "seconds": spent_s}))
    print(f"kept in {folder}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
