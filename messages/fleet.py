"""What is said to all nodes of a fleet together."""

from typing import Annotated

from pydantic import Field

from messages.wire import Incoming, Outgoing

PartitionCount = Annotated[int, Field(ge=1, le=1_024)]


class PartitionChange(Incoming):
    """From this message on, so many nodes share the robots."""

    schema_version: str = "1.0"
    partition_count: PartitionCount


class Partition(Outgoing):
    """Which of so many nodes this one is, from 0; ``index`` = ``count`` takes no robots."""

    index: int
    count: int
