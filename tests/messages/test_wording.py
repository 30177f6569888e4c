"""Every reason is told in both languages, and the Chinese one as people in Taiwan write it."""

import ast
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from messages.decode import Refused, decode_task
from messages.problem import ProblemCode, problem
from messages.wording import TEXTS, chinese_of, in_chinese
from planner_node import errors
from tests.messages.test_problem import FOREIGN_WORDS

ROOT = Path(__file__).parents[2]
BLANK = re.compile(r"\{(\w+)\}")
PLACES = [
    *(ROOT / "messages").glob("*.py"),
    *(
        path
        for room in ("api", "completion", "engine", "grammar", "mqtt", "planner", "prompt", "tasks")
        for path in (ROOT / "planner_node" / room).rglob("*.py")
    ),
]
RAISED = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type)
    and issubclass(kind, errors.PlannerError)
    and not issubclass(kind, errors.NodeBroken)
} | {"refusal", "HTTPException", "Fault", "Garbled", "_gone"}
# Of those whose sentence is not the first argument.
PLACE_OF_REASON = {"BadCommand": 1, "refusal": 2, "HTTPException": 1, "Fault": 1, "_gone": 1}


def reasons(path: Path, raised: Collection[str] = RAISED) -> Iterator[str]:
    """Yield what a module raises as a sentence of its own, blanks filled with a number."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = PLACE_OF_REASON.get(node.func.id, 0)
            if node.func.id in raised and len(node.args) > place:
                yield from written(node.args[place])


def written(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            text = "".join(p.value if isinstance(p, ast.Constant) else "7" for p in parts)
            if re.search(r"[a-z]{2}", text):  # else it is all somebody else's
                yield text


@pytest.mark.parametrize("path", PLACES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_reason_is_in_a_table(path: Path) -> None:
    assert [reason for reason in reasons(path) if in_chinese(reason) is None] == []


STARTING = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.NodeBroken)
}
COMPOSED = {  # never told to people, or put together of what is in a table
    "planner.answers: 7",
    "The environment: 7",
    "7 sets nothing: 7 is not a section7",
    "the engine started without a model",
    "the engine has ended",
    "stopped before it was built",
    "mqtt.url is empty; start the embedded broker and use its URL.",
}


@pytest.mark.parametrize(
    "path",
    [path for path in (ROOT / "planner_node").rglob("*.py") if "training" not in path.parts],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_reason_not_to_start_is_in_a_table_or_in_both_languages(path: Path) -> None:
    said = {one for one in reasons(path, STARTING) if one.isascii()} - COMPOSED
    assert [one for one in said if chinese_of(one) is None] == []


def test_the_check_finds_reasons() -> None:
    assert "the body may have at most 7 bytes" in [*reasons(ROOT / "planner_node/api/body.py")]


@pytest.mark.parametrize("english", TEXTS)
def test_a_sentence_fills_the_same_blanks(english: str) -> None:
    assert set(BLANK.findall(TEXTS[english])) <= set(BLANK.findall(english))
    assert BLANK.sub("", english).isascii()


@pytest.mark.parametrize("english", TEXTS)
def test_a_sentence_is_written_as_in_taiwan(english: str) -> None:
    TEXTS[english].encode("big5")
    assert [word for word in FOREIGN_WORDS if word in TEXTS[english]] == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Field required", "此欄位為必填"),
        ("String should have at most 64 characters", "最多 64 個字元"),
        ("Input should be 'a', 'b' or 'c'", "應為 'a', 'b' 或 'c'"),
        ("Expecting value: line 1 column 2 (char 1)", "第 1 行第 2 欄（第 1 個字元）：此處應有值"),
        ('/tools/0: "not" is not supported here', "/tools/0：「not」在此不支援"),
        ("the node cannot run: The journal is closed.", "節點無法執行：日誌已關閉。"),
        ("the node cannot run: no such weights", "節點無法執行：no such weights"),
        ("only the driver's own words", None),
    ],
)
def test_blanks_are_filled_and_reasons_inside_reasons_found(
    english: str, chinese: str | None
) -> None:
    assert in_chinese(english) == chinese


@pytest.mark.parametrize("deadline", ["2030-13-01T12:00:00Z", "2030-02-30T12:00:00Z"])
def test_what_is_wrong_with_a_deadline_is_told_in_chinese_alone(deadline: str) -> None:
    with pytest.raises(Refused) as refused:
        decode_task(json.dumps({"instruction": "go", "deadline": deadline}).encode())
    (translation,) = problem(refused.value.code, refused.value.references).translations
    assert {one.key: one.value for one in translation.references} == {
        "/deadline": "不是有效的日期時間"
    }


def test_a_problem_tells_its_reasons_in_chinese_too() -> None:
    said = problem(ProblemCode.SCHEMA_INVALID, {"/robot_id": "Field required", "limit": 3})
    (translation,) = said.translations
    assert [(one.key, one.value) for one in translation.references] == [
        ("/robot_id", "此欄位為必填")
    ]
