"""What every contestant speaks, and the one loop of clients that all of them are measured with.

A contestant is a process of its own, in an environment of its own. It loads a model, says
``{"ready": …}``, and then answers every line ``{"jobs": [numbers], "clients": 8}`` on stdin with
one line of timestamps and texts on stdout. Nothing but the standard library is imported here: the
environments of the peers hold nothing of ours.
"""

import argparse
import base64
import codecs
import hashlib
import json
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TextIO

KIB: Final = 1024
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt; ``token_ids`` are the same for every contestant."""

    number: int
    instruction: str
    system: str
    token_ids: list[int]


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked: see ``benchmarks.peers.workload``, which writes it."""

    model: str
    tool: dict[str, Any]
    schema: dict[str, Any]  # of the whole envelope, with llguidance's separators
    can_force: bool  # whether forced text has the tokens that the model was trained on
    gbnf: str  # the language of ``schema`` for llama.cpp and xgrammar
    stop_token_ids: list[int]
    max_new_tokens: int
    free_tokens: int  # for who cannot take a grammar: 0 = until a stop token, else exactly so many
    token_texts: list[str]  # the bytes of every token, in base64
    jobs: list[Job]

    def lark(self, *unknown: str) -> str:
        """Return llguidance's grammar without the options that an older version does not know.

        Where the tokens of forced text are not the model's own, nothing is forced by the mask: the
        model chooses among all tokens of the right bytes, as it does in our engine.
        """
        known = {k: v for k, v in self.schema["x-guidance"].items() if k not in unknown}
        schema = json.dumps({**self.schema, "x-guidance": known}, ensure_ascii=False)
        head = "" if self.can_force else '%llguidance {"no_forcing": true}\n'
        return f"{head}start: call\ncall: %json {schema}\n"


@dataclass(frozen=True, slots=True)
class Options:
    """How a contestant is set up."""

    precision: str
    threads: int
    rows: int
    folder: Path  # where converted weights are kept


@dataclass(frozen=True, slots=True)
class News:
    """A piece of a job's text at the moment when its client sees it."""

    number: int
    text: str
    seen_s: float
    finished: bool = False
    tokens: int | None = None
    forwards: int | None = None


class Reader:
    """Turns ids into text as they come, by table: for engines that hand out ids."""

    def __init__(self, token_texts: list[str]) -> None:
        self._bytes_of = [base64.b64decode(text) for text in token_texts]
        self._open: dict[int, codecs.IncrementalDecoder] = {}
        self._begin = codecs.getincrementaldecoder("utf-8")

    def read(self, number: int, token_ids: Iterable[int]) -> str:
        """Return the text of a job's next tokens, as far as its characters are whole."""
        decoder = self._open.setdefault(number, self._begin(errors="replace"))
        return decoder.decode(b"".join(map(self._bytes_of.__getitem__, token_ids)))


class Contestant(Protocol):
    """An engine that is driven by ``add`` and ``step``."""

    def add(self, job: Job) -> None:
        """Begin a job; it joins what is running."""
        ...

    def step(self) -> list[News]:
        """Wait for news of any job and return them in order."""
        ...


@dataclass(slots=True)
class Answer:
    """One job's fate; seconds of the contestant's own clock."""

    number: int
    begun_s: float
    first_subtask_s: float | None = None
    ended_s: float = 0.0
    tokens: int | None = None
    forwards: int | None = None
    text: str = ""
    seen: list[tuple[int, float]] = field(default_factory=list)  # (characters so far, when)

    def take(self, news: News) -> None:
        self.text += news.text
        self.seen.append((len(self.text), news.seen_s))
        if news.finished:
            self.ended_s, self.tokens, self.forwards = news.seen_s, news.tokens, news.forwards

    def told(self) -> dict[str, Any]:
        """Return what goes over the wire; only now is the text looked at."""
        if (end := first_subtask_end(self.text)) is not None:
            self.first_subtask_s = next(seen_s for size, seen_s in self.seen if size >= end)
        told = asdict(self)
        del told["seen"]
        return told


def weights_name(model: str) -> str:
    """Return a name for what is converted from a checkpoint: another one after every training."""
    folder = Path(model)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    return f"{folder.name}-{digest[:8]}"


def first_subtask_end(text: str) -> int | None:
    """Return how many characters there are up to the first closing brace outside a string."""
    in_string = escaped = False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif in_string:
            escaped = character == "\\"
            in_string = character != '"'
        elif character == '"':
            in_string = True
        elif character == "}":
            return place + 1
    return None


def run(contestant: Contestant, jobs: list[Job], clients: int) -> list[Answer]:
    """Let ``clients`` clients work the jobs off; each asks again as soon as it is answered."""
    waiting = deque(jobs)
    running: dict[int, Answer] = {}
    answers: list[Answer] = []

    def begin() -> None:
        job = waiting.popleft()
        answer = running[job.number] = Answer(job.number, time.perf_counter())
        answers.append(answer)
        contestant.add(job)

    while waiting and len(running) < clients:
        begin()
    while running:
        for news in contestant.step():
            running[news.number].take(news)
            if news.finished:
                del running[news.number]
                if waiting:
                    begin()
    return answers


def _family() -> list[int]:
    """Return the ids of this process and of the server that it may have started."""
    own = os.getpid()
    children = Path(f"/proc/{own}/task/{own}/children")
    return [own, *map(int, children.read_text().split())]


def peak_memory_bytes() -> int:
    """Return the largest resident size that this process has had, its server's included."""
    lines = (Path(f"/proc/{process}/status").read_text() for process in _family())
    return sum(int(re.findall(r"VmHWM:\s+(\d+) kB", text)[0]) * KIB for text in lines)


def cpu_s() -> float:
    """Return the processor seconds that this process has taken, its server's included."""
    stats = (Path(f"/proc/{process}/stat").read_text() for process in _family())
    fields = (text.rpartition(")")[2].split() for text in stats)  # the name may hold anything
    return sum(int(user) + int(system) for user, system in (f[11:13] for f in fields)) / TICKS


def read_workload(file: Path) -> Workload:
    stored = json.loads(file.read_text(encoding="utf-8"))
    return Workload(**{**stored, "jobs": [Job(**job) for job in stored["jobs"]]})


def serve(build: Callable[[Workload, Options], Contestant]) -> None:
    """Be a contestant: load, say so, and answer commands until stdin closes."""
    told = _own_stdout()
    workload, options = _arguments()
    begun_s = time.perf_counter()
    contestant = build(workload, options)
    _tell(told, {"ready": True, "load_s": time.perf_counter() - begun_s})
    for command in _commands():
        jobs = [workload.jobs[number] for number in command["jobs"]]
        begun_cpu_s = cpu_s()
        answers = run(contestant, jobs, command["clients"])
        taken_cpu_s = cpu_s() - begun_cpu_s
        told_answers = [answer.told() for answer in answers]
        peak = peak_memory_bytes()
        _tell(told, {"answers": told_answers, "cpu_s": taken_cpu_s, "peak_memory_bytes": peak})
    told.flush()
    os._exit(0)  # some engines hang while their threads are torn down


def _own_stdout() -> TextIO:
    """Keep stdout for the protocol; what libraries print goes to stderr."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return told


def _arguments() -> tuple[Workload, Options]:
    asked = argparse.ArgumentParser()
    asked.add_argument("--workload", type=Path, required=True)
    asked.add_argument("--precision", required=True)
    asked.add_argument("--threads", type=int, required=True)
    asked.add_argument("--rows", type=int, required=True)
    asked.add_argument("--folder", type=Path, required=True)
    given = asked.parse_args()
    options = Options(given.precision, given.threads, given.rows, given.folder)
    return read_workload(given.workload), options


def _commands() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def _tell(told: TextIO, message: dict[str, Any]) -> None:
    told.write(json.dumps(message, ensure_ascii=False) + "\n")
    told.flush()
