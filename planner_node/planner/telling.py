"""A run's subtasks on their way to the disk, while the model goes on writing.

How it works. What closes while a commit is under way gathers, and goes in the next one: always in
order, one commit at a time, and the model never waits for the disk. Nothing is said before it is
committed, as everywhere.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from messages.plan import Subtask


class Telling:
    """One run's subtasks; whoever ends the run waits for ``settled`` first."""

    def __init__(
        self,
        commit: Callable[[Sequence[Subtask]], Awaitable[None]],
        give_up: Callable[[], None],
    ) -> None:
        """Commit by ``commit``; when that fails, ``give_up`` is called at once."""
        self._commit = commit
        self._give_up = give_up
        self._untold: list[Subtask] = []
        self._working: asyncio.Task[None] | None = None

    def tell(self, subtask: Subtask) -> None:
        """Have one more subtask committed, soon."""
        self._untold.append(subtask)
        if self._working is None:
            self._working = asyncio.create_task(self._tell_all(), name="planner.telling")

    def withdraw(self) -> list[Subtask]:
        """Take back the subtasks whose commit has not begun: they go with what comes next."""
        untold, self._untold = self._untold, []
        return untold

    async def settled(self) -> None:
        """Wait until everything told is committed.

        Raises:
            Exception: what the commit that could not be has raised.
        """
        if self._working is not None:
            await self._working

    def close(self) -> None:
        """Tell nothing more; a commit that is under way is written all the same."""
        if self._working is not None:
            self._working.cancel()

    async def _tell_all(self) -> None:
        try:
            while self._untold:
                await self._commit(self.withdraw())
        except BaseException:
            self._give_up()
            raise  # and stay: nothing more is told, and ``settled`` says why
        self._working = None
