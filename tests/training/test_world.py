"""The world refuses what a robot cannot do."""

import pytest

from planner_node.training.corpus.plans.world import Goal, Name, Step, Verb, Violation, World

CUP, PLATE, FORK, TABLE = Name("cup"), Name("plate"), Name("fork"), Name("table")


def found_and_held(*names: Name) -> World:
    world = World()
    for name in names:
        world.apply(Step(Verb.FIND, (name,)))
        world.apply(Step(Verb.PICK, (name,)))
    return world


def test_picking_before_finding_is_refused() -> None:
    with pytest.raises(Violation):
        World().apply(Step(Verb.PICK, (CUP,)))


def test_picking_after_leaving_is_refused() -> None:
    world = World()
    world.apply(Step(Verb.FIND, (CUP,)))
    world.apply(Step(Verb.GO, place=TABLE))
    with pytest.raises(Violation):
        world.apply(Step(Verb.PICK, (CUP,)))


def test_a_third_thing_in_two_hands_is_refused() -> None:
    world = found_and_held(CUP, PLATE)
    world.apply(Step(Verb.FIND, (FORK,)))
    with pytest.raises(Violation):
        world.apply(Step(Verb.PICK, (FORK,)))


def test_placing_before_arriving_is_refused() -> None:
    with pytest.raises(Violation):
        found_and_held(CUP).apply(Step(Verb.PLACE, (CUP,), TABLE))


def test_placing_what_is_not_held_is_refused() -> None:
    world = World()
    world.apply(Step(Verb.GO, place=TABLE))
    with pytest.raises(Violation):
        world.apply(Step(Verb.PLACE, (CUP,), TABLE))


def test_pouring_without_holding_is_refused() -> None:
    world = World()
    world.apply(Step(Verb.FIND, (CUP,)))
    with pytest.raises(Violation):
        world.apply(Step(Verb.POUR, (Name("milk"),), CUP))


def test_switching_from_afar_is_refused() -> None:
    with pytest.raises(Violation):
        World().apply(Step(Verb.ON, (Name("lamp"),)))


def test_a_placed_thing_lies_at_its_place() -> None:
    world = found_and_held(CUP)
    world.apply(Step(Verb.GO, place=TABLE))
    world.apply(Step(Verb.PLACE, (CUP,), TABLE))
    assert world.holds(Goal("at", "cup", "table"))
    assert not world.held
