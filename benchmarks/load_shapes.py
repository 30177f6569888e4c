"""Loads of ``benchmarks.load`` that look at how plans come: piece by piece, beside a slow robot."""

import argparse
import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from benchmarks.bars import Bar
from benchmarks.load_scene import WAIT_S, Figures, Load, Scene, paced, waits_s
from benchmarks.outbox import Outbox
from benchmarks.robots import Listener, SlowListener
from benchmarks.usage import in_ms
from tests.fakes.waiting import until
from tests.faults.scripted_node import CHUNKS_OF_A_PLAN

_PIECE_CHARS: Final = 80  # of the model's text; more than the call's beginning and one subtask
_SLOW: Final = "slow"
_HEARS_SLOW: Final = (f"robots/{_SLOW}/status", f"robots/{_SLOW}/subtasks/#")


def spoken_plan() -> str:
    """Return a call in equal pieces, in each of which exactly one subtask closes."""
    pieces = []
    for number in range(CHUNKS_OF_A_PLAN):
        head = '{"name":"decompose_task","parameters":{"tasks":[' if number == 0 else ""
        tail = "]}}" if number == CHUNKS_OF_A_PLAN - 1 else ","
        begin, end = f'{head}{{"task":"{number}","description":"', f'"}}{tail}'
        pieces.append(begin + "x" * (_PIECE_CHARS - len(begin) - len(end)) + end)
    return "".join(pieces)


@dataclass
class _Heard:
    """What one robot heard of its plans' streams."""

    deviations_s: list[float] = field(default_factory=list)
    first_s: float = float("inf")
    last_s: float = 0.0
    plans: int = 0
    plans_out_of_order: int = 0
    subtasks: int = 0

    def add(self, came: list[tuple[int, float]], chunk_s: float) -> None:
        """Add one plan's subtasks, (index, moment), as they came."""
        self.plans += 1
        self.first_s = min(self.first_s, came[0][1])
        self.last_s = max(self.last_s, came[-1][1])
        self.subtasks += len(came)
        self.plans_out_of_order += [index for index, _ in came] != list(range(CHUNKS_OF_A_PLAN))
        gaps_s = [after_s - before_s for (_, before_s), (_, after_s) in pairwise(came)]
        self.deviations_s += [gap_s - chunk_s for gap_s in gaps_s]

    def figures(self) -> Figures:
        return {
            "deviation_ms": in_ms([abs(one_s) for one_s in self.deviations_s]),
            "longer_at_most_ms": round(max(self.deviations_s) * 1_000, 2),
            "shorter_at_most_ms": round(-min(self.deviations_s) * 1_000, 2),
        }


async def _stream(scene: Scene) -> Figures:
    """Keep every robot in a plan; the model's clock gives a subtask each ``--chunk-ms``.

    It runs on the node's loop, so a deviation holds what the clock was late as well.
    """
    robots, arguments = scene.robots, scene.arguments
    ears = await Listener.connected(scene.broker.port, "ears", ("robots/+/subtasks/stream",))
    chunk_s = arguments.chunk_ms / 1_000
    rate = arguments.robots / (CHUNKS_OF_A_PLAN * chunk_s)
    number, said = int(rate * arguments.seconds), f"SAY:{spoken_plan()}"
    names = ((f"robot-{index % arguments.robots}", f"t-{index}") for index in range(number))
    await paced(robots, rate, names, said)
    await until(lambda: len(robots.ended_s) == number, WAIT_S)
    await ears.until_silence(0.5)
    ears.close()
    by_robot = _by_robot(_subtasks(ears), chunk_s)
    together = _Heard([one_s for heard in by_robot.values() for one_s in heard.deviations_s])
    return {
        "plans": sum(heard.plans for heard in by_robot.values()),
        "subtasks": sum(heard.subtasks for heard in by_robot.values()),
        "subtasks_per_s": round(_rate(ears, by_robot.values()), 1),
        "plans_out_of_order": sum(heard.plans_out_of_order for heard in by_robot.values()),
        **together.figures(),
        "ends": Counter(robots.ends.values()),
        "by_robot": {robot: heard.figures() for robot, heard in sorted(by_robot.items())},
    }


def _subtasks(ears: Listener) -> Iterator[tuple[float, dict[str, Any]]]:
    for at_s, payload in ears.heard:
        event = json.loads(payload)
        if event["type"] == "SUBTASK_ADDED":
            yield at_s, event


def _by_robot(
    subtasks: Iterable[tuple[float, dict[str, Any]]], chunk_s: float
) -> dict[str, _Heard]:
    came: defaultdict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for at_s, event in subtasks:
        came[event["robot_id"], event["task_id"]].append((event["seq"], at_s))
    by_robot: defaultdict[str, _Heard] = defaultdict(_Heard)
    for (robot, _), plan in came.items():
        by_robot[robot].add(plan, chunk_s)
    return dict(by_robot)


def _rate(ears: Listener, by_robot: Collection[_Heard]) -> float:
    """Return the subtasks a second while every robot had a plan."""
    begun_s, ended_s = max(one.first_s for one in by_robot), min(one.last_s for one in by_robot)
    if ended_s <= begun_s:
        raise RuntimeError("too short: never had all robots a plan; give more --seconds")
    return sum(begun_s <= at_s < ended_s for at_s, _ in _subtasks(ears)) / (ended_s - begun_s)


async def _slow(scene: Scene) -> Figures:
    """Quick robots alone, then beside a slow one, then alone again: what the machine does."""
    await _quick(scene, "warm", scene.arguments.robots, is_beside=False)
    number = int(scene.arguments.rate * scene.arguments.seconds)
    before = await _quick(scene, "before", number, is_beside=False)
    slow = await SlowListener.connected(scene.broker.port, _SLOW, _HEARS_SLOW)
    acknowledging = asyncio.create_task(slow.acknowledge(1.0))
    beside = await _quick(scene, "beside", number, is_beside=True)
    acknowledging.cancel()
    slow.close()
    after = await _quick(scene, "after", number, is_beside=False)
    with Outbox(scene.node.journal) as outbox:
        for_slow, _ = outbox.published_for(_SLOW)
    return {
        "quick_tasks_a_phase": number,
        "quick_alone_ms": before,
        "quick_beside_slow_ms": beside,
        "quick_alone_again_ms": after,
        "times": {name: round(beside[name] / before[name], 2) for name in before},
        "times_alone_again": {name: round(after[name] / before[name], 2) for name in before},
        "slow": {
            "messages": for_slow,
            "given_by_broker": len(slow.heard),
            "acknowledged": slow.acknowledged,
        },
        "ends": Counter(scene.robots.ends.values()),
    }


async def _quick(scene: Scene, phase: str, number: int, *, is_beside: bool) -> dict[str, float]:
    robots, arguments = scene.robots, scene.arguments
    every = arguments.robots + 1 if is_beside else arguments.robots
    rate = arguments.rate * every / arguments.robots  # the quick ones' stays the same
    sent = [*_tasks_beside(phase, number, arguments.robots, is_beside=is_beside)]
    await paced(robots, rate, iter(sent))
    await until(lambda: all(task_id in robots.ended_s for _, task_id in sent), WAIT_S)
    return in_ms(waits_s(robots, robots.ended_s, f"{phase}-"))


def _tasks_beside(
    phase: str, number: int, robots: int, *, is_beside: bool
) -> Iterator[tuple[str, str]]:
    """Yield the quick robots' tasks in turn, and one of the slow robot's after each turn."""
    for index in range(number):
        yield f"quick-{index % robots}", f"{phase}-{index}"
        if is_beside and index % robots == robots - 1:
            yield _SLOW, f"{_SLOW}-{index}"


def _a_place_each(arguments: argparse.Namespace) -> dict[str, str]:
    return {"QUEUE__RUNNING": str(arguments.robots)}


LOADS: Final = {
    "slow": Load(
        "L6: --robots quick ones at --rate, alone and beside one that acknowledges 1/s",
        _slow,
        defaults={"robots": 99, "rate": 100.0, "seconds": 15.0},
        bars=(Bar("times.p99", at_most=1.2),),
    ),
    "stream": Load(
        "L4: --robots each with a plan that gives a subtask every --chunk-ms",
        _stream,
        defaults={"robots": 20, "chunk_ms": 100.0},
        settings=_a_place_each,
        bars=(Bar("deviation_ms.p99", at_most=20.0), Bar("plans_out_of_order", at_most=0)),
    ),
}
