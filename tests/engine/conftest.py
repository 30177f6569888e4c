"""The engine room's environment, set before any test module brings torch in."""

import planner_node.engine  # noqa: F401  sets how torch's threads wait
