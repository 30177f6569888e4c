"""The tree of filters tells the same as amqtt, which looks at each."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from amqtt.broker import Broker
from amqtt.session import Session
from hypothesis import given
from hypothesis import strategies as st

from planner_node.broker.filters import MOST_LEVELS, Filters, has_too_many_levels

LEVELS = st.sampled_from(["a", "b", "", "$SYS"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join)
WILD = st.lists(LEVELS | st.just("+"), max_size=4)
FILTERS = st.tuples(WILD, st.booleans()).map(lambda parts: "/".join([*parts[0], *["#"] * parts[1]]))


def session_of(name: str) -> Session:
    session = Session()
    session.client_id = name
    return session


def filters_of(names: list[str]) -> Filters:
    filters = Filters()
    for name in names:
        filters[name] = [(session_of(name), 1)]
    return filters


def heard(filters: Filters, topic: str) -> list[str | None]:
    return sorted(session.client_id for session, _ in filters.listeners(topic))


def of_amqtt(names: list[str], topic: str) -> list[str]:
    looking: Any = SimpleNamespace(logger=logging.getLogger())
    return sorted(name for name in names if Broker._matches(looking, topic, name))


@given(st.lists(FILTERS, unique=True, max_size=12), TOPICS)
def test_tree_finds_what_a_look_at_every_filter_finds(names: list[str], topic: str) -> None:
    assert heard(filters_of(names), topic) == of_amqtt(names, topic)


def test_deleted_filter_hears_nothing() -> None:
    filters = filters_of(["a/+", "a/#"])
    del filters["a/+"]
    assert heard(filters, "a/b") == ["a/#"]


def test_cleared_filters_hear_nothing() -> None:
    filters = filters_of(["a/+"])
    filters.clear()
    assert heard(filters, "a/b") == []


def test_one_who_listens_later_to_the_same_filter_is_found() -> None:
    filters = filters_of(["a"])
    filters["a"].append((session_of("later"), 0))
    assert heard(filters, "a") == ["a", "later"]


@pytest.mark.parametrize(("levels", "is_refused"), [(MOST_LEVELS, False), (MOST_LEVELS + 1, True)])
def test_levels_are_bounded(levels: int, *, is_refused: bool) -> None:
    assert has_too_many_levels("/".join(["+"] * levels)) == is_refused
