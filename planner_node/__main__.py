"""``python -m planner_node`` is ``planner-node``."""

from planner_node.cli import main

if __name__ == "__main__":
    main()
