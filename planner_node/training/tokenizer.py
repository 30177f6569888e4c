"""Builds the model's byte-level BPE: every Han character one token or two, any text round-trips."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from planner_node.training.corpus.samples import Sample, sample
from planner_node.training.pieces import SKELETON, pattern, phrases, standing_texts

BOS: Final = "<|begin_of_text|>"
EOT: Final = "<|eot_id|>"
PAD: Final = "<|finetune_right_pad_id|>"
SPECIALS: Final = (
    *(PAD, BOS, "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<|eom_id|>", EOT, "<|python_tag|>"),
)
TEMPLATE: Final = Path(__file__).with_name("chat_template.jinja")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_MARKS: Final = "，。、；：？！「」『』（）《》…—～・％＋－／０１２３４５６７８９"
_ROLES: Final = ("system", "user", "assistant", "ipython")


@cache
def _alphabet() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte."""
    keep = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in keep}
    spare = (byte for byte in range(256) if byte not in table)
    table.update({byte: chr(256 + number) for number, byte in enumerate(spare)})
    return table


def visible(text: str) -> str:
    """``text`` in the byte alphabet of the vocabulary."""
    return "".join(_alphabet()[byte] for byte in text.encode())


class Merges:
    """A growing merge list; adding a string makes it one token without breaking earlier ones."""

    def __init__(self) -> None:
        self.rank: dict[tuple[str, str], int] = {}

    def split(self, text: str) -> list[str]:
        parts = list(text)
        while True:
            ranked = [
                (self.rank[pair], at)
                for at, pair in enumerate(pairwise(parts))
                if pair in self.rank
            ]
            if not ranked:
                return parts
            at = min(ranked)[1]
            parts[at : at + 2] = [parts[at] + parts[at + 1]]

    def add(self, text: str) -> None:
        parts = self.split(visible(text))
        while len(parts) > 1:
            self.rank.setdefault((parts[0], parts[1]), len(self.rank))
            parts[:2] = [parts[0] + parts[1]]

    def add_pair(self, first: str, second: str) -> None:
        self.rank.setdefault((first, second), len(self.rank))


def _learn_words(merges: Merges, counts: Counter[str], number: int) -> None:
    """Plain byte-pair learning over ASCII pieces: the most frequent pair first, ties by text."""
    words = {piece: merges.split(visible(piece)) for piece in sorted(counts)}
    for _ in range(number):
        pairs: Counter[tuple[str, str]] = Counter()
        for piece, parts in words.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[piece]
        if not pairs:
            return
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.add_pair(*best)
        for parts in words.values():
            _merge(parts, best)


def _merge(parts: list[str], pair: tuple[str, str]) -> None:
    at = 0
    while at < len(parts) - 1:
        if parts[at] == pair[0] and parts[at + 1] == pair[1]:
            parts[at : at + 2] = [pair[0] + pair[1]]
        at += 1


def texts(samples: Iterable[Sample]) -> list[str]:
    """What the vocabulary is learned from: every message and answer."""
    return [text for s in samples for text in (*(turn.content for turn in s.turns), s.answer)]


def build(
    seed: int, *, samples: int = 20_000, characters: int = 1_600, words: int = 3_200
) -> Tokenizer:
    """Learn the vocabulary from the first ``samples`` of ``seed``."""
    found = texts(sample(seed, index) for index in range(samples))
    merges = Merges()
    for lead in range(0xE4, 0xEA):
        for second in range(0x80, 0xC0):
            merges.add_pair(_alphabet()[lead], _alphabet()[second])
    counted = Counter(char for text in found for char in _HAN.findall(text))
    common = sorted(counted, key=lambda char: (-counted[char], char))[:characters]
    for char in (*_MARKS, *common, *sorted(set("".join(phrases())))):
        merges.add(char)
    for phrase in reversed(phrases()):
        merges.add(phrase)
    cut = re.compile(pattern())
    whole = {*SKELETON, *standing_texts()}
    ascii_pieces = Counter(
        p for text in found for p in cut.findall(text) if p.isascii() and p not in whole
    )
    for role in _ROLES:
        ascii_pieces[role] += 10_000
    _learn_words(merges, ascii_pieces, words)
    for text in sorted([*SKELETON, *standing_texts()], key=len):
        merges.add(text)
    return _assembled(merges)


def _assembled(merges: Merges) -> Tokenizer:
    vocabulary = {token: number for number, token in enumerate(SPECIALS)}
    for byte in range(256):
        vocabulary.setdefault(_alphabet()[byte], len(vocabulary))
    for first, second in merges.rank:
        vocabulary.setdefault(first + second, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges.rank)))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern()), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in SPECIALS]
    )
    return tokenizer


def wrapped(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers knows it, with its chat template."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOT,
        pad_token=PAD,
        chat_template=TEMPLATE.read_text(encoding="utf-8"),
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )


def load_or_build(folder: Path, seed: int) -> PreTrainedTokenizerFast:
    """The tokenizer stored in ``folder``; where there is none it is learned and put there."""
    if not (folder / "tokenizer.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        wrapped(build(seed)).save_pretrained(folder)
    loaded: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return loaded


def pieces_of(
    tokenizer: PreTrainedTokenizerFast, earlier: PreTrainedTokenizerFast
) -> dict[int, list[int]]:
    """For each entry of the vocabulary the entries of an ``earlier`` one that spell it."""
    known = earlier.get_vocab()
    split = earlier.backend_tokenizer.model.tokenize
    return {
        number: [known[text]] if text in known else [piece.id for piece in split(text)]
        for text, number in tokenizer.get_vocab().items()
    }


def render(tokenizer: PreTrainedTokenizerFast, made: Sample) -> tuple[list[int], list[int]]:
    """Return the prompt's and the answer's token ids; the answer ends with ``<|eot_id|>``."""
    prompt = tokenizer.apply_chat_template(
        [turn.message() for turn in made.turns],
        tools=list(made.tools) or None,
        add_generation_prompt=True,
        tokenize=False,
    )
    prompt_ids = tokenizer.encode(str(prompt), add_special_tokens=False)
    answer_ids = tokenizer.encode(made.answer, add_special_tokens=False)
    return list(prompt_ids), [*answer_ids, tokenizer.convert_tokens_to_ids(EOT)]


def describe(tokenizer: PreTrainedTokenizerFast, lines: Sequence[str]) -> str:
    """Tokens per line as JSON, for a look at what the vocabulary does."""
    return json.dumps({line: tokenizer.tokenize(line) for line in lines}, ensure_ascii=False)
