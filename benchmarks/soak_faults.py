"""A node under load with a random fault every now and then; the invariants are checked at the end.

Run: python -m benchmarks.soak_faults --faults 10 --every-s 120    all faults, one every two minutes
     python -m benchmarks.soak_faults --only kill --faults 200 --every-s 1
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.mosquitto import OPEN_CONF, Mosquitto, running
from tests.faults.checker import check
from tests.faults.fleet import Fleet
from tests.faults.history import History
from tests.faults.nodes import NodeProcess
from tests.faults.proxy import Proxy

ROBOTS = 20
BACK_S = 30.0
DOWN_S = 40.0
SETTINGS = {
    "MQTT__KEEPALIVE_S": "4",
    "MQTT__CONNECT_TIMEOUT_S": "2",
    "MQTT__RECONNECT_MAX_S": "2",
    "PLANNER__DRAIN_S": "3",
    "PLANNER__MAX_ATTEMPTS": "1000",  # the node is killed on purpose, the tasks are not at fault
}


@dataclass
class Scene:
    """What can be broken, and what was sent."""

    broker: Mosquitto
    proxy: Proxy
    node: NodeProcess
    fleet: Fleet
    sent: list[str] = field(default_factory=list)


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        report = asyncio.run(_soak(Path(folder), arguments))
    print(json.dumps(report, ensure_ascii=False, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--faults", type=int, default=10)
    parser.add_argument("--every-s", type=float, default=120.0)
    parser.add_argument("--rate", type=float, default=5.0, help="tasks a second")
    parser.add_argument("--only", choices=sorted(FAULTS), help="this fault and no other")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None)
    return parser.parse_args()


async def _soak(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    began_s, counted = time.monotonic(), Counter[str]()
    history = History(folder / "history.jsonl")
    with running(folder, f"{OPEN_CONF}persistence true\n") as broker:
        async with Proxy(broker.port) as proxy, Fleet(broker.port, history) as fleet:
            node = NodeProcess(folder, proxy.url, settings=SETTINGS)
            async with node:
                scene = Scene(broker, proxy, node, fleet)
                sending = asyncio.create_task(_send(scene, arguments.rate))
                await _break(scene, arguments, counted)
                sending.cancel()
                # The node is ready again in time, and everything that was sent comes to its end.
                await node.until_readyz(200, deadline_s=BACK_S)
                await fleet.until_ended(*scene.sent, deadline_s=600)
                rss_mib = round(node.rss_bytes / 2**20, 1)
                code = await node.stop()
                await fleet.until_true(lambda: fleet.node_states[node.node_id] == "OFFLINE")
    check(history, [node], in_order=True)
    return {
        "command": shlex.join(["python", "-m", "benchmarks.soak_faults", *sys.argv[1:]]),
        "load": os.getloadavg()[0],
        "seconds": round(time.monotonic() - began_s, 1),
        "faults": counted,
        "tasks": len(scene.sent),
        "ends": Counter(fleet.states[task_id] for task_id in scene.sent),
        "lives": node.lives,
        "rss_mib": rss_mib,
        "exit_code": code,
        "invariants": "hold",
    }


async def _break(scene: Scene, arguments: argparse.Namespace, counted: Counter[str]) -> None:
    chance, began_s = random.Random(arguments.seed), time.monotonic()
    for _ in range(arguments.faults):
        name = arguments.only or chance.choice(sorted(FAULTS))
        await asyncio.sleep(arguments.every_s * chance.uniform(0.5, 1.5))
        scene.fleet.history.fault(name)
        counted[name] += 1
        print(f"{time.monotonic() - began_s:7.1f} s  {name}", file=sys.stderr, flush=True)
        await FAULTS[name](scene)


async def _send(scene: Scene, rate: float) -> None:
    for number in itertools.count():
        task_id = f"soak-{number}"
        scene.fleet.task(f"robot-{number % ROBOTS}", task_id, f"bring book {task_id} to the table")
        scene.sent.append(task_id)
        await asyncio.sleep(1 / rate)


async def _kill(scene: Scene) -> None:
    scene.node.kill()
    scene.node.start()
    await scene.node.until_ready()


async def _stop(scene: Scene) -> None:
    if (code := await scene.node.stop()) != 0:
        raise RuntimeError(f"exit code {code}:\n{scene.node.log[-2_000:]}")
    scene.node.start()
    await scene.node.until_ready()


async def _restart_broker(scene: Scene) -> None:
    scene.broker.stop(signal.SIGTERM)
    await scene.node.until_readyz(503, deadline_s=DOWN_S)
    scene.broker.start()
    await scene.node.until_readyz(200, deadline_s=BACK_S)


async def _cut(scene: Scene) -> None:
    scene.proxy.cut()


async def _black_hole(scene: Scene) -> None:
    scene.proxy.is_black_hole = True
    await scene.node.until_readyz(503, deadline_s=DOWN_S)
    scene.proxy.is_black_hole = False
    await scene.node.until_readyz(200, deadline_s=BACK_S)


async def _lost_puback(scene: Scene) -> None:
    scene.proxy.drop_puback_every = 10
    lost = scene.proxy.dropped_pubacks
    await scene.fleet.until_true(lambda: scene.proxy.dropped_pubacks > lost)
    scene.proxy.drop_puback_every = None


FAULTS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "black_hole": _black_hole,
    "cut": _cut,
    "kill": _kill,
    "lost_puback": _lost_puback,
    "restart_broker": _restart_broker,
    "stop": _stop,
}

if __name__ == "__main__":
    main()
