"""Turns intents into steps that the world accepts: the robot finds, fetches, goes and places."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from planner_node.training.corpus.plans import carrying, travelling, working
from planner_node.training.corpus.plans.drafting import Planner
from planner_node.training.corpus.plans.intents import Intent
from planner_node.training.corpus.plans.world import Goal, Step, Verb, World


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps, the goals they reach, and where things lay before: ``{thing: place}``."""

    steps: tuple[Step, ...]
    goals: tuple[Goal, ...]
    start: dict[str, str]

    def reached(self) -> bool:
        """Run the steps in a fresh world; a broken precondition raises ``Violation``."""
        world = World(at=dict(self.start))
        world.run(self.steps)
        return all(world.holds(goal) for goal in self.goals)


def plan(intents: Sequence[Intent]) -> Plan:
    """Return the plan that fulfils ``intents`` in order."""
    planner = Planner()
    for intent in intents:
        planner.when = intent.when
        EXPANSIONS[intent.kind](planner, intent)
    return Plan(tuple(planner.steps), tuple(planner.goals), dict(planner.start))


EXPANSIONS: Final[dict[str, Callable[[Planner, Intent], None]]] = {
    "move": carrying.move,
    "distribute": carrying.distribute,
    "deliver": carrying.deliver,
    "fetch": carrying.deliver,
    "heat": working.treat(Verb.HEAT),
    "cool": working.treat(Verb.COOL),
    "wash": working.treat(Verb.WASH),
    "slice": working.treat(Verb.SLICE),
    "fill": working.fill,
    "pour": working.pour,
    "stack": carrying.move,
    "instead": carrying.move,
    "load": carrying.move,
    "collect": carrying.collect,
    "share": carrying.share,
    "spread": carrying.spread,
    "lamp": working.lamp,
    "wipe.with": working.with_tool(Verb.WIPE),
    "collect.person": carrying.from_person,
    "meet.guide": travelling.meet,
    "meet.follow": travelling.meet,
    "count": travelling.count,
    "if.else": carrying.if_else,
    "set": working.set_value,
    "on": working.switch_group(Verb.ON),
    "off": working.switch_group(Verb.OFF),
    "open": working.switch(Verb.OPEN),
    "close": working.switch(Verb.CLOSE),
    "lock": working.switch(Verb.LOCK),
    "unlock": working.switch(Verb.UNLOCK),
    "go": travelling.tour(),
    "visit": travelling.tour(),
    "patrol": travelling.tour(Verb.CHECK),
    "inspect": travelling.tour(Verb.CHECK),
    "inspect.report": travelling.tour(Verb.CHECK, report=True),
    "sweep": travelling.tour(Verb.SWEEP),
    "mop": travelling.tour(Verb.MOP),
    "vacuum": travelling.tour(Verb.VACUUM),
    "wipe": travelling.tour(Verb.WIPE),
    "clean": travelling.tour(Verb.CLEAN),
    "tidy": travelling.tour(Verb.TIDY),
    "disinfect": travelling.tour(Verb.DISINFECT),
    "photo": travelling.tour(Verb.PHOTO),
    "find": carrying.find,
    "pick": carrying.pick,
    "discard": carrying.discard,
    "guide": travelling.guide,
    "follow": travelling.follow,
    "wait": travelling.wait,
    "charge": travelling.charge,
    "say": travelling.speak(Verb.SAY),
    "ask": travelling.speak(Verb.ASK),
    "act": working.act,
    "nest": carrying.nest,
    "if.open": working.if_state(Verb.CLOSE),
    "if.closed": working.if_state(Verb.OPEN),
    "if.on": working.if_state(Verb.OFF),
    "if.off": working.if_state(Verb.ON),
    "if.present": carrying.if_present,
    "if.battery": travelling.if_battery,
    "until": travelling.until,
    "report": travelling.report,
    "sweep.with": working.with_tool(Verb.SWEEP),
    "mop.with": working.with_tool(Verb.MOP),
    "clean.with": working.with_tool(Verb.CLEAN),
    "vacuum.with": working.with_tool(Verb.VACUUM),
    "disinfect.with": working.with_tool(Verb.DISINFECT),
}
