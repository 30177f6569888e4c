"""Nodes that start quickly, for soaks of many starts: forked from one that has imported torch.

Everything else is a node's own: its process, its memory, its files, its model, its death.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

_STDOUT, _STDERR = 1, 2
_PRELOADED: Final = ["torch", "transformers", "planner_node.cli", "planner_node.node.serve"]


class WarmProcess:
    """One node's process, with the part of ``subprocess.Popen`` that ``NodeProcess`` uses."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        self._process: ForkServerProcess = context.Process(
            target=_serve, args=(dict(environment), str(log))
        )
        self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"process {self.pid} does not end")
        return self._process.exitcode


def _serve(environment: dict[str, str], log: str) -> None:
    """In the child: be ``planner-node serve``, with this environment and this log."""
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (_STDOUT, _STDERR):
        os.dup2(file, number)
    sys.argv[:] = ["planner-node", "serve"]
    from planner_node.cli import main  # noqa: PLC0415  preloaded; named where it is used

    main()
