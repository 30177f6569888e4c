"""A contestant's process: started, asked, and stopped in its tracks while others are measured."""

import json
import os
import select
import signal
import subprocess
from pathlib import Path
from typing import IO, Any, Final, Self

from benchmarks.peers.roster import ENVIRONMENTS, Entry

LOGS: Final = ENVIRONMENTS / "logs"
LOAD_LIMIT_S: Final = 1_200  # the first time, weights are converted
TURN_LIMIT_S: Final = 240


class ContestantFailed(RuntimeError):
    """A contestant ended or could not be started; its log says why."""


class Seat:
    """One contestant; ``ask`` wakes it, everything else leaves it asleep.

    Asleep means SIGSTOP to its whole process group: no thread of it can spin beside another's
    measurement.
    """

    def __init__(
        self, entry: Entry, workload: Path, rows: int, threads: int, logs: Path = LOGS
    ) -> None:
        self.entry = entry
        self.threads = threads
        self.load_s = 0.0
        self.log = logs / f"{entry.key.replace('/', '-')}-{threads}.log"
        self._command = [
            str(entry.python.absolute()),
            *("-m", f"benchmarks.peers.{entry.module}"),
            *("--workload", str(workload), "--precision", entry.precision),
            *("--threads", str(threads), "--rows", str(rows)),
            *("--folder", str(ENVIRONMENTS / "weights")),
        ]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as log:
            self._process = self._start(log)
        self.load_s = self._listen(LOAD_LIMIT_S)["load_s"]
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End the process and what it has started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def ask(self, jobs: list[int], clients: int, limit_s: float = TURN_LIMIT_S) -> dict[str, Any]:
        """Let it work the jobs off and return what it tells; raise ContestantFailed."""
        process = self._running()
        os.killpg(process.pid, signal.SIGCONT)
        process.stdin.write(json.dumps({"jobs": jobs, "clients": clients}) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        told = self._listen(limit_s)
        os.killpg(process.pid, signal.SIGSTOP)
        return told

    def _start(self, log: IO[str]) -> "subprocess.Popen[str]":
        if not Path(self._command[0]).exists():
            raise ContestantFailed(
                f"{self.entry.title} has no environment: "
                f"python -m benchmarks.peers.setup {self.entry.environment}"
            )
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )

    def _listen(self, limit_s: float) -> dict[str, Any]:
        """Return the next line that it tells; only one is ever on its way."""
        stdout = self._running().stdout
        if not select.select([stdout], [], [], limit_s)[0]:
            raise ContestantFailed(f"{self.entry.title} said nothing for {limit_s} s")
        line = stdout.readline()  # type: ignore[union-attr]
        if not line:
            tail = self.log.read_text(errors="replace").strip().splitlines()[-1:]
            raise ContestantFailed(f"{self.entry.title} ended: {' '.join(tail)} (see {self.log})")
        told: dict[str, Any] = json.loads(line)
        return told

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise ContestantFailed(f"{self.entry.title} was not started")
        return self._process
