"""Requests and answers that people may copy: the seed's own, and the same in English."""

import json
from typing import Any, Final


def _decompose_task(described: str, task: str, description: str) -> dict[str, Any]:
    """Return the seed's tool with its descriptions in one language."""
    properties = {
        "task": {"type": "string", "description": task},
        "description": {"type": "string", "description": description},
    }
    item = {"type": "object", "properties": properties, "required": ["task", "description"]}
    parameters = {
        "type": "object",
        "properties": {"tasks": {"type": "array", "items": item}},
        "required": ["tasks"],
    }
    return {"name": "decompose_task", "description": described, "parameters": parameters}


_DECOMPOSE_ZH: Final = _decompose_task(
    "將任務分解為子任務，並返回包含子任務列表的 JSON 對象。",
    task="子任務的名稱。",
    description="子任務的描述。",
)
_DECOMPOSE_EN: Final = _decompose_task(
    "Break the task into subtasks and return them as a JSON list.",
    task="Name of the subtask.",
    description="What is to be done.",
)
GENERATE_REQUESTS: Final[dict[str, Any]] = {
    "zh-TW": {
        "messages": [
            {"role": "system", "content": "角色：專業的任務規劃機器人"},
            {"role": "user", "content": "將刀子和杯子移動到櫃檯。"},
        ],
        "max_new_tokens": 256,
    },
    "en": {
        "messages": [
            {"role": "system", "content": "Role: a professional task planning robot"},
            {"role": "user", "content": "Move the knife and the cup to the counter."},
        ],
        "max_new_tokens": 256,
    },
}
FUNCTION_REQUESTS: Final[dict[str, Any]] = {
    "zh-TW": {
        "messages": [
            {"role": "system", "content": "接收一個任務，將其分解成多個步驟。"},
            {"role": "user", "content": "將書本放在側桌上。"},
        ],
        "tools": [_DECOMPOSE_ZH],
        "max_new_tokens": 256,
    },
    "en": {
        "messages": [
            {"role": "system", "content": "Take a task and break it into steps."},
            {"role": "user", "content": "Put the book on the side table."},
        ],
        "tools": [{"type": "function", "function": _DECOMPOSE_EN}],
        "tool_choice": "decompose_task",
        "max_new_tokens": 256,
    },
}
_USAGE: Final[dict[str, Any]] = {
    "prompt_tokens": 61,
    "completion_tokens": 48,
    "total_tokens": 109,
    "forward_passes": 40,
    "first_token_ms": 21.5,
    "latency_ms": 480.2,
}
_ZH_STEPS: Final[dict[str, Any]] = {
    "tasks": [
        {"task": "找到書本", "description": "定位書本的位置。"},
        {"task": "拿起書本", "description": "將書本提起來。"},
        {"task": "走到側桌", "description": "接近側桌。"},
        {"task": "將書本放在側桌上", "description": "輕輕地將書本放在側桌上。"},
    ]
}
GENERATE_ANSWER: Final[dict[str, Any]] = {
    "role": "assistant",
    "content": (
        "1. 找到刀子。2. 拿起刀子。3. 找到杯子。4. 拿起杯子。"
        "5. 走到櫃檯。6. 將刀子和杯子放在櫃檯上。"
    ),
    "finish_reason": "stop",
    "usage": _USAGE,
}
FUNCTION_ANSWER: Final[dict[str, Any]] = {
    "role": "assistant",
    "content": json.dumps(_ZH_STEPS, ensure_ascii=False),
    "tool_call": True,
    "tool_calls": [{"name": "decompose_task", "arguments": _ZH_STEPS}],
    "finish_reason": "tool_calls",
    "usage": _USAGE,
}
TASK_REQUESTS: Final[dict[str, Any]] = {
    "zh-TW": {"robot_id": "robot-1", "instruction": "將書本放在側桌上。"},
    "en": {
        "robot_id": "robot-1",
        "task_id": "task-42",
        "instruction": "Put the book on the side table.",
        "priority": 60,
    },
}
