"""The command line: each command is a few lines over the rooms below.

Rule 1: a command that fails says in one line what is wrong and what to do, and exits with 1.
Rule 2: nothing heavy is imported before the command that needs it runs.
"""

from planner_node.cli.app import main

__all__ = ["main"]
