"""How a schema is refused: where, what, and why."""

from planner_node.errors import UnsupportedSchema


def refusal(pointer: str, keyword: str, why: str) -> UnsupportedSchema:
    """Return the error that names the JSON pointer of the schema and the keyword in it."""
    where = pointer or "/"
    subject = f'"{keyword}" ' if keyword else ""
    return UnsupportedSchema(f"{where}: {subject}{why}", pointer=where, keyword=keyword)


def below(pointer: str, *steps: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of something inside ``pointer``."""
    escaped = (str(step).replace("~", "~0").replace("/", "~1")[:64] for step in steps)
    return "".join((pointer, *(f"/{step}" for step in escaped)))
