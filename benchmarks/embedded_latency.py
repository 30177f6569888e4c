"""How soon a lone task is planned by the embedded model: first subtask, and the plan of four.

    python -m benchmarks.embedded_latency                       # 36 plans, half of them zh-TW
    python -m benchmarks.embedded_latency --plans 100 --threads 2 --model FOLDER

Each request goes through what a task goes through once it is admitted: prompt, grammar, engine, and
the reader that closes subtasks; with the shipped settings and the three tools. One at a time; the
first four warm up and are not counted. Kept in benchmarks/results/embedded_latency.json.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from benchmarks.machine import describe
from benchmarks.results import command_of, keep
from messages.task import TaskCommand
from messages.wire import new_id
from planner_node.completion.loading import EMBEDDED, LocalModel
from planner_node.completion.request import (
    Completed,
    Completer,
    CompletionRequest,
    CompletionUsage,
    TextChunk,
)
from planner_node.prompt.catalog import Catalog, load_catalog
from planner_node.prompt.conversation import DECOMPOSE_TASK, task_conversation
from planner_node.settings import Settings, load
from planner_node.stream.subtasks import CallReader, SubtaskClosed

CONFIG = Path(__file__).parents[1] / "config" / "planner.yaml"
FOUR = 4
WARM_UP = 4
BARS_MS = {"first_subtask_ms": 150.0, "whole_plan_ms": 500.0}
OBJECTS = {
    "zh-TW": ("書本", "杯子", "藥盒", "螺絲起子", "毛巾", "鑰匙", "水瓶", "文件夾", "橘子"),
    "en": ("book", "cup", "pill box", "wrench", "towel", "key", "bottle", "folder", "orange"),
}
PLACES = {
    "zh-TW": ("側桌", "餐桌", "書架", "工作台"),
    "en": ("side table", "shelf", "desk", "cart"),
}
FRAMES = {"zh-TW": "將{thing}放在{place}上。", "en": "Put the {thing} on the {place}."}


@dataclass(frozen=True, slots=True)
class Planned:
    """One plan: its subtasks, and when the first closed and the answer ended."""

    language: str
    subtasks: int
    first_subtask_ms: float
    whole_plan_ms: float
    tokens: int
    forward_passes: int


def instructions(plans: int) -> list[str]:
    """As many as asked for and those that warm up; zh-TW and English take turns."""
    made = []
    for number in range(plans + WARM_UP):
        language = ("zh-TW", "en")[number % 2]
        turn = number // 2
        things, places = OBJECTS[language], PLACES[language]
        thing, place = things[turn % len(things)], places[turn // len(things) % len(places)]
        made.append(FRAMES[language].format(thing=thing, place=place))
    return made


async def plan(completer: Completer, request: CompletionRequest) -> Planned:
    """Ask once; SystemExit where the answer is no plan."""
    reader, closed_ms, usage = CallReader(), [], CompletionUsage(0, 0, 0, 0.0, 0.0)
    began_s = time.perf_counter()
    async with aclosing(completer.stream(request)) as events:
        async for event in events:
            if isinstance(event, TextChunk):
                closed = sum(isinstance(e, SubtaskClosed) for e in reader.feed(event.text))
                closed_ms += [(time.perf_counter() - began_s) * 1_000] * closed
            elif isinstance(event, Completed):
                usage = event.usage
    whole_ms = (time.perf_counter() - began_s) * 1_000
    if not closed_ms:
        raise SystemExit(f"no plan for {request.messages[-1].content!r}")
    return Planned(
        request.language or "",
        len(closed_ms),
        closed_ms[0],
        whole_ms,
        usage.completion_tokens,
        usage.forward_passes,
    )


def ask(said: str, settings: Settings, catalog: Catalog) -> CompletionRequest:
    """What the planner asks the model for an instruction, with the shipped settings."""
    command = TaskCommand(task_id=new_id(), instruction=said)
    asked = task_conversation(command, catalog, settings.planner.answers)
    return CompletionRequest(
        request_id=command.task_id or new_id(),
        messages=asked.messages,
        tools=asked.tools,
        tool_choice=asked.tool_choice,
        max_new_tokens=settings.generation.max_new_tokens,
        language=asked.language,
        preferred=((DECOMPOSE_TASK, settings.planner.plan_bias_logits),),
    )


async def measure(model: str, threads: int, plans: int) -> list[Planned]:
    """The counted plans, one after another."""
    settings = load(CONFIG)
    catalog = load_catalog(settings.planner.tools_dir, settings.planner.prompts_dir)
    engine = settings.engine.model_copy(update={"threads": threads})
    local = LocalModel(settings.model.model_copy(update={"id": model}), engine)
    completer = await local.start()
    try:
        made = [await plan(completer, ask(said, settings, catalog)) for said in instructions(plans)]
    finally:
        await local.stop()
    return made[WARM_UP:]


def figures(made: Sequence[Planned]) -> dict[str, object]:
    """Medians and 95th percentiles of the plans of four, by language and together."""
    four = [one for one in made if one.subtasks == FOUR]
    groups = {language: [one for one in four if one.language == language] for language in FRAMES}
    groups = {"all": four, **groups}
    shown = {name: _times(found) for name, found in groups.items() if len(found) > 1}
    return {"plans": len(made), "plans_of_four_subtasks": len(four), **shown, "bars_ms": BARS_MS}


def _times(made: Sequence[Planned]) -> dict[str, dict[str, float]]:
    return {
        "first_subtask_ms": _spread([one.first_subtask_ms for one in made]),
        "whole_plan_ms": _spread([one.whole_plan_ms for one in made]),
        "answer_tokens": _spread([one.tokens for one in made]),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    p95 = quantiles(values, n=20, method="inclusive")[-1]
    return {"median": round(median(values), 1), "p95": round(p95, 1)}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=EMBEDDED, help="folder of a checkpoint")
    parser.add_argument("--plans", type=int, default=36, help="counted plans, four warm up before")
    parser.add_argument("--threads", type=int, default=0, help="torch's threads; 0 as shipped")
    arguments = parser.parse_args()
    machine = describe(arguments.threads or None)
    made = asyncio.run(measure(arguments.model, arguments.threads, arguments.plans))
    report = {
        "command": command_of("benchmarks.embedded_latency"),
        "machine": machine,
        **figures(made),
    }
    print(json.dumps(report, indent=2))
    print(keep("embedded_latency", report))


if __name__ == "__main__":
    main()
