"""Loads of ``benchmarks.load`` that differ in how tasks arrive."""

import argparse
import asyncio
import time
from collections import Counter
from typing import Final

from benchmarks.bars import Bar
from benchmarks.load_scene import (
    WAIT_S,
    Figures,
    Load,
    Scene,
    at_once,
    our_conf,
    paced,
    waits_s,
)
from benchmarks.results import FOLDER
from benchmarks.series import Series
from benchmarks.usage import in_ms
from tests.fakes.waiting import until

_FAIR_ROBOTS: Final = 10  # of ``fairness``: nine quiet ones and the greedy one


async def _accept(scene: Scene) -> Figures:
    robots, arguments = scene.robots, scene.arguments
    number = int(arguments.rate * arguments.seconds)
    names = ((f"robot-{index % arguments.robots}", f"t-{index}") for index in range(number))
    await paced(robots, arguments.rate, names)
    spent_s = time.monotonic() - min(robots.sent_s.values())
    heard = len(robots.queued_s)
    await until(lambda: len(robots.queued_s) == number, WAIT_S)
    return {
        "tasks": number,
        "offered_per_s": round(number / spent_s, 1),
        "accepted_per_s": round(heard / spent_s, 1),
        "accept_ms": in_ms(waits_s(robots, robots.queued_s)),
        "planned_beside": len(robots.ended_s),
        "without_queued": number - len(robots.queued_s),
    }


async def _roundtrip(scene: Scene) -> Figures:
    robots, arguments = scene.robots, scene.arguments
    until_s, number = time.monotonic() + arguments.seconds, 0
    while time.monotonic() < until_s:
        robots.send("robot", f"t-{number}")
        await robots.end_of(f"t-{number}")
        number += 1
    return {
        "tasks": number,
        "queued_ms": in_ms(waits_s(robots, robots.queued_s)),
        "planned_ms": in_ms(waits_s(robots, robots.ended_s)),
    }


async def _burst(scene: Scene) -> Figures:
    robots, arguments = scene.robots, scene.arguments
    names = (
        (f"robot-{index % arguments.robots}", f"t-{index}") for index in range(arguments.tasks)
    )
    await at_once(robots, names)
    sent_s = time.monotonic() - min(robots.sent_s.values())
    await until(lambda: robots.taken_by_broker == arguments.tasks, WAIT_S)
    taken_s = time.monotonic() - min(robots.sent_s.values())
    await until(lambda: len(robots.ended_s) == arguments.tasks, WAIT_S)
    return {
        "tasks": arguments.tasks,
        "handed_over_in_s": round(sent_s, 2),
        "taken_by_broker_in_s": round(taken_s, 2),
        "queued_in_s": round(max(robots.queued_s.values()) - min(robots.sent_s.values()), 1),
        "planned_in_s": round(max(robots.ended_s.values()) - min(robots.sent_s.values()), 1),
        "lost": arguments.tasks - len(robots.ended_s),
        "ends": Counter(robots.ends.values()),
        "rss_mib": round(scene.node.rss_bytes / 2**20, 1),
    }


async def _steady(scene: Scene) -> Figures:
    robots, arguments = scene.robots, scene.arguments
    rate = arguments.robots / 10
    number = int(rate * arguments.seconds)
    names = ((f"robot-{index % arguments.robots}", f"t-{index}") for index in range(number))
    series = Series(scene.node)
    watching = asyncio.create_task(series.watch())
    await paced(robots, rate, names)
    await until(lambda: len(robots.ended_s) == number, WAIT_S)
    watching.cancel()
    if arguments.keep:
        series.draw(FOLDER / f"{arguments.keep}.svg")
    return {
        "tasks": number,
        "robots": arguments.robots,
        "planned_ms": in_ms(waits_s(robots, robots.ended_s)),
        "ends": Counter(robots.ends.values()),
        **series.figures(),
    }


async def _fairness(scene: Scene) -> Figures:
    """Nine quiet robots at a steady pace, alone; then beside one that sends nine times as much.

    Ten robots share fewer places for plans, and the greedy one asks for more than is to be had: its
    queue grows, so that at each place that becomes free somebody is preferred to somebody.
    """
    robots, arguments = scene.robots, scene.arguments
    quiet = int(arguments.rate / 10 * arguments.seconds)
    alone = ((f"quiet-{index % 9}", f"alone-{index}") for index in range(quiet))
    await paced(robots, arguments.rate / 10, alone)
    await until(lambda: len(robots.ended_s) == quiet, WAIT_S)
    beside = (
        ("greedy", f"greedy-{index}")
        if index % 10
        else (f"quiet-{index // 10 % 9}", f"beside-{index}")
        for index in range(10 * quiet)
    )
    await paced(robots, arguments.rate, beside)
    mine = [f"beside-{index}" for index in range(0, 10 * quiet, 10)]
    await until(lambda: all(task_id in robots.ended_s for task_id in mine), WAIT_S)
    meanwhile = sum(one.startswith("greedy-") for one in robots.ended_s)
    await until(lambda: len(robots.queued_s) == 11 * quiet, WAIT_S)
    before = in_ms(waits_s(robots, robots.ended_s, "alone-"))
    after = in_ms(waits_s(robots, robots.ended_s, "beside-"))
    return {
        "quiet_tasks": quiet,
        "greedy_tasks": 9 * quiet,
        "robots_without_a_place": _FAIR_ROBOTS - arguments.places,
        "greedy_ended_meanwhile": meanwhile,
        "greedy_left_waiting": 9 * quiet - meanwhile,
        "quiet_alone_ms": before,
        "quiet_beside_greedy_ms": after,
        "times": {name: round(after[name] / before[name], 2) for name in before},
        "ends": Counter(robots.ends.values()),
    }


def _few_places(arguments: argparse.Namespace) -> dict[str, str]:
    return {"QUEUE__RUNNING": str(arguments.places)}


LOADS: Final = {
    "accept": Load(
        "L1: sent → QUEUED heard, at --rate",
        _accept,
        bars=(Bar("accept_ms.p99", at_most=50.0), Bar("without_queued", at_most=0)),
    ),
    "burst": Load(
        "L3: --tasks at once, our mosquitto.conf",
        _burst,
        conf=our_conf,
        bars=(Bar("lost", at_most=0),),
    ),
    "busy": Load(
        "F19: as accept, while --busy-threads of the node compute",
        _accept,
        defaults={"rate": 100.0, "seconds": 60.0, "busy_threads": 1},
        bars=(Bar("accept_ms.p99", at_most=100.0), Bar("without_queued", at_most=0)),
    ),
    "fairness": Load(
        "L11: one robot sends nine tasks in ten, more than --places can plan",
        _fairness,
        defaults={"rate": 20.0, "chunk_ms": 5.0},
        settings=_few_places,
        bars=(
            Bar("times.p50", at_most=2.0),
            Bar("times.p99", at_most=2.0),
            Bar("robots_without_a_place", at_least=1),  # else nobody competes
        ),
    ),
    "roundtrip": Load(
        "L2: one task at a time, sent → PLANNED",
        _roundtrip,
        bars=(Bar("planned_ms.p50", at_most=10.0), Bar("planned_ms.p99", at_most=25.0)),
    ),
    "steady": Load(
        "L5: one task a robot each 10 s; memory and descriptors",
        _steady,
        bars=(Bar("rss_growth_mib", at_most=50.0),),
    ),
}
