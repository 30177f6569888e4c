"""The command that scores an engine: its arguments, its two engines, and what it leaves behind."""

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from planner_node.training import evaluate
from planner_node.training.scoring.answers import Answer
from planner_node.training.scoring.engines import (
    TOOL_NAMES,
    CheckpointEngine,
    NodeEngine,
    messages_for,
    read_reply,
    read_tools,
)
from planner_node.training.scoring.records import Record
from planner_node.training.scoring.reference import rule_written
from planner_node.training.scoring.terms import AnswerKind
from planner_node.training.scoring.testset import load_test_set

RECORDS: Final = load_test_set()
PLAN: Final = {"tasks": [{"task": "找到燈", "description": "定位燈的位置。"}]}
TEMPLATE: Final = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{{ tools | length }} tools{% if add_generation_prompt %}\nassistant: {% endif %}"
)


class Perfect:
    """An engine that answers by rule."""

    def answers(self, records: Sequence[Record]) -> Iterator[Answer]:
        return map(rule_written, records)


class Node(BaseHTTPRequestHandler):
    """A node that gives every instruction the same plan, and an error to 'broken' and 'locked'."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(body))  # type: ignore[attr-defined]
        broken = "broken" in self.path
        content = json.dumps(PLAN, ensure_ascii=False)
        reply = {
            "role": "assistant",
            "content": content,
            "tool_calls": [{"name": "decompose_task", "arguments": PLAN}],
        }
        data = json.dumps({"problem": {}} if broken else reply).encode()
        self.send_response(503 if broken else 401 if "locked" in self.path else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def node() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Node)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url_of(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_verdicts_come_one_a_record() -> None:
    verdicts = list(evaluate.score(Perfect(), RECORDS[:20], quiet=True))
    assert [v.record for v in verdicts] == RECORDS[:20]
    assert all(v.success for v in verdicts)


def test_progress_is_told_on_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    list(evaluate.score(Perfect(), RECORDS[:2], quiet=False))
    assert "2/2" in capsys.readouterr().err


def test_limit_spreads_over_both_languages() -> None:
    limited = evaluate.spread(RECORDS, 40)
    assert len(limited) == 40
    assert {r.language for r in limited} == {r.language for r in RECORDS}


@pytest.mark.parametrize("limit", [0, 10_000])
def test_no_limit_keeps_everything(limit: int) -> None:
    assert evaluate.spread(RECORDS, limit) == RECORDS


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate.main(["--help"])
    assert "how to read it" in capsys.readouterr().out


def test_source_of_answers_is_required() -> None:
    with pytest.raises(SystemExit, match="2"):
        evaluate.main([])


def test_baselines_are_printed_without_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--baselines", "--limit", "30"]) == 0
    assert "rule-written" in capsys.readouterr().out


def test_node_is_asked_with_three_tools(node: ThreadingHTTPServer) -> None:
    answers = list(NodeEngine(url_of(node), 64).answers(RECORDS[:1]))
    assert answers[0].tasks[0].task == "找到燈"
    asked = node.asked[0]  # type: ignore[attr-defined]
    assert [tool["name"] for tool in asked["tools"]] == list(TOOL_NAMES)
    assert asked["messages"][-1]["content"] == RECORDS[0].instruction


def test_node_that_refuses_gives_an_invalid_answer(node: ThreadingHTTPServer) -> None:
    answers = list(NodeEngine(f"{url_of(node)}/broken", 64).answers(RECORDS[:1]))
    assert answers[0].kind is AnswerKind.INVALID


def test_node_that_wants_a_key_ends_the_run(
    node: ThreadingHTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        evaluate.main(["--url", f"{url_of(node)}/locked", "--limit", "5", "--quiet"])
    assert "API key" in capsys.readouterr().err
    assert len(node.asked) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "ignored"),
    [
        (["--baselines", "--limit", "5", "--held-out", "5"], "--limit"),
        (["--baselines", "--test-set", "x", "--held-out", "5"], "--test-set"),
        (["--url", "http://127.0.0.1:9", "--plan-bias", "1"], "--plan-bias"),
        (["--baselines", "--plan-bias", "1"], "--plan-bias"),
        (["--baselines", "--json", "x.json"], "--json"),
        (["--baselines", "--seed", "3"], "--seed"),
    ],
)
def test_argument_that_would_change_nothing_is_refused(
    arguments: list[str], ignored: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        evaluate.main(arguments)
    assert f"{ignored} " in capsys.readouterr().err


def test_report_is_written_as_json(node: ThreadingHTTPServer, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    arguments = ["--url", url_of(node), "--limit", "5", "--json", str(path), "--quiet"]
    assert evaluate.main(arguments) == 0
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["records"] == 5
    forms = [
        report["headline"][name]["total"] for name in ("forms of the generator", "other forms")
    ]
    assert sum(forms) == 5


def test_reply_in_openai_form_is_read() -> None:
    function = {"name": "decompose_task", "arguments": json.dumps(PLAN)}
    answer = read_reply({"content": "", "tool_calls": [{"function": function}]})
    assert answer.kind is AnswerKind.PLAN


def test_system_text_speaks_the_instruction_s_language() -> None:
    chinese = messages_for(next(r for r in RECORDS if r.language == "zh-TW"))
    english = messages_for(next(r for r in RECORDS if r.language == "en"))
    assert (chinese[0]["content"].isascii(), english[0]["content"].isascii()) == (False, True)


def test_tools_are_the_configured_ones() -> None:
    assert [tool["name"] for tool in read_tools()] == list(TOOL_NAMES)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Write a tiny random LLaMA with a byte-level tokenizer."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: index for index, character in enumerate(alphabet)}
    raw = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = tokenizers.decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|eot_id|>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(tmp_path)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=2048,
        eos_token_id=tokenizer.eos_token_id,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_checkpoint_answers_every_record_in_batches(checkpoint: Path) -> None:
    engine = CheckpointEngine(str(checkpoint), max_new_tokens=4, batch_size=2, device="cpu")
    answers = list(engine.answers(RECORDS[:3]))
    assert [answer.kind for answer in answers] == [AnswerKind.INVALID] * 3


def test_held_out_worlds_are_read_from_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    def held_out_records(count: int, seed: int) -> list[dict[str, str]]:
        row = {"category": "fetch", "lang": "en", "say": "cup to shelf", "goal": "cup @ shelf"}
        return [row | {"id": f"{seed}-{index}"} for index in range(count)]

    generator = ModuleType("generator")
    generator.held_out_records = held_out_records  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "generator", generator)
    monkeypatch.setattr(evaluate, "HELD_OUT", ("generator", "held_out_records"))
    assert [r.record_id for r in evaluate.held_out(2, 7)] == ["7-0", "7-1"]


def test_missing_generator_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "HELD_OUT", ("no_such_generator", "held_out_records"))
    with pytest.raises(SystemExit, match="no generator of held-out worlds"):
        evaluate.main(["--baselines", "--held-out", "3"])
