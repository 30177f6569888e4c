"""Why a node without a broker leaves alone what a node with one has accepted."""

from planner_node.errors import TaskElsewhere


def elsewhere(task_id: str, owner: str | None = None) -> TaskElsewhere:
    """Return the refusal that names who has the task, where that is known, and what to do."""
    who = f"Node {owner}" if owner else "A node with a broker"
    reason = (
        f"{who} has this task and tells its robot over MQTT; this node has no broker, and the robot"
        " would never hear of the change. Ask that node, or start this one by planner-node serve."
    )
    return TaskElsewhere(reason, task_id=task_id, **({"owner": owner} if owner else {}))
