"""What a rehearsal is for: the embedded model's first plan takes fewer forward passes."""

import pytest

from messages.task import TaskCommand
from planner_node.completion.loading import LocalModel
from planner_node.planner.conversation import completion_request
from planner_node.planner.rehearsal import INSTRUCTIONS, rehearse
from planner_node.settings import EngineSettings, ModelSettings
from tests.fakes.asked import told
from tests.fakes.hall import Hall
from tests.fakes.record import a_record

pytestmark = pytest.mark.slow
FIRST = {
    "zh-TW": "請先到二號料架拿一箱螺絲，送到組裝站，然後把檯燈關掉。",
    "en": "Fetch the blanket for grandma and then switch off the radio in the hall.",
}


async def forward_passes(language: str, *, is_rehearsed: bool) -> int:
    """Load the model and return what its first plan costs."""
    model = LocalModel(ModelSettings(), EngineSettings())
    completer = await model.start()
    try:
        parts = Hall(completer=completer).parts
        if is_rehearsed:
            await rehearse(completer, parts, limit_s=60)
        record = a_record(language=language, command=TaskCommand(instruction=FIRST[language]))
        _, completed = await told(completer, completion_request(record, parts, None))
    finally:
        await model.stop()
    return completed.usage.forward_passes


@pytest.mark.parametrize("language", FIRST)
async def test_the_first_plan_takes_fewer_forward_passes(language: str) -> None:
    assert FIRST[language] not in INSTRUCTIONS[language]
    cold = await forward_passes(language, is_rehearsed=False)
    assert await forward_passes(language, is_rehearsed=True) < 0.7 * cold
