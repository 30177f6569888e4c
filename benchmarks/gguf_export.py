"""A Llama checkpoint of transformers as a GGUF file, for llama.cpp and what is built on it.

    python -m benchmarks.gguf_export build/embedded.gguf                        # the embedded model
    python -m benchmarks.gguf_export --model FOLDER --type q8_0 build/model.gguf

Same numbers, another order: llama.cpp turns neighbouring dimensions of a head where transformers
turns halves, so the rows of the query and key projections are interleaved. Only a few ways to cut
text before the merges have a name in GGUF. Where a tokenizer's own way has none, the words that it
cuts out whole become user-defined tokens, which llama.cpp also finds first, and the rest is cut as
Llama 3 does. Of the lines in planner_node/training/corpus/lexicon 94 % (zh) and 99 % (en) so have
the same ids, without those words 90 % and 99 %. Send ids instead of text where they must be the
very same.
"""

import argparse
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType, quants
from numpy.typing import NDArray
from safetensors import safe_open
from transformers import AutoConfig

EMBEDDED: Final = Path(__file__).parents[1] / "planner_node" / "models" / "embedded"
TYPES: Final = {
    "f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "bf16": (GGMLQuantizationType.BF16, LlamaFileType.MOSTLY_BF16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}
_OUTER: Final = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_INNER: Final = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_LAYER: Final = re.compile(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)")
# One piece of each family's regular expression that no other family has.
_PRE_TOKENIZERS: Final = {r"\p{N}{1,3}": "llama-bpe", r"'(?:[sdmt]|ll|ve|re)": "gpt-2"}
_CLOSEST: Final = "llama-bpe"
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}

Floats = NDArray[np.float32]


def export(folder: Path, target: Path, kind: str = "f32") -> str:
    """Write ``folder``'s checkpoint to ``target``; return the name of the GGUF pre-tokenizer.

    ``kind`` is one of ``TYPES``; norms stay float32 always. Raises ValueError for a model that is
    no Llama.
    """
    config = AutoConfig.from_pretrained(folder)
    if config.model_type != "llama":
        raise ValueError(f"{folder} holds a {config.model_type}; only Llama models are exported")
    target.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(target, "llama")
    writer.add_file_type(TYPES[kind][1])
    _write_shape(writer, config, folder.name)
    pre_tokenizer = _write_tokenizer(writer, folder, config)
    for name, tensor in _tensors(folder, config):
        _write_tensor(writer, name, tensor, TYPES[kind][0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return pre_tokenizer


def _write_shape(writer: GGUFWriter, config: Any, name: str) -> None:  # noqa: ANN401  untyped
    head_dim = config.head_dim or config.hidden_size // config.num_attention_heads
    writer.add_name(name)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)


def _tensors(folder: Path, config: Any) -> Iterator[tuple[str, Floats]]:  # noqa: ANN401  untyped
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118  not a mapping
                if name == "lm_head.weight" and config.tie_word_embeddings:
                    continue  # llama.cpp takes the embedding where there is no output
                tensor = opened.get_tensor(name).to(torch.float32).numpy()
                yield _renamed(name), _rotated(name, tensor, config)
    if config.rope_parameters.get("rope_type") == "llama3":
        yield "rope_freqs.weight", _frequency_divisors(config)


def _renamed(name: str) -> str:
    if layer := _LAYER.fullmatch(name):
        return f"blk.{layer[1]}.{_INNER[layer[2]]}.{layer[3]}"
    return _OUTER[name]


def _rotated(name: str, tensor: Floats, config: Any) -> Floats:  # noqa: ANN401  untyped
    """Interleave the two halves of each head that rotary embedding turns together."""
    heads = {
        ".self_attn.q_proj.": config.num_attention_heads,
        ".self_attn.k_proj.": config.num_key_value_heads,
    }
    for part, count in heads.items():
        if part in name:
            halves = tensor.reshape(count, 2, len(tensor) // count // 2, *tensor.shape[1:])
            return halves.swapaxes(1, 2).reshape(tensor.shape)
    return tensor


def _frequency_divisors(config: Any) -> Floats:  # noqa: ANN401  untyped
    """Return what Llama 3.1's long context divides each rotary frequency by."""
    rope = config.rope_parameters
    head_dim = config.head_dim or config.hidden_size // config.num_attention_heads
    frequencies = rope["rope_theta"] ** -(np.arange(0, head_dim, 2) / head_dim)
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    kept = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return (1 / ((1 - kept) / rope["factor"] + kept)).astype(np.float32)


def _write_tensor(
    writer: GGUFWriter, name: str, tensor: Floats, kind: GGMLQuantizationType
) -> None:
    if tensor.ndim == 1:
        writer.add_tensor(name, tensor)
    else:
        writer.add_tensor(name, quants.quantize(tensor, kind), raw_dtype=kind)


def _write_tokenizer(writer: GGUFWriter, folder: Path, config: Any) -> str:  # noqa: ANN401  untyped
    description = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    pattern, known = _pre_tokenizer(description["pre_tokenizer"])
    texts, kinds = _tokens(description, config.vocab_size, "" if known else pattern)
    writer.add_tokenizer_model("gpt2")  # byte-level merges
    writer.add_tokenizer_pre(known or _CLOSEST)
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    merges = description["model"]["merges"]
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    writer.add_add_bos_token(value=False)  # the chat templates write it
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(ends[0])
    writer.add_eot_token_id(ends[-1])  # of Llama 3.1's three, <|eot_id|> ends a turn
    template = folder / "chat_template.jinja"
    if template.is_file():
        writer.add_chat_template(template.read_text("utf-8"))
    return known or _CLOSEST


def _pre_tokenizer(description: Any) -> tuple[str, str | None]:  # noqa: ANN401  untyped
    """Return the regular expression that cuts the text, and its name in GGUF if it has one."""
    for step in description.get("pretokenizers", [description]):
        if step["type"] == "Split":
            pattern = step["pattern"]["Regex"]
            names = (name for part, name in _PRE_TOKENIZERS.items() if part in pattern)
            return pattern, next(names, None)
    return "", "gpt-2"  # ByteLevel's own way


def _tokens(
    description: Mapping[str, Any], size: int, pattern: str
) -> tuple[list[bytes], list[TokenType]]:
    texts = [b"[unused %d]" % index for index in range(size)]
    kinds = [TokenType.UNUSED] * size
    byte_of, words = _byte_of(), _literal_words(pattern)
    for text, index in description["model"]["vocab"].items():
        plain = bytes(map(byte_of.__getitem__, text))
        is_word = plain in words
        texts[index] = plain if is_word else text.encode()
        kinds[index] = TokenType.USER_DEFINED if is_word else TokenType.NORMAL
    for added in description["added_tokens"]:
        texts[added["id"]] = added["content"].encode()
        kinds[added["id"]] = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    return texts, kinds


def _literal_words(pattern: str) -> frozenset[bytes]:
    """Return the branches of a regular expression that are plain text."""
    branches = re.split(r"(?<!\\)\|", pattern)
    plain = (one for one in branches if not re.search(r"(?<!\\)[\[\](){}?*+.]|\\[sSdDwWpPu]", one))
    words = (re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), one) for one in plain)
    return frozenset(word.encode() for word in words if len(word) > 1)


def _byte_of() -> dict[str, int]:
    """Return the byte behind each character of a byte-level vocabulary (GPT-2's table)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {
        chr(0x100 + place): byte for place, byte in enumerate(hidden)
    }


def main() -> None:
    """Export what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("--model", type=Path, default=EMBEDDED)
    parser.add_argument("--type", choices=TYPES, default="f32")
    asked = parser.parse_args()
    pre_tokenizer = export(asked.model, asked.target, asked.type)
    size_mb = asked.target.stat().st_size / 1e6
    print(f"{asked.target}: {size_mb:.1f} MB, {asked.type}, text cut as {pre_tokenizer}")


if __name__ == "__main__":
    main()
