"""What each message is, in the first words of its class, and the same in Traditional Chinese."""

from collections.abc import Mapping
from typing import Final

SUMMARY_TEXTS: Final[Mapping[str, str]] = {
    "A problem on a topic of its own: who says so, and when.": (
        "發布在專屬主題上的問題：由誰在何時提出。"
    ),
    "The node explains itself: model, limits, topics, schemas, error codes.": (
        "節點的自我說明：模型、上限、主題、結構與錯誤代碼。"
    ),
    "The node's life sign, retained; the last will has the same shape.": (
        "節點的生命跡象，以 retain 發布；遺囑訊息的格式相同。"
    ),
    "A typed answer that says what is wrong and what to do.": (
        "有固定代碼的答覆：哪裡有問題，以及該怎麼做。"
    ),
    "From this message on, so many nodes share the robots.": "自此訊息起，由這麼多個節點分擔機器人",
    "What the robot can do, and what it knows of its surroundings.": (
        "機器人會做什麼，以及它對周遭的認識。"
    ),
    "One step of a plan; ``task`` and ``description`` are the tool's own two fields.": (
        "計畫中的一個步驟；task 與 description 是工具本身的兩個欄位。"
    ),
    "One line of the stream; ``(task_id, revision, attempt, seq)`` is unique.": (
        "串流中的一則；(task_id, revision, attempt, seq) 不會重複。"
    ),
    "How a robot fares with one subtask.": "機器人執行某個子任務的情形。",
    "The whole plan, or its next revision.": "完整的計畫，或其下一個修訂版。",
    "A task in words, to be split into subtasks.": "以文字描述的任務，將分解為子任務。",
    "An operator's word about a task that exists.": "操作人員對既有任務的指示。",
    "Each change of a task's state; ``status_version`` grows by one with each.": (
        "任務狀態的每次變更；status_version 每次加一。"
    ),
    "There is no message {name}; did you mean {near}?": "沒有訊息 {name}；您是指 {near} 嗎？",
    "There is no message {name}; known are {known}": "沒有訊息 {name}；已知的有 {known}",
}
