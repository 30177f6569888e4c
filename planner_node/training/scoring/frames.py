"""Frames of a subtask: a verb with what stands around it, and the actions that frames become."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from planner_node.training.scoring.terms import ABOUT, DIRECT, GROUNDED, STATES, TOUCHING, Verb


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a subtask, with the ids of the entities that play a part in it."""

    verb: Verb
    objects: tuple[str, ...] = ()
    destination: str = ""
    source: str = ""
    pronoun: bool = False


@dataclass(slots=True)
class Frame:
    """A verb under way, with the words met so far."""

    verb: Verb | None = None
    objects: list[str] = field(default_factory=list)
    destination: str = ""
    source: str = ""
    pronoun: bool = False
    lying: bool = False  # the destination is where the thing lies, should it be picked
    loose: list[str] = field(default_factory=list)  # unknown words anywhere in the frame
    strangers: list[str] = field(default_factory=list)  # unknown words where a name must stand
    more: list[str] = field(default_factory=list)  # those of them after "and"
    targets: list[str] = field(default_factory=list)  # those of them after "to", "on"

    @property
    def bare(self) -> bool:
        """Whether the verb stands alone."""
        return not (self.objects or self.destination or self.pronoun or self.strangers)


def share_objects(frames: list[Frame]) -> list[Frame]:
    """Give "find and pick up X" one X for both verbs, and lists after a comma to their verb."""
    shared: list[Frame] = []
    for frame in frames:
        if frame.verb is None and shared:
            shared[-1].objects += frame.objects
            shared[-1].loose += frame.loose
        else:
            shared.append(frame)
    for before, after in pairwise(shared):
        if before.bare and before.verb in DIRECT:
            before.objects = list(after.objects)
            before.pronoun = after.pronoun
    doubled = {id(a) for a, b in pairwise(shared) if a.bare and a.verb is b.verb}  # 「走過去」
    return [frame for frame in shared if id(frame) not in doubled]


def action_of(frame: Frame) -> Action:
    """Return the action that a frame with a verb means."""
    verb = frame.verb or Verb.GO
    action = Action(
        verb,
        tuple(frame.objects),
        frame.destination,
        frame.source,
        frame.pronoun,
    )
    if verb is Verb.LOAD:
        return replace(action, verb=Verb.PLACE if action.destination else Verb.PICK)
    if verb is Verb.PLACE and action.source and not action.destination:  # unload X from Y
        return replace(action, verb=Verb.PICK)
    if verb is Verb.PICK and action.destination and frame.lying:
        return replace(action, source=action.source or action.destination, destination="")
    if verb is Verb.PICK and action.destination:
        return replace(action, verb=Verb.CARRY)
    if verb is Verb.GO and action.objects:
        return replace(action, verb=Verb.MOVE)
    if verb is Verb.MOVE and not action.objects and not action.pronoun and not frame.strangers:
        return replace(action, verb=Verb.GO)
    return action


def unknown_words(frames: list[Frame], known: Callable[[str], bool]) -> list[str]:
    """Return the words that name something which the instruction does not.

    What is looked at or told of may also be a word that is ``known``, without being an entity.
    """
    unknown: list[str] = []
    for frame in frames:
        held = frame.objects or frame.destination or frame.source or frame.pronoun
        if frame.verb in GROUNDED or frame.verb is None:
            unknown += frame.strangers
            unknown += [] if held else frame.loose
        elif frame.verb in ABOUT:
            unknown += [word for word in frame.strangers if not known(word)]
    return unknown


def described_unknown(frames: list[Frame], known: Callable[[str], bool]) -> list[str]:
    """Return what a description names beside the instruction's things.

    It may say how something is done, so words that stand beside a known name mostly do not count.
    """
    unknown: list[str] = []
    for frame in frames:
        if not (frame.objects or frame.destination or frame.source or frame.pronoun):
            unknown += frame.strangers if frame.verb in GROUNDED | ABOUT else []
            continue
        unknown += frame.more if frame.verb in TOUCHING else []
        nowhere = not frame.destination and frame.verb in TOUCHING - STATES | {Verb.GO}
        unknown += frame.targets if nowhere else []
    return [word for word in dict.fromkeys(unknown) if not known(word)]
