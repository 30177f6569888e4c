"""Why a node without a broker leaves alone what a node with one has accepted."""

from planner_node.errors import TaskElsewhere


def elsewhere(task_id: str, owner: str | None = None) -> TaskElsewhere:
    """Return the refusal that names who has the task, where that is known, and what to do."""
    who, wer = (
        (f"Node {owner}", f"節點 {owner} ") if owner else ("A node with a broker", "別的節點")
    )
    reason = (
        f"{who} has this task and tells its robot over MQTT; this node has no broker, and the robot"
        " would never hear of the change. Ask that node, or start this one by planner-node serve."
        f" · {wer}持有此任務，並透過 MQTT 通知機器人；本節點沒有訊息代理，機器人不會得知這項變更。"
        "請改向該節點提出，或以 planner-node serve 啟動本節點。"
    )
    return TaskElsewhere(reason, task_id=task_id, **({"owner": owner} if owner else {}))
