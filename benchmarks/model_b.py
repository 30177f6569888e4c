"""Model B of the benchmarks: a random Llama of 90 M parameters with the Llama 3.1 vocabulary.

    python -m benchmarks.model_b FOLDER

Random weights say nothing, but every engine reads the same bytes and runs the same products; the
tokenizer is the official one, so the tokens of an envelope are those of the real model. The folder
is a checkpoint like any other (safetensors, config, tokenizer, chat template): 181 MB and 17 MB.
"""

import planner_node.engine  # noqa: F401  isort: skip  before torch: sets how its threads wait

import argparse
from pathlib import Path
from typing import Final, cast

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.fakes.tokenizer import LLAMA_31_SIZE, LLAMA_31_STOPS, llama_31_tokenizer

BEGIN_OF_TEXT: Final = 128_000
CONTEXT_TOKENS: Final = 2_048
SEED: Final = 20_260_101


def config() -> LlamaConfig:
    """Return the shape: 8 layers of 512, 8 query heads over 2 key heads, the head tied."""
    return LlamaConfig(
        vocab_size=LLAMA_31_SIZE,
        hidden_size=512,
        intermediate_size=1_536,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=BEGIN_OF_TEXT,
        eos_token_id=list(LLAMA_31_STOPS),
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500_000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 1_024,
        },
    )


def write(folder: Path, seed: int = SEED) -> Path:
    """Write the checkpoint in bfloat16 and return its folder; one that is there is kept."""
    if (folder / "tokenizer_config.json").is_file():  # written last
        return folder
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config()).to(torch.bfloat16).eval()
    model.generation_config = GenerationConfig(
        bos_token_id=BEGIN_OF_TEXT, eos_token_id=list(LLAMA_31_STOPS), do_sample=False
    )
    model.save_pretrained(folder)
    cast("PreTrainedTokenizerFast", llama_31_tokenizer()).save_pretrained(folder)
    return folder


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("folder", type=Path)
    print(write(asked.parse_args().folder))


if __name__ == "__main__":
    main()
