"""One request that every completer can answer."""

from planner_node.completion.request import CompletionRequest, Message, Tool

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
