"""The log tells of the node, not of every request that its libraries make."""

import io
import logging
import re

import pytest

from planner_node.node.logs import Gathered, set_up
from planner_node.settings import LogSettings
from tests.fakes.waiting import until


def line(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("node", level, __file__, 1, text, None, None)


async def test_a_line_is_written_soon_and_nobody_has_to_ask() -> None:
    stream = io.StringIO()
    Gathered(stream).handle(line("accepted"))
    await until(lambda: stream.getvalue() == "accepted\n")


def test_a_warning_is_written_at_once_with_all_that_was_said_before() -> None:
    stream = io.StringIO()
    handler = Gathered(stream)
    handler.handle(line("accepted"))
    handler.handle(line("refused", logging.WARNING))
    assert stream.getvalue() == "accepted\nrefused\n"


def test_a_stream_that_is_gone_stops_nobody() -> None:
    stream = io.StringIO()
    handler = Gathered(stream)
    stream.close()
    handler.handle(line("refused", logging.WARNING))


@pytest.mark.parametrize("library", ["httpx2", "httpcore2", "huggingface_hub"])
def test_library_tells_no_request_at_info(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)  # pytest's handlers stay
    set_up(LogSettings())
    assert not logging.getLogger(library).isEnabledFor(logging.INFO)


def test_a_line_for_people_has_its_date_and_says_which_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, list[logging.Handler]] = {}
    monkeypatch.setattr(logging, "basicConfig", lambda **settings: given.update(settings))
    set_up(LogSettings())
    written = given["handlers"][0].format(line("accepted"))
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} INFO", written)
