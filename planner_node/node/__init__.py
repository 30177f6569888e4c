"""Builds, starts and stops the house; the only room that sees every other.

Rule 1: no logic; what a room needs is handed to it here and nowhere else.
Rule 2: start from the memory outwards (journal, planner, doors, model), stop in reverse order.
Rule 3: whatever breaks for good ends the process with a reason; the journal remembers.
"""

from planner_node.node.build import Node, build
from planner_node.node.serve import serve

__all__ = ["Node", "build", "serve"]
