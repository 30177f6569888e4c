"""What holds for every test."""

import os
import shutil

import pytest
from hypothesis import settings

import planner_node.engine  # noqa: F401  sets how torch's threads wait; must come before torch

# Triton looks at this when it is first imported. Without a device its kernels run in Python.
if shutil.which("nvidia-smi") is None:
    os.environ["TRITON_INTERPRET"] = "1"

# A busy machine is no fault. Continuous integration tries the same examples every time, so that a
# change is judged by itself; everyone else's runs go on looking for new ones.
settings.register_profile("house", deadline=None)
settings.register_profile("ci", parent=settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let ``make soak`` hold some faults for as long as the list of faults asks."""
    parser.addoption(
        "--long-faults",
        action="store_true",
        help="F6 for five minutes and F19 for twenty seconds; needs --timeout 600",
    )


@pytest.fixture
def are_faults_long(request: pytest.FixtureRequest) -> bool:
    """Whether faults are to be held for as long as the list asks."""
    return bool(request.config.getoption("--long-faults"))
