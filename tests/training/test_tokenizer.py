"""The tokenizer: exact round trips, two tokens a Han character, the template of a conversation."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

import planner_node
from planner_node.training.corpus.conversation import everything
from planner_node.training.corpus.samples import sample
from planner_node.training.tokenizer import BOS, EOT, build, render, wrapped

EMBEDDED = Path(planner_node.__file__).parent / "models" / "embedded"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return wrapped(build(3, samples=250, characters=120, words=60))


def ids(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))


@pytest.mark.parametrize(
    "text",
    [
        "將刀子和杯子移動到櫃檯。",
        'say "hi"\n\t{x}',
        "LEGO積木 A3-07",
        "😀 éß ㄅㄆ",
        "  two  spaces ",
        "龘",
    ],
)
def test_text_comes_back_exactly(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(ids(tokenizer, text)) == text


def test_random_text_comes_back_exactly(tokenizer: PreTrainedTokenizerFast) -> None:
    rng = random.Random(5)
    for _ in range(100):
        text = "".join(
            chr(rng.choice((rng.randint(1, 0xD7FF), rng.randint(32, 126)))) for _ in range(20)
        )
        assert tokenizer.decode(ids(tokenizer, text)) == text


def test_every_han_character_takes_at_most_two_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    assert all(len(ids(tokenizer, chr(code))) <= 2 for code in range(0x4E00, 0xA000, 7))


def big5_level_1() -> list[str]:
    """The 5,401 characters of everyday Traditional Chinese: A440 to C67E."""
    codes = (bytes((high, low)) for high in range(0xA4, 0xC7) for low in range(0x40, 0xFF))
    return [code.decode("big5") for code in codes if code <= b"\xc6\x7e" and _is_big5(code)]


def _is_big5(code: bytes) -> bool:
    try:
        code.decode("big5")
    except UnicodeDecodeError:
        return False
    return True


def test_everyday_characters_take_at_most_two_tokens_and_common_ones_one() -> None:
    shipped = PreTrainedTokenizerFast.from_pretrained(EMBEDDED)
    everyday = big5_level_1()
    assert len(everyday) == 5401
    assert max(len(ids(shipped, char)) for char in everyday) == 2
    common = "把將放拿到在桌上下書杯水門燈開關請給我去回來的和從裡機器人房間廚房客廳箱櫃"
    assert [char for char in common if len(ids(shipped, char)) > 1] == []


def test_a_name_has_the_same_tokens_everywhere(tokenizer: PreTrainedTokenizerFast) -> None:
    name = ids(tokenizer, "鏘鑠盒")
    for text in ("把鏘鑠盒放好", "找到鏘鑠盒", "將鏘鑠盒放在桌上"):
        whole = ids(tokenizer, text)
        assert any(whole[at : at + len(name)] == name for at in range(len(whole)))


def test_answers_come_back_exactly(tokenizer: PreTrainedTokenizerFast) -> None:
    for index in range(60):
        made = sample(4, index)
        answer = render(tokenizer, made)[1]
        assert tokenizer.decode(answer[:-1]) == made.answer
        assert answer[-1] == tokenizer.convert_tokens_to_ids(EOT)


def rendered(
    tokenizer: PreTrainedTokenizerFast,
    messages: list[dict[str, object]],
    tools: Sequence[dict[str, object]] | None,
) -> str:
    return str(
        tokenizer.apply_chat_template(
            messages, tools=tools, add_generation_prompt=True, tokenize=False
        )
    )


def test_template_shows_tools_in_the_system_turn(tokenizer: PreTrainedTokenizerFast) -> None:
    tools = list(everything(random.Random(3), ()).tools())
    text = rendered(tokenizer, [{"role": "user", "content": "hi"}], tools)
    assert text.startswith(
        f"{BOS}<|start_header_id|>system<|end_header_id|>\n\nTools:\ndecompose_task: tasks["
    )
    assert "reason_code=NOT_A_TASK|UNSAFE|IMPOSSIBLE" in text
    assert text.endswith("<|start_header_id|>assistant<|end_header_id|>\n\n")


def test_template_without_system_and_tools_has_no_system_turn(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    text = rendered(tokenizer, [{"role": "user", "content": "hi"}], None)
    assert "system" not in text


def test_template_writes_calls_as_the_envelope(tokenizer: PreTrainedTokenizerFast) -> None:
    call = {
        "function": {
            "name": "ask_clarification",
            "arguments": {"question": "哪裡？", "options": []},
        }
    }
    messages: list[dict[str, object]] = [
        {"role": "user", "content": "去那裡"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "ok"},
    ]
    text = rendered(tokenizer, messages, None)
    envelope = '{"name": "ask_clarification", "parameters": {"question": "哪裡？", "options": []}}'
    assert f"{envelope}<|eot_id|>" in text
    assert "<|start_header_id|>ipython<|end_header_id|>\n\nok<|eot_id|>" in text
