"""The commands and their help."""

import asyncio
import re
import sys
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from messages.wire import ID_PATTERN
from planner_node import __version__
from planner_node.errors import PlannerError, explained
from planner_node.settings import load

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""The robot task planner node: spoken-style instructions in, subtasks out.

    機器人任務規劃節點：輸入自然語言指令，輸出子任務。

    First run: `planner-node serve` in one terminal, and in another
    `planner-node send "將書本放在側桌上。"`
    """,
)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file; default config/planner.yaml. 設定檔。"),
]


def _id(value: str | None) -> str | None:
    """Refuse here what the node would refuse, without a way to tell whose task it was."""
    if value is not None and not re.fullmatch(ID_PATTERN, value):
        raise typer.BadParameter(
            "an id is 1 to 64 of the characters A-Z a-z 0-9 _ . : - "
            "識別碼為 1 到 64 個英數字或 _ . : - 字元。"
        )
    return value


RobotOption = Annotated[
    str, typer.Option("--robot", "-r", callback=_id, help="The robot's id. 機器人的識別碼。")
]
_ERRORS: Final = Console(stderr=True, highlight=False)


def main() -> None:
    """Run a command; what the house can explain is explained, not traced."""
    try:
        app()
    except PlannerError as error:
        _explain(error)
        sys.exit(1)


@app.command(short_help="Run the node. 啟動節點。")
def serve(config: ConfigOption = None) -> None:
    """Run the node: broker (embedded unless one is configured), model, MQTT and HTTP.

    啟動節點。Ctrl-C 停止；收到 SIGTERM 會有秩序地結束並以 0 離開。

    Every key of the settings can be set in the environment, for example
    `PLANNER__MQTT__URL=mqtt://broker:1883` or `PLANNER__HTTP__PORT=8001`.
    """
    from planner_node.cli.banner import show_banner  # noqa: PLC0415  imports the whole house
    from planner_node.node import logs  # noqa: PLC0415
    from planner_node.node import serve as serve_node  # noqa: PLC0415

    settings = load(config)
    logs.set_up(settings.log)
    _run(serve_node(settings, partial(show_banner, config=config)))


@app.command(short_help="Send a task and show its subtasks. 送出任務並顯示子任務。")
def send(  # noqa: PLR0913, PLR0917  one parameter an option
    instruction: Annotated[str, typer.Argument(help="The task in words. 任務的文字。")],
    robot: RobotOption = "r1",
    task_id: Annotated[
        str | None,
        typer.Option(
            callback=_id,
            help="Your own id; resending repeats. 您自訂的識別碼；重送得到同樣的答案。",
        ),
    ] = None,
    priority: Annotated[
        int, typer.Option(min=0, max=100, help="Higher goes first. 數字較大者優先。")
    ] = 50,
    language: Annotated[
        str | None, typer.Option(help="Wanted output, e.g. zh-TW, en. 輸出的語言。")
    ] = None,
    timeout_s: Annotated[
        float, typer.Option(help="Give up after this many seconds. 超過此秒數即放棄。")
    ] = 120.0,
    config: ConfigOption = None,
) -> None:
    """Publish a task over MQTT and show its subtasks as they arrive.

    送出任務，並即時顯示每個子任務。

    Example: `planner-node send "put some book on sidetable" --robot r7`
    """
    from planner_node.cli.send import send_task  # noqa: PLC0415

    command: dict[str, object] = {"instruction": instruction, "priority": priority}
    command |= {"task_id": task_id} if task_id else {}
    command |= {"language": language} if language else {}
    code = _run(send_task(load(config), robot, command, timeout_s))
    raise typer.Exit(code)


@app.command(short_help="Follow what the node says. 持續顯示節點的訊息。")
def watch(
    robot: Annotated[
        str | None,
        typer.Option(
            "--robot", "-r", callback=_id, help="One robot; default: the fleet. 預設為整個車隊。"
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Follow what the node says to one robot or to the whole fleet, until Ctrl-C.

    持續顯示節點對某台機器人或整個車隊的訊息。
    """
    from planner_node.cli.watch import watch_robots  # noqa: PLC0415

    _run(watch_robots(load(config), robot))


@app.command(short_help="Check everything and say what to do. 檢查一切並說明該怎麼做。")
def doctor(config: ConfigOption = None) -> None:
    """Check settings, keys, tools, broker, model, GPU memory, journal and disk, and say what to do.

    檢查設定、金鑰、工具、broker、模型、GPU 記憶體、日誌與磁碟，並說明該怎麼做。

    Exits with 1 if something must be mended.
    """
    from planner_node.cli.doctor import examine  # noqa: PLC0415

    raise typer.Exit(_run(examine(config)))


@app.command(short_help="List the messages, or print a schema. 列出訊息或印出 JSON Schema。")
def schema(
    name: Annotated[
        str | None,
        typer.Argument(help="A message; without it, the list. 訊息名稱；省略則列出全部。"),
    ] = None,
) -> None:
    """List the messages of the wire contract, or print one's JSON Schema.

    列出訊息，或印出某一種訊息的 JSON Schema。
    """
    from planner_node.cli.schema import show_schema  # noqa: PLC0415

    raise typer.Exit(show_schema(name))


@app.callback(invoke_without_command=True)
def version(
    *, show: Annotated[bool, typer.Option("--version", help="Show the version. 顯示版本。")] = False
) -> None:
    """Options that stand before a command."""
    if show:
        typer.echo(f"planner-node {__version__}")
        raise typer.Exit


def _run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401  whatever the command returns
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _explain(error: PlannerError) -> None:
    first, *more = explained(error)
    _ERRORS.print(f"[bold red]✗[/] {escape(first)}", soft_wrap=True)
    for line in more:
        _ERRORS.print(f"  {escape(line)}", soft_wrap=True)
