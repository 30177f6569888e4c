"""Drafts a plan step by step; every step is executed at once in the symbolic world."""

from dataclasses import dataclass, field, replace

from planner_node.training.corpus.plans.world import Goal, Name, Rel, Step, Verb, World


@dataclass(slots=True)
class Planner:
    """Emits steps and executes each one at once, so a finished plan is executable."""

    world: World = field(default_factory=World)
    steps: list[Step] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    named: dict[str, Name] = field(default_factory=dict)
    start: dict[str, str] = field(default_factory=dict)
    when: str = ""

    def do(self, verb: Verb, *things: Name, place: Name | None = None, rel: Rel = Rel.ON) -> None:
        self.emit(Step(verb, things, place, rel))

    def emit(self, step: Step) -> None:
        self.world.apply(step)
        self.steps.append(replace(step, when=self.when) if self.when else step)
        for name in (*step.things, *((step.place,) if step.place else ())):
            self.named.setdefault(name.text, name)

    def reach(self, place: Name) -> None:
        if not self.world.reachable(place.text):
            self.do(Verb.GO, place=place)

    def approach(self, thing: Name) -> None:
        """Stand where ``thing`` can be touched, searching it when its place is unknown."""
        if self.world.reachable(thing.text):
            return
        known = self.named.get(self.world.at.get(thing.text, ""))
        if known:
            self.do(Verb.GO, place=known)
        else:
            self.do(Verb.FIND, thing)

    def acquire(self, thing: Name, source: Name | None = None) -> None:
        if thing.text in self.world.held:
            return
        if source is not None:
            self.named.setdefault(source.text, source)
            if thing.text not in self.world.at:
                self.world.at[thing.text] = self.start[thing.text] = source.text
        self.approach(thing)
        self.do(Verb.PICK, thing)

    def expect(self, kind: str, thing: Name | None = None, place: Name | None = None) -> None:
        """State a goal; a later step that undoes an earlier goal replaces it."""
        goal = Goal(kind, thing.text if thing else "", place.text if place else "")
        if kind in {"at", "held", "robot"}:
            same = ("robot",) if kind == "robot" else ("at", "held")
            self.goals = [g for g in self.goals if g.kind not in same or g.thing != goal.thing]
        self.goals.append(goal)
