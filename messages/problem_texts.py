"""What each code says to people, in English and in Traditional Chinese."""

from collections.abc import Mapping

from messages.codes import ProblemCode, ProblemLevel
from messages.wire import Outgoing


class ProblemText(Outgoing):
    """A description and a hint in each language, and what machines need to know."""

    level: ProblemLevel
    retriable: bool
    en: tuple[str, str]
    zh_tw: tuple[str, str]


def _entry(
    en: tuple[str, str],
    zh_tw: tuple[str, str],
    *,
    retriable: bool = False,
    level: ProblemLevel = ProblemLevel.ERROR,
) -> ProblemText:
    return ProblemText(level=level, retriable=retriable, en=en, zh_tw=zh_tw)


CATALOG: Mapping[ProblemCode, ProblemText] = {
    ProblemCode.MALFORMED_JSON: _entry(
        (
            "The payload is not valid JSON.",
            "Send UTF-8 JSON; over MQTT a task may also be the bare instruction as text.",
        ),
        (
            "內容不是有效的 JSON。",
            "請傳送 UTF-8 編碼的 JSON；透過 MQTT 也可直接以純文字傳送任務指令。",
        ),
    ),
    ProblemCode.SCHEMA_INVALID: _entry(
        ("The message does not fit its schema.", "Mend the field that the references name."),
        ("訊息不符合規定的格式。", "請修正 references 所指出的欄位。"),
    ),
    ProblemCode.UNSUPPORTED_VERSION: _entry(
        ("This schema version is not supported.", "Send schema_version 1.0, or leave it out."),
        ("不支援此訊息格式版本。", "請使用 schema_version 1.0，或省略該欄位。"),
    ),
    ProblemCode.UNSUPPORTED_CONSTRAINT: _entry(
        (
            "The node does not know one of the constraints, and will not ignore it.",
            "Use max_subtasks, allowed_skills or forbidden only.",
        ),
        (
            "有節點不認得的限制條件；為了安全，不會略過它。",
            "只能使用 max_subtasks、allowed_skills 或 forbidden。",
        ),
    ),
    ProblemCode.IDENTITY_MISMATCH: _entry(
        (
            "The id in the payload is not the id in the topic.",
            "Leave robot_id out of the payload, or make the two equal.",
        ),
        ("內容中的識別碼與主題中的不同。", "請省略內容中的 robot_id，或讓兩者一致。"),
    ),
    ProblemCode.PAYLOAD_TOO_LARGE: _entry(
        ("The payload is larger than the node accepts.", "Send less context or a shorter text."),
        ("內容超過節點可接受的大小。", "請減少背景資訊或縮短文字。"),
    ),
    ProblemCode.RETAINED_COMMAND: _entry(
        (
            "A retained command is refused: a stale command must not move a robot.",
            "Publish commands without the retain flag, and clear the retained message.",
        ),
        (
            "拒絕保留（retained）的命令：過期的命令不得驅動機器人。",
            "發布命令時請勿設定 retain，並清除該保留訊息。",
        ),
    ),
    ProblemCode.DUPLICATE_CONFLICT: _entry(
        (
            "This task_id was already used with other content.",
            "Use a new task_id for a new task; resend the same bytes to repeat one.",
        ),
        ("此 task_id 已用於內容不同的任務。", "新任務請使用新的 task_id；重送時內容必須相同。"),
    ),
    ProblemCode.TASK_NOT_FOUND: _entry(
        ("No task with this id is known here.", "Check the task_id; old tasks leave the history."),
        ("找不到此識別碼的任務。", "請檢查 task_id；舊任務會自歷史紀錄中移除。"),
    ),
    ProblemCode.INVALID_STATE_TRANSITION: _entry(
        (
            "The task's present state does not allow this.",
            "The references name the present state; GET the task first.",
        ),
        ("任務目前的狀態不允許此操作。", "references 內有目前狀態；請先查詢（GET）任務。"),
    ),
    ProblemCode.QUEUE_FULL: _entry(
        (
            "The queue is full, or this robot's share of it.",
            "Try again later; if the references name robot_capacity, it is the robot's own limit.",
        ),
        (
            "佇列已滿，或此機器人在佇列中的名額已滿。",
            "請稍後再試；若 references 內有 robot_capacity，則是此機器人自己的上限。",
        ),
        retriable=True,
    ),
    ProblemCode.RATE_LIMITED: _entry(
        (
            "This robot sends more tasks than it may.",
            "Wait for retry_after_s; send each task once, the node forgets none.",
        ),
        (
            "此機器人送出任務的速率超過上限。",
            "請等待 retry_after_s 秒；每個任務只需送一次，節點不會遺漏。",
        ),
        retriable=True,
    ),
    ProblemCode.EXPIRED: _entry(
        (
            (
                "The task's deadline or its Message Expiry had passed before its turn came, "
                "or nobody answered its question in time."
            ),
            (
                "Send it again under a new task_id, with a later deadline, a longer Message Expiry "
                "or a higher priority."
            ),
        ),
        (
            "輪到此任務之前，就已超過 deadline 或 Message Expiry；或其問題未在時限內得到回答。",
            (
                "請以新的 task_id 重新送出，並給予較晚的 deadline、較長的 Message Expiry"
                "或較高的優先順序。"
            ),
        ),
    ),
    ProblemCode.DEADLINE_EXCEEDED: _entry(
        (
            "The deadline passed before the plan was complete.",
            "Allow more time, or raise the priority.",
        ),
        ("在計畫完成之前已超過期限。", "請給予更多時間，或提高優先順序。"),
        retriable=True,
    ),
    ProblemCode.NOT_A_TASK: _entry(
        ("The text is not a task for a robot.", "Say what the robot should do, with what, where."),
        ("這段文字不是機器人的任務。", "請說明要機器人做什麼、用什麼、在哪裡。"),
        level=ProblemLevel.WARNING,
    ),
    ProblemCode.AMBIGUOUS: _entry(
        (
            "Something that is needed to plan is missing.",
            (
                "Answer the question in the status: "
                '{"op": "ANSWER", "task_id": "...", "answer": "..."} '
                "on the robot's control topic, or POST /tasks/{task_id}/answer."
            ),
        ),
        (
            "缺少規劃所需的資訊。",
            (
                "請回答狀態訊息中的問題：在機器人的 control 主題送出 "
                '{"op": "ANSWER", "task_id": "...", "answer": "..."}，'
                "或 POST /tasks/{task_id}/answer。"
            ),
        ),
        level=ProblemLevel.WARNING,
    ),
    ProblemCode.UNSAFE: _entry(
        ("The task was refused because it could do harm.", "Ask for something safe."),
        ("此任務可能造成危險，已拒絕。", "請改提安全的任務。"),
        level=ProblemLevel.WARNING,
    ),
    ProblemCode.IMPOSSIBLE: _entry(
        ("A robot cannot do this.", "Ask for something that a robot can do."),
        ("機器人無法完成此任務。", "請改提機器人做得到的任務。"),
        level=ProblemLevel.WARNING,
    ),
    ProblemCode.NO_CAPABLE_ROBOT: _entry(
        ("No robot has the skills for this.", "Offer a robot with the named skills."),
        ("沒有機器人具備所需技能。", "請提供具備該技能的機器人。"),
    ),
    ProblemCode.UNKNOWN_TOOL: _entry(
        ("There is no tool of this name.", "Use one of the tools that the references name."),
        ("沒有此名稱的工具。", "請使用 references 所列的工具。"),
    ),
    ProblemCode.UNSUPPORTED_SCHEMA: _entry(
        (
            "The tool's JSON Schema cannot be enforced, so it is refused.",
            "Remove or simplify what the references name.",
        ),
        ("無法保證此工具的 JSON Schema，因此拒絕。", "請移除或簡化 references 所指出的部分。"),
    ),
    ProblemCode.CONTEXT_TOO_LONG: _entry(
        (
            "The text is longer than the model can read.",
            (
                "Shorten the instruction or its context, or split the task: prompt and answer "
                "share the model's context (engine.context_tokens)."
            ),
        ),
        (
            "文字超過模型可讀取的長度。",
            (
                "請縮短指令或背景資訊，或將任務拆小：提示與回答共用模型的上下文"
                "（engine.context_tokens）。"
            ),
        ),
    ),
    ProblemCode.MODEL_NOT_READY: _entry(
        (
            "The model, or another part of the node, is not ready.",
            "Try again shortly; see /readyz for the reason.",
        ),
        ("模型或節點的其他部分尚未就緒。", "請稍後再試；原因請見 /readyz。"),
        retriable=True,
    ),
    ProblemCode.OUT_OF_MEMORY: _entry(
        (
            "The machine ran out of memory.",
            (
                "Check other processes with nvidia-smi, ask for fewer new tokens, "
                "use 4-bit weights (nf4), or choose a smaller model."
            ),
        ),
        (
            "記憶體不足。",
            (
                "請以 nvidia-smi 檢查其他程序、減少 max_new_tokens、改用 4-bit（nf4），"
                "或選擇較小的模型。"
            ),
        ),
        retriable=True,
    ),
    ProblemCode.GENERATION_TIMEOUT: _entry(
        ("The model took too long.", "Try again, or allow more time in the settings."),
        ("模型產生時間過長。", "請重試，或在設定中放寬時限。"),
        retriable=True,
    ),
    ProblemCode.OUTPUT_TRUNCATED: _entry(
        (
            "The answer was cut off by max_new_tokens; a subtask already sent is complete.",
            "Allow more new tokens, or split the task.",
        ),
        (
            "輸出因 max_new_tokens 而中斷；若有已送出的子任務，皆為完整。",
            "請提高 max_new_tokens，或將任務拆小。",
        ),
    ),
    ProblemCode.PLAN_INVALID: _entry(
        (
            "The model's plan makes no sense or breaks a constraint, so it was not completed.",
            "Say the task in other words, loosen the constraint, or use a larger model.",
        ),
        (
            "模型的計畫不合理或違反限制，因此未完成。",
            "請換個說法、放寬限制，或使用較大的模型。",
        ),
    ),
    ProblemCode.REPLAN_LIMIT: _entry(
        ("The task was replanned as often as allowed.", "Look at why the subtasks fail."),
        ("已達重新規劃次數上限。", "請檢查子任務失敗的原因。"),
    ),
    ProblemCode.UNAUTHORIZED: _entry(
        ("This is not allowed for you.", "Send a valid API key."),
        ("您沒有權限。", "請提供有效的 API 金鑰。"),
    ),
    ProblemCode.NOT_ENABLED: _entry(
        (
            "This node does not offer this function yet.",
            "See the README for what is enabled.",
        ),
        ("此節點尚未提供這項功能。", "已啟用的功能請見 README。"),
    ),
    ProblemCode.NOT_FOUND: _entry(
        ("There is nothing at this path.", "See /docs for the paths that there are."),
        ("此路徑沒有內容。", "可用的路徑請見 /docs。"),
    ),
    ProblemCode.METHOD_NOT_ALLOWED: _entry(
        ("This path does not take this method.", "Use a method that the Allow header names."),
        ("此路徑不接受這個方法。", "請使用 Allow 標頭所列的方法。"),
    ),
    ProblemCode.INTERNAL: _entry(
        ("Something failed inside the node.", "Try again; the node's log has the details."),
        ("節點內部發生錯誤。", "請重試；詳情請見節點日誌。"),
        retriable=True,
        level=ProblemLevel.FATAL,
    ),
}
