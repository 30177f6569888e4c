"""Which part of a fleet's robots a node takes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """What a node has been told of its part since its settings were written.

    ``index`` and ``configured`` are what they said then: others would count for more.
    """

    index: int
    configured: int  # mqtt.partition_count
    count: int  # how many nodes share the fleet since the last change
