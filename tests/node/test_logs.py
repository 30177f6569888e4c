"""The log tells of the node, not of every request that its libraries make."""

import logging

import pytest

from planner_node.node.logs import set_up
from planner_node.settings import LogSettings


@pytest.mark.parametrize("library", ["httpx2", "httpcore2", "huggingface_hub"])
def test_library_tells_no_request_at_info(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)  # pytest's handlers stay
    set_up(LogSettings())
    assert not logging.getLogger(library).isEnabledFor(logging.INFO)
