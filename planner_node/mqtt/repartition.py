"""The number of nodes that share a fleet changes at one place in the stream of commands.

A broker with one order for all (mosquitto) puts the change behind the same commands in every node's
session. What comes before it is everybody's by the old number, what comes after it by the new
one, so no command is planned twice and none by nobody, whoever is down or slow meanwhile.
"""

import logging
from collections.abc import Callable
from typing import Final, Protocol

from messages.decode import Refused, decode
from messages.fleet import Partition, PartitionChange
from messages.problem import ProblemCode
from planner_node.mqtt.packets import Delivery
from planner_node.mqtt.partition import IsOurs, partition
from planner_node.tasks.part import Part

logger = logging.getLogger(__name__)

_NO_QOS: Final = "send it at QoS 1: at QoS 0 a node that is away would never hear of it"
_NO_EXPIRY: Final = (
    "send it without a Message Expiry: a node that is away longer would never hear of it"
)


class PartBook(Protocol):
    """Where the last change outlives the process; each call may raise JournalLost."""

    async def part(self) -> Part | None:
        """Return what was kept last."""
        ...

    async def keep_part(self, part: Part) -> None:
        """Keep it; returns when the disk has it."""
        ...


class Repartition:
    """Which robots are this node's, as a connection's deliveries are read one after the other."""

    def __init__(
        self,
        index: int = 0,
        count: int = 1,
        book: PartBook | None = None,
        on_kept: Callable[[], None] = lambda: None,
    ) -> None:
        self._index = index
        self._configured = count
        self._book = book
        self._on_kept = on_kept
        self._kept = count  # on the disk
        self._begins_with = count  # a new connection
        self._count = count
        self._epoch = 0
        self._is_ours: IsOurs = partition(index, count)

    @property
    def hears_changes(self) -> bool:
        """Whether there is a place to keep them."""
        return self._book is not None

    @property
    def said(self) -> Partition:
        """The part that the disk knows of, for people."""
        return Partition(index=self._index, count=self._kept)

    async def recall(self) -> None:
        """Go on with what was kept; settings that were changed since take its place for good.

        Raises:
            JournalLost: it cannot be had now.
        """
        part = None if self._book is None else await self._book.part()
        if part is None:
            return
        if (part.index, part.configured) != (self._index, self._configured):
            await self.keep(self._configured)
            return
        self._kept = part.count
        self.turn(part.count)
        self.leave_behind(part.count)
        self._on_kept()

    def takes(self, robot_id: str, epoch: int) -> bool:
        """Tell whether this node answers a delivery, given its robot and its connection.

        A connection begins before the change that its predecessor has not left behind: all of
        that may come again, and then the change.
        """
        if epoch > self._epoch:
            self._epoch = epoch
            self.turn(self._begins_with)
        return self._is_ours(robot_id)

    def turn(self, count: int) -> None:
        """Judge the rest of this connection's deliveries by another number."""
        if count != self._count:
            self._count, self._is_ours = count, partition(self._index, count)

    def leave_behind(self, count: int) -> None:
        """Nothing from before the change can come again, on whatever connection."""
        self._begins_with = count

    async def keep(self, count: int) -> None:
        """Write the number down for the next start.

        Raises:
            JournalLost: the disk refuses.
        """
        if self._book is not None:
            await self._book.keep_part(Part(self._index, self._configured, count))
        self._kept = count
        self._on_kept()


def read_change(delivery: Delivery) -> int:
    """Return the new number of nodes that a change tells.

    Raises:
        Refused: it is none, or old, or may not reach everybody.
    """
    if delivery.retain:
        raise Refused(ProblemCode.RETAINED_COMMAND, {"topic": delivery.topic})
    if delivery.expiry_s is not None:
        raise Refused(ProblemCode.SCHEMA_INVALID, {"reason": _NO_EXPIRY})
    if delivery.qos == 0:
        raise Refused(ProblemCode.SCHEMA_INVALID, {"reason": _NO_QOS})
    change = decode(PartitionChange, delivery.payload)
    for warning in change.warnings:  # nobody gets an answer to it
        logger.warning("! %s: %s", delivery.topic, warning)
    return change.message.partition_count
