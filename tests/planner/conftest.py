"""A hall with a scripted model and a journal in memory, which always stops."""

from collections.abc import AsyncIterator

import pytest

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
