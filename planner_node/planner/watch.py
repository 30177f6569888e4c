"""What was said of a task, then what is said, until its end.

The journal is the only memory: news merely wakes the watcher, which then reads on from its last
event. So a slow watcher costs nothing and misses nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from messages.status import TaskStatus
from planner_node.errors import TaskNotFound
from planner_node.planner.ports import TaskJournal
from planner_node.tasks.lifecycle import TERMINAL
from planner_node.tasks.record import EventKind, StoredEvent

_LOOK_S: Final = 1.0


async def watch(
    journal: TaskJournal, task_id: str, after_id: int = 0
) -> AsyncGenerator[StoredEvent, None]:
    """Yield the task's events after ``after_id``, and end after its terminal status.

    Raises:
        TaskNotFound: there is no such task.
    """
    if await journal.task(task_id) is None:
        raise TaskNotFound(task_id=task_id)
    with _news_of(journal, task_id) as news:
        while True:
            news.clear()
            ended = await _has_ended(journal, task_id)
            for event in await journal.events(task_id, after_id):
                after_id = event.event_id
                yield event
                if _is_end(event):
                    return
            if ended:
                return
            await _wait(news)


async def _wait(news: asyncio.Event) -> None:
    """Wait for news, but not for ever: what another node says on the same journal rings no bell."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_S):
            await news.wait()


@contextmanager
def _news_of(journal: TaskJournal, task_id: str) -> Iterator[asyncio.Event]:
    news = asyncio.Event()

    def hear(events: Sequence[StoredEvent]) -> None:
        if any(stored.event.task_id == task_id for stored in events):
            news.set()

    stop_listening = journal.listen(hear)
    try:
        yield news
    finally:
        stop_listening()


async def _has_ended(journal: TaskJournal, task_id: str) -> bool:
    """Tell before the events are read: then what is read holds the end."""
    record = await journal.task(task_id)
    return record is None or record.state in TERMINAL


def _is_end(stored: StoredEvent) -> bool:
    if stored.event.kind is not EventKind.STATUS:
        return False
    return TaskStatus.model_validate_json(stored.event.payload).status in TERMINAL
