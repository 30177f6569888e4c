"""The HTTP door, fuzzed by its own OpenAPI document: no 5xx, no undocumented answer."""

import httpx
import pytest

from tests.e2e.conftest import House
from tests.faults.fleet import Fleet
from tests.faults.fuzzed_http import fuzz

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SHOWN_CHARS = 5_000  # of what was found: bodies can be megabytes


@pytest.mark.timeout(240)
async def test_every_answer_to_a_fuzzer_is_documented_and_none_is_ours(
    house: House, fleet: Fleet
) -> None:
    code, found = await fuzz(house.node.http, 5, "examples,coverage,fuzzing", seed=1)
    assert code == 0, found[:SHOWN_CHARS]
    async with httpx.AsyncClient(base_url=house.node.http, timeout=10) as client:
        page = (await client.get("/metrics")).text
    counted = [line for line in page.splitlines() if line.startswith("planner_http_requests_total")]
    assert len(counted) > 50
    assert not [line for line in counted if 'status="5' in line]
    fleet.task("calm", "after-the-fuzzer", "bring a book")
    await fleet.until_planned("after-the-fuzzer")
