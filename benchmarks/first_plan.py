"""The first plan after a start, when nothing was rehearsed and when it was: forwards and time.

    python -m benchmarks.first_plan                 # 12 sentences, each the first of two nodes
    python -m benchmarks.first_plan --sentences 30

No two sentences are alike, and none is rehearsed. Each node loads its model anew; the two ways take
turns. Kept in benchmarks/results/first_plan.json.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from statistics import median
from tempfile import TemporaryDirectory

from tqdm import tqdm

from benchmarks.embedded_latency import CONFIG, Planned, ask, plan
from benchmarks.machine import describe
from benchmarks.peers.instructions import varied
from benchmarks.results import command_of, keep
from planner_node.node.build import build
from planner_node.prompt.catalog import load_catalog
from planner_node.settings import Settings, load

REHEARSALS_S = {"nothing rehearsed": 0, "rehearsed": 5}
SEED = 7


async def first_plan(said: str, settings: Settings) -> tuple[Planned, float]:
    """Start a node and ask it; return its plan, and the seconds until it was ready."""
    catalog = load_catalog(settings.planner.tools_dir, settings.planner.prompts_dir)
    began_s = time.perf_counter()
    node = build(settings, broker=False)
    async with node.running():
        await node.ready()
        ready_s = time.perf_counter() - began_s
        return await plan(node.completer, ask(said, settings, catalog)), ready_s


def settings_of(rehearsal_s: int, folder: str) -> Settings:
    """The shipped settings with a journal of their own."""
    shipped = load(CONFIG)
    engine = shipped.engine.model_copy(update={"rehearsal_s": rehearsal_s})
    journal = shipped.journal.model_copy(update={"url": f"sqlite:///{folder}/planner.db"})
    return shipped.model_copy(update={"engine": engine, "journal": journal})


def measure(sentences: int) -> dict[str, list[tuple[Planned, float]]]:
    """Plan each sentence once in each way."""
    made: dict[str, list[tuple[Planned, float]]] = {way: [] for way in REHEARSALS_S}
    with TemporaryDirectory() as folder:
        for _, said in tqdm(varied(sentences, seed=SEED)):
            for way, rehearsal_s in REHEARSALS_S.items():
                made[way].append(asyncio.run(first_plan(said, settings_of(rehearsal_s, folder))))
    return made


def figures(made: Sequence[tuple[Planned, float]]) -> dict[str, float]:
    """Sums and medians of one way."""
    plans = [one for one, _ in made]
    return {
        "tokens": sum(one.tokens for one in plans),
        "forward_passes": sum(one.forward_passes for one in plans),
        "first_subtask_ms": round(median(one.first_subtask_ms for one in plans), 1),
        "whole_plan_ms": round(median(one.whole_plan_ms for one in plans), 1),
        "ready_s": round(median(ready_s for _, ready_s in made), 2),
    }


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sentences", type=int, default=12)
    arguments = parser.parse_args()
    machine = describe(None)
    ways = {way: figures(made) for way, made in measure(arguments.sentences).items()}
    report = {
        "command": command_of("benchmarks.first_plan"),
        "machine": machine,
        "sentences": arguments.sentences,
        **ways,
    }
    print(json.dumps(report, indent=2))
    print(keep("first_plan", report))


if __name__ == "__main__":
    main()
