"""Response topics, correlation data and trace context from strangers."""

import re

import pytest

from messages.topics import TOPICS, Topic
from planner_node.mqtt.packets import MessageProperties
from planner_node.mqtt.reply import MAX_CORRELATION_BYTES, ReplyPolicy, trace_context
from planner_node.settings import MqttSettings

POLICY = ReplyPolicy("planner/v1", ("fleet/replies", "desk/"))
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("topic", ["fleet/replies/7", "desk/a/b", "fleet/replies/"])
def test_topic_under_a_prefix_is_honoured(topic: str) -> None:
    reply, warnings = POLICY.reply_of(MessageProperties(response_topic=topic))
    assert reply is not None
    assert (reply.topic, warnings) == (topic, [])


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "fleet/replies",
        "fleet/repliesX/7",
        "other/7",
        "fleet/replies/+",
        "fleet/replies/#",
        "$SYS/broker",
        "fleet/replies/\x00",
        "fleet/replies/\n",
        "fleet/replies/" + "x" * 300,
        "planner/v1/robots/r1/task",
    ],
)
def test_any_other_topic_is_ignored_with_a_warning(topic: str) -> None:
    reply, warnings = POLICY.reply_of(MessageProperties(response_topic=topic))
    assert reply is None
    (english, chinese) = warnings[0].split(" · ")
    assert english.startswith("response topic ignored: ")
    assert chinese.startswith("已忽略回覆主題：")
    assert not re.search("[a-z]{3} [a-z]", chinese)  # the reason is in Chinese too


@pytest.mark.parametrize("row", TOPICS.values(), ids=TOPICS)
def test_no_topic_of_the_table_is_honoured_even_under_a_careless_prefix(row: object) -> None:
    careless = ReplyPolicy("planner/v1", ("planner/v1",))
    pattern: str = row.pattern  # type: ignore[attr-defined]  # a Topic
    topic = "planner/v1/" + pattern.format(robot_id="r", task_id="t", node_id="n")
    assert careless.fault_of(topic) == "it is a topic of this node"


DEFAULT = ReplyPolicy("site/7", tuple(MqttSettings().response_topic_prefixes))


@pytest.mark.parametrize(
    "topic",
    ["reply/a", "replies/a/b", "response/a", "responses/a", "clients/a/reply", "site/7/reply/r1"],
)
def test_the_usual_places_are_honoured_unless_the_settings_say_otherwise(topic: str) -> None:
    assert DEFAULT.fault_of(topic) is None


@pytest.mark.parametrize(
    "topic",
    [
        "reply",
        "replying/a",
        "planner/v1/reply/a",
        "site/7/robots/r1/task",
        "site/7/nodes/n1/status",
        "site/7/x",
        "$SYS/reply/a",
        "{root}/reply/a",
    ],
)
def test_no_other_place_is_honoured_unless_the_settings_say_so(topic: str) -> None:
    assert DEFAULT.fault_of(topic) is not None


@pytest.mark.parametrize("root", ["reply", "clients/a"])
@pytest.mark.parametrize("row", TOPICS.values(), ids=TOPICS)
def test_no_topic_of_ours_is_honoured_where_the_root_lies_under_a_prefix(
    row: Topic, root: str
) -> None:
    policy = ReplyPolicy(root, DEFAULT.prefixes)
    topic = row.name(root, **dict.fromkeys(row.ids, "x"))
    assert policy.fault_of(topic) == "it is a topic of this node"


def test_nothing_is_honoured_without_prefixes() -> None:
    assert ReplyPolicy("planner/v1", ()).fault_of("a/b") is not None


@pytest.mark.parametrize(
    ("topic", "given_s", "echoed_s"), [("desk/7", 30, 30), ("desk/7", 0, None), (None, 30, None)]
)
def test_message_expiry_is_echoed_on_the_response_topic(
    topic: str | None, given_s: int, echoed_s: int | None
) -> None:
    properties = MessageProperties(response_topic=topic, correlation_data=b"7")
    reply, _ = POLICY.reply_of(properties, given_s)
    assert reply is not None
    assert reply.expiry_s == echoed_s


def test_correlation_data_is_kept_up_to_a_limit() -> None:
    kept, _ = POLICY.reply_of(MessageProperties(correlation_data=b"\x00" * MAX_CORRELATION_BYTES))
    dropped, warnings = POLICY.reply_of(
        MessageProperties(correlation_data=b"x" * (MAX_CORRELATION_BYTES + 1))
    )
    assert kept is not None
    assert dropped is None
    assert warnings == [
        "correlation data ignored: over 4096 bytes · 已忽略關聯資料：超過 4096 個位元組"
    ]


def test_trace_context_is_kept_and_other_properties_are_not() -> None:
    pairs = (("traceparent", PARENT), ("tracestate", "a=1"), ("other", "x"))
    assert trace_context(pairs) == (("traceparent", PARENT), ("tracestate", "a=1"))


@pytest.mark.parametrize(
    "pairs",
    [
        (),
        (("traceparent", "nonsense"),),
        (("traceparent", PARENT), ("traceparent", PARENT)),
        (("tracestate", "a=1"),),
        (("Traceparent", PARENT),),
    ],
)
def test_malformed_trace_context_starts_a_new_trace(pairs: tuple[tuple[str, str], ...]) -> None:
    assert trace_context(pairs) == ()
