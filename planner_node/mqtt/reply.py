"""Who else wants the answer: what a sender asked in MQTT 5 properties, which nobody has checked.

A response topic makes the node publish with its own rights, so it is taken only under the
configured prefixes, and never on a topic of our own table: that would be a loop, or a forgery.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from messages.topics import TOPICS
from messages.wording import as_warning
from planner_node.mqtt.packets import MessageProperties
from planner_node.tasks.record import Reply

MAX_RESPONSE_TOPIC_BYTES: Final = 256
MAX_CORRELATION_BYTES: Final = 4_096  # it is stored with every event of the task
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE: Final = re.compile(r"[\x20-\x7e]{1,512}")  # W3C Trace Context §3.3.1.5
_WHITESPACE_OR_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ReplyPolicy:
    """Which response topics are honoured; in a prefix, ``{root}`` is the root."""

    root: str
    prefixes: tuple[str, ...]

    def reply_of(
        self, properties: MessageProperties, expiry_s: int | None = None
    ) -> tuple[Reply | None, list[str]]:
        """Return where and with what to answer, and warnings (bilingual) about what was ignored.

        ``expiry_s`` is echoed on the response topic only: what a robot is told must not vanish.
        """
        warnings: list[str] = []
        topic = properties.response_topic
        if topic is not None and (fault := self.fault_of(topic)) is not None:
            warnings.append(as_warning(f"response topic ignored: {fault}"))
            topic = None
        correlation = properties.correlation_data
        if correlation is not None and len(correlation) > MAX_CORRELATION_BYTES:
            over = f"correlation data ignored: over {MAX_CORRELATION_BYTES} bytes"
            warnings.append(as_warning(over))
            correlation = None
        trace = trace_context(properties.user_properties)
        if topic is None and correlation is None and not trace:
            return None, warnings
        echoed_s = (expiry_s or None) if topic is not None else None  # 0 would tell nobody
        return Reply(topic, correlation, trace, echoed_s), warnings

    def fault_of(self, topic: str) -> str | None:
        """Return why a response topic is not honoured, or None if it is."""
        if not 0 < len(topic.encode()) <= MAX_RESPONSE_TOPIC_BYTES:
            return f"not 1 to {MAX_RESPONSE_TOPIC_BYTES} bytes long"
        if set(topic) & {"+", "#"} or _WHITESPACE_OR_CONTROL.search(topic):
            return "wildcards and control characters are not allowed"
        if topic.startswith("$"):
            return "topics of the broker are not allowed"
        if any(row.parts(topic, self.root) is not None for row in TOPICS.values()):
            return "it is a topic of this node"
        if not any(self._is_under(topic, prefix) for prefix in self.prefixes):
            return "not under mqtt.response_topic_prefixes"
        return None

    def _is_under(self, topic: str, prefix: str) -> bool:
        folder = prefix.replace("{root}", self.root)
        return topic.startswith(folder if folder.endswith("/") else f"{folder}/")


def trace_context(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the W3C trace context; a malformed one is dropped, and is no reason to refuse."""
    parents = [value for key, value in pairs if key == "traceparent"]
    if len(parents) != 1 or not _TRACEPARENT.fullmatch(parents[0]):
        return ()
    state = ",".join(value for key, value in pairs if key == "tracestate")
    if not _TRACESTATE.fullmatch(state):
        return (("traceparent", parents[0]),)
    return (("traceparent", parents[0]), ("tracestate", state))
