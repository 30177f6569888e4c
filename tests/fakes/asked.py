"""One request that every completer can answer, and how its answer is read."""

from contextlib import aclosing

from planner_node.completion.request import (
    Completed,
    Completer,
    CompletionRequest,
    Message,
    TextChunk,
    Tool,
)

# Closed choices, so that a model of random weights comes to an end as well.
TASK = Tool(
    "decompose_task",
    "Split a task.",
    {
        "type": "object",
        "properties": {
            "tasks": {
                "type": "array",
                "minItems": 1,
                "maxItems": 4,
                "items": {
                    "type": "object",
                    "properties": {
                        "task": {"type": "string", "maxLength": 10},
                        "description": {"type": "string", "maxLength": 14},
                    },
                    "required": ["task", "description"],
                },
            }
        },
        "required": ["tasks"],
    },
)
ASKED = CompletionRequest(
    request_id="one",
    messages=(Message("system", "You plan."), Message("user", "將書本放在側桌上。")),
    tools=(TASK,),
    max_new_tokens=900,
)


async def told(
    completer: Completer, request: CompletionRequest = ASKED, handed_on: list[str] | None = None
) -> tuple[str, Completed]:
    """Return the whole text and the end; ``handed_on`` gets each piece as it comes.

    Fails where a piece is empty, or something follows the end.
    """
    pieces = [] if handed_on is None else handed_on
    completed = None
    async with aclosing(completer.stream(request)) as events:
        async for event in events:
            assert completed is None
            if isinstance(event, TextChunk):
                assert event.text
                pieces.append(event.text)
            else:
                completed = event
    assert completed is not None
    return "".join(pieces), completed
