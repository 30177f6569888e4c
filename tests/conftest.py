"""What holds for every test."""

import os

from hypothesis import settings

import planner_node.engine  # noqa: F401  sets how torch's threads wait; must come before torch

# A busy machine is no fault. Continuous integration tries the same examples every time, so that a
# change is judged by itself; everyone else's runs go on looking for new ones.
settings.register_profile("house", deadline=None)
settings.register_profile("ci", parent=settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")
