"""The loop of clients that every contestant is measured with."""

from collections import deque
from pathlib import Path

import pytest

from benchmarks.peers.protocol import Job, News, Reader, first_subtask_end, run, weights_name

CALL = '{"name": "t", "parameters": {"tasks": [{"task": "a}", "description": "\\"}"}, {"task": "b"}'


class OneToken:
    """Gives every running job one more character at each step, and counts who runs together."""

    def __init__(self, texts: dict[int, str]) -> None:
        self._left = {number: deque(text) for number, text in texts.items()}
        self._running: list[int] = []
        self._now_s = 0.0
        self.most_running = 0

    def add(self, job: Job) -> None:
        self._running.append(job.number)

    def step(self) -> list[News]:
        self.most_running = max(self.most_running, len(self._running))
        self._now_s += 1
        news = [self._piece(number) for number in self._running]
        self._running = [piece.number for piece in news if not piece.finished]
        return news

    def _piece(self, number: int) -> News:
        left = self._left[number]
        text = left.popleft()
        return News(number, text, self._now_s, finished=not left, tokens=1, forwards=1)


def jobs(number: int) -> list[Job]:
    return [Job(place, "", "", [1]) for place in range(number)]


def test_first_subtask_ends_at_the_brace_that_no_string_holds() -> None:
    end = first_subtask_end(CALL)
    assert end is not None
    assert CALL[:end].endswith('"\\"}"}')


@pytest.mark.parametrize("text", ["", "no call", '{"tasks": [{"task": "}"', '"}'])
def test_nothing_has_closed_in_half_a_document(text: str) -> None:
    assert first_subtask_end(text) is None


def test_every_job_is_answered_once_and_no_more_run_than_there_are_clients() -> None:
    engine = OneToken({0: "abc", 1: "d", 2: "ef", 3: "g"})
    answers = run(engine, jobs(4), clients=2)
    assert [answer.text for answer in answers] == ["abc", "d", "ef", "g"]
    assert engine.most_running == 2


def test_first_subtask_is_seen_with_the_piece_that_closes_it() -> None:
    (answer,) = run(OneToken({0: '{"a": 1}, x'}), jobs(1), clients=1)
    told = answer.told()
    assert told["first_subtask_s"] == 8.0
    assert told["ended_s"] == 11.0


def test_reader_holds_back_half_a_character_for_each_job_alone() -> None:
    reader = Reader(["5g==", "m7g=", "YQ=="])  # the two halves of 書, and a
    assert [reader.read(0, [0]), reader.read(1, [2]), reader.read(0, [1])] == ["", "a", "書"]


def test_what_is_converted_is_named_after_the_weights(tmp_path: Path) -> None:
    names = []
    for weights in (b"before", b"after", b"before"):
        (tmp_path / "model.safetensors").write_bytes(weights)
        names.append(weights_name(str(tmp_path)))
    assert names[0] == names[2] != names[1]
    assert names[0].startswith(tmp_path.name)
