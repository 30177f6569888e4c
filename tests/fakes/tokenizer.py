"""Two tokenizers with the names of Llama 3.1's special tokens: a tiny one, and the official one."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Final, cast

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from planner_node.prompt.tokenizer import FastTokenizer

TEMPLATE: Final = Path(__file__).with_name("llama31.jinja").read_text(encoding="utf-8")
LLAMA_31_SIZE: Final = 128_256
LLAMA_31_STOPS: Final = (128_001, 128_008, 128_009)
_LLAMA_31_SPLIT: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPECIALS: Final = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>",
    "<|reserved_special_token_2|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
)
_STOPS: Final = ("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>")
_LINES: Final = (
    '{"name": "decompose_task", "parameters": {"tasks": [{"task": "找到書本", "description": "',
    '定位書本的位置。"}, {"task": "拿起書本", "description": "將書本提起來。"}]}}',
    "Find the book. Pick up the book. Go to the side table. Put the book on the side table.",
    "You are the task planner of a robot. 你是機器人的任務規劃器。",
)


@cache
def tiny_tokenizer_json() -> str:
    """Return a byte-level tokenizer of some 400 tokens, as the JSON of a fast tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        show_progress=False,
        special_tokens=list(_SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(_LINES, trainer)
    return tokenizer.to_str()


@cache
def tiny_tokenizer() -> FastTokenizer:
    """Return the tiny tokenizer as transformers gives it, with the Llama 3.1 chat template."""
    return _fast(Tokenizer.from_str(tiny_tokenizer_json()))


def tokenizer_with(word: str, template: str = TEMPLATE) -> FastTokenizer:
    """Return the tiny tokenizer with one more token, which is not called special."""
    tokenizer = Tokenizer.from_str(tiny_tokenizer_json())
    tokenizer.add_tokens([AddedToken(word, special=False, normalized=False)])
    return _fast(tokenizer, template)


@cache
def llama_31_tokenizer() -> FastTokenizer:
    """Return the official Llama 3.1 tokenizer, converted from the file of ``llama-models``."""
    from transformers.convert_slow_tokenizer import TikTokenConverter  # noqa: PLC0415  heavy

    package = importlib.util.find_spec("llama_models")
    assert package is not None
    assert package.origin is not None
    ranks = Path(package.origin).parent / "llama3" / "tokenizer.model"
    reserved = range(3, 3 + 256 - len(_SPECIALS))
    specials = [*_SPECIALS, *(f"<|reserved_special_token_{place}|>" for place in reserved)]
    converter = TikTokenConverter(
        vocab_file=str(ranks), pattern=_LLAMA_31_SPLIT, extra_special_tokens=specials
    )
    return _fast(converter.converted())


def token_id(tokenizer: FastTokenizer, text: str) -> int:
    """Return the id of one special token."""
    return int(tokenizer.convert_tokens_to_ids(text))


def stop_tokens(tokenizer: FastTokenizer) -> tuple[int, ...]:
    """Return the ids that end a Llama 3.1 answer."""
    return tuple(token_id(tokenizer, text) for text in _STOPS)


def backend_json(tokenizer: FastTokenizer) -> str:
    """Return the JSON of a fast tokenizer."""
    return tokenizer.backend_tokenizer.to_str()


def _fast(tokenizer: Tokenizer, template: str = TEMPLATE) -> FastTokenizer:
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415  heavy

    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        chat_template=template,
    )
    return cast("FastTokenizer", fast)
