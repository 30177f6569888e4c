"""The node explains itself: model, limits, topics, schemas, error codes."""

from messages import decode
from messages.problem import ProblemCode
from messages.schemas import MESSAGES, json_schema
from messages.status import NodeInfo
from messages.task import MAX_INSTRUCTION_CHARS
from messages.topics import TOPICS
from messages.wire import SCHEMA_VERSION, JsonValue
from planner_node import __version__
from planner_node.node.late import LateCompleter
from planner_node.settings import Settings


def node_info(settings: Settings, completer: LateCompleter, tools: list[str]) -> NodeInfo:
    """Describe the node as it stands."""
    return NodeInfo(
        node_id=settings.node_id,
        software_version=__version__,
        schema_versions=[SCHEMA_VERSION],
        model=_model(settings, completer),
        limits=_limits(settings),
        languages=settings.planner.languages,
        tools=tools,
        topics={name: f"{settings.mqtt.root}/{topic.pattern}" for name, topic in TOPICS.items()},
        schemas={name: json_schema(name) for name in MESSAGES},
        error_codes=list(ProblemCode),
    )


def _model(settings: Settings, completer: LateCompleter) -> dict[str, JsonValue]:
    if not completer.has_come:
        return {"id": _expected(settings), "ready": False}
    info = completer.info
    return {
        "id": info.id or _expected(settings),
        "ready": completer.ready,
        "quantization": info.quantization,
        "dtype": info.dtype,
        "device": info.device,
        "context_tokens": info.context_tokens,
    }


def _expected(settings: Settings) -> str:
    """Return the model that is waited for; an endpoint's name where its own is not set."""
    endpoints = settings.engine.endpoints
    return ", ".join(one.model or one.name for one in endpoints) or settings.model.id


def _limits(settings: Settings) -> dict[str, int | float]:
    return {
        "max_payload_bytes": decode.MAX_PAYLOAD_BYTES,
        "max_instruction_chars": MAX_INSTRUCTION_CHARS,
        "max_new_tokens": settings.generation.max_new_tokens_limit,
        "queue_capacity": settings.queue.capacity,
        "running": settings.queue.running,
        "generation_timeout_s": settings.generation.timeout_s,
        "history_h": settings.journal.history_h,
    }
