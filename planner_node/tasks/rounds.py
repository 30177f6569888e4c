"""Whose turn comes when among equals: the n-th round takes the n-th task of every robot."""

from datetime import datetime
from typing import TypeAlias

Urgency: TypeAlias = tuple[int, datetime]


class Rounds:
    """How many robots have an n-th task of an urgency; the first is 1."""

    def __init__(self) -> None:
        self._robots: dict[Urgency, list[int]] = {}

    def add(self, urgency: Urgency, nth: int) -> None:
        """A robot has an n-th task of this urgency now."""
        robots = self._robots.setdefault(urgency, [])
        if nth > len(robots):
            robots.append(0)
        robots[nth - 1] += 1

    def drop(self, urgency: Urgency, nth: int) -> None:
        """A robot that had n tasks of this urgency has one less."""
        robots = self._robots[urgency]
        robots[nth - 1] -= 1
        if not robots[-1]:
            robots.pop()
        if not robots:
            del self._robots[urgency]

    def before(self, urgency: Urgency, nth: int) -> int:
        """Return how many tasks the rounds before the n-th take."""
        return sum(self._robots.get(urgency, [])[: nth - 1])

    def within(self, urgency: Urgency, nth: int) -> int:
        """Return how many tasks the n-th round takes."""
        return sum(self._robots.get(urgency, [])[nth - 1 : nth])
