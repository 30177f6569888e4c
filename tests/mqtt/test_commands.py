"""Every delivery gets its answer, whatever is in it."""

import pytest

from messages.problem import ProblemCode
from planner_node.errors import JournalLost, QueueFull, TaskNotFound, UnknownTool
from planner_node.mqtt.commands import Commands
from planner_node.mqtt.packets import MessageProperties
from planner_node.mqtt.reply import ReplyPolicy
from planner_node.tasks.record import Reply
from tests.fakes.brokerless import delivery
from tests.fakes.desk import RecordingPlanner
from tests.messages.payloads import ignored

ROOT = "planner/v1"
TASK, CONTROL = f"{ROOT}/robots/r1/task", f"{ROOT}/robots/r1/control"
FEEDBACK, PROFILE = f"{ROOT}/robots/r1/feedback", f"{ROOT}/robots/r1/profile"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ASKING = MessageProperties("desk/7", b"7")
spare = "spare".__str__
GOOD_FEEDBACK = '{"task_id": "t1", "subtask_id": "s1", "state": "FINISHED"}'


@pytest.fixture
def planner() -> RecordingPlanner:
    return RecordingPlanner()


@pytest.fixture
def commands(planner: RecordingPlanner) -> Commands:
    return Commands(planner, ReplyPolicy(ROOT, ("desk",)))


async def test_task_as_json_is_submitted(commands: Commands, planner: RecordingPlanner) -> None:
    await commands.take(delivery(TASK, '{"instruction": "go", "task_id": "t1"}'), spare)
    [(command, origin)] = planner.submitted
    assert (command.instruction, command.task_id, origin.robot_id) == ("go", "t1", "r1")


async def test_bare_text_is_submitted_under_the_spare_id(
    commands: Commands, planner: RecordingPlanner
) -> None:
    await commands.take(delivery(TASK, "將書本放在側桌上。"), spare)
    [(command, _)] = planner.submitted
    assert (command.instruction, command.task_id) == ("將書本放在側桌上。", "spare")


async def test_unknown_fields_and_an_ignored_reply_topic_become_warnings(
    commands: Commands, planner: RecordingPlanner
) -> None:
    properties = MessageProperties(response_topic="$SYS/x")
    await commands.take(
        delivery(TASK, '{"instruction": "go", "colour": 1}', properties=properties), spare
    )
    [(_, origin)] = planner.submitted
    assert [warning.split(":")[0] for warning in origin.warnings] == [
        "unknown field ignored",
        "response topic ignored",
    ]


async def test_reply_topic_correlation_and_trace_travel_with_the_task(
    commands: Commands, planner: RecordingPlanner
) -> None:
    properties = MessageProperties(response_topic="desk/7", correlation_data=b"\xff")
    await commands.take(delivery(TASK, "go", properties=properties), spare)
    [(_, origin)] = planner.submitted
    assert origin.reply is not None
    assert (origin.reply.topic, origin.reply.correlation_data) == ("desk/7", b"\xff")


async def test_control_is_handed_on(commands: Commands, planner: RecordingPlanner) -> None:
    await commands.take(delivery(CONTROL, '{"op": "CANCEL", "task_id": "t1"}'), spare)
    [(control, origin)] = planner.controlled
    assert (control.op, control.task_id, origin.robot_id) == ("CANCEL", "t1", "r1")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        pytest.param(b"", ProblemCode.SCHEMA_INVALID, id="empty"),
        pytest.param(b"{", ProblemCode.MALFORMED_JSON, id="truncated"),
        pytest.param(b"\xff\xfe\xfd", ProblemCode.MALFORMED_JSON, id="not UTF-8"),
        pytest.param(b"[]", ProblemCode.SCHEMA_INVALID, id="list"),
        pytest.param(b"{}", ProblemCode.SCHEMA_INVALID, id="no instruction"),
        pytest.param(b'{"instruction": 7}', ProblemCode.SCHEMA_INVALID, id="wrong type"),
        pytest.param(b'{"instruction": ""}', ProblemCode.SCHEMA_INVALID, id="empty text"),
        pytest.param(b'{"a": 1, "a": 2}', ProblemCode.MALFORMED_JSON, id="duplicate keys"),
        pytest.param(b'{"a": NaN}', ProblemCode.MALFORMED_JSON, id="NaN"),
        pytest.param(b'{"a": 1e400}', ProblemCode.SCHEMA_INVALID, id="too large a number"),
        pytest.param(b"[" * 10_000, ProblemCode.MALFORMED_JSON, id="deep"),
        pytest.param(b'{"a": "\\ud800"}', ProblemCode.MALFORMED_JSON, id="lone surrogate"),
        pytest.param(b"x" * 1_048_576, ProblemCode.PAYLOAD_TOO_LARGE, id="1 MiB"),
        pytest.param(b"x" * 65_537, ProblemCode.PAYLOAD_TOO_LARGE, id="64 KiB and one"),
        pytest.param(b'{"instruction":"a","task_id":"a/b"}', ProblemCode.SCHEMA_INVALID, id="id"),
        pytest.param(
            b'{"instruction":"a","constraints":{"speed":1}}',
            ProblemCode.UNSUPPORTED_CONSTRAINT,
            id="unknown constraint",
        ),
        pytest.param(
            b'{"instruction":"a","schema_version":"9.0"}',
            ProblemCode.UNSUPPORTED_VERSION,
            id="version",
        ),
    ],
)
async def test_bad_task_is_refused_on_the_robots_status(
    commands: Commands, planner: RecordingPlanner, payload: bytes, code: ProblemCode
) -> None:
    await commands.take(delivery(TASK, payload), spare)
    [(problem, origin, task_id, is_control)] = planner.refused
    assert (problem.code, origin.robot_id, task_id, is_control) == (code, "r1", None, False)
    assert planner.submitted == []


async def test_refusal_names_the_task_when_its_id_can_be_read(
    commands: Commands, planner: RecordingPlanner
) -> None:
    await commands.take(delivery(TASK, '{"instruction": 7, "task_id": "t1"}'), spare)
    assert planner.refused[0][2] == "t1"


async def test_refusal_of_the_planner_goes_to_the_sender(
    commands: Commands, planner: RecordingPlanner
) -> None:
    planner.failures.append(QueueFull("full"))
    await commands.take(delivery(TASK, '{"instruction": "go", "task_id": "t1"}'), spare)
    [(problem, _, task_id, _)] = planner.refused
    assert (problem.code, task_id) == (ProblemCode.QUEUE_FULL, "t1")


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TASK, '{"instruction": "go", "task_id": "t1", "tool": "nope", "prioritty": 9}'),
        (TASK, '{"instruction": 7, "prioritty": 9}'),
        (CONTROL, '{"op": "REPRIORITIZE", "task_id": "t1", "prioritty": 1}'),
        (CONTROL, '{"op": "FLY", "task_id": "t1", "prioritty": 1}'),
    ],
)
async def test_what_of_a_refused_command_was_ignored_is_told_with_the_refusal(
    commands: Commands, planner: RecordingPlanner, topic: str, payload: str
) -> None:
    planner.failures.append(UnknownTool(tool="nope"))
    await commands.take(delivery(topic, payload), spare)
    assert planner.refused[0][1].warnings == (ignored("/prioritty"),)


async def test_a_refused_command_is_handed_on_for_what_it_wants_echoed(
    commands: Commands, planner: RecordingPlanner
) -> None:
    planner.failures.append(QueueFull("full"))
    await commands.take(delivery(TASK, '{"instruction": "go", "requester": "anna"}'), spare)
    (command,) = planner.refused_commands
    assert command is not None
    assert command.requester == "anna"


async def test_refused_control_is_marked_as_one(
    commands: Commands, planner: RecordingPlanner
) -> None:
    planner.failures.append(TaskNotFound("t9"))
    await commands.take(delivery(CONTROL, '{"op": "GET", "task_id": "t9"}'), spare)
    [(problem, _, task_id, is_control)] = planner.refused
    assert (problem.code, task_id, is_control) == (ProblemCode.TASK_NOT_FOUND, "t9", True)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TASK, '{"instruction": "go", "task_id": "t1"}'),
        (CONTROL, '{"op": "CANCEL", "task_id": "t1"}'),
        (FEEDBACK, GOOD_FEEDBACK),
    ],
)
async def test_retained_command_is_refused(
    commands: Commands, planner: RecordingPlanner, topic: str, payload: str
) -> None:
    await commands.take(delivery(topic, payload, retain=True), spare)
    [(problem, _, task_id, _)] = planner.refused
    assert (problem.code, task_id) == (ProblemCode.RETAINED_COMMAND, "t1")
    assert planner.calls == []


async def test_clearing_a_retained_command_is_not_a_command(
    commands: Commands, planner: RecordingPlanner
) -> None:
    await commands.take(delivery(TASK, b"", retain=True), spare)
    assert (planner.refused, planner.submitted) == ([], [])


async def test_task_past_its_message_expiry_is_refused(
    commands: Commands, planner: RecordingPlanner
) -> None:
    await commands.take(delivery(TASK, "go", expiry_s=0), spare)
    assert planner.refused[0][0].code is ProblemCode.EXPIRED


async def test_message_expiry_goes_on_and_does_not_become_the_deadline(
    commands: Commands, planner: RecordingPlanner
) -> None:
    await commands.take(delivery(TASK, "go", expiry_s=30), spare)
    [(command, origin)] = planner.submitted
    assert (command.deadline, origin.expiry_s) == (None, 30)


async def test_feedback_is_not_enabled(commands: Commands, planner: RecordingPlanner) -> None:
    await commands.take(delivery(FEEDBACK, GOOD_FEEDBACK), spare)
    [(problem, _, task_id, _)] = planner.refused
    assert (problem.code, task_id) == (ProblemCode.NOT_ENABLED, "t1")


async def test_profile_is_answered_once_for_each_content(
    commands: Commands, planner: RecordingPlanner
) -> None:
    for payload in ('{"places": ["a"]}', '{"places": ["a"]}', '{"places": ["b"]}'):
        await commands.take(delivery(PROFILE, payload, retain=True), spare)
    assert [problem.code for problem, *_ in planner.refused] == [ProblemCode.NOT_ENABLED] * 2


async def test_profile_whose_answer_was_not_journalled_is_answered_again(
    commands: Commands, planner: RecordingPlanner
) -> None:
    planner.refusal_failures.append(JournalLost("disk full"))
    profile = delivery(PROFILE, "{}", retain=True)
    with pytest.raises(JournalLost):
        await commands.take(profile, spare)
    await commands.take(profile, spare)
    assert len(planner.refused) == 1


async def test_fleet_task_is_reported_on_the_errors_topic(
    commands: Commands, planner: RecordingPlanner
) -> None:
    await commands.take(delivery(f"{ROOT}/fleet/task", "go"), spare)
    assert [problem.code for problem in planner.reported] == [ProblemCode.NOT_ENABLED]


@pytest.mark.parametrize("topic", ["fleet/task", "robots/a b/task"])
async def test_what_a_sender_wants_echoed_goes_with_the_report(
    commands: Commands, planner: RecordingPlanner, topic: str
) -> None:
    properties = MessageProperties("desk/7", b"\x07", (("traceparent", TRACE),))
    await commands.take(
        delivery(f"{ROOT}/{topic}", "go", properties=properties, expiry_s=30), spare
    )
    assert planner.reported_to == [Reply("desk/7", b"\x07", (("traceparent", TRACE),), 30)]


@pytest.mark.parametrize(
    "robot_id", ["", "a b", "é", "a" * 65, "..%2f", "$SYS", "r\u202e1", "機器人"]
)
async def test_topic_that_names_no_robot_is_reported_with_the_facts(
    commands: Commands, planner: RecordingPlanner, robot_id: str
) -> None:
    topic = f"{ROOT}/robots/{robot_id}/task"
    await commands.take(delivery(topic, b"\xff" + b"x" * 999), spare)
    [problem] = planner.reported
    facts = {reference.key: reference.value for reference in problem.references}
    assert (problem.code, facts["topic"]) == (ProblemCode.SCHEMA_INVALID, topic)
    assert facts["payload"] == "\ufffd" + "x" * 255
    assert planner.refused == []


async def test_topic_that_is_not_ours_is_left_alone(
    commands: Commands, planner: RecordingPlanner
) -> None:
    await commands.take(delivery("weather/today", "rain"), spare)
    assert not planner.reported + planner.refused


async def test_lost_journal_is_not_turned_into_a_refusal(
    commands: Commands, planner: RecordingPlanner
) -> None:
    planner.failures.append(JournalLost("disk full"))
    with pytest.raises(JournalLost):
        await commands.take(delivery(TASK, "go"), spare)
    assert planner.refused == []


async def test_given_up_delivery_is_answered_and_reported(
    commands: Commands, planner: RecordingPlanner
) -> None:
    word = delivery(CONTROL, '{"op":"GET","task_id":"t1"}', properties=ASKING)
    await commands.give_up(word, "ValueError: x")
    assert [problem.code for problem in planner.reported] == [ProblemCode.INTERNAL]
    [(problem, origin, task_id, is_control)] = planner.refused
    assert (problem.code, task_id, is_control) == (ProblemCode.INTERNAL, "t1", True)
    assert (origin.reply, planner.reported_to) == (Reply("desk/7", b"7"), [Reply(None, b"7")])


async def test_given_up_delivery_without_a_robot_is_answered_by_the_report(
    commands: Commands, planner: RecordingPlanner
) -> None:
    await commands.give_up(delivery(f"{ROOT}/fleet/task", "go", properties=ASKING), "ValueError: x")
    assert (planner.reported_to, planner.refused) == ([Reply("desk/7", b"7")], [])
