"""What people see when the node is ready."""

from rich.console import Console
from rich.markup import escape

from planner_node.node import Node


def show_banner(node: Node, http_address: str | None) -> None:
    """Print where everything is, and one line to try."""
    console = Console(stderr=True, highlight=False)
    info = node.completer.info
    root = node.settings.mqtt.root
    rows = [
        ("MQTT", _mqtt(node)),
        ("HTTP", f"{http_address}  (/docs, /readyz, /metrics)" if http_address else "off"),
        ("model", f"{info.id}  {info.dtype}, {info.quantization}, {info.device}"),
        ("journal", node.settings.journal.url),
        ("topics", f"{root}/robots/{{robot_id}}/task → status, subtasks/stream, subtasks"),
    ]
    console.print(f"\n[bold green]READY[/] {node.settings.node_id} · 節點已就緒")
    for name, value in rows:
        console.print(f"  [dim]{name:8}[/]{escape(value)}", soft_wrap=True)
    console.print('  [bold]try[/]     .venv/bin/planner-node send "將書本放在側桌上。"\n')


def _mqtt(node: Node) -> str:
    trouble = [
        check.reason for check in node.checks() if check.name == "broker" and not check.ready
    ]
    return (node.broker_url or "off") + "".join(f"  not yet: {reason}" for reason in trouble)
