"""The embedded model with everything on writes what it writes with everything off."""

from collections.abc import Iterable

import pytest

from messages.task import TaskCommand
from planner_node.completion.loading import EMBEDDED_FOLDER, voice_of
from planner_node.engine.assembly import assemble
from planner_node.engine.limits import EngineLimits
from planner_node.engine.loading import ModelSpec, load
from planner_node.engine.request import Finish, Request
from planner_node.grammar.vocabulary import TextDecoder
from planner_node.prompt.conversation import task_conversation
from planner_node.stream.subtasks import CallReader, SubtaskClosed
from tests.fakes.catalog import shipped_catalog
from tests.fakes.engine import run_together, tokens_of

INSTRUCTIONS = (
    "將書本放在側桌上。",
    "put some book on sidetable",
    "把蘋果拿到廚房流理台。",
    "please bring the red cup to the desk",
    "將杯子放在側桌上。",
    "put the apple on the side table",
)
ALL_ON = EngineLimits(rows=3, context_tokens=512)
ALL_OFF = EngineLimits(rows=1, context_tokens=512, prefixes=0, urgent_steps=0, draft_tokens=0)


def _closed(events: Iterable[object]) -> bool:
    return any(isinstance(event, SubtaskClosed) for event in events)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_text_is_that_of_one_row_without_drafts_and_shared_prefixes() -> None:
    loaded = load(ModelSpec(str(EMBEDDED_FOLDER)))
    voice, catalog = voice_of(loaded), shipped_catalog()

    def requests(answers: tuple[str, ...]) -> list[Request]:
        found = []
        for number, instruction in enumerate(INSTRUCTIONS):
            command = TaskCommand(task_id=str(number), instruction=instruction)
            asked = task_conversation(command, catalog, answers)
            prompt = voice.renderer.render(asked.messages, asked.tools)
            constraint = voice.grammars.matcher(asked.tools, asked.tool_choice, asked.language)
            found.append(
                Request(
                    str(number),
                    prompt.token_ids,
                    prompt.prefix_tokens,
                    stop_tokens=voice.vocabulary.stop_tokens,
                    constraint=constraint,
                    milestone_tokens=voice.vocabulary.closing,
                )
            )
        return found

    on, off = assemble(loaded, ALL_ON), assemble(loaded, ALL_OFF)
    for answers in (("decompose_task",), tuple(catalog.tools)):
        together = run_together(on, requests(answers))
        assert tokens_of(together) == tokens_of(run_together(off, requests(answers)))
        assert {outcome.finished for outcome in together.values()} == {Finish.STOPPED}
    assert on.stats().accepted_tokens > 100
    assert on.stats().prefix_hits > 0
    assert on.stats().forward_passes < off.stats().forward_passes / 3
    closing = voice.vocabulary.closing
    for outcome in run_together(on, requests(("decompose_task",))).values():
        first = next(n for n, token_id in enumerate(outcome.token_ids) if token_id in closing)
        reader, decoder = CallReader(), TextDecoder(voice.vocabulary)
        assert not _closed(reader.feed(decoder.feed(outcome.token_ids[:first])))
        assert _closed(reader.feed(decoder.feed(outcome.token_ids[first : first + 1])))
