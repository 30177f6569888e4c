"""The picture of quality against training: what it reads and that it is well-formed."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from planner_node.training.curve import draw, losses, main, scores

EARLY = "\r  0%|          | 50.0k/20.0M [00:05<7:52:33, 705tok/s, loss=7.5000, lr=2.0e-03]"
LATER = "\r 64%|██████▍   | 12.8M/20.0M [54:46<34:36, 3.46ktok/s, loss=0.0653, lr=1.4e-03]"
HEADLINE = {
    name: {"share": 0.5}
    for name in ("all checks hold, zh-TW", "all checks hold, en", "unseen names copied")
}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    file = tmp_path / "report.json"
    file.write_text(json.dumps({"headline": HEADLINE}), encoding="utf-8")
    return file


def test_losses_are_read_from_progress_lines() -> None:
    assert losses([EARLY + LATER]) == [(0.05, 7.5), (12.8, 0.0653)]


def test_a_resumed_log_replaces_what_ran_twice() -> None:
    start, again = LATER.replace("12.8M", "12.5M"), LATER.replace("0.0653", "0.0500")
    assert losses([EARLY + LATER, start + again]) == [(0.05, 7.5), (12.8, 0.05)]


def test_scores_are_sorted_by_tokens(report: Path) -> None:
    found = scores([(20.0, report), (7.0, report)])
    assert found["all checks hold, en"] == [(7.0, 0.5), (20.0, 0.5)]


def test_picture_is_well_formed_with_a_dot_a_score(report: Path) -> None:
    picture = draw(losses([EARLY + LATER]), scores([(7.0, report), (20.0, report)]))
    read = ET.fromstring(picture)  # noqa: S314  written two lines above
    assert len(read.findall(".//{*}circle")) == 6


def test_command_refuses_logs_without_progress(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit, match="no progress lines"):
        main(["--logs", str(log)])
