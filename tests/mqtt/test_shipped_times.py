"""I5 with the shipped settings, as sums: what a node waits for at most once a fault is over."""

import itertools

import pytest

from planner_node.mqtt.link import RESUBSCRIBE_S
from planner_node.mqtt.packets import Ending, EndKind
from planner_node.mqtt.reconnect import Reconnect
from planner_node.settings import MqttSettings

BACK_S = 10.0
HANDSHAKES_S = 1.0  # TCP, CONNECT and SUBSCRIBE of the try that succeeds
SHIPPED = MqttSettings()
OVER_AND_OVER = (
    EndKind.UNREACHABLE,
    EndKind.UNSUPPORTED_VERSION,
    EndKind.HUNG_UP,
    EndKind.REFUSED,
    EndKind.LOST,
)


@pytest.mark.parametrize("kind", OVER_AND_OVER)
@pytest.mark.parametrize("chance", [0.0, 0.3, 0.6, 0.999])
@pytest.mark.parametrize("lasts_s", [0, SHIPPED.connect_timeout_s])
def test_the_next_try_after_a_fault_comes_within_ten_seconds(
    kind: EndKind, chance: float, lasts_s: float
) -> None:
    """The fault ends just after a try has begun, which is in vain all the same."""
    is_slow = kind is EndKind.UNREACHABLE  # all others are told by an answer
    spent_s = lasts_s if is_slow else 0
    policy = Reconnect(SHIPPED.reconnect_min_s, SHIPPED.reconnect_max_s, lambda: chance)
    delays_s = [policy.after(Ending(kind, ""), spent_s)[0] for _ in range(20)]
    assert spent_s + max(delays_s) + HANDSHAKES_S <= BACK_S


def test_a_subscription_that_is_granted_again_is_found_within_ten_seconds() -> None:
    assert RESUBSCRIBE_S + HANDSHAKES_S <= BACK_S


def test_silent_brokers_are_not_tried_in_step() -> None:
    """Fifty nodes that ran into the same silence come back over several seconds."""
    chances = [number / 50 for number in range(50)]
    ends_s = []
    for chance in chances:
        policy = Reconnect(
            SHIPPED.reconnect_min_s, SHIPPED.reconnect_max_s, itertools.repeat(chance).__next__
        )
        silent, spent_s = Ending(EndKind.UNREACHABLE, ""), SHIPPED.connect_timeout_s
        ends_s.append([policy.after(silent, spent_s)[0] for _ in range(9)][-1])
    assert max(ends_s) - min(ends_s) >= 2
    assert min(ends_s) > 0
