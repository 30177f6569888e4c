"""A node as a process of its own, to be stopped, killed and started again."""

import asyncio
import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import httpx

from tests.fakes.waiting import until
from tests.faults.history import History

REPOSITORY: Final = Path(__file__).parents[2]
SCRIPTED: Final = (sys.executable, str(REPOSITORY / "tests" / "faults" / "scripted_node.py"))
REAL: Final = (sys.executable, "-m", "planner_node", "serve")
_HTTP: Final = re.compile(r"HTTP +(http://[\d.:]+)")
_LAST_OF_BANNER: Final = "planner-node send"
_START_S: Final = 150.0  # with the embedded model, on a machine that others use too
_STOP_S: Final = 25.0


def set_clock(file: Path, wrong_by_s: float) -> None:
    """Set a scripted node's wall clock; whoever reads meanwhile finds the old or the new time."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(str(wrong_by_s), encoding="ascii")
    new.replace(file)


class Process(Protocol):
    """What is needed of ``subprocess.Popen``."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def kill(self) -> None: ...
    def terminate(self) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...


Launch = Callable[[Mapping[str, str], Path], Process]


class NodeProcess:
    """``async with NodeProcess(folder, url) as node``: a ready node, killed at the end if left.

    ``settings`` are environment variables without ``PLANNER__``; ``script`` is for the scripted
    model (see ``scripted_node``).
    """

    def __init__(
        self,
        folder: Path,
        mqtt_url: str,
        *,
        node_id: str = "planner-1",
        command: tuple[str, ...] = SCRIPTED,
        settings: dict[str, str] | None = None,
        script: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.node_id = node_id
        self.journal = folder / f"{node_id}.db"
        self.runs = folder / f"{node_id}.runs.jsonl"
        self.lives = 0
        self.grown_bytes: list[int] = []  # by each life that was stopped in good order (I6)
        self._rss_ready_bytes: int | None = None
        self.script = script or {}
        self.settings = {
            "MQTT__URL": mqtt_url,
            "HTTP__PORT": "0",
            "NODE_ID": node_id,
            "JOURNAL__URL": f"sqlite:///{self.journal}",
            **(settings or {}),
        }
        self._command = command
        self.launch: Launch = self._popen  # a soak of many starts sets a quicker one
        self._process: Process | None = None
        self._log_from = 0

    async def __aenter__(self) -> Self:
        self.start()
        try:
            await self.until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.is_alive:
            self.kill()

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the node was not started")
        return self._process.pid

    @property
    def brings_broker(self) -> bool:
        """Whether the broker is the embedded one, which ends with its node."""
        return not self.settings["MQTT__URL"]

    def generations(self) -> list[dict[str, Any]]:
        """Return what the scripted model was asked by tasks, oldest first."""
        lines = self.runs.read_text(encoding="utf-8").splitlines() if self.runs.exists() else []
        return [run for line in lines if (run := json.loads(line))["task_id"] is not None]

    @property
    def log(self) -> str:
        """What this life of the node has said."""
        with self._log_file.open("rb") as log:
            log.seek(self._log_from)
            return log.read().decode("utf-8", errors="replace")

    @property
    def http(self) -> str:
        """The address of its HTTP door."""
        found = _HTTP.search(self.log)
        if found is None:
            raise RuntimeError(f"the node names no HTTP address:\n{self.log[-2_000:]}")
        return found[1]

    @property
    def rss_bytes(self) -> int:
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def start(self) -> None:
        """Start the process; returns at once."""
        self.lives += 1
        self._rss_ready_bytes = None
        self._log_from = self._log_file.stat().st_size if self._log_file.exists() else 0
        self._log_file.touch()
        self._process = self.launch(self._environment(), self._log_file)

    def _popen(self, environment: Mapping[str, str], file: Path) -> Process:
        with file.open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def until_ready(self, deadline_s: float = _START_S) -> None:
        """Wait for READY, or fail with what the node said."""

        def said_it() -> bool:
            return _LAST_OF_BANNER in self.log or not self.is_alive

        try:
            await until(said_it, deadline_s)
        except TimeoutError:
            raise TimeoutError(f"not READY in {deadline_s:g} s:\n{self.log[-3_000:]}") from None
        if _LAST_OF_BANNER not in self.log:
            raise RuntimeError(f"the node ended at its start:\n{self.log[-3_000:]}")
        self._rss_ready_bytes = self.rss_bytes

    async def until_back(self, history: History) -> None:
        """Note that the fault is over, wait until the node is ready, and note that (I5)."""
        history.mended(self.node_id)
        await self.until_readyz(200, deadline_s=120)
        history.ready(self.node_id)

    async def readiness(self) -> tuple[int, str]:
        """Ask /readyz; the status and the body, or 0 where nobody answers."""
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                answer = await client.get(f"{self.http}/readyz")
        except httpx.HTTPError as error:
            return 0, str(error)
        return answer.status_code, answer.text

    async def until_readyz(self, status: int, deadline_s: float = 20.0) -> str:
        """Wait until /readyz answers with this status; return its body."""
        found: list[tuple[int, str]] = []

        async def asked() -> None:
            while (answer := await self.readiness())[0] != status:
                found[:] = [answer]
            found[:] = [answer]

        try:
            async with asyncio.timeout(deadline_s):
                await asked()
        except TimeoutError:
            raise TimeoutError(f"/readyz never said {status}, but {found}") from None
        return found[0][1]

    async def until_said(self, reason: str, deadline_s: float = 20.0) -> str:
        """Wait until the node is not ready for this reason; return the body of /readyz."""
        async with asyncio.timeout(deadline_s):
            while reason not in (body := await self.until_readyz(503, deadline_s)):
                pass
        return body

    async def metric(self, name: str) -> float:
        """Read one number without labels from /metrics."""
        async with httpx.AsyncClient(timeout=5) as client:
            page = (await client.get(f"{self.http}/metrics")).text
        [value] = [line.split()[1] for line in page.splitlines() if line.split()[0] == name]
        return float(value)

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=_STOP_S)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let no file of it grow for the length of the block, as on a full disk."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (1, hard))
        yield
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard, hard))

    def pause(self) -> None:
        """SIGSTOP: alive, and silent."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def ask_to_stop(self) -> None:
        """SIGTERM; returns at once."""
        if self._process is not None:
            self._process.terminate()

    async def stopped(self, deadline_s: float = _STOP_S) -> int:
        """Wait for the end of the process; return its exit code."""
        process = self._process
        if process is None:
            raise RuntimeError("the node was not started")
        await until(lambda: process.poll() is not None, deadline_s)
        return process.wait()

    async def stop(self) -> int:
        """SIGTERM, and wait for the exit code."""
        if self.is_alive and self._rss_ready_bytes is not None:
            self.grown_bytes.append(self.rss_bytes - self._rss_ready_bytes)
        self.ask_to_stop()
        return await self.stopped()

    @property
    def _log_file(self) -> Path:
        return self.folder / f"{self.node_id}.log"

    def _environment(self) -> dict[str, str]:
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith("PLANNER__")
        }
        ours = {f"PLANNER__{key}": value for key, value in self.settings.items()}
        script = {f"SCRIPT_{key}": value for key, value in self.script.items()}
        return {
            **inherited,
            "PYTHONPATH": str(REPOSITORY),
            "OMP_NUM_THREADS": "1",
            "SCRIPT_RUNS": str(self.runs),
            **ours,
            **script,
        }
