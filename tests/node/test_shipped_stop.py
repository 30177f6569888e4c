"""F4 with the shipped settings, as a sum: a stop ends before Docker's patience of 10 s does."""

from planner_node.mqtt.client import CLOSE_TIMEOUT_S
from planner_node.mqtt.door import FAREWELL_S
from planner_node.node.build import LAST_WORDS_S
from planner_node.settings import PlannerSettings

PATIENCE_S = 10.0


def test_a_stop_with_a_plan_that_hangs_and_a_broker_that_is_silent_ends_in_time() -> None:
    spent_s = PlannerSettings().drain_s + LAST_WORDS_S + FAREWELL_S + CLOSE_TIMEOUT_S
    assert spent_s < PATIENCE_S
