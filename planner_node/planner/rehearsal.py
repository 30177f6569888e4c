"""Everyday tasks that the model plans before anybody may ask, so that the first real ones are fast.

The engine guesses what a plan says next from plans that it made: after a start there are none. A
rehearsal makes some, and brings the prompts' beginnings and the grammars into their caches.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Final

from messages.task import TaskCommand
from messages.wire import new_id
from planner_node.completion.request import Completer, CompletionRequest
from planner_node.errors import DeadlinePassed, PlannerError
from planner_node.planner.conversation import completion_request
from planner_node.planner.ports import PlannerParts
from planner_node.tasks.record import TaskRecord

logger = logging.getLogger(__name__)
INSTRUCTIONS: Final[Mapping[str, Sequence[str]]] = {
    "zh-TW": (
        "將杯子放在餐桌上。",
        "請把藥盒拿給王小姐。",
        "從A3料架拿料箱，送到包裝站。",
        "打開客廳的燈，再把窗戶關上。",
        "巡邏大廳、走廊和倉庫。",
        "把蘋果和香蕉放進籃子裡。",
        "用微波爐加熱牛奶，然後端到書房。",
        "清洗盤子後放回櫥櫃。",
        "如果會議室的門開著，就把它關上。",
        "帶訪客到會客室，最後回充電站充電。",
    ),
    "en": (
        "Put the cup on the dining table.",
        "Please bring the pill box to Ms. Wang.",
        "Take the tote from rack A3 to the packing station.",
        "Turn on the lamp in the living room and close the window.",
        "Patrol the lobby, the corridor and the warehouse.",
        "Put the apple and the banana in the basket.",
        "Heat the milk in the microwave, then take it to the study.",
        "Wash the plate and put it back in the cupboard.",
        "If the door of the meeting room is open, close it.",
        "Guide the visitor to the reception room, then go and charge.",
    ),
}


async def rehearse(completer: Completer, parts: PlannerParts, limit_s: float) -> int:
    """Plan the instructions in the languages of the node; return how many plans were whole.

    What is not done after ``limit_s`` is given up; what goes wrong is logged, and no more.
    """
    deadline_s = parts.clock.monotonic_s() + limit_s
    crowd = asyncio.Semaphore(parts.queue.running)

    async def plan(request: CompletionRequest) -> bool:
        async with crowd:
            return await _is_planned(completer, request)

    plans = [plan(completion_request(record, parts, deadline_s)) for record in _records(parts)]
    return sum(await asyncio.gather(*plans))


async def _is_planned(completer: Completer, request: CompletionRequest) -> bool:
    try:
        async with aclosing(completer.stream(request)) as events:
            async for _ in events:
                pass
    except DeadlinePassed:
        return False
    except PlannerError as error:
        logger.warning("! not rehearsed: %s", error)
        return False
    return True


def _records(parts: PlannerParts) -> list[TaskRecord]:
    return [
        TaskRecord(
            task_id=new_id(),
            robot_id=None,
            command=TaskCommand(instruction=instruction),
            content_hash="",
            language=language,
            received=parts.clock.now(),
        )
        for language, instructions in INSTRUCTIONS.items()
        if language in parts.planner.languages
        for instruction in instructions
    ]
