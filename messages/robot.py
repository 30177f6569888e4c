"""What a robot says about itself."""

from pydantic import Field

from messages.task import MAX_LIST_ITEMS, Name, Names
from messages.wire import Id, Incoming, JsonValue


class Skill(Incoming):
    """One thing the robot can do; ``arguments`` is a JSON Schema."""

    name: Name
    description: str = Field(default="", max_length=4_000)
    arguments: dict[str, JsonValue] = {}


class RobotProfile(Incoming):
    """What the robot can do, and what it knows of its surroundings."""

    schema_version: str = "1.0"
    robot_id: Id | None = None
    skills: list[Skill] = Field(default=[], max_length=MAX_LIST_ITEMS)
    places: Names = []
    objects: Names = []
