"""What holds for every test."""

import planner_node.engine  # noqa: F401  sets how torch's threads wait; must come before torch
