"""Deliveries between the network thread and who takes them: QoS 1 waits, QoS 0 has a bound.

At QoS 1 the broker keeps back what we have not acknowledged. At QoS 0 it hands out whatever comes,
so a robot that sends faster than the node can take would fill its memory: what finds no room is
dropped, as QoS 0 allows, and counted.
"""

import asyncio
import logging
from typing import Final

from planner_node.mqtt.packets import Delivery

logger = logging.getLogger(__name__)
MAX_WAITING: Final = 1_000


class Inbox:
    """What waits for its turn; None ends it."""

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self.dropped = 0
        self._max_waiting = max_waiting
        self._queue: asyncio.Queue[Delivery | None] = asyncio.Queue()
        self._is_spilling = False  # from the first that finds no room until nothing waits

    def put(self, delivery: Delivery | None) -> None:
        """Let it wait for its turn."""
        self._queue.put_nowait(delivery)

    async def get(self) -> Delivery | None:
        """Wait for the oldest."""
        return await self._queue.get()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._queue.empty()

    def takes(self, on_their_way: int) -> bool:
        """Any thread: whether one more at QoS 0 has room beside those that are not here yet."""
        waiting = on_their_way + self._queue.qsize()
        if waiting < self._max_waiting:
            self._is_spilling = self._is_spilling and waiting > 0
            return True
        self.dropped += 1
        if not self._is_spilling:
            logger.warning("! mqtt more comes at QoS 0 than can be taken: some of it is dropped")
        self._is_spilling = True
        return False
