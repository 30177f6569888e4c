"""The words of the scorer: verbs, roles, goals and reasons for a failure."""

from enum import StrEnum
from typing import Final


class Language(StrEnum):
    """The two languages that the planner speaks."""

    ZH = "zh-TW"
    EN = "en"


class AnswerKind(StrEnum):
    """What an engine did with an instruction, by the tool that it called."""

    PLAN = "plan"
    ASK = "ask"
    DECLINE = "decline"
    INVALID = "invalid"  # no call of an offered tool could be read


class Role(StrEnum):
    """What an entity of an instruction is to the robot."""

    OBJECT = "object"
    PLACE = "place"
    DEVICE = "device"  # acted on where it stands: a lamp, a door, a floor
    PERSON = "person"


class Verb(StrEnum):
    """The classes of action that a subtask is read into."""

    FIND = "FIND"
    GO = "GO"
    PICK = "PICK"
    PLACE = "PLACE"
    GIVE = "GIVE"
    LOAD = "LOAD"  # onto the robot: PICK; with a destination: PLACE
    CARRY = "CARRY"  # go somewhere with a thing, which stays in the hand
    MOVE = "MOVE"  # like CARRY, but as a last step it means that the thing is left there
    OPEN = "OPEN"
    CLOSE = "CLOSE"
    ON = "ON"
    OFF = "OFF"
    CLEAN = "CLEAN"
    SLICE = "SLICE"
    HEAT = "HEAT"
    COOL = "COOL"
    FILL = "FILL"
    CHECK = "CHECK"
    PATROL = "PATROL"  # go there and look
    REPORT = "REPORT"
    WAIT = "WAIT"
    CHARGE = "CHARGE"
    FOLLOW = "FOLLOW"
    GUIDE = "GUIDE"


STATES: Final = frozenset(
    {
        Verb.OPEN,
        Verb.CLOSE,
        Verb.ON,
        Verb.OFF,
        Verb.CLEAN,
        Verb.SLICE,
        Verb.HEAT,
        Verb.COOL,
        Verb.FILL,
    }
)
OPPOSITES: Final = {
    Verb.OPEN: Verb.CLOSE,
    Verb.CLOSE: Verb.OPEN,
    Verb.ON: Verb.OFF,
    Verb.OFF: Verb.ON,
}
# Verbs that touch a thing: what must not happen to a thing to be left alone.
TOUCHING: Final = STATES | {Verb.PICK, Verb.PLACE, Verb.GIVE, Verb.LOAD, Verb.CARRY, Verb.MOVE}
# Verbs that are about a thing or place: their words must be known ones.
GROUNDED: Final = TOUCHING | {Verb.FIND, Verb.GO, Verb.PATROL, Verb.FOLLOW, Verb.GUIDE}
# Verbs that may be about more than the instruction's things: a state, a result, the battery.
ABOUT: Final = frozenset({Verb.CHECK, Verb.REPORT, Verb.CHARGE})
# Verbs whose next entity is what they act on, whatever word stands between.
DIRECT: Final = STATES | {
    Verb.FIND,
    Verb.PICK,
    Verb.CHECK,
    Verb.PATROL,
    Verb.FOLLOW,
    Verb.GUIDE,
    Verb.PLACE,
    Verb.LOAD,
    Verb.CARRY,
    Verb.MOVE,
    Verb.REPORT,
}


class GoalKind(StrEnum):
    """What a record asks of the world at the end of the plan."""

    AT = "at"
    STATE = "state"
    VISITED = "visited"
    ROBOT_AT = "robot_at"
    DID = "did"  # an action happened: CHECK, REPORT, CHARGE, FOLLOW
    GUIDED = "guided"
    CONDITION = "condition"


class Reason(StrEnum):
    """Why an answer fails; an answer may fail for several reasons."""

    FORMAT = "format"
    EMPTY = "empty"
    WRONG_KIND = "wrong kind of answer"
    WRONG_CODE = "wrong code"
    LANGUAGE = "language"
    UNPARSED = "unparsed step"
    UNKNOWN = "unknown entity"
    VIOLATION = "violation"
    GOAL = "goal not reached"
    QUANTITY = "quantity lost"
    ORDER = "order"
    COVERAGE = "entity left out"
    HANDS_FULL = "hands full at the end"
    FORBIDDEN = "forbidden event"
    UNREQUESTED = "unrequested action"
    DESCRIPTION = "description of something else"
    REPEATED = "repeated step"
    UNDIVIDED = "several tasks in one step"
    TOO_LONG = "too long"
