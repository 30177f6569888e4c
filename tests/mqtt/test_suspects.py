"""Which message the broker closes for."""

from planner_node.mqtt.suspects import POISON_AFTER, SUSPECT_AFTER, Suspects


def end_with(suspects: Suspects, *event_ids: int, healthy: bool = True) -> None:
    for event_id in event_ids:
        suspects.sent(event_id)
    suspects.session_ended(was_healthy=healthy)


def test_one_cut_makes_nobody_a_suspect() -> None:
    suspects = Suspects()
    end_with(suspects, 7, 8)
    assert not suspects.is_suspect(7)


def test_the_oldest_in_flight_at_two_cuts_goes_alone() -> None:
    suspects = Suspects()
    for _ in range(SUSPECT_AFTER):
        end_with(suspects, 7, 8)
    assert suspects.is_suspect(7)
    assert not suspects.is_suspect(8)
    assert not suspects.is_poison(7)


def test_a_message_that_ends_every_connection_is_poison() -> None:
    suspects = Suspects()
    for _ in range(POISON_AFTER):
        end_with(suspects, 7)
    assert suspects.is_poison(7)


def test_connections_that_took_nothing_accuse_nobody() -> None:
    suspects = Suspects()
    for _ in range(POISON_AFTER * 2):
        end_with(suspects, 7, healthy=False)
    assert not suspects.is_suspect(7)


def test_a_settled_message_is_innocent() -> None:
    suspects = Suspects()
    for _ in range(SUSPECT_AFTER):
        end_with(suspects, 7)
    suspects.sent(7)
    suspects.settled(7)
    assert not suspects.is_suspect(7)
