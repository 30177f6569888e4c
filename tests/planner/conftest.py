"""A hall with a scripted model and a journal in memory, which always stops."""

from collections.abc import AsyncIterator

import pytest

from tests.fakes.completion import ASKING, TWO_SUBTASKS_CHARS, Script, ScriptedCompleter
from tests.fakes.hall import Hall, HallMaker


@pytest.fixture
async def open_hall() -> AsyncIterator[HallMaker]:
    """Build halls that are closed after the test."""
    halls: list[Hall] = []

    async def opened(hall: Hall) -> Hall:
        halls.append(hall)
        await hall.open()
        return hall

    yield opened
    for hall in halls:
        await hall.close()


@pytest.fixture
async def hall(open_hall: HallMaker) -> Hall:
    """A hall at work."""
    return await open_hall(Hall())


@pytest.fixture
async def idle(open_hall: HallMaker) -> Hall:
    """A hall that takes tasks in and plans none."""
    return await open_hall(Hall(works=False))


@pytest.fixture
async def killed(open_hall: HallMaker) -> Hall:
    """A hall that was closed while two subtasks of t1 were out and a third was being written."""
    script = Script(hold_after=TWO_SUBTASKS_CHARS)
    hall = await open_hall(Hall(ScriptedCompleter(default=script)))
    await hall.submit("t1")
    await script.held.wait()
    await hall.close()
    return hall


@pytest.fixture
async def asking(open_hall: HallMaker) -> Hall:
    """A hall whose task t1 has asked a question."""
    hall = await open_hall(Hall(ScriptedCompleter({"藍": Script()}, Script(ASKING))))
    await hall.submit("t1")
    await hall.until("t1", "INPUT_REQUIRED")
    return hall
