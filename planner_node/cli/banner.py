"""What people see when the node is ready."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from rich.console import Console
from rich.markup import escape

from planner_node.journal.file import URL_PREFIX, path_of
from planner_node.node import Node
from planner_node.settings import Settings
from planner_node.settings.addresses import without_query, without_user
from planner_node.settings.sections import ENV_PREFIX

_PREFIX: Final = f"{ENV_PREFIX}MQTT__"
_OF_A_CLIENT: Final = (
    *("URL", "PORT", "ROOT", "USERNAME", "PASSWORD_FILE"),
    *("CA_FILE", "CERTIFICATE_FILE", "KEY_FILE"),
)


def show_banner(node: Node, http_address: str | None, config: Path | None = None) -> None:
    """Print where everything is, and one line to try."""
    console = Console(stderr=True, highlight=False)
    info = node.completer.info
    root = node.settings.mqtt.root
    rows = [
        ("MQTT", _mqtt(node)),
        ("HTTP", f"{http_address}  (/docs, /readyz, /metrics)" if http_address else "off"),
        ("model", f"{info.id}  {info.dtype}, {info.quantization}, {info.device}"),
        ("journal", _journal(node.settings.journal.url)),
        ("topics", f"{root}/robots/{{robot_id}}/task → status, subtasks/stream, subtasks"),
    ]
    console.print(f"\n{_state(node)}", soft_wrap=True)
    for name, value in rows:
        console.print(f"  [dim]{name:8}[/]{escape(value)}", soft_wrap=True)
    line = try_line(node.settings, node.broker_url, config, os.environ)
    console.print(f"  [bold]try[/]     {escape(line)}\n", soft_wrap=True)


def _state(node: Node) -> str:
    """Say READY where /readyz would; else what is missing, which the node goes on waiting for."""
    name = node.settings.node_id
    missing = [check for check in node.checks() if not check.ready]
    if not missing:
        return f"[bold green]READY[/] {name} · 節點已就緒"
    parts = ", ".join(check.name for check in missing)
    return f"[bold yellow]STARTED, NOT READY[/] {name}: {parts} · 節點已啟動，尚未就緒：{parts}"


def try_line(
    settings: Settings, broker_url: str | None, config: Path | None, environment: Mapping[str, str]
) -> str:
    """Return a command that finds this node's broker from another terminal.

    That terminal knows neither this one's environment nor the port that was free. A password is
    not printed: an ellipsis stands where it must be put, and in the place of the node's own user.
    """
    told = _told(environment, settings.node_id)
    if not settings.mqtt.url and settings.mqtt.port == 0 and broker_url:
        told[f"{_PREFIX}PORT"] = str(urlsplit(broker_url).port)
    place = [f"{name}={value}" for name, value in told.items()]
    file = ["--config", shlex.quote(str(config))] if config else []
    command = [".venv/bin/planner-node", "send", '"將書本放在側桌上。"', *file]
    return " ".join([*place, *command])


def _told(environment: Mapping[str, str], node_id: str) -> dict[str, str]:
    given = {name.upper(): value for name, value in environment.items() if value}
    told = {name: given[name] for key in _OF_A_CLIENT if (name := f"{_PREFIX}{key}") in given}
    url = urlsplit(given.get(f"{_PREFIX}URL", ""))
    if url.netloc:
        told[f"{_PREFIX}URL"] = without_user(url.geturl())
    if url.username:
        told.setdefault(f"{_PREFIX}USERNAME", unquote(url.username))
    quoted = {name: shlex.quote(value) for name, value in told.items()}
    if told.get(f"{_PREFIX}USERNAME") == node_id:  # who comes as the node may put it off
        quoted[f"{_PREFIX}USERNAME"] = "…"
    if url.password or f"{_PREFIX}PASSWORD" in given:
        quoted[f"{_PREFIX}PASSWORD"] = "…"
    return quoted


def _mqtt(node: Node) -> str:
    trouble = [
        check.reason for check in node.checks() if check.name == "broker" and not check.ready
    ]
    return without_user(node.broker_url or "off") + "".join(
        f"  not yet: {reason}" for reason in trouble
    )


def _journal(url: str) -> str:
    """Name the file in full: a relative one begins anew wherever else the node is started."""
    return str(path_of(url)) if url.startswith(URL_PREFIX) else without_query(url)
