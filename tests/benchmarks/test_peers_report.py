"""Medians, ratios and pictures of a comparison."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import setup
from benchmarks.peers.judge import Judge
from benchmarks.peers.plot import draw
from benchmarks.peers.report import scores, summary, table
from benchmarks.peers.roster import ENVIRONMENTS, OWN, ROSTER, Entry, chosen
from benchmarks.peers.seat import ContestantFailed, Seat
from benchmarks.results import FOLDER


def turn(key: str, round_: int, wall_s: float, first_ms: float | None) -> dict[str, Any]:
    return {
        "key": key,
        "round": round_,
        "clients": 8,
        "plans": 10,
        "valid": 9,
        "wall_s": wall_s,
        "cpu_s": 2 * wall_s,
        "first_subtask_ms": [first_ms] * 10,
        "tokens": [90] * 10,
        "forwards": [30] * 10,
        "peak_memory_bytes": 2**20,
    }


@pytest.fixture
def results() -> dict[str, Any]:
    """Three rounds of us and one peer; the last round is a loss."""
    return {
        "model": "A",
        "absent": {"vllm/fp32": "no wheel"},
        "threads": {"ours/fp32": 0, "peer/fp32": 2},
        "titles": {"ours/fp32": "planner node", "peer/fp32": "a peer"},
        "turns": [
            *(turn("ours/fp32", n, wall_s, 20.0) for n, wall_s in enumerate([1.0, 2.0, 5.0])),
            *(turn("peer/fp32", n, wall_s, 50.0) for n, wall_s in enumerate([4.0, 4.0, 4.0])),
        ],
    }


def test_ratios_are_taken_round_by_round(results: dict[str, Any]) -> None:
    peer = next(score for score in scores(results) if score.key == "peer/fp32")
    assert peer.rate_ratio is not None
    assert (peer.rate_ratio.low, peer.rate_ratio.middle, peer.rate_ratio.high) == (0.8, 2.0, 4.0)
    assert peer.first_ratio is not None
    assert peer.first_ratio.middle == 2.5
    assert peer.valid_share == 0.9
    assert peer.cores == 2.0


def test_who_closes_no_subtask_has_no_time_to_it(results: dict[str, Any]) -> None:
    results["turns"].append(turn("mute/fp32", 0, 1.0, None))
    mute = next(score for score in scores(results) if score.key == "mute/fp32")
    assert mute.first_subtask_ms is None
    assert mute.first_ratio is None


def test_table_names_losses_and_the_absent(results: dict[str, Any]) -> None:
    results["turns"] = [t for t in results["turns"] if t["round"] == 2]
    text = table(results)
    assert "**0.8**" in text
    assert "vllm/fp32: no wheel" in text


def test_summary_has_one_line_for_each_contestant(results: dict[str, Any]) -> None:
    lines = summary(results).splitlines()
    assert lines[2:] == ["| planner node, fp32 | 5 | 20 |", "| a peer, fp32 | 2.5 | 50 |"]


def test_picture_draws_everybody_and_ours_last(results: dict[str, Any]) -> None:
    picture = draw(results)
    assert picture.startswith("<svg")
    assert picture.rindex("planner node") > picture.rindex("a peer")


def test_judge_counts_fitting_and_equal_texts() -> None:
    judge = Judge({"type": "object", "required": ["a"], "x-guidance": {"lenient": True}})
    said = ['{"a": 1}', '{"b": 1}', "half {"]
    assert [judge.hear("ours", n, text) for n, text in enumerate(said)] == [True, False, False]
    judge.hear("theirs", 0, '{"a": 1}')
    judge.hear("theirs", 1, "other")
    assert judge.agreement("ours", "theirs") == "1 of 2"
    assert judge.agreement("ours", "nobody") is None


def test_every_environment_of_the_roster_has_its_pins() -> None:
    named = {entry.environment for entries in ROSTER.values() for entry in entries}
    assert named - {OWN} == set(setup.peers())


@pytest.mark.parametrize("name", setup.peers())
def test_pins_are_exact(name: str) -> None:
    lines = Path(setup.PINS / f"{name}.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#") and "==" not in line] == []


def test_out_of_the_box_nobody_needs_another_environment() -> None:
    assert {entry.environment for entry in chosen("A", [])} == {OWN}
    assert len(chosen("B", ["all"])) == len(ROSTER["B"])
    assert {entry.name for entry in chosen("A", ["vllm"])} == {"ours", "vllm"}


def test_peer_without_environment_is_named_with_the_command(tmp_path: Path) -> None:
    entry = Entry("nobody", "Nobody", "nobody", "no_such_peer", "fp32")
    assert not (ENVIRONMENTS / "no_such_peer").exists()
    with (
        pytest.raises(ContestantFailed, match=r"benchmarks\.peers\.setup no_such_peer"),
        Seat(entry, tmp_path, rows=1, threads=1, logs=tmp_path),
    ):
        pass


@pytest.mark.parametrize("name", ["peers-a", "peers-b"])
def test_kept_results_can_be_read_and_drawn(name: str) -> None:
    kept = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert {score.key for score in scores(kept)} == set(kept["titles"])
    assert draw(kept) == (FOLDER / f"{name}.svg").read_text("utf-8")
    assert all(f"\n| {key} |" in table(kept) for key in kept["titles"])
